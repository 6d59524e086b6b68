#pragma once

#include <optional>
#include <string>

#include "model/agent.h"
#include "model/task_api.h"
#include "town/ground.h"

/// The backlog: open tasks that are nobody's, by priority and then by age.
namespace reeve::town {

/// Makes a task for the backlog. Errors: new_task().
Async<Result<reeve::Task>> add_task(Ground ground, Caller caller, api::AssignRequest request);

/// In order, with who could take each. `after`: of the page before, 0 for the first.
Async<Result<api::BacklogPage>> list_backlog(Ground ground, std::uint64_t after, std::size_t limit);

/// Gives a task of the backlog to an agent, in one commit: of two claimers one gets it. `agent`:
/// empty, inside a round, for its own. conflict: it is not in the backlog (whose it is, is said),
/// it waits for other tasks, or the agent takes no work.
Async<Result<reeve::Task>> claim_task(Ground ground, Caller caller, std::string reference,
                                      std::optional<std::string> agent);
/// `whose`: the name of the agent that has it. `unfinished`: what it waits for.
Status check_claim(const reeve::Task& task, const std::string& whose,
                   const std::vector<reeve::Task>& unfinished);

/// Gives an agent all that is in the backlog, up to limits::kPage: each in a commit of its own,
/// past those that cannot be claimed.
Async<Result<api::ClaimReport>> assign_all(Ground ground, Caller caller, std::string agent);

/// Cancels a task of the backlog. conflict: it is not there.
Async<Result<reeve::Task>> remove_task(Ground ground, Caller caller, std::string reference,
                                       std::string reason);

/// Claims for the agent the first of the backlog that suits its role, waits for nothing, and was
/// not taken from it before: of the first kLookedAt, so that it costs the same however many there
/// are. False: there is none. conflict: somebody was faster.
Async<Result<bool>> claim_next(Ground ground, Agent agent);
inline constexpr std::size_t kLookedAt = 64;

}  // namespace reeve::town
