#include "town/control.h"

#include "town/change.h"
#include "town/directory.h"
#include "town/one_by_one.h"

namespace reeve::town {
namespace {

/// What a person does about an agent in that state.
std::string advice(const Agent& agent) {
  switch (agent.state) {
    case AgentState::paused: return "reeve resume " + agent.name + " has it go on";
    case AgentState::draining:
      return "it finishes its round and stops; reeve kill " + agent.name + " waits no longer";
    case AgentState::stopped:
    case AgentState::error:
    case AgentState::cold: return "reeve restart " + agent.name + " has it work again";
    default: return "reeve kill " + agent.name + " stops it";
  }
}

std::unexpected<Error> refuse(const Agent& agent, const std::string& verb) {
  return fail(Errc::conflict, agent.name + " is " + std::string(enum_name(agent.state)) +
                                  " and cannot be " + verb + " (" + advice(agent) + ")");
}

/// A change of one agent: `decide` says by which facts.
template <class Decide>
Async<Result<Agent>> change_agent(Ground ground, Caller caller, std::string reference,
                                  Decide decide) {
  auto found = co_await find_agent(ground.log.store(), std::move(reference));
  if (!found) co_return fail(found.error());
  const auto id = found->id;
  const auto work = [&](run::Draft& draft) -> Async<Result<Agent>> {
    auto agent = co_await draft.get<Agent>(id);
    if (!agent) co_return fail(agent.error());
    if (agent->pruned)
      co_return fail(Errc::not_found, agent->name + " is out of the town (pruned)");
    Result<std::vector<Fact>> facts = decide(*agent);
    if (!facts) co_return fail(facts.error());
    if (auto added = co_await add_all(draft, std::move(*facts)); !added)
      co_return fail(added.error());
    co_return co_await draft.get<Agent>(id);
  };
  co_return co_await change<Agent>(ground, std::move(caller), work);
}

}  // namespace

Status check_transition(const Agent& agent, AgentState to, const std::string& verb) {
  if (may_become(agent.state, to)) return {};
  return refuse(agent, verb);
}

// --- kill

Result<std::vector<Fact>> decide_kill(const Agent& agent, const std::string& reason) {
  if (agent.state == AgentState::stopped) return std::vector<Fact>{};
  if (auto legal = check_transition(agent, AgentState::stopped, "stopped"); !legal)
    return fail(legal.error());
  if (!agent.current_run)
    return std::vector<Fact>{fact::AgentStopped{agent.id, agent.state, reason}};
  std::vector<Fact> facts;
  if (!agent.stopping) facts.emplace_back(fact::AgentStopRequested{agent.id, reason});
  facts.emplace_back(fact::RunStopRequested{*agent.current_run, agent.id, reason});
  return facts;
}

Async<Result<Agent>> kill(Ground ground, Caller caller, std::string reference, std::string reason) {
  if (reason.empty()) reason = "killed";
  const auto decide = [&](const Agent& agent) { return decide_kill(agent, reason); };
  co_return co_await change_agent(ground, std::move(caller), std::move(reference), decide);
}

Async<Result<api::AgentOutcomes>> stop_all(Ground ground, Caller caller, std::string reason) {
  auto before = co_await answered_before<api::AgentOutcomes>(ground, caller);
  if (!before) co_return fail(before.error());
  if (*before) co_return std::move(**before);
  auto open = co_await run::load_all<Agent>(ground.log.store(), std::string(run::kOpen));
  if (!open) co_return fail(open.error());
  const auto stop = [&](const Agent& agent) {
    return kill(ground, for_one(caller, agent.id), agent.id.str(), reason);
  };
  auto all = co_await one_by_one(std::move(*open), stop);
  if (!all) co_return all;
  co_return co_await remember(ground, caller, std::move(*all));
}

// --- interrupt and resume

Result<std::vector<Fact>> decide_interrupt(const Agent& agent, const std::string& reason) {
  if (agent.state == AgentState::paused) return std::vector<Fact>{};
  if (agent.stopping) return fail(Errc::conflict, agent.name + " is being stopped");
  if (auto legal = check_transition(agent, AgentState::paused, "paused"); !legal)
    return fail(legal.error());
  std::vector<Fact> facts{fact::AgentInterrupted{agent.id, agent.state, agent.current_run, reason}};
  if (agent.current_run) {
    facts.emplace_back(fact::RunStopRequested{
        *agent.current_run, agent.id, reason.empty() ? "interrupted" : "interrupted: " + reason});
  }
  return facts;
}

Async<Result<Agent>> interrupt(Ground ground, Caller caller, std::string reference,
                               std::string reason) {
  const auto decide = [&](const Agent& agent) { return decide_interrupt(agent, reason); };
  co_return co_await change_agent(ground, std::move(caller), std::move(reference), decide);
}

Result<std::vector<Fact>> decide_resume(const Agent& agent, const std::string& reason) {
  if (agent.stopping) return fail(Errc::conflict, agent.name + " is being stopped");
  if (agent.state != AgentState::paused && !(agent.parked && takes_work(agent.state))) {
    if (is_ended(agent.state) || agent.state == AgentState::draining)
      return refuse(agent, "resumed");
    return fail(Errc::conflict, agent.name + " is " + std::string(enum_name(agent.state)) +
                                    " and neither paused nor parked: it goes on by itself");
  }
  if (agent.state == AgentState::paused) {
    if (auto legal = check_transition(agent, AgentState::idle, "resumed"); !legal)
      return fail(legal.error());
  }
  return std::vector<Fact>{fact::AgentResumed{agent.id, agent.state, reason}};
}

Async<Result<Agent>> resume(Ground ground, Caller caller, std::string reference,
                            std::string reason) {
  const auto decide = [&](const Agent& agent) { return decide_resume(agent, reason); };
  co_return co_await change_agent(ground, std::move(caller), std::move(reference), decide);
}

// --- close

Result<std::vector<Fact>> decide_close(const Agent& agent, const std::string& reason) {
  if (agent.state == AgentState::draining || agent.stopping) return std::vector<Fact>{};
  if (auto legal = check_transition(agent, AgentState::draining, "closed"); !legal)
    return fail(legal.error());
  std::vector<Fact> facts{
      fact::AgentStateChanged{agent.id, agent.state, AgentState::draining, reason}};
  if (agent.current_run) return facts;
  auto draining = agent;
  draining.state = AgentState::draining;
  for (auto& fact : decide_closed(draining, reason)) facts.push_back(std::move(fact));
  return facts;
}

std::vector<Fact> decide_closed(const Agent& agent, const std::string& reason) {
  return {fact::AgentCompleted{agent.id, agent.tasks_completed, agent.last_task},
          fact::AgentStopped{agent.id, agent.state, reason}};
}

Async<Result<Agent>> close(Ground ground, Caller caller, std::string reference,
                           std::string reason) {
  if (reason.empty()) reason = "closed";
  const auto decide = [&](const Agent& agent) { return decide_close(agent, reason); };
  co_return co_await change_agent(ground, std::move(caller), std::move(reference), decide);
}

// --- restart

Result<std::vector<Fact>> decide_restart(const Agent& agent, const api::RestartRequest& request) {
  if (request.rounds && *request.rounds <= 0)
    return fail(Errc::invalid_argument, "the limit of rounds must be more than zero");
  if (agent.current_run || agent.stopping) {
    return fail(Errc::conflict, "a round of " + agent.name +
                                    " is not over yet: it can be restarted when it is stopped "
                                    "(reeve wait " +
                                    agent.name + " --state stopped)");
  }
  if (!is_ended(agent.state)) return refuse(agent, "restarted: only what is over can be");
  if (auto legal = check_transition(agent, AgentState::idle, "restarted"); !legal)
    return fail(legal.error());
  return std::vector<Fact>{
      fact::AgentRestarted{agent.id, agent.state, request.reason, request.rounds, request.fresh}};
}

Async<Result<Agent>> restart(Ground ground, Caller caller, std::string reference,
                             api::RestartRequest request) {
  const auto decide = [&](const Agent& agent) { return decide_restart(agent, request); };
  co_return co_await change_agent(ground, std::move(caller), std::move(reference), decide);
}

}  // namespace reeve::town
