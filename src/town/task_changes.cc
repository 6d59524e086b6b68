#include "town/task_changes.h"

#include "base/limits.h"
#include "town/change.h"
#include "town/dependencies.h"
#include "town/directory.h"
#include "town/task_steps.h"
#include "town/tasks.h"

namespace reeve::town {
namespace {

std::string named(const reeve::Task& task) { return "task " + task.id.short_str(); }
std::string in_state(const reeve::Task& task) {
  return named(task) + " is " + std::string(enum_name(task.state));
}

Status check_reason(const std::string& reason) {
  if (reason.size() <= limits::kText) return {};
  return fail(Errc::too_large, "the reason is longer than " + std::to_string(limits::kText) +
                                   " bytes: put it into a file and name the file");
}

/// Finds a task, and drafts a change of it that its caller may make.
template <class Decide>
Async<Result<reeve::Task>> change_task(Ground ground, Caller caller, std::string reference,
                                       Decide decide) {
  auto found = co_await find_task(ground.log.store(), std::move(reference));
  if (!found) co_return fail(found.error());
  const auto id = found->id;
  const auto draft_it = [&](run::Draft& draft) -> Async<Result<reeve::Task>> {
    auto task = co_await draft.get<reeve::Task>(id);
    if (!task) co_return fail(task.error());
    if (auto may = may_change(*task, caller); !may) co_return fail(may.error());
    Status done = co_await decide(draft, *task);
    if (!done) co_return fail(done.error());
    co_return co_await draft.get<reeve::Task>(id);
  };
  co_return co_await change<reeve::Task>(ground, caller, draft_it);
}

}  // namespace

Status may_change(const reeve::Task& task, const Caller& caller) {
  if (!caller.agent || task.agent == caller.agent || task.from == caller.agent->str()) return {};
  return fail(Errc::denied, named(task) +
                                " is neither yours nor of your making: ask the "
                                "supervisor (reeve send supervisor --query ...)");
}

Result<std::vector<Fact>> decide_start(const reeve::Task& task, const Caller& caller,
                                       const std::vector<reeve::Task>& unfinished) {
  if (!caller.agent || !caller.round) {
    return fail(Errc::denied,
                "a task is started by its agent, inside a round; give it to one with "
                "reeve assign or reeve backlog claim, and its round begins by itself");
  }
  if (is_ended(task.state)) {
    return fail(Errc::conflict, in_state(task) + " already");
  }
  if (!task.agent) {
    return fail(Errc::conflict, named(task) +
                                    " is in the backlog: claim it first (reeve backlog "
                                    "claim " +
                                    task.id.short_str() + ")");
  }
  if (task.agent != caller.agent)
    return fail(Errc::denied, named(task) + " is another agent's: only that starts it");
  if (!unfinished.empty())
    return fail(Errc::conflict, named(task) + " waits for " + list_of(unfinished));
  if (task.state == TaskState::running && task.run == caller.round->run) return std::vector<Fact>{};
  return std::vector<Fact>{fact::TaskStarted{task.id, *caller.agent, caller.round->run}};
}

Async<Result<reeve::Task>> start_task(Ground ground, Caller caller, std::string reference) {
  auto& store = ground.log.store();
  auto found = co_await find_task(store, std::move(reference));
  if (!found) co_return fail(found.error());
  const auto id = found->id;
  const auto decide = [&](run::Draft& draft) -> Async<Result<reeve::Task>> {
    auto task = co_await draft.get<reeve::Task>(id);
    if (!task) co_return fail(task.error());
    auto unfinished = co_await unfinished_before(store, *task);
    if (!unfinished) co_return fail(unfinished.error());
    auto facts = decide_start(*task, caller, *unfinished);
    if (!facts) co_return fail(facts.error());
    if (!facts->empty()) {
      auto taken = co_await take_in_hand(draft, store, id, *caller.agent, caller.round->run);
      if (!taken) co_return fail(taken.error());
    }
    co_return co_await draft.get<reeve::Task>(id);
  };
  co_return co_await change<reeve::Task>(ground, caller, decide);
}

Result<std::vector<Fact>> decide_cancel(const reeve::Task& task, std::optional<RunId> run,
                                        std::string reason) {
  if (is_ended(task.state)) return fail(Errc::conflict, in_state(task) + " already");
  if (reason.empty()) reason = "cancelled";
  return std::vector<Fact>{fact::TaskCancelled{task.id, task.agent, run, std::move(reason)}};
}

Async<Result<reeve::Task>> cancel_task(Ground ground, Caller caller, std::string reference,
                                       std::string reason, std::optional<TaskState> only) {
  if (auto good = check_reason(reason); !good) co_return fail(good.error());
  const auto run = caller.round ? std::optional(caller.round->run) : std::nullopt;
  const auto why = "its task was cancelled" + (reason.empty() ? "" : ": " + reason);
  const auto decide = [&](run::Draft& draft, reeve::Task task) -> Async<Status> {
    auto facts = decide_cancel(task, run, reason);
    if (!facts) co_return fail(facts.error());
    if (only && task.state != *only) {
      co_return fail(Errc::conflict, in_state(task) + ", not " + std::string(enum_name(*only)) +
                                         ": reeve task cancel " + task.id.short_str() +
                                         " ends it all the same");
    }
    auto out = co_await withdraw_task(draft, ground.log.store(), task, why, caller);
    if (!out) co_return out;
    co_return co_await end_task(draft, task.id, std::move(facts->front()));
  };
  co_return co_await change_task(ground, caller, std::move(reference), decide);
}

Status check_requeue(const reeve::Task& task) {
  if (task.state == TaskState::assigned || task.state == TaskState::running) return {};
  if (task.state == TaskState::pending)
    return fail(Errc::conflict, in_state(task) + ", in the backlog already");
  return fail(Errc::conflict,
              in_state(task) +
                  (task.state == TaskState::completed ? "" : ": reeve task retry opens it again"));
}

Async<Result<reeve::Task>> requeue_task(Ground ground, Caller caller, std::string reference,
                                        std::string reason) {
  if (auto good = check_reason(reason); !good) co_return fail(good.error());
  if (reason.empty()) reason = "requeued";
  const auto decide = [&](run::Draft& draft, reeve::Task task) -> Async<Status> {
    if (auto may = check_requeue(task); !may) co_return may;
    co_return co_await to_backlog(draft, ground.log.store(), std::move(task), reason, caller);
  };
  co_return co_await change_task(ground, caller, std::move(reference), decide);
}

Status check_retry(const reeve::Task& task) {
  if (task.state == TaskState::failed || task.state == TaskState::cancelled) return {};
  if (task.state == TaskState::completed)
    return fail(Errc::conflict, in_state(task) + ": make a new one of it");
  return fail(Errc::conflict, in_state(task) + ": only a failed or cancelled one is tried again");
}

Async<Result<reeve::Task>> retry_task(Ground ground, Caller caller, std::string reference,
                                      api::RetryRequest request) {
  if (auto good = check_reason(request.reason); !good) co_return fail(good.error());
  const auto reason = request.reason.empty() ? std::string("tried again") : request.reason;
  std::optional<AgentId> wanted;
  if (request.to) {
    auto agent = co_await find_agent(ground.log.store(), *request.to);
    if (!agent) co_return fail(agent.error());
    wanted = agent->id;
  }
  const auto decide = [&](run::Draft& draft, reeve::Task task) -> Async<Status> {
    if (auto may = check_retry(task); !may) co_return may;
    auto to = wanted ? wanted : task.agent;
    if (to) {
      auto agent = co_await draft.get<Agent>(*to);
      if (!agent) co_return fail(agent.error());
      if (auto takes = check_takes_work(*agent); !takes) {
        if (wanted) co_return takes;
        to.reset();
      }
    }
    auto opened = co_await to_backlog(draft, ground.log.store(), task, reason, caller);
    if (!opened || !to) co_return opened;
    draft.write(store::QueueAck{kBacklog, task.id.str()});
    co_return co_await give_task(draft, std::move(task), *to, caller);
  };
  co_return co_await change_task(ground, caller, std::move(reference), decide);
}

}  // namespace reeve::town
