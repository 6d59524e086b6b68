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

/// Between rounds an agent has no process, so these say what may happen next, not what runs.
enum class AgentState {
  cold,      ///< known, never used (imported)
  starting,  ///< being made ready
  idle,      ///< takes work
  working,   ///< a run of it is in progress
  paused,    ///< takes no work until it is resumed
  draining,  ///< finishes what it does, then stops
  stopped,
  error,  ///< cannot work; needs a person
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

struct AgentLimits {
  /// Without a byte of output for this long an event tells of it.
  Duration silence_ms = std::chrono::minutes(10);
  /// ... and the round is stopped, if the agent says so.
  bool stop_on_silence = false;
  std::optional<Duration> round_ms;  ///< wall time of one round
};
BOOST_DESCRIBE_STRUCT(AgentLimits, (), (silence_ms, stop_on_silence, round_ms))

/// A named worker with an inbox, a state and counters. It lives on between runs.
struct Agent {
  AgentId id;
  std::string name;
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
  /// Names of the variables that its CLI is given. Their values may be secrets, so they are in no
  /// document and no event (run/documents.h: kEnvKind).
  std::vector<std::string> env;
  AgentLimits limits;

  std::optional<ThreadId> thread;  ///< the conversation that the next run goes on with
  std::optional<RunId> current_run;
  std::optional<TaskId> current_task;
  std::optional<std::string> stopping;   ///< why it is to stop as soon as its run has ended
  std::optional<std::string> attention;  ///< why a person should look

  std::int64_t rounds_completed = 0;
  std::int64_t rounds_failed = 0;
  std::int64_t tasks_completed = 0;
  std::int64_t failures_in_a_row = 0;
  Usage usage;
  double cost_usd = 0;
  Time created_at{};
  Time last_active_at{};
};
BOOST_DESCRIBE_STRUCT(Agent, (),
                      (id, name, role, parent, spawn_mode, state, cli, args, model, permissions,
                       durability, completes, env, limits, thread, current_run, current_task,
                       stopping, attention, rounds_completed, rounds_failed, tasks_completed,
                       failures_in_a_row, usage, cost_usd, created_at, last_active_at))

/// Who the town's people are to its agents: a fixed mailbox without an agent behind it.
inline constexpr std::string_view kSupervisor = "supervisor";
AgentId supervisor_id();  ///< 00000000-0000-0000-0000-000000000001

/// An agent's or town's name: letters, digits, `-`, `_`, `.`, from a letter or digit on, up to
/// limits::kName bytes. invalid_argument: another text, or a reserved one (supervisor, conductor,
/// human, town, all).
Status check_name(std::string_view name);

REEVE_JSON_DECLARE(Agent);

}  // namespace reeve
