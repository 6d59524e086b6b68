#pragma once

#include <set>
#include <vector>

#include "model/task.h"
#include "model/task_api.h"
#include "run/documents.h"
#include "store/store.h"

/// Which tasks wait for which: Task::after. A task names only tasks that were there before it, so
/// there are no circles.
namespace reeve::town {

using aio::Async;

/// What a not yet begun task waits for: those of its `after` that are not completed.
Async<Result<std::vector<reeve::Task>>> unfinished_before(store::Store& store, reeve::Task task);

/// Who may go on when a task is completed.
struct Followers {
  std::set<AgentId> agents;  ///< that have a task which comes after it
  bool backlog = false;      ///< such a task is nobody's
};
Async<Result<Followers>> followers_of(store::Store& store, TaskId task);

/// A task as others are told of it.
api::TaskNote note_of(const reeve::Task& task);
/// "3fa2 (running), 77b0 (failed)".
std::string list_of(const std::vector<reeve::Task>& tasks);

}  // namespace reeve::town
