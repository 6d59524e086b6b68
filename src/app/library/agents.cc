#include "reeve/agents.hpp"

#include "app/library/work.h"
#include "app/library/work_face.h"
#include "model/agent_api.h"
#include "model/task_api.h"

namespace reeve::library {
namespace {

api::SpawnRequest request_of(const v1::AgentSpec& spec) {
  api::SpawnRequest request;
  request.name = spec.name;
  request.cli = spec.cli;
  request.args = spec.args;
  request.model = spec.model;
  request.nickname = spec.nickname;
  request.role = spec.role;
  request.parent = spec.parent;
  request.permissions = inner(spec.permissions);
  request.completes = spec.completes_by_report ? Completes::report : Completes::success;
  if (spec.claims) request.claims = true;
  request.env = spec.env;
  request.unchecked = spec.unchecked;
  const auto& limits = spec.limits;
  request.limits.silence_ms = limits.silence;
  if (limits.stop_on_silence) request.limits.stop_on_silence = true;
  request.limits.round_ms = limits.round;
  request.limits.rounds = limits.rounds;
  request.limits.tokens = limits.tokens;
  request.limits.cost_usd = limits.cost_usd;
  request.limits.failures = limits.failures;
  request.limits.idle_ms = limits.idle;
  return request;
}

v1::Result<v1::AgentInfo> agent_of(const Result<Agent>& agent) {
  if (!agent) return face(agent.error());
  return face(*agent);
}

}  // namespace
}  // namespace reeve::library

namespace reeve::v1 {

using library::ask_for;
using library::target_of;

std::string_view name_of(AgentState state) { return enum_name(library::inner(state)); }

Result<AgentInfo> Agents::ask(const std::string& agent, const char* what,
                              const std::string& reason) {
  return library::agent_of(ask_for<Agent>(*engine_, "POST", target_of("agents", agent, what),
                                          write_json_of(api::ReasonRequest{reason})));
}

Result<AgentInfo> Agents::spawn(const AgentSpec& spec) {
  return library::agent_of(
      ask_for<Agent>(*engine_, "POST", "/v1/agents", write_json_of(library::request_of(spec))));
}

Result<AgentInfo> Agents::get(const std::string& agent) {
  const auto view = ask_for<api::AgentView>(*engine_, "GET", target_of("agents", agent));
  if (!view) return library::face(view.error());
  return library::face(view->agent);
}

Result<std::vector<AgentInfo>> Agents::list(bool only_open) {
  std::vector<AgentInfo> agents;
  for (std::uint64_t after = 0;;) {
    const auto page = ask_for<api::AgentPage>(
        *engine_, "GET",
        "/v1/agents?limit=1000&after=" + std::to_string(after) + (only_open ? "&open=1" : ""));
    if (!page) return library::face(page.error());
    for (const auto& view : page->agents) agents.push_back(library::face(view.agent));
    if (!page->next) return agents;
    after = *page->next;
  }
}

Result<AgentInfo> Agents::kill(const std::string& agent, const std::string& reason) {
  return ask(agent, "kill", reason);
}
Result<AgentInfo> Agents::interrupt(const std::string& agent, const std::string& reason) {
  return ask(agent, "interrupt", reason);
}
Result<AgentInfo> Agents::resume(const std::string& agent, const std::string& reason) {
  return ask(agent, "resume", reason);
}
Result<AgentInfo> Agents::close(const std::string& agent, const std::string& reason) {
  return ask(agent, "close", reason);
}
Result<AgentInfo> Agents::restart(const std::string& agent, const std::string& reason) {
  return ask(agent, "restart", reason);
}

Result<AgentInfo> Agents::wait(const std::string& agent,
                               std::optional<std::chrono::milliseconds> timeout) {
  const auto over =
      ask_for<api::WaitReply>(*engine_, "GET", target_of("agents", agent, "wait"), {}, timeout);
  if (!over) return library::face(over.error());
  return get(agent);
}

Result<std::optional<TaskInfo>> Agents::result(const std::string& agent) {
  // An agent that is not there is an error, one without a result is not.
  if (const auto there = get(agent); !there) return there.error();
  const auto view = ask_for<api::TaskView>(*engine_, "GET", target_of("agents", agent, "result"));
  if (!view && view.error().is(Errc::not_found)) return std::optional<TaskInfo>();
  if (!view) return library::face(view.error());
  return std::optional(library::face(view->task));
}

}  // namespace reeve::v1
