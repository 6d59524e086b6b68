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
Async<Result<reeve::Task>> assign(Ground ground, Caller caller, std::string agent,
                                  api::AssignRequest request);

enum class Report { complete, fail, progress };
/// What an agent or a person says of a task. conflict: the task is over (with another result).
Async<Result<reeve::Task>> report(Ground ground, Caller caller, std::string task, Report report,
                                  std::string text);
Result<std::vector<Fact>> decide_report(const reeve::Task& task, std::optional<RunId> run,
                                        Report report, const std::string& text);

Async<Result<api::TaskView>> show_task(Ground ground, std::string reference);
/// Newest first. `state`: empty for every one.
Async<Result<api::TaskPage>> list_tasks(Ground ground, std::string state, std::uint64_t after,
                                        std::size_t limit);
/// What the agent works on. not_found: nothing.
Async<Result<api::TaskView>> current_task(Ground ground, std::string agent);
Async<Result<api::TaskCounts>> count_tasks(Ground ground);

/// Returns when the task is over.
Async<Result<api::WaitReply>> wait_task(Ground ground, std::string reference);

}  // namespace reeve::town
