#include "town/tasks.h"

#include "doors/rest/call.h"
#include "town/task_changes.h"

/// Routes of tasks.

namespace reeve::doors {

namespace {

Async<net::Answer> report(Call& call, town::Report what) {
  auto request = body_of<api::ReportRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::report(call.rest.ground, call.caller, call.names["task"], what,
                                        std::move(request->text)));
}

}  // namespace

Async<net::Answer> post_agent_task(Call& call) {
  auto request = body_of<api::AssignRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::assign(call.rest.ground, call.caller, call.names["agent"],
                                        std::move(*request)),
                  201);
}

Async<net::Answer> get_agent_task(Call& call) {
  co_return reply(co_await town::current_task(call.rest.ground, call.names["agent"]));
}

Async<net::Answer> get_tasks(Call& call) {
  const auto page = page_of(call.request);
  if (!page) co_return net::problem_response(page.error());
  town::TaskFilter filter;
  filter.state = call.request.param("state").value_or("");
  filter.agent = call.request.param("agent").value_or("");
  filter.tag = call.request.param("tag").value_or("");
  co_return reply(
      co_await town::list_tasks(call.rest.ground, std::move(filter), page->after, page->limit));
}

Async<net::Answer> get_task(Call& call) {
  co_return reply(co_await town::show_task(call.rest.ground, call.names["task"]));
}

Async<net::Answer> get_task_wait(Call& call) {
  co_return reply(co_await town::wait_task(call.rest.ground, call.names["task"]));
}

Async<net::Answer> post_complete(Call& call) {
  co_return co_await report(call, town::Report::complete);
}

Async<net::Answer> post_fail(Call& call) { co_return co_await report(call, town::Report::fail); }

Async<net::Answer> post_progress(Call& call) {
  co_return co_await report(call, town::Report::progress);
}

Async<net::Answer> get_task_result(Call& call) {
  co_return reply(co_await town::task_result(call.rest.ground, call.names["task"]));
}

Async<net::Answer> post_task_start(Call& call) {
  co_return reply(co_await town::start_task(call.rest.ground, call.caller, call.names["task"]));
}

Async<net::Answer> post_task_cancel(Call& call) {
  auto request = body_of<api::ReasonRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::cancel_task(call.rest.ground, call.caller, call.names["task"],
                                             std::move(request->reason)));
}

Async<net::Answer> post_task_requeue(Call& call) {
  auto request = body_of<api::ReasonRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::requeue_task(call.rest.ground, call.caller, call.names["task"],
                                              std::move(request->reason)));
}

Async<net::Answer> post_task_retry(Call& call) {
  auto request = body_of<api::RetryRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  co_return reply(co_await town::retry_task(call.rest.ground, call.caller, call.names["task"],
                                            std::move(*request)));
}

}  // namespace reeve::doors
