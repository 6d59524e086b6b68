#include "town/backlog.h"

#include <algorithm>
#include <array>

#include "base/digest.h"
#include "base/limits.h"
#include "town/change.h"
#include "town/dependencies.h"
#include "town/directory.h"
#include "town/roles.h"
#include "town/task_changes.h"
#include "town/task_steps.h"
#include "town/tasks.h"

namespace reeve::town {
namespace {

/// A place in the queue as one number that also JavaScript can hold; 0 stands before the first.
constexpr int kOrderBits = 48;
std::uint64_t number_of(store::QueuePlace place) {
  return (static_cast<std::uint64_t>(place.priority) + 1) << kOrderBits | place.order;
}
store::QueuePlace place_of(std::uint64_t number) {
  if (number == 0) return {};
  return {static_cast<int>(number >> kOrderBits) - 1,
          number & ((std::uint64_t{1} << kOrderBits) - 1)};
}

/// Nothing: the item names no task.
Async<Result<std::optional<reeve::Task>>> read_task(store::Store& store, std::string item) {
  const auto id = TaskId::parse(item);
  if (!id) co_return std::optional<reeve::Task>();
  auto task = co_await run::load<reeve::Task>(store, *id);
  if (!task && task.error().is(Errc::not_found)) co_return std::optional<reeve::Task>();
  if (!task) co_return fail(task.error());
  co_return std::optional(std::move(*task));
}

/// Who could take what.
struct Takers {
  std::vector<std::pair<std::string, Role>> agents;  ///< by name

  [[nodiscard]] std::vector<std::string> of(const reeve::Task& task) const {
    std::array<std::optional<bool>, kRoles> known;
    std::vector<std::string> names;
    for (const auto& [name, role] : agents) {
      if (names.size() == api::kTakers) break;
      auto& fits = known.at(static_cast<std::size_t>(role));
      if (!fits) fits = suits(role, task);
      if (*fits) names.push_back(name);
    }
    return names;
  }

 private:
  static constexpr std::size_t kRoles = 8;
};

Async<Result<Takers>> takers_of(store::Store& store) {
  auto open = co_await run::load_all<Agent>(store, std::string(run::kOpen));
  if (!open) co_return fail(open.error());
  Takers takers;
  for (const auto& agent : *open) {
    if (check_takes_work(agent)) takers.agents.emplace_back(agent.name, role_of(agent));
  }
  co_return takers;
}

/// claim_task() of an agent that is known.
Async<Result<reeve::Task>> claim_for(Ground ground, Caller caller, TaskId id, AgentId agent_id) {
  auto& store = ground.log.store();
  const auto decide = [&](run::Draft& draft) -> Async<Result<reeve::Task>> {
    auto task = co_await draft.get<reeve::Task>(id);
    if (!task) co_return fail(task.error());
    auto whose =
        task->agent ? co_await display_name(store, task->agent->str()) : std::string("nobody");
    auto unfinished = co_await unfinished_before(store, *task);
    if (!unfinished) co_return fail(unfinished.error());
    if (auto may = check_claim(*task, whose, *unfinished); !may) co_return fail(may.error());
    auto agent = co_await draft.get<Agent>(agent_id);
    if (!agent) co_return fail(agent.error());
    if (auto takes = check_takes_work(*agent); !takes) co_return fail(takes.error());
    draft.require(store::QueueHolds{kBacklog, id.str(), ""});
    draft.write(store::QueueAck{kBacklog, id.str()});
    if (auto given = co_await give_task(draft, *task, agent_id, caller); !given)
      co_return fail(given.error());
    co_return co_await draft.get<reeve::Task>(id);
  };
  co_return co_await change<reeve::Task>(ground, caller, decide);
}

/// The key of one step of a request that takes several commits.
std::optional<store::IdempotencyKey> key_for(const Caller& caller, const TaskId& task) {
  if (!caller.key) return std::nullopt;
  auto key = *caller.key;
  key.key = sha256_hex(key.key + "\n" + task.str());
  return key;
}

}  // namespace

Async<Result<reeve::Task>> add_task(Ground ground, Caller caller, api::AssignRequest request) {
  const TaskId id(ground.env.uuid4());
  auto made = co_await new_task(ground, caller, id, std::move(request));
  if (!made) co_return fail(made.error());
  const auto decide = [&](run::Draft& draft) -> Async<Result<reeve::Task>> {
    if (auto added = co_await draft.add(fact::TaskCreated{*made}); !added)
      co_return fail(added.error());
    draft.write(store::QueuePush{kBacklog, id.str(), static_cast<int>(made->priority)});
    co_return co_await draft.get<reeve::Task>(id);
  };
  co_return co_await change<reeve::Task>(ground, caller, decide);
}

Async<Result<api::BacklogPage>> list_backlog(Ground ground, std::uint64_t after,
                                             std::size_t limit) {
  auto& store = ground.log.store();
  limit = std::clamp<std::size_t>(limit, 1, limits::kPage);
  auto takers = co_await takers_of(store);
  if (!takers) co_return fail(takers.error());
  auto items = co_await store.items(kBacklog, limit, place_of(after));
  if (!items) co_return fail(items.error());
  api::BacklogPage page;
  for (const auto& item : *items) {
    auto task = co_await read_task(store, item.item);
    if (!task) co_return fail(task.error());
    if (!*task) continue;
    auto waits = co_await waits_for(ground, **task);
    if (!waits) co_return fail(waits.error());
    api::BacklogView view;
    view.from = co_await display_name(store, (*task)->from);
    view.waits_for = std::move(*waits);
    view.takers = takers->of(**task);
    view.task = std::move(**task);
    page.tasks.push_back(std::move(view));
  }
  if (items->size() == limit) page.next = number_of(items->back().place());
  co_return page;
}

Status check_claim(const reeve::Task& task, const std::string& whose,
                   const std::vector<reeve::Task>& unfinished) {
  const auto named = "task " + task.id.short_str();
  if (is_ended(task.state))
    return fail(Errc::conflict, named + " is " + std::string(enum_name(task.state)) + " already");
  if (task.state != TaskState::pending) {
    return fail(Errc::conflict, named + " is " + whose + "'s (" +
                                    std::string(enum_name(task.state)) +
                                    "), not in the backlog any more");
  }
  if (!unfinished.empty()) return fail(Errc::conflict, named + " waits for " + list_of(unfinished));
  return {};
}

Async<Result<reeve::Task>> claim_task(Ground ground, Caller caller, std::string reference,
                                      std::optional<std::string> agent) {
  auto& store = ground.log.store();
  auto task = co_await find_task(store, std::move(reference));
  if (!task) co_return fail(task.error());
  auto id = caller.agent;
  if (agent && !agent->empty()) {
    auto found = co_await find_agent(store, std::move(*agent));
    if (!found) co_return fail(found.error());
    id = found->id;
  }
  if (!id) co_return fail(Errc::invalid_argument, "say which agent gets it");
  co_return co_await claim_for(ground, std::move(caller), task->id, *id);
}

Async<Result<api::ClaimReport>> assign_all(Ground ground, Caller caller, std::string reference) {
  auto& store = ground.log.store();
  auto agent = co_await find_agent(store, std::move(reference));
  if (!agent) co_return fail(agent.error());
  // What there was when it was asked first, so that a repetition gives no more (G9).
  const auto look = [&](run::Draft&) -> Async<Result<std::vector<TaskId>>> {
    if (auto takes = check_takes_work(*agent); !takes) co_return fail(takes.error());
    auto items = co_await store.items(kBacklog, limits::kPage);
    if (!items) co_return fail(items.error());
    std::vector<TaskId> ids;
    for (const auto& item : *items) {
      if (const auto id = TaskId::parse(item.item)) ids.push_back(*id);
    }
    co_return ids;
  };
  auto tasks = co_await change<std::vector<TaskId>>(ground, caller, look);
  if (!tasks) co_return fail(tasks.error());
  api::ClaimReport report;
  report.agent = agent->name;
  for (const auto& id : *tasks) {
    Caller one = caller;
    one.key = key_for(caller, id);
    const auto claimed = co_await claim_for(ground, std::move(one), id, agent->id);
    api::ClaimOutcome outcome;
    outcome.task = id;
    if (claimed) {
      ++report.claimed;
      outcome.text = note_of(*claimed).text;
    } else {
      outcome.error = claimed.error().message();
    }
    report.tasks.push_back(std::move(outcome));
  }
  co_return report;
}

Async<Result<reeve::Task>> remove_task(Ground ground, Caller caller, std::string reference,
                                       std::string reason) {
  if (reason.empty()) reason = "removed from the backlog";
  co_return co_await cancel_task(ground, std::move(caller), std::move(reference), std::move(reason),
                                 TaskState::pending);
}

namespace {

/// Whether the last run that worked on the task was one of the agent's: it was taken from it, or
/// the agent gave it back.
Async<Result<bool>> had_it(store::Store& store, AgentId agent, std::optional<RunId> last) {
  if (!last) co_return false;
  auto run = co_await run::load<reeve::Run>(store, *last);
  if (!run && run::is_unreadable(run.error())) co_return false;
  if (!run) co_return fail(run.error());
  co_return run->agent == agent;
}

}  // namespace

Async<Result<bool>> claim_next(Ground ground, Agent agent) {
  auto& store = ground.log.store();
  const auto role = role_of(agent);
  auto items = co_await store.items(kBacklog, kLookedAt);
  if (!items) co_return fail(items.error());
  for (const auto& item : *items) {
    auto task = co_await read_task(store, item.item);
    if (!task) co_return fail(task.error());
    if (!*task || !suits(role, **task)) continue;
    auto unfinished = co_await unfinished_before(store, **task);
    if (!unfinished) co_return fail(unfinished.error());
    if (!unfinished->empty()) continue;
    auto had = co_await had_it(store, agent.id, (*task)->run);
    if (!had) co_return fail(had.error());
    if (*had) continue;
    auto claimed = co_await claim_for(ground, Caller{}, (*task)->id, agent.id);
    if (!claimed) co_return fail(claimed.error());
    co_return true;
  }
  co_return false;
}

}  // namespace reeve::town
