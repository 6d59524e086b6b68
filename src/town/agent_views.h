#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/api.h"
#include "town/ground.h"

/// Agents as `list` and `status` show them. What they cost does not grow with the town: nothing is
/// read of an agent that is not shown.
namespace reeve::town {

/// One agent, with what waits for it.
Async<Result<api::AgentView>> view_agent(Ground ground, Agent agent);

/// Which agents, and which page of them.
struct AgentQuery {
  std::string state;  ///< a state's name, "open" for those that are not over; "": every one
  std::uint64_t after = 0;
  std::size_t limit = 100;  ///< at most limits::kPage
};
/// invalid_argument: no state of that name.
Async<Result<api::AgentPage>> list_agents(Ground ground, AgentQuery query = {});

Async<Result<api::AgentCounts>> count_agents(Ground ground);

/// A screenful: those that work first, then those that need attention or wait for a time, that are
/// paused, draining, starting or in error, then the idle, and last those that are over.
Async<Result<std::vector<api::AgentView>>> notable_agents(Ground ground, std::size_t most);

/// How many messages wait for the agent, or for the supervisor.
Async<Result<std::int64_t>> count_inbox(Ground ground, AgentId of);

/// The last task that the agent completed, with its result. not_found: it has completed none.
Async<Result<api::TaskView>> last_result(Ground ground, std::string reference);

}  // namespace reeve::town
