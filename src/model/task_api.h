#pragma once

#include <boost/describe.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/message.h"
#include "model/task.h"

namespace reeve::limits {

/// Tags of one task, and tasks that it comes after: each is a mark of its document (kDocMarks).
inline constexpr std::size_t kTaskTags = 10;
inline constexpr std::size_t kTaskAfter = 16;

}  // namespace reeve::limits

/// What is asked of tasks and of the backlog, and answered (docs/api.md).
namespace reeve::api {

/// A new task, of an agent or for the backlog.
struct AssignRequest {
  std::string text;
  std::vector<std::string> tags;  ///< at most limits::kTaskTags, each of limits::kName bytes
  Priority priority = Priority::normal;
  std::optional<std::string> parent;  ///< a task's id, or its first digits
  std::vector<std::string> after;     ///< the same: it begins when these are completed
  bool notify = false;                ///< whoever makes it is told when it is over
};
BOOST_DESCRIBE_STRUCT(AssignRequest, (), (text, tags, priority, parent, after, notify))

struct RetryRequest {
  /// An agent's name, id or short id. Absent: the one that had it, if that takes work, or else the
  /// backlog.
  std::optional<std::string> to;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(RetryRequest, (), (to, reason))

struct ClaimRequest {
  std::optional<std::string> agent;  ///< absent, inside a round: its own
};
BOOST_DESCRIBE_STRUCT(ClaimRequest, (), (agent))

struct ReportRequest {
  std::string text;
};
BOOST_DESCRIBE_STRUCT(ReportRequest, (), (text))

struct TaskCounts {
  std::int64_t pending = 0;
  std::int64_t assigned = 0;
  std::int64_t running = 0;
  std::int64_t completed = 0;
  std::int64_t failed = 0;
  std::int64_t cancelled = 0;
};
BOOST_DESCRIBE_STRUCT(TaskCounts, (), (pending, assigned, running, completed, failed, cancelled))

/// A task that another one is about.
struct TaskNote {
  TaskId id;
  TaskState state = TaskState::pending;
  std::string text;  ///< its beginning
};
BOOST_DESCRIBE_STRUCT(TaskNote, (), (id, state, text))

/// A task, and the names of its agent and of who made it.
struct TaskView {
  Task task;
  std::optional<std::string> agent;
  std::string from;
  std::vector<TaskNote> waits_for;  ///< of an open one: those of `after` that are not completed
};
BOOST_DESCRIBE_STRUCT(TaskView, (), (task, agent, from, waits_for))

struct TaskPage {
  std::vector<TaskView> tasks;
  std::optional<std::uint64_t> next;  ///< `after` of the next page; absent on the last
};
BOOST_DESCRIBE_STRUCT(TaskPage, (), (tasks, next))

/// A task of the backlog.
struct BacklogView {
  Task task;
  std::string from;
  std::vector<TaskNote> waits_for;
  std::vector<std::string> takers;  ///< agents whose role it fits, at most kTakers
};
BOOST_DESCRIBE_STRUCT(BacklogView, (), (task, from, waits_for, takers))
inline constexpr std::size_t kTakers = 8;

struct BacklogPage {
  std::vector<BacklogView> tasks;
  std::optional<std::uint64_t> next;  ///< `after` of the next page; absent on the last
};
BOOST_DESCRIBE_STRUCT(BacklogPage, (), (tasks, next))

/// What became of each task that was to be claimed at once.
struct ClaimOutcome {
  TaskId task;
  std::string text;                  ///< its beginning
  std::optional<std::string> error;  ///< why it was not claimed
};
BOOST_DESCRIBE_STRUCT(ClaimOutcome, (), (task, text, error))
struct ClaimReport {
  std::string agent;  ///< its name
  std::int64_t claimed = 0;
  std::vector<ClaimOutcome> tasks;
};
BOOST_DESCRIBE_STRUCT(ClaimReport, (), (agent, claimed, tasks))

}  // namespace reeve::api

namespace reeve {
REEVE_JSON_DECLARE(api::AssignRequest);
REEVE_JSON_DECLARE(api::RetryRequest);
REEVE_JSON_DECLARE(api::ClaimRequest);
REEVE_JSON_DECLARE(api::ReportRequest);
REEVE_JSON_DECLARE(api::TaskCounts);
REEVE_JSON_DECLARE(api::TaskView);
REEVE_JSON_DECLARE(api::TaskPage);
REEVE_JSON_DECLARE(api::BacklogView);
REEVE_JSON_DECLARE(api::BacklogPage);
REEVE_JSON_DECLARE(api::ClaimReport);
}  // namespace reeve
