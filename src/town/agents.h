#pragma once

#include <string>
#include <vector>

#include "model/agent_api.h"
#include "model/fact.h"
#include "town/ground.h"

/// Agents: spawned, shown, stopped.
namespace reeve::town {

/// invalid_argument: the name, a limit, or a CLI that cannot be split into words. conflict: the
/// name is taken. unavailable: Ground::preflight says that its CLI cannot work.
Async<Result<api::SpawnReply>> spawn(Ground ground, Caller caller, api::SpawnRequest request);
Result<std::vector<Fact>> decide_spawn(const Ground& ground, const api::SpawnRequest& request,
                                       AgentId id);

/// As `list` and `status` show an agent.
Async<Result<api::AgentView>> view_agent(Ground ground, Agent agent);
Async<Result<std::vector<api::AgentView>>> list_agents(Ground ground);

/// Asks an agent to stop: at once when it has no run, else when its run has been ended (the
/// supervisor sees to that). Already stopped: nothing happens. Answers the agent as it is then.
Async<Result<Agent>> kill(Ground ground, Caller caller, std::string reference, std::string reason);
std::vector<Fact> decide_kill(const Agent& agent, const std::string& reason);

/// Returns when the agent has nothing left to do or has stopped, at the event. Cancellable.
Async<Result<api::WaitReply>> wait_agent(Ground ground, std::string reference);

}  // namespace reeve::town
