#include "event/behest_json.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "event/foreign_json.h"

namespace reeve::behest {
namespace {

using foreign::Reader;

constexpr std::string_view kProject = "behest";
constexpr std::string_view kChat = "behest_chat";

// --- Values ---------------------------------------------------------------------------------

constexpr std::array<std::string_view, 5> kFinishReasons{"stop", "tool_calls", "length",
                                                         "content_filter", "error"};

json::value finish_reason_of(std::string_view reason) {
  if (reason.empty()) return "stop";
  if (std::ranges::find(kFinishReasons, reason) != kFinishReasons.end()) return json::value(reason);
  return json::object{{"unknown", reason}};
}

void read_finish_reason(Reader& in, std::string& reason) {
  const auto* found = in.find("finish_reason");
  if (found != nullptr && found->is_object()) {
    in.need_object("finish_reason", [&](Reader& named) { named.need("unknown", reason); });
  } else {
    in.need("finish_reason", reason);
  }
}

json::value or_null(const std::optional<std::int64_t>& count) {
  return count ? json::value(*count) : json::value(nullptr);
}

json::object usage_of(const Usage& usage) {
  const auto input = usage.input_tokens.value_or(0);
  const auto output = usage.output_tokens.value_or(0);
  json::object out;
  out["input_tokens"] = input;
  out["output_tokens"] = output;
  out["total_tokens"] = usage.total_tokens.value_or(input + output);
  out["cache_creation_input_tokens"] = or_null(usage.cache_write_tokens);
  out["cache_read_input_tokens"] = or_null(usage.cache_read_tokens);
  out["cached_input_tokens"] = nullptr;
  return out;
}

/// Providers tell what they read from their cache under one of two names.
void read_usage(Reader& in, Usage& usage) {
  in.need("input_tokens", usage.input_tokens);
  in.need("output_tokens", usage.output_tokens);
  in.may("total_tokens", usage.total_tokens);
  in.may("cache_creation_input_tokens", usage.cache_write_tokens);
  in.may("cached_input_tokens", usage.cache_read_tokens);
  in.may("cache_read_input_tokens", usage.cache_read_tokens);
}

json::object call_of(const ToolCallReady& call) {
  return {{"id", call.id}, {"name", call.name}, {"arguments", call.arguments}};
}

void read_call(Reader& in, ToolCallReady& call) {
  in.need_object("call", [&](Reader& inner) {
    inner.need("id", call.id);
    inner.need("name", call.name);
    inner.need("arguments", call.arguments);
  });
}

/// ToolExecutionResult.
json::object result_of(const ToolCallDone& done) {
  if (done.outcome == ToolOutcome::succeeded)
    return {{"Success", json::object{{"output", done.result}}}};
  const auto* text = done.result.if_string();
  const auto error = text != nullptr ? json::value(*text) : json::value(write_json(done.result));
  return {{"Failure", json::object{{"error", error}}}};
}

void read_result(Reader& in, ToolCallDone& done) {
  if (in.find("Failure") != nullptr) {
    done.outcome = ToolOutcome::failed;
    in.need_object("Failure", [&](Reader& failure) {
      std::string error;
      failure.need("error", error);
      done.result = error;
    });
  } else if (in.find("Success") != nullptr) {
    in.need_object("Success", [&](Reader& success) { success.need("output", done.result); });
  } else {
    in.not_known();
  }
}

// --- Events of agents -----------------------------------------------------------------------

/// A variant's name and what it has beside its run and time.
struct Tagged {
  std::string_view name;
  json::object members;
};

struct Projector {
  using Out = std::optional<Tagged>;

  Out operator()(const RunStarted& e) const {
    json::object members;
    if (e.run) members["run_id"] = e.run->str();
    if (e.thread) members["session_id"] = e.thread->str();
    members["provider"] = e.provider;
    members["model"] = e.model;
    return Tagged{"RunStarted", std::move(members)};
  }
  Out operator()(const ContextBuilt& e) const {
    return Tagged{"ContextBuilt", {{"message_count", e.messages}}};
  }
  Out operator()(const ModelStarted& e) const {
    return Tagged{"ModelStarted",
                  {{"provider", e.provider}, {"model", e.model}, {"iteration", e.iteration}}};
  }
  Out operator()(const TextDelta& e) const { return Tagged{"TextDelta", {{"delta", e.delta}}}; }
  Out operator()(const ToolCallStarted& e) const {
    return Tagged{"ToolCallStarted", {{"call_id", e.id}, {"tool_name", e.name}}};
  }
  Out operator()(const ToolCallDelta& e) const {
    return Tagged{"ToolCallDelta", {{"call_id", e.id}, {"delta", e.args_delta}}};
  }
  Out operator()(const ToolCallReady& e) const {
    return Tagged{"ToolCallCompleted", {{"call", call_of(e)}}};
  }
  Out operator()(const ToolExecutionStarted& e) const {
    return Tagged{"ToolExecutionStarted", {{"call_id", e.id}, {"tool_name", e.name}}};
  }
  Out operator()(const ToolCallDone& e) const {
    if (e.outcome == ToolOutcome::suspended) return std::nullopt;
    return Tagged{"ToolExecutionFinished",
                  {{"call_id", e.id},
                   {"tool_name", e.name},
                   {"result", result_of(e)},
                   {"duration_ms", e.duration_ms.value_or(Duration(0)).count()}}};
  }
  Out operator()(const AssistantMessage& e) const {
    return Tagged{"AssistantMessageCommitted", {{"message_id", e.message_id}}};
  }
  Out operator()(const ToolMessage& e) const {
    return Tagged{"ToolMessageCommitted", {{"message_id", e.message_id}}};
  }
  Out operator()(const UsageRecorded& e) const {
    return Tagged{"UsageRecorded", {{"usage", usage_of(e.usage)}}};
  }
  Out operator()(const CacheMetrics& e) const {
    return Tagged{"CacheMetrics",
                  {{"cache_creation_input_tokens", e.cache_creation_input_tokens},
                   {"cache_read_input_tokens", e.cache_read_input_tokens},
                   {"cached_input_tokens", e.cached_input_tokens}}};
  }
  Out operator()(const RunFinished& e) const {
    switch (e.ending) {
      case Ending::completed:
        return Tagged{
            "RunCompleted",
            {{"finish_reason", finish_reason_of(e.code)}, {"iterations", e.steps.value_or(0)}}};
      case Ending::cancelled: return Tagged{"RunCancelled", {}};
      case Ending::suspended: return std::nullopt;
      case Ending::stopped:
      case Ending::blocked:
      case Ending::error: break;
    }
    std::string_view error = e.message;
    if (error.empty()) error = e.code;
    if (error.empty()) error = enum_name(e.ending);
    return Tagged{"RunFailed", {{"error", error}}};
  }
  Out operator()(const DoomLoopDetected& e) const {
    return Tagged{"DoomLoopDetected", {{"description", e.description}}};
  }
  Out operator()(const CompactionCircuitOpened& e) const {
    return Tagged{"CompactionCircuitOpened", {{"consecutive_failures", e.consecutive_failures}}};
  }
  template <class T>
  Out operator()(const T&) const {
    return std::nullopt;
  }
};

void read_event(std::string_view name, Reader& in, AgentEvent& event) {
  const auto call = [&](auto& e) {
    in.need("call_id", e.id);
    in.need("tool_name", e.name);
  };
  if (name == "RunStarted") {
    auto& e = event.emplace<RunStarted>();
    in.may("run_id", e.run);
    in.may("session_id", e.thread);
    in.need("provider", e.provider);
    in.need("model", e.model);
  } else if (name == "ContextBuilt") {
    in.need("message_count", event.emplace<ContextBuilt>().messages);
  } else if (name == "ModelStarted") {
    auto& e = event.emplace<ModelStarted>();
    in.need("provider", e.provider);
    in.need("model", e.model);
    in.need("iteration", e.iteration);
  } else if (name == "TextDelta") {
    in.need("delta", event.emplace<TextDelta>().delta);
  } else if (name == "ToolCallStarted") {
    call(event.emplace<ToolCallStarted>());
  } else if (name == "ToolCallDelta") {
    auto& e = event.emplace<ToolCallDelta>();
    in.need("call_id", e.id);
    in.need("delta", e.args_delta);
  } else if (name == "ToolCallCompleted") {
    read_call(in, event.emplace<ToolCallReady>());
  } else if (name == "ToolExecutionStarted") {
    call(event.emplace<ToolExecutionStarted>());
  } else if (name == "ToolExecutionFinished") {
    auto& e = event.emplace<ToolCallDone>();
    call(e);
    in.need_object("result", [&](Reader& result) { read_result(result, e); });
    in.may("duration_ms", e.duration_ms);
  } else if (name == "AssistantMessageCommitted") {
    in.need("message_id", event.emplace<AssistantMessage>().message_id);
  } else if (name == "ToolMessageCommitted") {
    in.need("message_id", event.emplace<ToolMessage>().message_id);
  } else if (name == "UsageRecorded") {
    auto& e = event.emplace<UsageRecorded>();
    in.need_object("usage", [&](Reader& usage) { read_usage(usage, e.usage); });
  } else if (name == "CacheMetrics") {
    auto& e = event.emplace<CacheMetrics>();
    in.may("cache_creation_input_tokens", e.cache_creation_input_tokens);
    in.may("cache_read_input_tokens", e.cache_read_input_tokens);
    in.may("cached_input_tokens", e.cached_input_tokens);
  } else if (name == "RunCompleted") {
    auto& e = event.emplace<RunFinished>();
    read_finish_reason(in, e.code);
    in.may("iterations", e.steps);
  } else if (name == "RunFailed") {
    auto& e = event.emplace<RunFinished>();
    e.ending = Ending::error;
    in.need("error", e.message);
  } else if (name == "RunCancelled") {
    event.emplace<RunFinished>().ending = Ending::cancelled;
  } else if (name == "DoomLoopDetected") {
    in.need("description", event.emplace<DoomLoopDetected>().description);
  } else if (name == "CompactionCircuitOpened") {
    auto& e = event.emplace<CompactionCircuitOpened>();
    in.need("consecutive_failures", e.consecutive_failures);
  } else {
    in.not_known();
  }
}

// --- A model's stream -----------------------------------------------------------------------

struct ChatProjector {
  using Out = std::optional<json::object>;

  Out operator()(const ModelStarted& e) const {
    return json::object{{"type", "started"}, {"provider", e.provider}, {"model", e.model}};
  }
  Out operator()(const TextDelta& e) const {
    return json::object{{"type", "text_delta"}, {"delta", e.delta}};
  }
  Out operator()(const ToolCallStarted& e) const {
    return json::object{{"type", "tool_call_started"}, {"id", e.id}, {"name", e.name}};
  }
  Out operator()(const ToolCallDelta& e) const {
    return json::object{
        {"type", "tool_call_arguments_delta"}, {"id", e.id}, {"delta", e.args_delta}};
  }
  Out operator()(const ToolCallReady& e) const {
    return json::object{{"type", "tool_call_completed"}, {"call", call_of(e)}};
  }
  Out operator()(const InferenceComplete& e) const {
    return json::object{{"type", "finished"},
                        {"finish_reason", finish_reason_of(e.finish_reason)},
                        {"usage", e.usage ? json::value(usage_of(*e.usage)) : nullptr}};
  }
  template <class T>
  Out operator()(const T&) const {
    return std::nullopt;
  }
};

void read_chat_event(std::string_view type, Reader& in, AgentEvent& event) {
  if (type == "started") {
    auto& e = event.emplace<ModelStarted>();
    in.need("provider", e.provider);
    in.need("model", e.model);
  } else if (type == "text_delta") {
    in.need("delta", event.emplace<TextDelta>().delta);
  } else if (type == "tool_call_started") {
    auto& e = event.emplace<ToolCallStarted>();
    in.need("id", e.id);
    in.need("name", e.name);
  } else if (type == "tool_call_arguments_delta") {
    auto& e = event.emplace<ToolCallDelta>();
    in.need("id", e.id);
    in.need("delta", e.args_delta);
  } else if (type == "tool_call_completed") {
    read_call(in, event.emplace<ToolCallReady>());
  } else if (type == "finished") {
    auto& e = event.emplace<InferenceComplete>();
    read_finish_reason(in, e.finish_reason);
    in.may_object("usage", [&](Reader& usage) { read_usage(usage, e.usage.emplace()); });
  } else {
    in.not_known();
  }
}

/// An event that this project wrote and we do not know.
const json::object* whole(const AgentEvent& event, std::string_view project) {
  return std::holds_alternative<UnknownEvent>(event) ? foreign::kept(event, project) : nullptr;
}

}  // namespace

std::optional<json::object> project(const AgentEvent& event, const Context& context) {
  if (const auto* told = whole(event, kProject)) return *told;
  auto tagged = std::visit(Projector(), event);
  if (!tagged) return std::nullopt;
  auto& members = tagged->members;
  if (const auto* told = foreign::kept(event, kProject)) foreign::overlay(members, *told);
  const auto default_to = [&](const char* name, const std::string& value) {
    if (!members.contains(name)) members[name] = value;
  };
  default_to("run_id", context.run.str());
  if (tagged->name == "RunStarted") default_to("session_id", context.session.str());
  default_to("timestamp", to_rfc3339(context.time));
  return json::object{{tagged->name, std::move(members)}};
}

Result<AgentEvent> read(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr || object->size() != 1 || !object->begin()->value().is_object()) {
    return fail(Errc::invalid_argument,
                "expected an object with one member, named after the event's type");
  }
  const std::string_view name = object->begin()->key();
  const auto& members = object->begin()->value().get_object();
  AgentEvent event;
  Reader in(members, std::string(name));
  read_event(name, in, event);
  if (!in.status()) return fail(in.status().error());
  if (!in.is_known()) return foreign::unknown(kProject, name, *object);
  foreign::keep(event, kProject, members, std::visit(Projector(), event)->members);
  return event;
}

std::optional<json::object> project_chat(const AgentEvent& event) {
  if (const auto* told = whole(event, kChat)) return *told;
  auto out = std::visit(ChatProjector(), event);
  if (!out) return out;
  if (const auto* told = foreign::kept(event, kChat)) foreign::overlay(*out, *told);
  return out;
}

Result<AgentEvent> read_chat(const json::value& value) {
  const auto* object = value.if_object();
  const auto* type = object != nullptr ? object->if_contains("type") : nullptr;
  if (type == nullptr || !type->is_string())
    return fail(Errc::invalid_argument, "expected an object with a type");
  AgentEvent event;
  Reader in(*object);
  read_chat_event(type->get_string(), in, event);
  if (!in.status()) return fail(in.status().error());
  if (!in.is_known()) return foreign::unknown(kChat, type->get_string(), *object);
  foreign::keep(event, kChat, *object, *std::visit(ChatProjector(), event));
  return event;
}

}  // namespace reeve::behest
