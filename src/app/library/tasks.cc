#include "reeve/tasks.hpp"

#include <algorithm>

#include "app/library/work.h"
#include "app/library/work_face.h"
#include "base/limits.h"
#include "model/agent_api.h"
#include "model/task_api.h"

namespace reeve::library {
namespace {

api::AssignRequest request_of(const v1::TaskSpec& spec) {
  api::AssignRequest request;
  request.text = spec.text;
  request.tags = spec.tags;
  request.priority = inner(spec.priority);
  request.parent = spec.parent;
  request.after = spec.after;
  request.notify = spec.notify;
  return request;
}

v1::Result<v1::TaskInfo> task_of(const Result<Task>& task) {
  if (!task) return face(task.error());
  return face(*task);
}

}  // namespace
}  // namespace reeve::library

namespace reeve::v1 {

using library::ask_for;
using library::target_of;

std::string_view name_of(TaskState state) { return enum_name(library::inner(state)); }

Result<TaskInfo> Tasks::ask(const std::string& task, const char* what, const std::string& body) {
  return library::task_of(
      ask_for<reeve::Task>(*engine_, "POST", target_of("tasks", task, what), body));
}

Result<TaskInfo> Tasks::assign(const std::string& agent, const TaskSpec& spec) {
  return library::task_of(ask_for<reeve::Task>(*engine_, "POST",
                                               target_of("agents", agent, "tasks"),
                                               write_json_of(library::request_of(spec))));
}

Result<TaskInfo> Tasks::create(const TaskSpec& spec) {
  return library::task_of(ask_for<reeve::Task>(*engine_, "POST", "/v1/tasks",
                                               write_json_of(library::request_of(spec))));
}

Result<TaskInfo> Tasks::claim(const std::string& task, const std::string& agent) {
  return library::task_of(ask_for<reeve::Task>(*engine_, "POST",
                                               target_of("backlog", task, "claim"),
                                               write_json_of(api::ClaimRequest{agent})));
}

Result<TaskInfo> Tasks::get(const std::string& task) {
  const auto view = ask_for<api::TaskView>(*engine_, "GET", target_of("tasks", task));
  if (!view) return library::face(view.error());
  return library::face(view->task);
}

Result<std::vector<TaskInfo>> Tasks::list(const std::string& state, std::size_t limit) {
  std::vector<TaskInfo> tasks;
  for (std::uint64_t after = 0; tasks.size() < limit;) {
    const auto page = ask_for<api::TaskPage>(
        *engine_, "GET",
        "/v1/tasks?state=" + state + "&after=" + std::to_string(after) +
            "&limit=" + std::to_string(std::min(limit - tasks.size(), limits::kPage)));
    if (!page) return library::face(page.error());
    for (const auto& view : page->tasks) tasks.push_back(library::face(view.task));
    if (!page->next) break;
    after = *page->next;
  }
  return tasks;
}

Result<TaskInfo> Tasks::complete(const std::string& task, const std::string& result) {
  return ask(task, "complete", write_json_of(api::ReportRequest{result}));
}
Result<TaskInfo> Tasks::fail(const std::string& task, const std::string& why) {
  return ask(task, "fail", write_json_of(api::ReportRequest{why}));
}
Result<TaskInfo> Tasks::progress(const std::string& task, const std::string& text) {
  return ask(task, "progress", write_json_of(api::ReportRequest{text}));
}
Result<TaskInfo> Tasks::cancel(const std::string& task, const std::string& reason) {
  return ask(task, "cancel", write_json_of(api::ReasonRequest{reason}));
}
Result<TaskInfo> Tasks::requeue(const std::string& task, const std::string& reason) {
  return ask(task, "requeue", write_json_of(api::ReasonRequest{reason}));
}
Result<TaskInfo> Tasks::retry(const std::string& task, const std::string& agent) {
  api::RetryRequest request;
  if (!agent.empty()) request.to = agent;
  return ask(task, "retry", write_json_of(request));
}

Result<TaskInfo> Tasks::wait(const std::string& task,
                             std::optional<std::chrono::milliseconds> timeout) {
  const auto over =
      ask_for<api::WaitReply>(*engine_, "GET", target_of("tasks", task, "wait"), {}, timeout);
  if (!over) return library::face(over.error());
  return get(task);
}

}  // namespace reeve::v1
