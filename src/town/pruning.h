#pragma once

#include <string>
#include <vector>

#include "model/agent_api.h"
#include "model/fact.h"
#include "town/ground.h"

/// Agents that leave the town for good.
namespace reeve::town {

/// Takes an agent that is over out of the town: its names are free, the values of its variables are
/// forgotten, its dead letters go; its document and its history stay. Answers it as it is then.
///
/// What waits in its inbox and what it had begun is requeued or dropped, as the request says; a
/// very long inbox goes in several commits before the one that prunes. conflict: it is not over, or
/// has mail or open tasks and the request says nothing of them. not_found: nobody, or pruned.
Async<Result<Agent>> prune(Ground ground, Caller caller, std::string reference,
                           api::PruneRequest request);

/// Prunes every agent that is stopped or in error, one after the other; what fails for one is in
/// its outcome. Cold ones stay: they were never used.
Async<Result<api::AgentOutcomes>> prune_all(Ground ground, Caller caller,
                                            api::PruneRequest request);

/// Whether it may be pruned while this waits for it: messages, and tasks that are not over.
Status decide_prune(const Agent& agent, std::size_t messages, std::size_t tasks,
                    api::Leftovers leftovers);

/// A message of an inbox that nobody will read, as far as it is still to be read.
struct Leftover {
  Message message;
  std::optional<reeve::Task> task;  ///< that it brings
};
/// What happens to it, and the tasks that go to the backlog thereby. `fresh`: the id of a task that
/// may have to be made of it. Pure.
struct Disposal {
  std::vector<Fact> facts;
  std::vector<reeve::Task> to_backlog;
};
Disposal dispose(const Agent& agent, const Leftover& leftover, api::Leftovers how,
                 const std::string& reason, TaskId fresh, Time now);

}  // namespace reeve::town
