#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/agent_api.h"
#include "model/fact.h"
#include "town/ground.h"

/// What people do to agents: stop, pause, resume, close, restart. Which state may follow which is
/// said once, in may_become(); what is not legal is a conflict that names the state and what to do.
/// not_found: there is no such agent, or it was pruned. All answer the agent as it is then.
namespace reeve::town {

/// conflict: an agent in its state cannot become that. `verb`: "paused", for the sentence.
Status check_transition(const Agent& agent, AgentState to, const std::string& verb);

/// Asks an agent to stop: at once when it has no run, else when its run has been ended (the
/// supervisor sees to that). Already stopped: nothing happens.
Async<Result<Agent>> kill(Ground ground, Caller caller, std::string reference, std::string reason);
Result<std::vector<Fact>> decide_kill(const Agent& agent, const std::string& reason);

/// Kills every agent that is not over, one after the other; what fails for one is in its outcome,
/// and the others are stopped all the same.
Async<Result<api::AgentOutcomes>> stop_all(Ground ground, Caller caller, std::string reason);

/// Pauses it now: a round in progress is ended, its messages wait as they were, its task is the
/// agent's still. Paused already: nothing happens.
Async<Result<Agent>> interrupt(Ground ground, Caller caller, std::string reference,
                               std::string reason);
Result<std::vector<Fact>> decide_interrupt(const Agent& agent, const std::string& reason);

/// Has a paused or parked agent go on, in the conversation that it was in.
Async<Result<Agent>> resume(Ground ground, Caller caller, std::string reference,
                            std::string reason);
Result<std::vector<Fact>> decide_resume(const Agent& agent, const std::string& reason);

/// Has it finish its round, take nothing more, and stop. It closes or stops already: nothing
/// happens.
Async<Result<Agent>> close(Ground ground, Caller caller, std::string reference, std::string reason);
Result<std::vector<Fact>> decide_close(const Agent& agent, const std::string& reason);
/// ... in the commit of its round's end.
std::vector<Fact> decide_closed(const Agent& agent, const std::string& reason = "closed");

/// Has an agent that is over take work again, with what it may spend given anew. Its lifetime
/// counters stay. conflict: it is not over, or a run of it is not.
Async<Result<Agent>> restart(Ground ground, Caller caller, std::string reference,
                             api::RestartRequest request);
Result<std::vector<Fact>> decide_restart(const Agent& agent, const api::RestartRequest& request);

}  // namespace reeve::town
