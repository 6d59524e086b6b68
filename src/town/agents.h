#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/agent_api.h"
#include "model/fact.h"
#include "town/ground.h"

/// Agents: how they come to be. What is seen of them: agent_views.h; what is done to them:
/// control.h, pruning.h.
namespace reeve::town {

/// Whom a new agent comes from.
struct Kin {
  std::optional<AgentId> parent;
  std::optional<std::string> session;  ///< the vendor's, that it resumes or forks
};

/// invalid_argument: a name or limit, a CLI that cannot be split into words, a mode without a
/// session. unsupported: the CLI cannot resume or fork one. conflict: the name or nickname is
/// taken; the session is another CLI's, or of an agent that goes on with it. not_found: the parent.
/// unavailable: Ground::preflight says that its CLI cannot work.
///
/// `id`: that it has in another program which shares the town; one of its own, if absent. conflict:
/// it is, or was, an agent of the town.
Async<Result<api::SpawnReply>> spawn(Ground ground, Caller caller, api::SpawnRequest request,
                                     std::optional<AgentId> id = {});
Result<std::vector<Fact>> decide_spawn(const Ground& ground, const api::SpawnRequest& request,
                                       AgentId id, const Kin& kin = {});

/// Returns when the agent has nothing left to do or has stopped, at the event; with a state when it
/// is in that one and no earlier round of it is still ending. Cancellable. conflict: it is pruned.
Async<Result<api::WaitReply>> wait_agent(Ground ground, std::string reference,
                                         std::optional<AgentState> state = {});

}  // namespace reeve::town
