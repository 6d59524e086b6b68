#include "town/recovery.h"

#include <algorithm>

#include "town/directory.h"
#include "town/mailbox.h"

namespace reeve::town {
namespace {

std::string number_of(std::size_t number, const char* one, const char* more) {
  return std::to_string(number) + " " + (number == 1 ? one : more);
}

}  // namespace

std::optional<api::Trouble> trouble_of(const Agent& agent, std::size_t waiting, std::size_t dead,
                                       Time now) {
  if (agent.pruned) return std::nullopt;
  api::Trouble trouble{agent.name, std::string(enum_name(agent.state)), "", ""};
  const auto said = agent.attention.value_or("");
  const auto logs = "reeve logs " + agent.name + " shows its last round";
  const auto restart = "reeve restart " + agent.name;
  const auto what_waits =
      waiting > 0 ? number_of(waiting, "thing waits", "things wait") + " for it" : std::string();
  if (agent.state == AgentState::error) {
    trouble.reason = said.empty() ? "it failed" : said;
    trouble.advice = "mend that (" + logs + "), then " + restart;
    if (waiting > 0) trouble.advice += "; or reeve reclaim --from " + agent.name;
    return trouble;
  }
  if (is_ended(agent.state)) {
    if (waiting == 0) return std::nullopt;
    trouble.reason = what_waits;
    trouble.advice = restart + ", or reeve reclaim --from " + agent.name;
    return trouble;
  }
  if (!said.empty()) {
    trouble.reason = said;
    trouble.advice = logs;
    return trouble;
  }
  if (agent.parked && agent.parked->until > now) {
    trouble.reason = agent.parked->code + ": " + agent.parked->reason;
    trouble.advice = "it goes on by itself at " + to_rfc3339(agent.parked->until);
    return trouble;
  }
  if (agent.state == AgentState::paused && waiting > 0) {
    trouble.reason = what_waits;
    trouble.advice = "reeve resume " + agent.name;
    return trouble;
  }
  if (dead > 0) {
    trouble.reason = number_of(dead, "dead letter", "dead letters");
    trouble.advice = "reeve inbox " + agent.name + " shows them";
    return trouble;
  }
  return std::nullopt;
}

namespace {

/// What the last start of a daemon told.
Async<Status> read_start(Ground ground, api::RecoveryReport& report) {
  log::EventFilter filter;
  filter.kinds = {"DaemonStarted"};
  auto events = co_await ground.log.store().latest(std::move(filter), 1);
  if (!events) co_return fail(events.error());
  if (events->empty()) co_return Status();
  const auto started = parse_json_as<fact::DaemonStarted>(events->back()->payload);
  if (started) report.rounds_found = started->rounds_found;
  report.daemon_started_at = events->back()->time;
  co_return Status();
}

}  // namespace

Async<Result<api::RecoveryReport>> recover(Ground ground, api::RecoverRequest request) {
  SweepRules rules;
  rules.grace = Duration(0);
  rules.dry_run = request.dry_run;
  auto swept = co_await sweep(ground, rules);
  if (!swept) co_return fail(swept.error());
  api::RecoveryReport report;
  report.dry_run = request.dry_run;
  report.agents = swept->agents;
  report.tasks = swept->tasks;
  report.messages = swept->messages;
  report.orphans = std::move(swept->orphans);
  report.more = swept->more;
  report.mended = swept->mended;
  report.damaged = std::move(swept->damaged);
  if (auto read = co_await read_start(ground, report); !read) co_return fail(read.error());

  auto& store = ground.log.store();
  auto runs = co_await store.count(run::DocOf<reeve::Run>::kKind, std::string(run::kOpen));
  if (!runs) co_return fail(runs.error());
  report.rounds = static_cast<std::int64_t>(*runs);
  auto agents = co_await all_agents(store);
  if (!agents) co_return fail(agents.error());
  for (const auto& agent : *agents) {
    if (agent.pruned) continue;
    auto mail = co_await all_items(store, inbox_queue(agent.id));
    if (!mail) co_return fail(mail.error());
    auto dead = co_await all_items(store, dead_queue(agent.id));
    if (!dead) co_return fail(dead.error());
    auto waiting = mail->size();
    if (agent.current_task) {  // unless a message that waits brings it
      auto brought =
          co_await store.count(run::DocOf<Message>::kKind, run::task_mark(*agent.current_task));
      if (!brought) co_return fail(brought.error());
      if (*brought == 0) ++waiting;
    }
    if (auto trouble = trouble_of(agent, waiting, dead->size(), ground.env.now()))
      report.trouble.push_back(std::move(*trouble));
  }
  co_return report;
}

}  // namespace reeve::town
