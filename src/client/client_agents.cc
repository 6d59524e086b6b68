#include "client/calls.h"

namespace reeve::client {

Result<std::vector<api::AgentView>> Client::agents() {
  return read<std::vector<api::AgentView>>(get("/v1/agents", kTimeout));
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
Result<api::WaitReply> Client::wait_agent(const std::string& agent,
                                          std::optional<std::chrono::milliseconds> timeout) {
  return read<api::WaitReply>(wait("/v1/agents/" + escape(agent) + "/wait", timeout));
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
