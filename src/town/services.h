#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "log/log.h"
#include "model/api.h"
#include "model/retention.h"
#include "run/draft.h"

/// What can be asked of a town: one function each, whether a command, a door, or an embedder asks.
///
/// Every function that changes something takes effect in one commit, and answers when that is
/// acknowledged. A decision stands beside its service as a pure function: decide_x(state, request)
/// -> facts. Errors of all: what Store::commit and Store::get say, beside those named here.
namespace reeve::town {

using aio::Async;
using run::Caller;

/// What a service stands on. Everything in it outlives the services.
struct Ground {
  Env& env;
  log::Log& log;
  std::string town;         ///< its name
  std::string default_cli;  ///< for agents that name none
  RetentionPolicy retention = {};
  Durability runs = Durability::compacted;  ///< of agents that do not say
};

// --- Agents
// ----------------------------------------------------------------------------------------

/// invalid_argument: the name, or a CLI that cannot be split into words. conflict: the name is
/// taken.
Async<Result<Agent>> spawn(Ground ground, Caller caller, api::SpawnRequest request);
Result<std::vector<Fact>> decide_spawn(const Ground& ground, const api::SpawnRequest& request,
                                       AgentId id);

/// As `list` and `status` show an agent.
Async<Result<api::AgentView>> view_agent(Ground ground, Agent agent);
Async<Result<std::vector<api::AgentView>>> list_agents(Ground ground);

/// Asks an agent to stop: at once when it has no run, else when its run has been ended (the
/// supervisor sees to that). Already stopped: nothing happens. Answers the agent as it is then.
Async<Result<Agent>> kill(Ground ground, Caller caller, std::string reference, std::string reason);
std::vector<Fact> decide_kill(const Agent& agent, const std::string& reason);

// --- Tasks
// -----------------------------------------------------------------------------------------

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

// --- Messages
// ----------------------------------------------------------------------------------------

/// Puts a message from the caller into an inbox. conflict: the agent takes no work.
Async<Result<Message>> send(Ground ground, Caller caller, api::SendRequest request);
/// What waits for the agent or the supervisor, in serving order, and the dead letters. Consumes
/// nothing.
Async<Result<api::InboxView>> inbox(Ground ground, std::string reference);

// --- Waiting
// -------------------------------------------------------------------------------------------

/// Returns when the agent has nothing left to do or has stopped, at the event. Cancellable.
Async<Result<api::WaitReply>> wait_agent(Ground ground, std::string reference);
/// Returns when the task is over.
Async<Result<api::WaitReply>> wait_task(Ground ground, std::string reference);

}  // namespace reeve::town
