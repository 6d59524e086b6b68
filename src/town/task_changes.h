#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/task_api.h"
#include "town/ground.h"

/// Tasks that are begun, called off, given back, tried again. A person may do that with any task,
/// an agent with those that are its own or that it made: else denied. What cannot be in the task's
/// state is a conflict that names it.
namespace reeve::town {

/// denied: the caller may not change this task.
Status may_change(const reeve::Task& task, const Caller& caller);

/// The agent of this round works on that task of its own from now on; what it had in hand is put
/// aside. denied: outside a round, or another agent's. conflict: over, or it waits for others.
Async<Result<reeve::Task>> start_task(Ground ground, Caller caller, std::string reference);
/// Nothing: it is in hand already. `unfinished`: what it waits for.
Result<std::vector<Fact>> decide_start(const reeve::Task& task, const Caller& caller,
                                       const std::vector<reeve::Task>& unfinished);

/// Ends an open task that nobody wants any more: out of the backlog or the inbox in the same
/// commit, and a round that carries it is stopped. `reason`: empty for a plain one. `only`:
/// conflict in any other state.
Async<Result<reeve::Task>> cancel_task(Ground ground, Caller caller, std::string reference,
                                       std::string reason,
                                       std::optional<TaskState> only = std::nullopt);
Result<std::vector<Fact>> decide_cancel(const reeve::Task& task, std::optional<RunId> run,
                                        std::string reason);

/// Takes an assigned or running task from its agent and puts it into the backlog; a round that
/// carries it is stopped.
Async<Result<reeve::Task>> requeue_task(Ground ground, Caller caller, std::string reference,
                                        std::string reason);
/// conflict: it is in the backlog, or over.
Status check_requeue(const reeve::Task& task);

/// Opens a failed or cancelled task again.
Async<Result<reeve::Task>> retry_task(Ground ground, Caller caller, std::string reference,
                                      api::RetryRequest request);
/// conflict: it is not over, or completed.
Status check_retry(const reeve::Task& task);

}  // namespace reeve::town
