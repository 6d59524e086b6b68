#pragma once

#include <boost/describe.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/time.h"
#include "event/agent_event.h"
#include "event/normaliser.h"
#include "event/permissions.h"

namespace reeve {

/// Between rounds an agent has no process, so these say what may happen next, not what runs. What
/// an agent needs or waits for is no state: Agent::attention and Agent::parked.
enum class AgentState {
  cold,      ///< known, never used (imported)
  starting,  ///< being made ready, elsewhere
  idle,      ///< takes work
  working,   ///< a run of it is in progress
  paused,    ///< no round begins until it is resumed; mail is taken
  draining,  ///< finishes its round and takes nothing more, then stops
  stopped,
  error,  ///< cannot work until a person has mended something and restarts it
};
BOOST_DESCRIBE_ENUM(AgentState, cold, starting, idle, working, paused, draining, stopped, error)

/// The one table of legal transitions.
bool may_become(AgentState from, AgentState to);
/// No run will start until somebody restarts it.
bool is_ended(AgentState state);
/// May be given tasks and messages.
bool takes_work(AgentState state);

enum class SpawnMode { fresh, forked_context, resumed };
BOOST_DESCRIBE_ENUM(SpawnMode, fresh, forked_context, resumed)

/// When a task that a successful round carried is done: with the round, or only when the agent
/// reports it.
enum class Completes { success, report };
BOOST_DESCRIBE_ENUM(Completes, success, report)

/// What an agent may use. Rounds, tokens and cost are counted from its last start (Agent::spent).
struct AgentLimits {
  /// Without a byte of output for this long an event tells of it.
  Duration silence_ms = std::chrono::minutes(10);
  /// ... and the round is stopped, if the agent says so.
  bool stop_on_silence = false;
  std::optional<Duration> round_ms;  ///< wall time of one round
  std::optional<std::int64_t> rounds;
  std::optional<std::int64_t> tokens;  ///< in and out; a round that exceeds it is stopped
  std::optional<double> cost_usd;      ///< the same, as far as its CLI tells the cost
  /// Failed rounds in a row after which it needs a person: AgentState::error.
  std::int64_t failures = 5;
  /// Stopped when it has had nothing to do for this long.
  std::optional<Duration> idle_ms;
};
BOOST_DESCRIBE_STRUCT(AgentLimits, (),
                      (silence_ms, stop_on_silence, round_ms, rounds, tokens, cost_usd, failures,
                       idle_ms))

/// What it has used since it was spawned or restarted.
struct Spent {
  std::int64_t rounds = 0;  ///< that ended, whatever came of them
  std::int64_t tokens = 0;
  double cost_usd = 0;
};
BOOST_DESCRIBE_STRUCT(Spent, (), (rounds, tokens, cost_usd))

/// No round begins before `until`.
struct Parked {
  std::string code;  ///< why: "rate_limited", ...
  std::string reason;
  Time until{};
};
BOOST_DESCRIBE_STRUCT(Parked, (), (code, reason, until))

/// A named worker with an inbox, a state and counters. It lives on between runs.
struct Agent {
  AgentId id;
  std::string name;
  std::optional<std::string> nickname;  ///< another name that it goes by
  std::optional<std::string> role;
  std::optional<AgentId> parent;
  SpawnMode spawn_mode = SpawnMode::fresh;
  AgentState state = AgentState::idle;

  std::string cli;                ///< a preset's name or a command
  std::vector<std::string> args;  ///< appended to the command
  std::string model;
  Permissions permissions = Permissions::edits;
  Durability durability = Durability::compacted;
  Completes completes = Completes::success;
  bool claims = false;  ///< takes what fits its role from the backlog while it has nothing to do
  /// Names of the variables that its CLI is given. Their values may be secrets, so they are in no
  /// document and no event (run/documents.h: kEnvKind).
  std::vector<std::string> env;
  AgentLimits limits;

  std::optional<ThreadId> thread;  ///< the conversation that the next run goes on with
  std::optional<RunId> current_run;
  std::optional<TaskId> current_task;
  std::optional<TaskId> last_task;       ///< the last one that it completed
  std::optional<std::string> stopping;   ///< why it is to stop as soon as its run has ended
  std::optional<std::string> attention;  ///< why a person should look
  std::optional<Parked> parked;          ///< what it waits for; over when the time has come
  bool pruned = false;  ///< out of the town for good: its name is free, its history stays

  std::int64_t rounds_completed = 0;
  std::int64_t rounds_failed = 0;
  std::int64_t tasks_completed = 0;
  std::int64_t failures_in_a_row = 0;
  Spent spent;
  Usage usage;
  double cost_usd = 0;
  Time created_at{};
  Time last_active_at{};
};
BOOST_DESCRIBE_STRUCT(Agent, (),
                      (id, name, nickname, role, parent, spawn_mode, state, cli, args, model,
                       permissions, durability, completes, claims, env, limits, thread, current_run,
                       current_task, last_task, stopping, attention, parked, pruned,
                       rounds_completed, rounds_failed, tasks_completed, failures_in_a_row, spent,
                       usage, cost_usd, created_at, last_active_at))

/// Who the town's people are to its agents: a fixed mailbox without an agent behind it.
inline constexpr std::string_view kSupervisor = "supervisor";
AgentId supervisor_id();  ///< 00000000-0000-0000-0000-000000000001

/// An agent's or town's name: letters, digits, `-`, `_`, `.`, from a letter or digit on, up to
/// limits::kName bytes. invalid_argument: another text, or a reserved one (supervisor, conductor,
/// human, town, all).
Status check_name(std::string_view name);

REEVE_JSON_DECLARE(Agent);

}  // namespace reeve
