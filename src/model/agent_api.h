#pragma once

#include <boost/describe.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "event/permissions.h"
#include "model/agent.h"

/// What is asked of agents, and answered (docs/api.md).
namespace reeve::api {

/// What a new agent may use, where somebody says so (AgentLimits); the rest is as its town has it.
/// 0 lifts a limit that the town sets: of the round's time, rounds, tokens, cost, and of idleness.
struct LimitsRequest {
  std::optional<Duration> silence_ms;
  std::optional<bool> stop_on_silence;
  std::optional<Duration> round_ms;
  std::optional<std::int64_t> rounds;
  std::optional<std::int64_t> tokens;
  std::optional<double> cost_usd;
  std::optional<std::int64_t> failures;
  std::optional<Duration> idle_ms;
};
BOOST_DESCRIBE_STRUCT(LimitsRequest, (),
                      (silence_ms, stop_on_silence, round_ms, rounds, tokens, cost_usd, failures,
                       idle_ms))
/// The town's limits, with what the request says over them. invalid_argument: below 0, or no
/// silence or failure at all.
Result<AgentLimits> limits_over(AgentLimits town, const LimitsRequest& request);

struct SpawnRequest {
  std::string name;
  std::optional<std::string> nickname;  ///< another name that it goes by
  /// An agent's name, id or short id. Inside a round its own agent, if absent.
  std::optional<std::string> parent;
  SpawnMode mode = SpawnMode::fresh;
  /// Of `resumed` and `forked_context`: the vendor's session to go on with, or the agent whose it
  /// is. Absent: the parent's.
  std::optional<std::string> session;
  std::string cli;  ///< a preset's name or a command; "" takes the town's default
  std::vector<std::string> args;
  std::string model;
  std::optional<std::string> role;
  Permissions permissions = Permissions::edits;
  std::optional<Durability> durability;  ///< of its runs; empty: the town's default
  Completes completes = Completes::success;
  std::map<std::string, std::string> env;
  std::optional<bool> claims;  ///< absent: as the town has it
  bool unchecked = false;      ///< also where its CLI seems not to be ready for work
  LimitsRequest limits;
};
BOOST_DESCRIBE_STRUCT(SpawnRequest, (),
                      (name, nickname, parent, mode, session, cli, args, model, role, permissions,
                       durability, completes, env, claims, unchecked, limits))

/// The agent that was spawned.
struct SpawnReply : Agent {
  std::optional<std::string> note;  ///< what seems to be missing for its work, where it is not sure
};
BOOST_DESCRIBE_STRUCT(SpawnReply, (Agent), (note))

/// Why something is asked for; kept in the log.
struct ReasonRequest {
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(ReasonRequest, (), (reason))

/// An agent as `list` and `status` show it.
struct AgentView {
  Agent agent;
  std::int64_t inbox = 0;                       ///< messages that wait, urgent ones too
  std::int64_t urgent = 0;                      ///< of these, the urgent ones
  std::int64_t dead = 0;                        ///< dead letters
  std::optional<std::string> task;              ///< the current task's text
  std::optional<Time> again_at;                 ///< when that is brought again: Task::again_at
  std::optional<std::string> permissions_note;  ///< what the CLI does not honour, where it does not
};
BOOST_DESCRIBE_STRUCT(AgentView, (), (agent, inbox, urgent, dead, task, again_at, permissions_note))

/// The agents of a town by their state; those that were pruned are not counted.
struct AgentCounts {
  std::int64_t cold = 0;
  std::int64_t starting = 0;
  std::int64_t idle = 0;
  std::int64_t working = 0;
  std::int64_t paused = 0;
  std::int64_t draining = 0;
  std::int64_t stopped = 0;
  std::int64_t error = 0;
};
BOOST_DESCRIBE_STRUCT(AgentCounts, (),
                      (cold, starting, idle, working, paused, draining, stopped, error))
inline std::int64_t sum(const AgentCounts& counts) {
  return counts.cold + counts.starting + counts.idle + counts.working + counts.paused +
         counts.draining + counts.stopped + counts.error;
}

struct AgentPage {
  std::vector<AgentView> agents;      ///< in order of their spawning
  std::int64_t total = 0;             ///< of all pages
  std::optional<std::uint64_t> next;  ///< `after` of the next page; absent on the last
};
BOOST_DESCRIBE_STRUCT(AgentPage, (), (agents, total, next))

struct RestartRequest {
  std::string reason;
  std::optional<std::int64_t> rounds;  ///< its new limit of rounds; absent: as before
  bool fresh = false;                  ///< in a new conversation
};
BOOST_DESCRIBE_STRUCT(RestartRequest, (), (reason, rounds, fresh))

/// What becomes of the mail and the open tasks of an agent that is pruned.
enum class Leftovers {
  refuse,   ///< it is not pruned while there are any
  requeue,  ///< tasks go to the backlog, work in free text as a task, too; the rest is withdrawn
  drop,     ///< tasks are cancelled, messages withdrawn
};
BOOST_DESCRIBE_ENUM(Leftovers, refuse, requeue, drop)

struct PruneRequest {
  std::string reason;
  Leftovers leftovers = Leftovers::refuse;
};
BOOST_DESCRIBE_STRUCT(PruneRequest, (), (reason, leftovers))

/// What became of one agent of several.
struct AgentOutcome {
  AgentId id;
  std::string name;
  AgentState state = AgentState::idle;  ///< as it is now
  std::optional<RunId> run;             ///< that is still ending
  bool pruned = false;
  std::optional<std::string> error;  ///< why it could not be done
};
BOOST_DESCRIBE_STRUCT(AgentOutcome, (), (id, name, state, run, pruned, error))
struct AgentOutcomes {
  std::vector<AgentOutcome> agents;
};
BOOST_DESCRIBE_STRUCT(AgentOutcomes, (), (agents))

struct WaitReply {
  std::string state;  ///< the agent's or task's
  std::optional<std::string> result;
};
BOOST_DESCRIBE_STRUCT(WaitReply, (), (state, result))

}  // namespace reeve::api

namespace reeve {
REEVE_JSON_DECLARE(api::SpawnRequest);
REEVE_JSON_DECLARE(api::SpawnReply);
REEVE_JSON_DECLARE(api::ReasonRequest);
REEVE_JSON_DECLARE(api::AgentView);
REEVE_JSON_DECLARE(api::AgentPage);
REEVE_JSON_DECLARE(api::RestartRequest);
REEVE_JSON_DECLARE(api::PruneRequest);
REEVE_JSON_DECLARE(api::AgentOutcomes);
REEVE_JSON_DECLARE(api::WaitReply);
}  // namespace reeve
