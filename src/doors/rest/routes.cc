#include "doors/rest/routes.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include "base/digest.h"
#include "base/limits.h"
#include "doors/rest/call.h"
#include "town/agent_views.h"
#include "town/directory.h"
#include "town/tasks.h"

namespace reeve::doors {
namespace {

Async<net::Answer> get_version(Call& call) {
  json::object object{{"version", call.rest.version},
                      {"api", kApiVersion},
                      {"pid", ::getpid()},
                      {"root", call.rest.root.string()}};
  co_return net::json_response(200, write_json(object));
}

Async<net::Answer> get_town(Call& call) {
  auto& rest = call.rest;
  api::TownView view;
  view.name = rest.ground.town;
  view.root = rest.root.string();
  view.store = rest.store;
  view.durability = rest.durability;
  const auto log = rest.ground.log.store().log();
  view.log = log.id.str();
  view.cursor = rest.ground.log.cursor(rest.ground.log.head()).str();
  view.events = static_cast<std::int64_t>(rest.ground.log.head().value);
  view.oldest = static_cast<std::int64_t>(log.oldest.value);
  view.version = rest.version;
  view.pid = ::getpid();
  view.started_at = rest.started_at;
  auto counts = co_await town::count_tasks(rest.ground);
  if (!counts) co_return net::problem_response(counts.error());
  view.tasks = *counts;
  auto states = co_await town::count_agents(rest.ground);
  if (!states) co_return net::problem_response(states.error());
  view.agent_counts = *states;
  constexpr std::size_t kScreen = 50;
  auto agents = co_await town::notable_agents(rest.ground, kScreen);
  if (!agents) co_return net::problem_response(agents.error());
  view.agents = std::move(*agents);
  const auto there = api::sum(view.agent_counts);
  view.more_agents = std::max<std::int64_t>(0, there - std::ssize(view.agents));
  auto mail = co_await town::count_inbox(rest.ground, supervisor_id());
  if (!mail) co_return net::problem_response(mail.error());
  view.supervisor_inbox = *mail;
  co_return reply(Result<api::TownView>(std::move(view)));
}

Async<net::Answer> get_events(Call& call) {
  co_return co_await answer_events(call.rest, call.request);
}

Async<net::Answer> post_stop(Call& call) {
  auto request = body_of<api::StopRequest>(call);
  if (!request) co_return net::problem_response(request.error());
  call.rest.stop(request->mode);
  co_return net::json_response(202, "{}");
}

struct Entry : Route {
  Handler handler = nullptr;
};

constexpr std::array kTable{
    Entry{{"GET", "/v1/version", "The daemon's version"}, get_version},
    Entry{{"GET", "/v1/town", "The town with its agents and counts"}, get_town},
    Entry{{"GET", "/v1/agents", "Agents, in order of their spawning"}, get_agents},
    Entry{{"POST", "/v1/agents", "Spawn an agent"}, post_agent},
    Entry{{"GET", "/v1/agents/{agent}", "One agent"}, get_agent},
    Entry{{"POST", "/v1/agents/{agent}/kill", "Stop an agent and its run"}, post_kill},
    Entry{{"POST", "/v1/agents/{agent}/interrupt", "Pause an agent now, mid-round"},
          post_interrupt},
    Entry{{"POST", "/v1/agents/{agent}/resume", "Have a paused or parked agent go on"},
          post_resume},
    Entry{{"POST", "/v1/agents/{agent}/close", "Have it finish its round, then stop"}, post_close},
    Entry{{"POST", "/v1/agents/{agent}/restart", "Have an agent that is over work again"},
          post_restart},
    Entry{{"POST", "/v1/agents/{agent}/prune", "Take an agent that is over out of the town"},
          post_prune},
    Entry{{"POST", "/v1/town/kill", "Stop every agent and its run"}, post_kill_all},
    Entry{{"POST", "/v1/town/prune", "Take all that are stopped or in error out of the town"},
          post_prune_all},
    Entry{{"POST", "/v1/agents/{agent}/tasks", "Assign a task"}, post_agent_task},
    Entry{{"GET", "/v1/agents/{agent}/task", "What the agent works on"}, get_agent_task},
    Entry{{"GET", "/v1/agents/{agent}/result", "The last task that the agent completed"},
          get_agent_result},
    Entry{{"GET", "/v1/agents/{agent}/inbox", "What waits for the agent"}, get_inbox},
    Entry{{"GET", "/v1/agents/{agent}/wait", "Answers when the agent has nothing left to do"},
          get_agent_wait},
    Entry{{"GET", "/v1/agents/{agent}/output", "The end of a round's output, as it was written"},
          get_agent_output},
    Entry{{"POST", "/v1/messages", "Send a message"}, post_message},
    Entry{{"POST", "/v1/messages/done", "Take out messages that somebody is done with"},
          post_messages_done},
    Entry{{"GET", "/v1/messages/{message}", "One message"}, get_message},
    Entry{{"GET", "/v1/messages/{message}/answer", "Answers when a question has its answer"},
          get_message_answer},
    Entry{{"POST", "/v1/messages/{message}/reply", "Answer a message"}, post_message_reply},
    Entry{{"POST", "/v1/messages/{message}/retry", "Put a dead letter back into its inbox"},
          post_message_retry},
    Entry{{"POST", "/v1/broadcast", "Send a message to every agent"}, post_broadcast},
    Entry{{"GET", "/v1/tasks", "Tasks, newest first"}, get_tasks},
    Entry{{"GET", "/v1/tasks/{task}", "One task"}, get_task},
    Entry{{"GET", "/v1/tasks/{task}/wait", "Answers when the task is over"}, get_task_wait},
    Entry{{"POST", "/v1/tasks/{task}/complete", "Report a task as done"}, post_complete},
    Entry{{"POST", "/v1/tasks/{task}/fail", "Report a task as failed"}, post_fail},
    Entry{{"POST", "/v1/tasks/{task}/progress", "Report progress"}, post_progress},
    Entry{{"GET", "/v1/tasks/{task}/result", "What came of a task"}, get_task_result},
    Entry{{"POST", "/v1/tasks/{task}/start", "Take a task in hand, inside a round"},
          post_task_start},
    Entry{{"POST", "/v1/tasks/{task}/cancel", "Call a task off"}, post_task_cancel},
    Entry{{"POST", "/v1/tasks/{task}/requeue", "Put a task back into the backlog"},
          post_task_requeue},
    Entry{{"POST", "/v1/tasks/{task}/retry", "Open a failed or cancelled task again"},
          post_task_retry},
    Entry{{"POST", "/v1/tasks", "Add a task to the backlog"}, post_task},
    Entry{{"GET", "/v1/backlog", "Tasks that are nobody's, in order"}, get_backlog},
    Entry{{"POST", "/v1/backlog/{task}/claim", "Give one to an agent"}, post_backlog_claim},
    Entry{{"POST", "/v1/backlog/{task}/remove", "Cancel one"}, post_backlog_remove},
    Entry{{"POST", "/v1/agents/{agent}/backlog", "Give an agent all of the backlog"},
          post_agent_backlog},
    Entry{{"GET", "/v1/providers", "The models that can be asked"}, get_providers},
    Entry{{"POST", "/v1/runs", "Ask a model or an agent (emit)"}, post_run},
    Entry{{"GET", "/v1/runs/{run}", "What is known of a run"}, get_run},
    Entry{{"GET", "/v1/runs/{run}/result", "Answers when the run is over"}, get_run_result},
    Entry{{"POST", "/v1/runs/{run}/cancel", "End a run"}, post_run_cancel},
    Entry{{"POST", "/v1/runs/{run}/control", "Change a run's limits"}, post_run_control},
    Entry{{"GET", "/v1/sessions/{session}/data/{key}", "A value beside a conversation"},
          get_session_data},
    Entry{{"PUT", "/v1/sessions/{session}/data/{key}", "Set one"}, put_session_data},
    Entry{{"DELETE", "/v1/sessions/{session}/data/{key}", "Forget one"}, delete_session_data},
    Entry{{"GET", "/v1/events", "Events: a page, or a stream of frames"}, get_events},
    Entry{{"GET", "/v1/snapshot", "The documents as they were before the oldest event"},
          get_snapshot},
    Entry{{"POST", "/v1/import", "Take over a part of another program's town"}, post_import},
    Entry{{"POST", "/v1/recover", "Mend what belongs nowhere, and tell who needs somebody"},
          post_recover},
    Entry{{"POST", "/v1/reclaim", "List or move what waits for agents that have ended"},
          post_reclaim},
    Entry{{"GET", "/v1/mirror", "How far the mirror in tinytown's keys is"}, get_mirror},
    Entry{{"POST", "/v1/mirror/adopt", "Make an agent of tinytown's the town's"}, post_adopt},
    Entry{{"GET", "/v1/retention", "What the log keeps, and what would go"}, get_retention},
    Entry{{"POST", "/v1/retention/sweep", "Remove now what is over the limits"}, post_sweep},
    Entry{{"GET", "/v1/webhooks", "All webhooks"}, get_webhooks},
    Entry{{"POST", "/v1/webhooks", "Add a webhook"}, post_webhook},
    Entry{{"POST", "/v1/webhooks/{webhook}/enable", "Tell it again, from where it was"},
          post_webhook_enable},
    Entry{{"POST", "/v1/webhooks/{webhook}/remove", "Remove it, with all that waits for it"},
          post_webhook_remove},
    Entry{{"POST", "/v1/webhooks/{webhook}/test", "Send it a test event now"}, post_webhook_test},
    Entry{{"GET", "/v1/webhooks/{webhook}/dead", "Its dead letters, oldest first"},
          get_webhook_dead},
    Entry{{"POST", "/v1/webhooks/{webhook}/dead/retry", "Try dead letters again"},
          post_webhook_retry},
    Entry{{"POST", "/v1/webhooks/{webhook}/dead/discard", "Forget dead letters"},
          post_webhook_discard},
    Entry{{"POST", "/v1/daemon/stop", "Stop the daemon"}, post_stop},
};

constexpr auto kRoutes = [] {
  std::array<Route, kTable.size()> routes{};
  for (std::size_t i = 0; i < routes.size(); ++i) routes[i] = kTable[i];
  return routes;
}();

/// Compares a pattern with a path, segment by segment.
bool matches(std::string_view pattern, const std::vector<std::string>& segments,
             std::map<std::string, std::string>& names) {
  names.clear();
  std::size_t at = 0;
  pattern.remove_prefix(1);
  while (!pattern.empty()) {
    const auto slash = pattern.find('/');
    const auto part = pattern.substr(0, slash);
    pattern = slash == std::string_view::npos ? std::string_view() : pattern.substr(slash + 1);
    if (at == segments.size()) return false;
    if (part.starts_with('{')) {
      if (segments[at].empty()) return false;
      names[std::string(part.substr(1, part.size() - 2))] = segments[at];
    } else if (part != segments[at]) {
      return false;
    }
    ++at;
  }
  return at == segments.size();
}

/// Who asks: the round that the token names, or somebody outside.
Async<Result<run::Caller>> identify(Rest& rest, const net::Request& request) {
  run::Caller caller;
  caller.origin = "cli";
  const auto token = net::header(request.headers, "reeve-token");
  if (!token.empty()) {
    auto round = run::parse_round_token(token);
    if (!round) co_return fail(round.error());
    auto run = co_await run::load<reeve::Run>(rest.ground.log.store(), round->run);
    if (!run && !run.error().is(Errc::not_found)) co_return fail(run.error());
    if (!run) co_return fail(Errc::fenced, "this round is not known to the town any more");
    caller.round = *round;
    caller.agent = run->agent;
    if (run->agent) {
      caller.origin =
          "agent:" + co_await town::display_name(rest.ground.log.store(), run->agent->str());
    }
  }
  const auto key = net::header(request.headers, "idempotency-key");
  if (!key.empty()) {
    caller.key = store::IdempotencyKey{
        caller.sender(), std::string(key),
        sha256_hex(request.method + " " + request.target + "\n" + request.body)};
  }
  co_return caller;
}

/// A town's folder may be moved while its daemon runs: the socket goes along, and what the daemon
/// does from then on would be done in the old place. `told`: the folder as the client knows it.
Status check_root(const Rest& rest, std::string_view told) {
  net::Request folder;
  folder.target = "/" + std::string(told);
  if (auto read = net::read_target(folder); !read) return fail(read.error().during("Reeve-Root"));
  if (folder.segments.empty()) return {};
  const std::filesystem::path root = folder.segments[0];
  std::error_code error;
  // By another name it is the same folder.
  if (root == rest.root || std::filesystem::equivalent(root, rest.root, error)) return {};
  return fail(Errc::conflict, "this town's daemon was started in " + rest.root.string() +
                                  ", and its folder is " + root.string() +
                                  " now: `reeve stop --daemon` there, then again (a running round "
                                  "goes on, and the next daemon takes it up)");
}

}  // namespace

Result<PageQuery> page_of(const net::Request& request) {
  PageQuery page;
  for (const auto& [name, target] :
       {std::pair<const char*, std::uint64_t*>{"after", &page.after}, {"limit", &page.limit}}) {
    const auto value = request.param(name);
    if (!value) continue;
    const auto [end, error] =
        std::from_chars(value->data(), value->data() + value->size(), *target);
    if (error != std::errc() || end != value->data() + value->size()) {
      return fail(Errc::invalid_argument, std::string(name) + ": expected a number");
    }
  }
  return page;
}

std::span<const Route> routes() { return kRoutes; }

Async<net::Answer> answer(Rest& rest, net::Request request) {
  const auto api = net::header(request.headers, "reeve-api");
  if (!api.empty() && api != kApiVersion) {
    co_return net::problem_response(Error(
        Errc::unsupported, "this daemon speaks version " + std::string(kApiVersion) +
                               " of the API, the command " + std::string(api) +
                               ": run `reeve stop --daemon` with the daemon's reeve, then again"));
  }
  if (const auto root = net::header(request.headers, "reeve-root"); !root.empty()) {
    if (auto same = check_root(rest, root); !same) co_return net::problem_response(same.error());
  }
  const auto method = request.method == "HEAD" ? std::string("GET") : request.method;
  std::map<std::string, std::string> names;
  std::string allowed;
  for (const auto& entry : kTable) {
    if (!matches(entry.pattern, request.segments, names)) continue;
    if (entry.method != method) {
      allowed += (allowed.empty() ? "" : ", ") + std::string(entry.method);
      if (entry.method == "GET") allowed += ", HEAD";
      continue;
    }
    auto caller = co_await identify(rest, request);
    if (!caller) co_return net::problem_response(caller.error());
    Call call{rest, std::move(request), std::move(*caller), std::move(names)};
    co_return co_await entry.handler(call);
  }
  if (!allowed.empty()) {
    auto refused =
        net::problem_response(Error(Errc::invalid_argument, "not by " + request.method), 405);
    refused.headers.emplace_back("Allow", std::move(allowed));
    co_return refused;
  }
  co_return net::problem_response(Error(Errc::not_found, "no such route: " + request.path));
}

}  // namespace reeve::doors
