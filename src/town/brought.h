#pragma once

#include <optional>
#include <string>

#include "model/fact.h"
#include "model/message_api.h"
#include "model/task_api.h"
#include "town/ground.h"

/// What another program that shares the town brings, under the ids that it gave: whoever made it
/// goes on finding it by them, and what is brought twice is there once, without a key.
namespace reeve::town {

/// Makes a task: an agent's, or of the backlog. One that is there already is answered as it is.
/// Errors: assign(), add_task().
Async<Result<reeve::Task>> bring_task(Ground ground, Caller caller, TaskId id,
                                      std::optional<AgentId> agent, api::AssignRequest request);

/// What came for an agent and cannot be read: it is kept beside its inbox, and a person is told.
Async<Status> bring_unreadable(Ground ground, Caller caller, AgentId agent, std::string item,
                               std::string reason);

/// No round of an agent begins before `until`: another program works in its name. Parked that long
/// already, or over: nothing happens.
Async<Result<Agent>> park(Ground ground, Caller caller, AgentId agent, fact::AgentParked parked);
std::vector<Fact> decide_park(const Agent& agent, const fact::AgentParked& parked);

}  // namespace reeve::town
