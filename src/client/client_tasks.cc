#include "client/calls.h"

namespace reeve::client {

Result<Task> Client::assign(const std::string& agent, const api::AssignRequest& request,
                            const std::string& key) {
  return read<Task>(post("/v1/agents/" + escape(agent) + "/tasks", write_json_of(request), key));
}
Result<api::TaskPage> Client::tasks(const std::string& state, std::uint64_t after,
                                    std::size_t limit) {
  return read<api::TaskPage>(get("/v1/tasks?state=" + escape(state) + "&after=" +
                                     std::to_string(after) + "&limit=" + std::to_string(limit),
                                 kTimeout));
}
Result<api::TaskView> Client::task(const std::string& reference) {
  return read<api::TaskView>(get("/v1/tasks/" + escape(reference), kTimeout));
}
Result<api::TaskView> Client::current_task(const std::string& agent) {
  return read<api::TaskView>(get("/v1/agents/" + escape(agent) + "/task", kTimeout));
}
Result<Task> Client::report(const std::string& task, const std::string& report,
                            const std::string& text) {
  return read<Task>(
      post("/v1/tasks/" + escape(task) + "/" + report, write_json_of(api::ReportRequest{text})));
}
Result<api::WaitReply> Client::wait_task(const std::string& task,
                                         std::optional<std::chrono::milliseconds> timeout) {
  return read<api::WaitReply>(wait("/v1/tasks/" + escape(task) + "/wait", timeout));
}

}  // namespace reeve::client
