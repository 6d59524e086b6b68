#include "cli/event_text.h"

#include <algorithm>

namespace reeve::cli {
namespace {

Colour colour_of_kind(std::string_view kind) {
  if (kind.ends_with("Completed")) return Colour::green;
  if (kind.ends_with("Failed") || kind == "ErrorRecorded" || kind == "MessageDeadLettered")
    return Colour::red;
  if (kind.starts_with("Run") || kind.starts_with("Daemon")) return Colour::blue;
  if (kind.starts_with("Task") || kind.starts_with("Message")) return Colour::yellow;
  return Colour::none;
}

/// kPrunedPayload.
bool is_pruned(const json::value& payload) {
  const auto* object = payload.if_object();
  return object != nullptr && object->size() == 1 && text_at(payload, "pruned") == "true";
}

}  // namespace

std::string text_at(const json::value& value, std::string_view path) {
  const auto* at = &value;
  while (!path.empty()) {
    const auto dot = path.find('.');
    const auto* object = at->if_object();
    at = object != nullptr ? object->if_contains(path.substr(0, dot)) : nullptr;
    if (at == nullptr) return {};
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  if (at->is_string()) return std::string(at->get_string());
  return at->is_null() ? std::string() : write_json(*at);
}

std::string gist(std::string_view kind, const json::value& payload) {
  static const std::map<std::string_view, std::string_view> kShown{
      {"AgentSpawned", "agent.cli"},
      {"AgentStateChanged", "to"},
      {"AgentStopped", "reason"},
      {"AgentNeedsAttention", "reason"},
      {"TaskCreated", "task.text"},
      {"TaskProgressed", "text"},
      {"TaskCompleted", "result"},
      {"TaskFailed", "error"},
      {"TaskCancelled", "reason"},
      {"TaskRequeued", "reason"},
      {"MessageSent", "message.text"},
      {"MessageDeadLettered", "reason"},
      {"MessageWithdrawn", "reason"},
      {"MessageQuarantined", "reason"},
      {"MessageMoved", "reason"},
      {"SessionStarted", "session"},
      {"RunStarted", "run.permissions"},
      {"RunStopRequested", "reason"},
      {"RunCompleted", "text"},
      {"RunFailed", "error"},
      {"RunCancelled", "error"},
      {"AssistantMessage", "text"},
      {"ToolCallReady", "arguments"},
      {"ToolCallDone", "result"},
      {"ToolCallRejected", "result"},
      {"ToolCallSuspended", "suspension.message"},
      {"ToolPermissionRequested", "suspension.message"},
      {"ToolCallCancelled", "reason"},
      {"ErrorRecorded", "message"},
      {"Notice", "text"},
      {"RawLine", "line"},
      {"TextDelta", "delta"},
      {"ReasoningDelta", "delta"},
      {"RateLimited", "message"},
      {"PermissionDenied", "reason"},
      {"UsageRecorded", "usage"},
      {"DaemonStarted", "version"},
      {"DaemonStopped", "reason"},
      {"LogTruncated", "events"},
      {"PayloadsPruned", "events"},
      {"MirrorRewritten", "reason"},
      {"TownCreated", "name"},
      {"ImportedEvent", "text"},
      {"AgentStopRequested", "reason"},
      {"AgentInterrupted", "reason"},
      {"AgentResumed", "reason"},
      {"AgentRestarted", "reason"},
      {"AgentCompleted", "tasks_completed"},
      {"AgentPruned", "reason"},
      {"WebhookAdded", "webhook.origin"},
      {"WebhookDisabled", "reason"},
      {"WebhookRemoved", "webhook"},
      {"WebhookEnabled", "webhook"}};
  if (is_pruned(payload)) return "(its payload was removed by retention)";
  const auto shown = kShown.find(kind);
  auto text = shown == kShown.end() ? std::string() : text_at(payload, shown->second);
  if (kind == "ToolCallReady") text = text_at(payload, "name") + " " + text;
  if (kind == "DaemonStarted") {
    const auto found = text_at(payload, "rounds_found");
    if (!found.empty() && found != "0") text += ", takes up running rounds: " + found;
  }
  if (kind == "RunFailed") text = text_at(payload, "code") + (text.empty() ? "" : ": " + text);
  return text;
}

void AgentNames::learn(client::Client& client) {
  if (auto agents = client.agents()) {
    for (const auto& view : agents->agents) names_[view.agent.id.str()] = view.agent.name;
  }
}

std::string AgentNames::of(client::Client& client, const std::string& id) {
  if (id == kSupervisor || id == supervisor_id().str()) return std::string(kSupervisor);
  auto& name = names_[id];
  if (name.empty()) {
    // By its whole id also one that was pruned has its name.
    const auto agent = client.agent(id);
    name = agent ? agent->agent.name : id.substr(0, 4);
  }
  return name;
}

std::string EventLines::line(const Session& session, client::Client& client,
                             const std::string& text) {
  auto value = parse_json(text);
  if (!value) return {};
  const auto kind = text_at(*value, "kind");
  const auto time = text_at(*value, "time");
  std::string who;
  if (kind == "MessageSent") {
    who = names_.of(client, text_at(*value, "payload.message.from")) + ">" +
          names_.of(client, text_at(*value, "payload.message.to"));
  } else if (const auto* scopes = value->as_object().if_contains("scopes");
             scopes != nullptr && scopes->is_array()) {
    for (const auto& scope : scopes->get_array()) {
      const auto id = std::string(scope.as_string());
      if (!id.starts_with("agent:")) continue;
      who += (who.empty() ? "" : ",") + names_.of(client, id.substr(6));
    }
  }
  auto padded = kind;
  padded.resize(std::max<std::size_t>(padded.size(), 20), ' ');
  who.resize(std::max<std::size_t>(who.size(), 14), ' ');
  return session.paint(Colour::dim, time.size() > 19 ? time.substr(11, 8) : time) + " " +
         session.paint(colour_of_kind(kind), padded) + " " + who + " " +
         one_line(gist(kind, value->at("payload")), 96);
}

}  // namespace reeve::cli
