#pragma once

#include <optional>
#include <utility>

#include "base/digest.h"
#include "model/agent_api.h"
#include "town/change.h"

/// What changes several agents: a commit for each, so that one that fails does not stop the others.
namespace reeve::town {

/// The caller with a key of its own for that agent (G9).
inline Caller for_one(Caller caller, const AgentId& id) {
  if (caller.key) caller.key->key = sha256_hex(caller.key->key + ":" + id.str());
  return caller;
}

/// What the same request was answered before; nothing: it was not made yet.
template <class T>
Async<Result<std::optional<T>>> answered_before(Ground ground, Caller caller) {
  if (!caller.key) co_return std::optional<T>();
  const auto before = co_await first_answer(ground, *caller.key);
  if (!before || !before->repeated) co_return std::optional<T>();
  auto value = parse_json_as<T>(before->answer);
  if (!value) co_return fail(value.error());
  co_return std::optional<T>(std::move(*value));
}

/// Keeps the answer for a repetition of the request.
inline Async<Result<api::AgentOutcomes>> remember(Ground ground, Caller caller,
                                                  api::AgentOutcomes outcomes) {
  if (!caller.key) co_return outcomes;
  const auto decide = [&](run::Draft&) -> Async<Result<api::AgentOutcomes>> { co_return outcomes; };
  co_return co_await change<api::AgentOutcomes>(ground, caller, decide);
}

/// Does it to each agent by its id, and tells what became of it.
template <class Work>
Async<Result<api::AgentOutcomes>> one_by_one(std::vector<Agent> agents, Work work) {
  api::AgentOutcomes all;
  for (const auto& agent : agents) {
    Result<Agent> done = co_await work(agent);
    api::AgentOutcome outcome{agent.id, agent.name, agent.state, agent.current_run, false, {}};
    if (done) {
      outcome.state = done->state;
      outcome.run = done->current_run;
      outcome.pruned = done->pruned;
    } else {
      outcome.error = done.error().message();
    }
    all.agents.push_back(std::move(outcome));
  }
  co_return all;
}

}  // namespace reeve::town
