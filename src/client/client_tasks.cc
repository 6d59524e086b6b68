#include "client/calls.h"

namespace reeve::client {

Result<Task> Client::assign(const std::string& agent, const api::AssignRequest& request,
                            const std::string& key) {
  return read<Task>(post("/v1/agents/" + escape(agent) + "/tasks", write_json_of(request), key));
}
Result<api::TaskPage> Client::tasks(const TaskQuery& query) {
  auto target = "/v1/tasks?state=" + escape(query.state) + "&after=" + std::to_string(query.after) +
                "&limit=" + std::to_string(query.limit);
  if (!query.agent.empty()) target += "&agent=" + escape(query.agent);
  if (!query.tag.empty()) target += "&tag=" + escape(query.tag);
  return read<api::TaskPage>(get(target, kTimeout));
}
Result<api::TaskView> Client::task(const std::string& reference) {
  return read<api::TaskView>(get("/v1/tasks/" + escape(reference), kTimeout));
}
Result<api::TaskView> Client::current_task(const std::string& agent) {
  return read<api::TaskView>(get("/v1/agents/" + escape(agent) + "/task", kTimeout));
}
Result<api::WaitReply> Client::task_result(const std::string& reference) {
  return read<api::WaitReply>(get("/v1/tasks/" + escape(reference) + "/result", kTimeout));
}
Result<Task> Client::start_task(const std::string& task) {
  return read<Task>(post("/v1/tasks/" + escape(task) + "/start", "{}"));
}
Result<Task> Client::change_task(const std::string& task, const std::string& change,
                                 const std::string& reason) {
  return read<Task>(
      post("/v1/tasks/" + escape(task) + "/" + change, write_json_of(api::ReasonRequest{reason})));
}
Result<Task> Client::retry_task(const std::string& task, const api::RetryRequest& request) {
  return read<Task>(post("/v1/tasks/" + escape(task) + "/retry", write_json_of(request)));
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

Result<Task> Client::add_task(const api::AssignRequest& request) {
  return read<Task>(post("/v1/tasks", write_json_of(request)));
}
Result<api::BacklogPage> Client::backlog(std::uint64_t after, std::size_t limit) {
  return read<api::BacklogPage>(get(
      "/v1/backlog?after=" + std::to_string(after) + "&limit=" + std::to_string(limit), kTimeout));
}
Result<Task> Client::claim_task(const std::string& task, const std::string& agent) {
  api::ClaimRequest request;
  if (!agent.empty()) request.agent = agent;
  return read<Task>(post("/v1/backlog/" + escape(task) + "/claim", write_json_of(request)));
}
Result<api::ClaimReport> Client::claim_all(const std::string& agent) {
  return read<api::ClaimReport>(
      post("/v1/agents/" + escape(agent) + "/backlog", "{}", {}, kForEver));
}
Result<Task> Client::remove_task(const std::string& task, const std::string& reason) {
  return read<Task>(
      post("/v1/backlog/" + escape(task) + "/remove", write_json_of(api::ReasonRequest{reason})));
}

}  // namespace reeve::client
