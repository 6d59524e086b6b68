#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reeve/result.hpp"

namespace reeve {
REEVE_INLINE namespace v1 {
  enum class TaskState { pending, assigned, running, completed, failed, cancelled };
  /// "pending"
  REEVE_API std::string_view name_of(TaskState state);

  enum class Priority { low, normal, high, urgent };

  /// A new task.
  struct TaskSpec {
    std::string text;
    std::vector<std::string> tags;
    Priority priority = Priority::normal;
    std::optional<std::string> parent;
    std::vector<std::string> after;  ///< tasks that must be completed before it is begun
    bool notify = false;             ///< whoever makes it is told when it is over

    static TaskSpec of(std::string text) {
      TaskSpec spec;
      spec.text = std::move(text);
      return spec;
    }
  };

  /// A task as it is now.
  struct TaskInfo {
    std::string id;
    std::string text;
    TaskState state = TaskState::pending;
    std::optional<std::string> agent;  ///< id
    std::optional<std::string> run;    ///< the last one that worked on it
    std::vector<std::string> tags;
    std::optional<std::string> parent;
    std::vector<std::string> after;
    std::int64_t attempts = 0;
    std::optional<std::string> progress;
    std::optional<std::string> result;  ///< what came of it, or why nothing did
    std::string json;                   ///< all that is known: docs/api.md, Task
  };

  /// The tasks of a town, and its backlog: those that are nobody's yet. A task is named by its id
  /// or the id's first digits. Errors of all: not_found; conflict: not possible in its state, which
  /// the text names; and the town's. Any thread.
  class REEVE_API Tasks {
   public:
    Result<TaskInfo> assign(const std::string& agent, const TaskSpec& spec);
    /// Into the backlog.
    Result<TaskInfo> create(const TaskSpec& spec);
    /// Out of the backlog, for an agent. Of two who claim it one gets it.
    Result<TaskInfo> claim(const std::string& task, const std::string& agent);

    Result<TaskInfo> get(const std::string& task);
    /// Newest first; those of a state ("open": all that are not over), or all; at most `limit`.
    Result<std::vector<TaskInfo>> list(const std::string& state = {}, std::size_t limit = 100);

    Result<TaskInfo> complete(const std::string& task, const std::string& result = {});
    Result<TaskInfo> fail(const std::string& task, const std::string& why);
    Result<TaskInfo> progress(const std::string& task, const std::string& text);
    /// A run that works on it is ended.
    Result<TaskInfo> cancel(const std::string& task, const std::string& reason = {});
    /// Back into the backlog.
    Result<TaskInfo> requeue(const std::string& task, const std::string& reason = {});
    /// One that failed or was cancelled, for the same agent or another.
    Result<TaskInfo> retry(const std::string& task, const std::string& agent = {});

    /// Returns when it is over. timeout: it is not.
    Result<TaskInfo> wait(const std::string& task,
                          std::optional<std::chrono::milliseconds> timeout = {});

   private:
    friend class Town;
    explicit Tasks(std::shared_ptr<library::Engine> engine) : engine_(std::move(engine)) {}
    Result<TaskInfo> ask(const std::string& task, const char* what, const std::string& body);

    std::shared_ptr<library::Engine> engine_;
  };

}  // namespace v1
}  // namespace reeve
