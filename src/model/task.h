#pragma once

#include <boost/describe.hpp>

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/time.h"
#include "model/message.h"

namespace reeve {

enum class TaskState { pending, assigned, running, completed, failed, cancelled };
BOOST_DESCRIBE_ENUM(TaskState, pending, assigned, running, completed, failed, cancelled)

/// Over for good.
bool is_ended(TaskState state);

/// A unit of work with a state.
struct Task {
  TaskId id;
  std::string text;
  TaskState state = TaskState::pending;
  std::optional<AgentId> agent;  ///< whose it is
  std::optional<RunId> run;      ///< the run that works on it, or the last one that did
  std::string from;              ///< who made it: an agent's id, or "supervisor"
  bool notify = false;           ///< `from` is told when it is over
  Priority priority = Priority::normal;
  std::vector<std::string> tags;
  std::optional<TaskId> parent;
  /// No round begins with it before these are completed.
  std::vector<TaskId> after;
  std::int64_t attempts = 0;  ///< runs that have worked on it
  std::optional<std::string>
      result;  ///< what came of it: a result, or why it failed or was cancelled
  std::optional<std::string> progress;  ///< the agent's last report
  std::optional<RunId> reported;        ///< the run in which that was said
  /// Rounds in a row that succeeded and left it open, with nothing new for its agent in between.
  std::int64_t left_open = 0;
  /// It is brought again then, or with the next message that starts a round.
  std::optional<Time> again_at;
  Time created_at{};
  Time updated_at{};
  std::optional<Time> started_at;
  std::optional<Time> ended_at;
};
BOOST_DESCRIBE_STRUCT(Task, (),
                      (id, text, state, agent, run, from, notify, priority, tags, parent, after,
                       attempts, result, progress, reported, left_open, again_at, created_at,
                       updated_at, started_at, ended_at))

REEVE_JSON_DECLARE(Task);

}  // namespace reeve
