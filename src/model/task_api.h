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

/// What is asked of tasks and of the backlog, and answered (docs/api.md).
namespace reeve::api {

struct AssignRequest {
  std::string text;
  std::vector<std::string> tags;
  Priority priority = Priority::normal;
};
BOOST_DESCRIBE_STRUCT(AssignRequest, (), (text, tags, priority))

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

/// A task, and the name of its agent.
struct TaskView {
  Task task;
  std::optional<std::string> agent;
};
BOOST_DESCRIBE_STRUCT(TaskView, (), (task, agent))

struct TaskPage {
  std::vector<TaskView> tasks;
  std::optional<std::uint64_t> next;  ///< `after` of the next page; absent on the last
};
BOOST_DESCRIBE_STRUCT(TaskPage, (), (tasks, next))

}  // namespace reeve::api

namespace reeve {
REEVE_JSON_DECLARE(api::AssignRequest);
REEVE_JSON_DECLARE(api::ReportRequest);
REEVE_JSON_DECLARE(api::TaskCounts);
REEVE_JSON_DECLARE(api::TaskView);
REEVE_JSON_DECLARE(api::TaskPage);
}  // namespace reeve
