#include "client/calls.h"

namespace reeve::client {

namespace {

std::string target_of(const std::string& agent, const char* verb) {
  return "/v1/agents/" + escape(agent) + "/" + verb;
}

}  // namespace

Result<api::AgentPage> Client::agents(const AgentQuery& query) {
  return read<api::AgentPage>(get("/v1/agents?state=" + escape(query.state) +
                                      "&after=" + std::to_string(query.after) +
                                      "&limit=" + std::to_string(query.limit),
                                  kTimeout));
}
Result<api::AgentView> Client::agent(const std::string& reference) {
  return read<api::AgentView>(get("/v1/agents/" + escape(reference), kTimeout));
}
Result<api::SpawnReply> Client::spawn(const api::SpawnRequest& request) {
  return read<api::SpawnReply>(post("/v1/agents", write_json_of(request)));
}
Result<Agent> Client::kill(const std::string& agent, const std::string& reason) {
  return read<Agent>(
      post("/v1/agents/" + escape(agent) + "/kill", write_json_of(api::ReasonRequest{reason})));
}
Result<api::AgentOutcomes> Client::kill_all(const std::string& reason) {
  return read<api::AgentOutcomes>(
      post("/v1/town/kill", write_json_of(api::ReasonRequest{reason}), {}, kForEver));
}
Result<Agent> Client::interrupt(const std::string& agent, const std::string& reason) {
  return read<Agent>(
      post(target_of(agent, "interrupt"), write_json_of(api::ReasonRequest{reason})));
}
Result<Agent> Client::resume(const std::string& agent, const std::string& reason) {
  return read<Agent>(post(target_of(agent, "resume"), write_json_of(api::ReasonRequest{reason})));
}
Result<Agent> Client::close(const std::string& agent, const std::string& reason) {
  return read<Agent>(post(target_of(agent, "close"), write_json_of(api::ReasonRequest{reason})));
}
Result<Agent> Client::restart(const std::string& agent, const api::RestartRequest& request) {
  return read<Agent>(post(target_of(agent, "restart"), write_json_of(request)));
}
Result<Agent> Client::prune(const std::string& agent, const api::PruneRequest& request) {
  return read<Agent>(post(target_of(agent, "prune"), write_json_of(request), {}, kForEver));
}
Result<api::AgentOutcomes> Client::prune_all(const api::PruneRequest& request) {
  return read<api::AgentOutcomes>(post("/v1/town/prune", write_json_of(request), {}, kForEver));
}
Result<api::TaskView> Client::last_result(const std::string& agent) {
  return read<api::TaskView>(get(target_of(agent, "result"), kTimeout));
}
Result<api::WaitReply> Client::wait_agent(const std::string& agent,
                                          std::optional<std::chrono::milliseconds> timeout,
                                          const std::string& state) {
  return read<api::WaitReply>(
      wait(target_of(agent, "wait") + (state.empty() ? "" : "?state=" + escape(state)), timeout));
}
Result<std::string> Client::output(const std::string& agent, const std::string& run,
                                   const std::string& stream) {
  auto target = "/v1/agents/" + escape(agent) + "/output?stream=" + escape(stream);
  if (!run.empty()) target += "&run=" + escape(run);
  auto response = get(target, kTimeout);
  if (!response) return fail(response.error());
  if (response->status >= 400) return fail(wire::read_problem(response->status, response->body));
  return std::move(response->body);
}

}  // namespace reeve::client
