#include "town/brought.h"

#include "base/limits.h"
#include "base/utf8.h"
#include "town/change.h"
#include "town/task_steps.h"
#include "town/tasks.h"

namespace reeve::town {

Async<Result<reeve::Task>> bring_task(Ground ground, Caller caller, TaskId id,
                                      std::optional<AgentId> agent, api::AssignRequest request) {
  auto made = co_await new_task(ground, caller, id, std::move(request));
  if (!made) co_return fail(made.error());
  const auto decide = [&](run::Draft& draft) -> Async<Result<reeve::Task>> {
    auto there = co_await draft.get<reeve::Task>(id);
    if (there || !there.error().is(Errc::not_found)) co_return there;
    if (agent) {
      auto to = co_await draft.get<Agent>(*agent);
      if (!to) co_return fail(to.error());
      if (auto takes = check_takes_work(*to); !takes) co_return fail(takes.error());
    }
    if (auto added = co_await draft.add(fact::TaskCreated{*made}); !added)
      co_return fail(added.error());
    if (!agent) {
      draft.write(store::QueuePush{kBacklog, id.str(), static_cast<int>(made->priority)});
    } else if (auto given = co_await give_task(draft, *made, *agent, caller); !given) {
      co_return fail(given.error());
    }
    co_return co_await draft.get<reeve::Task>(id);
  };
  co_return co_await change<reeve::Task>(ground, caller, decide);
}

Async<Status> bring_unreadable(Ground ground, Caller caller, AgentId agent, std::string item,
                               std::string reason) {
  // An item names what it is: nobody reads more of it than its beginning.
  item = to_utf8(item.substr(0, limits::kStoreName));
  item = item.empty() ? "(empty)" : std::string(head_of(item, limits::kStoreName));
  reason = head_of(to_utf8(reason), limits::kStoreName);
  run::Draft draft(ground.env, ground.log.store(), std::move(caller));
  draft.write(store::QueuePush{quarantine_queue(agent), item, 0});
  fact::MessageQuarantined kept{agent, item, reason};
  if (auto added = co_await draft.add(std::move(kept)); !added) co_return added;
  if (agent != supervisor_id()) {
    fact::AgentNeedsAttention told{
        agent, "what came into its inbox cannot be read (reeve inbox shows it): " + reason};
    if (auto added = co_await draft.add(std::move(told)); !added) co_return added;
  }
  const auto committed = co_await draft.commit();
  if (!committed) co_return fail(committed.error());
  co_return Status();
}

std::vector<Fact> decide_park(const Agent& agent, const fact::AgentParked& parked) {
  if (is_ended(agent.state) || agent.pruned) return {};
  if (agent.parked && agent.parked->until >= parked.until) return {};
  return {parked};
}

Async<Result<Agent>> park(Ground ground, Caller caller, AgentId agent, fact::AgentParked parked) {
  const auto decide = [&](run::Draft& draft) -> Async<Result<Agent>> {
    auto found = co_await draft.get<Agent>(agent);
    if (!found) co_return found;
    if (auto added = co_await add_all(draft, decide_park(*found, parked)); !added)
      co_return fail(added.error());
    co_return co_await draft.get<Agent>(agent);
  };
  co_return co_await change<Agent>(ground, caller, decide);
}

}  // namespace reeve::town
