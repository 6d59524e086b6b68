#pragma once

#include <map>
#include <string>

#include "base/json.h"
#include "doors/rest/routes.h"

/// What the handlers of the table share; private to the door.
namespace reeve::doors {

/// A request on its way through the table.
struct Call {
  Rest& rest;
  net::Request request;
  run::Caller caller;
  std::map<std::string, std::string> names;  ///< of the pattern: {agent} -> "ada"
};

using Handler = Async<net::Answer> (*)(Call& call);

template <class T>
net::Answer reply(const Result<T>& value, int status = 200) {
  if (!value) return net::problem_response(value.error());
  return net::json_response(status, write_json_of(*value));
}

/// The request's body as a value. An empty body is an empty object.
template <class T>
Result<T> body_of(const Call& call) {
  const auto& text = call.request.body;
  auto value = parse_json_as<T>(text.empty() ? "{}" : text);
  if (!value) return fail(value.error().during("the request's body"));
  return value;
}

/// Which page of a list is asked for.
struct PageQuery {
  std::uint64_t after = 0;
  std::size_t limit = 100;
};
/// invalid_argument: `after` or `limit` is no number.
Result<PageQuery> page_of(const net::Request& request);

/// A frame as a stream of events tells it.
std::string encode_frame(const log::Log& log, const Frame& frame);
/// How a stream says that it ends by an error.
std::string encode_error(const Error& error);

// agents.cc
Async<net::Answer> get_agents(Call& call);
Async<net::Answer> post_agent(Call& call);
Async<net::Answer> get_agent(Call& call);
Async<net::Answer> post_kill(Call& call);
Async<net::Answer> post_interrupt(Call& call);
Async<net::Answer> post_resume(Call& call);
Async<net::Answer> post_close(Call& call);
Async<net::Answer> post_restart(Call& call);
Async<net::Answer> post_prune(Call& call);
Async<net::Answer> post_kill_all(Call& call);
Async<net::Answer> post_prune_all(Call& call);
Async<net::Answer> get_agent_result(Call& call);
Async<net::Answer> get_agent_wait(Call& call);
Async<net::Answer> get_agent_output(Call& call);

// backlog.cc
Async<net::Answer> post_task(Call& call);
Async<net::Answer> get_backlog(Call& call);
Async<net::Answer> post_agent_backlog(Call& call);
Async<net::Answer> post_backlog_claim(Call& call);
Async<net::Answer> post_backlog_remove(Call& call);

// import.cc
Async<net::Answer> post_import(Call& call);

// messages.cc
Async<net::Answer> get_inbox(Call& call);
Async<net::Answer> post_message(Call& call);
Async<net::Answer> post_broadcast(Call& call);
Async<net::Answer> post_messages_done(Call& call);
Async<net::Answer> get_message(Call& call);
Async<net::Answer> get_message_answer(Call& call);
Async<net::Answer> post_message_reply(Call& call);
Async<net::Answer> post_message_retry(Call& call);

// mirror.cc
Async<net::Answer> get_mirror(Call& call);
Async<net::Answer> post_adopt(Call& call);

// recovery.cc
Async<net::Answer> post_recover(Call& call);
Async<net::Answer> post_reclaim(Call& call);

// retention.cc
Async<net::Answer> get_retention(Call& call);
Async<net::Answer> post_sweep(Call& call);
Async<net::Answer> get_snapshot(Call& call);

// runs.cc
Async<net::Answer> get_providers(Call& call);
Async<net::Answer> post_run(Call& call);
Async<net::Answer> get_run(Call& call);
Async<net::Answer> get_run_result(Call& call);
Async<net::Answer> post_run_cancel(Call& call);
Async<net::Answer> post_run_control(Call& call);
Async<net::Answer> get_session_data(Call& call);
Async<net::Answer> put_session_data(Call& call);
Async<net::Answer> delete_session_data(Call& call);

// tasks.cc
Async<net::Answer> post_agent_task(Call& call);
Async<net::Answer> get_agent_task(Call& call);
Async<net::Answer> get_tasks(Call& call);
Async<net::Answer> get_task(Call& call);
Async<net::Answer> get_task_wait(Call& call);
Async<net::Answer> post_complete(Call& call);
Async<net::Answer> post_fail(Call& call);
Async<net::Answer> post_progress(Call& call);
Async<net::Answer> get_task_result(Call& call);
Async<net::Answer> post_task_start(Call& call);
Async<net::Answer> post_task_cancel(Call& call);
Async<net::Answer> post_task_requeue(Call& call);
Async<net::Answer> post_task_retry(Call& call);

// webhooks.cc
Async<net::Answer> get_webhooks(Call& call);
Async<net::Answer> post_webhook(Call& call);
Async<net::Answer> post_webhook_enable(Call& call);
Async<net::Answer> post_webhook_remove(Call& call);
Async<net::Answer> post_webhook_test(Call& call);
Async<net::Answer> get_webhook_dead(Call& call);
Async<net::Answer> post_webhook_retry(Call& call);
Async<net::Answer> post_webhook_discard(Call& call);

}  // namespace reeve::doors
