#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/agent_api.h"
#include "model/fact.h"
#include "model/task_api.h"
#include "town/ground.h"

/// Tasks: given, shown, reported on.
namespace reeve::town {

/// Makes a task of an agent's and puts it into its inbox. conflict: the agent takes no work.
/// not_found: its parent, or a task that it comes after.
Async<Result<reeve::Task>> assign(Ground ground, Caller caller, std::string agent,
                                  api::AssignRequest request);
/// The task that is asked for, in nobody's hands yet. invalid_argument: its text or its tags.
Async<Result<reeve::Task>> new_task(Ground ground, Caller caller, TaskId id,
                                    api::AssignRequest request);
/// conflict: it is ended, or about to.
Status check_takes_work(const Agent& agent);

enum class Report { complete, fail, progress };
/// What an agent or a person says of a task. conflict: the task is over (with another result).
/// denied: it is another agent's.
Async<Result<reeve::Task>> report(Ground ground, Caller caller, std::string task, Report report,
                                  std::string text);
Result<std::vector<Fact>> decide_report(const reeve::Task& task, std::optional<RunId> run,
                                        Report report, const std::string& text);

Async<Result<api::TaskView>> show_task(Ground ground, std::string reference);
/// What it waits for, if it has not begun yet.
Async<Result<std::vector<api::TaskNote>>> waits_for(Ground ground, reeve::Task task);

/// Which tasks are listed; empty: every one.
struct TaskFilter {
  std::string state;  ///< "open", or a TaskState
  std::string agent;  ///< a reference
  std::string tag;    ///< in whatever case
};
/// Newest first. With several conditions a page may have fewer than `limit`, or none, and go on all
/// the same: it looks at some 1,000 tasks.
Async<Result<api::TaskPage>> list_tasks(Ground ground, TaskFilter filter, std::uint64_t after,
                                        std::size_t limit);
/// What the agent works on or, if it has begun with nothing, the one task that it has. not_found:
/// there is none, or several wait.
Async<Result<api::TaskView>> current_task(Ground ground, std::string agent);
Async<Result<api::TaskCounts>> count_tasks(Ground ground);

/// What came of a task. conflict: it is not over.
Async<Result<api::WaitReply>> task_result(Ground ground, std::string reference);
/// Returns when the task is over.
Async<Result<api::WaitReply>> wait_task(Ground ground, std::string reference);

}  // namespace reeve::town
