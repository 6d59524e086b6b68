#include "event/awaken_json.h"

#include <cstdint>
#include <limits>

#include "event/foreign_json.h"

namespace reeve::awaken {

BOOST_DESCRIBE_STRUCT(RunIdentity, (),
                      (thread_id, run_id, agent_id, parent_thread_id, parent_run_id,
                       parent_tool_call_id, dispatch_id, session_id, transport_request_id, origin,
                       run_mode, adapter))

namespace {

using foreign::Reader;

constexpr std::string_view kProject = "awaken";
constexpr std::string_view kType = "event_type";
constexpr std::string_view kRequestedStop = "behavior_requested";

json::object tagged(std::string_view type) {
  json::object object;
  object[kType] = type;
  return object;
}

// --- Values ---------------------------------------------------------------------------------

/// awaken counts in 32 bits; what does not fit is left out, which means not reported.
void put_count(json::object& out, std::string_view name, const std::optional<std::int64_t>& count) {
  using Limits = std::numeric_limits<std::int32_t>;
  if (count && *count >= Limits::min() && *count <= Limits::max()) out[name] = *count;
}

json::object usage_of(const Usage& usage) {
  json::object out;
  put_count(out, "prompt_tokens", usage.input_tokens);
  put_count(out, "completion_tokens", usage.output_tokens);
  put_count(out, "total_tokens", usage.total_tokens);
  put_count(out, "cache_read_tokens", usage.cache_read_tokens);
  put_count(out, "cache_creation_tokens", usage.cache_write_tokens);
  put_count(out, "thinking_tokens", usage.reasoning_tokens);
  return out;
}

void read_usage(Reader& in, Usage& usage) {
  in.may("prompt_tokens", usage.input_tokens);
  in.may("completion_tokens", usage.output_tokens);
  in.may("total_tokens", usage.total_tokens);
  in.may("cache_read_tokens", usage.cache_read_tokens);
  in.may("cache_creation_tokens", usage.cache_write_tokens);
  in.may("thinking_tokens", usage.reasoning_tokens);
}

/// TerminationReason.
json::object termination_of(const RunFinished& end) {
  const auto& why = end.message.empty() ? end.code : end.message;
  switch (end.ending) {
    case Ending::completed:
      return {{"type", end.code == kRequestedStop ? kRequestedStop : "natural_end"}};
    case Ending::cancelled: return {{"type", "cancelled"}};
    case Ending::suspended: return {{"type", "suspended"}};
    case Ending::blocked: return {{"type", "blocked"}, {"value", why}};
    case Ending::error: return {{"type", "error"}, {"value", why}};
    case Ending::stopped: break;
  }
  json::object stop;
  stop["code"] = end.code.empty() ? enum_name(end.ending) : std::string_view(end.code);
  if (!end.message.empty()) stop["detail"] = end.message;
  return {{"type", "stopped"}, {"value", std::move(stop)}};
}

void read_termination(Reader& in, RunFinished& end) {
  std::string type;
  in.need("type", type);
  if (type == "natural_end") {
    end.ending = Ending::completed;
  } else if (type == kRequestedStop || type == "plugin_requested") {
    end.ending = Ending::completed;
    end.code = kRequestedStop;
  } else if (type == "stopped") {
    end.ending = Ending::stopped;
    in.need_object("value", [&](Reader& stop) {
      stop.need("code", end.code);
      stop.may("detail", end.message);
    });
  } else if (type == "cancelled") {
    end.ending = Ending::cancelled;
  } else if (type == "suspended") {
    end.ending = Ending::suspended;
  } else if (type == "blocked" || type == "error") {
    end.ending = type == "error" ? Ending::error : Ending::blocked;
    in.need("value", end.message);
  } else {
    in.not_known();
  }
}

json::object ticket_of(const SuspendTicket& ticket) {
  json::object suspension{{"id", ticket.id}, {"action", ticket.action}};
  if (!ticket.message.empty()) suspension["message"] = ticket.message;
  if (!ticket.parameters.is_null()) suspension["parameters"] = ticket.parameters;
  if (ticket.response_schema) suspension["response_schema"] = *ticket.response_schema;
  return {{"suspension", std::move(suspension)},
          {"pending", to_json_value(ticket.pending)},
          {"resume_mode", enum_name(ticket.resume_mode)}};
}

void read_ticket(Reader& in, SuspendTicket& ticket) {
  in.need_object("suspension", [&](Reader& suspension) {
    suspension.need("id", ticket.id);
    suspension.need("action", ticket.action);
    suspension.may("message", ticket.message);
    suspension.may("parameters", ticket.parameters);
    suspension.may("response_schema", ticket.response_schema);
  });
  in.need_object("pending", [&](Reader& pending) {
    pending.need("id", ticket.pending.id);
    pending.need("name", ticket.pending.name);
    pending.may("arguments", ticket.pending.arguments);
  });
  in.may("resume_mode", ticket.resume_mode);
}

/// ToolResult. What a failed tool says is its `message`, if it is a text.
json::object result_of(const ToolCallDone& done) {
  const auto status = status_of(done);
  const bool says_why = status == ToolStatus::error && done.result.is_string();
  json::object out;
  out["tool_name"] = done.name;
  out["status"] = enum_name(status);
  out["data"] = says_why ? json::value(nullptr) : done.result;
  out["message"] = says_why ? done.result : json::value(nullptr);
  if (done.suspension) out["suspension"] = ticket_of(*done.suspension);
  if (!done.metadata.empty()) out["metadata"] = done.metadata;
  return out;
}

ToolOutcome outcome_of(ToolStatus status) {
  switch (status) {
    case ToolStatus::success: return ToolOutcome::succeeded;
    case ToolStatus::pending: return ToolOutcome::suspended;
    case ToolStatus::error: break;
  }
  return ToolOutcome::failed;
}

void read_result(Reader& in, ToolCallDone& done) {
  in.need("tool_name", done.name);
  auto& status = done.status.emplace(ToolStatus::success);
  in.need("status", status);
  in.may("data", done.result);
  const auto* message = in.find("message");
  if (status == ToolStatus::error && done.result.is_null() && message != nullptr)
    done.result = *message;
  in.may("metadata", done.metadata);
  in.may_object("suspension",
                [&](Reader& ticket) { read_ticket(ticket, done.suspension.emplace()); });
}

// --- Events ---------------------------------------------------------------------------------

struct Projector {
  using Out = std::optional<json::object>;

  Out operator()(const RunStarted& e) const {
    auto out = tagged("run_start");
    if (e.thread) out["thread_id"] = e.thread->str();
    if (e.run) out["run_id"] = e.run->str();
    if (e.parent_run) out["parent_run_id"] = e.parent_run->str();
    return out;
  }
  Out operator()(const RunFinished& e) const {
    auto out = tagged("run_finish");
    if (!e.text.empty()) out["result"] = json::object{{"response", e.text}};
    out["termination"] = termination_of(e);
    return out;
  }
  Out operator()(const TextDelta& e) const { return one("text_delta", "delta", e.delta); }
  Out operator()(const ReasoningDelta& e) const { return one("reasoning_delta", "delta", e.delta); }
  Out operator()(const ReasoningEncrypted& e) const {
    return one("reasoning_encrypted_value", "encrypted_value", e.value);
  }
  Out operator()(const ToolCallStarted& e) const { return call("tool_call_start", e); }
  Out operator()(const ToolCallDelta& e) const {
    auto out = tagged("tool_call_delta");
    out["id"] = e.id;
    out["args_delta"] = e.args_delta;
    return out;
  }
  Out operator()(const ToolCallReady& e) const {
    auto out = call("tool_call_ready", e);
    out["arguments"] = e.arguments;
    return out;
  }
  Out operator()(const ToolCallDone& e) const {
    auto out = tagged("tool_call_done");
    out["id"] = e.id;
    out["message_id"] = "";
    out["result"] = result_of(e);
    out["outcome"] = enum_name(e.outcome);
    return out;
  }
  Out operator()(const ToolOutputDelta& e) const {
    auto out = call("tool_call_stream_delta", e);
    out["delta"] = e.delta;
    return out;
  }
  /// Of a decision that cancels, too: that is how awaken tells it.
  Out operator()(const ToolCallResumed& e) const {
    auto out = tagged("tool_call_resumed");
    out["target_id"] = e.id;
    out["result"] = e.result;
    return out;
  }
  Out operator()(const ToolCallCancelled& e) const {
    auto out = call("tool_call_cancel", e);
    out["reason"] = e.reason;
    return out;
  }
  Out operator()(const StreamReset& e) const { return one("stream_reset", "reason", e.reason); }
  Out operator()(const StepStarted& e) const {
    return one("step_start", "message_id", e.message_id);
  }
  Out operator()(const StepEnded&) const { return tagged("step_end"); }
  Out operator()(const InferenceComplete& e) const {
    auto out = one("inference_complete", "model", e.model);
    if (e.usage) out["usage"] = usage_of(*e.usage);
    out["duration_ms"] = e.duration_ms.value_or(Duration(0)).count();
    return out;
  }
  Out operator()(const MessagesSnapshot& e) const {
    return one("messages_snapshot", "messages", e.messages);
  }
  Out operator()(const ActivitySnapshot& e) const {
    auto out = tagged("activity_snapshot");
    out["message_id"] = e.message_id;
    out["activity_type"] = e.activity_type;
    out["content"] = e.content;
    if (e.replace) out["replace"] = *e.replace;
    return out;
  }
  Out operator()(const ActivityDelta& e) const {
    auto out = tagged("activity_delta");
    out["message_id"] = e.message_id;
    out["activity_type"] = e.activity_type;
    out["patch"] = e.patch;
    return out;
  }
  Out operator()(const StateSnapshot& e) const {
    return one("state_snapshot", "snapshot", e.snapshot);
  }
  Out operator()(const StateDelta& e) const { return one("state_delta", "delta", e.delta); }
  Out operator()(const ErrorRaised& e) const {
    if (e.retrying) return std::nullopt;
    auto out = one("error", "message", e.message);
    if (!e.code.empty()) out["code"] = e.code;
    return out;
  }
  /// Of another project, or one that awaken wrote and we do not know.
  Out operator()(const UnknownEvent& e) const {
    const auto* told = e.more.if_contains(kProject);
    if (told == nullptr || !told->is_object()) return std::nullopt;
    return json::object();
  }
  template <class T>
  Out operator()(const T&) const {
    return std::nullopt;
  }

 private:
  template <class T>
  static json::object one(std::string_view type, std::string_view name, const T& value) {
    auto out = tagged(type);
    out[name] = value;
    return out;
  }
  template <class T>
  static json::object call(std::string_view type, const T& event) {
    auto out = tagged(type);
    out["id"] = event.id;
    out["name"] = event.name;
    return out;
  }
};

void fill(json::object& out, const Context& context) {
  const auto& type = out[kType];
  if (type != "run_start" && type != "run_finish") return;
  const auto default_to = [&](const char* name, const std::string& value) {
    if (!out.contains(name)) out[name] = value;
  };
  default_to("thread_id", context.thread.str());
  default_to("run_id", context.run.str());
  if (context.identity && !out.contains("identity")) out["identity"] = to_json(*context.identity);
}

void read_event(std::string_view type, Reader& in, AgentEvent& event) {
  const auto call = [&](auto& e) {
    in.need("id", e.id);
    in.need("name", e.name);
  };
  if (type == "run_start") {
    auto& e = event.emplace<RunStarted>();
    in.may("thread_id", e.thread);
    in.may("run_id", e.run);
    in.may("parent_run_id", e.parent_run);
  } else if (type == "run_finish") {
    auto& e = event.emplace<RunFinished>();
    in.need_object("termination", [&](Reader& reason) { read_termination(reason, e); });
    const auto* result = in.find("result");
    const auto* object = result != nullptr ? result->if_object() : nullptr;
    const auto* response = object != nullptr ? object->if_contains("response") : nullptr;
    if (response != nullptr && response->is_string()) e.text = response->get_string();
  } else if (type == "text_delta") {
    in.need("delta", event.emplace<TextDelta>().delta);
  } else if (type == "reasoning_delta") {
    in.need("delta", event.emplace<ReasoningDelta>().delta);
  } else if (type == "reasoning_encrypted_value") {
    in.need("encrypted_value", event.emplace<ReasoningEncrypted>().value);
  } else if (type == "tool_call_start") {
    call(event.emplace<ToolCallStarted>());
  } else if (type == "tool_call_delta") {
    auto& e = event.emplace<ToolCallDelta>();
    in.need("id", e.id);
    in.need("args_delta", e.args_delta);
  } else if (type == "tool_call_ready") {
    auto& e = event.emplace<ToolCallReady>();
    call(e);
    in.need("arguments", e.arguments);
  } else if (type == "tool_call_done") {
    auto& e = event.emplace<ToolCallDone>();
    in.need("id", e.id);
    in.need_object("result", [&](Reader& result) { read_result(result, e); });
    if (e.status) e.outcome = outcome_of(*e.status);
    in.may("outcome", e.outcome);
    // Said once, as far as it goes without saying.
    const auto told = std::exchange(e.status, std::nullopt);
    if (told && *told != status_of(e)) e.status = told;
  } else if (type == "tool_call_stream_delta") {
    auto& e = event.emplace<ToolOutputDelta>();
    call(e);
    in.need("delta", e.delta);
  } else if (type == "tool_call_resumed") {
    auto& e = event.emplace<ToolCallResumed>();
    in.need("target_id", e.id);
    in.may("result", e.result);
  } else if (type == "tool_call_cancel") {
    auto& e = event.emplace<ToolCallCancelled>();
    call(e);
    in.need("reason", e.reason);
  } else if (type == "stream_reset") {
    in.need("reason", event.emplace<StreamReset>().reason);
  } else if (type == "step_start") {
    in.may("message_id", event.emplace<StepStarted>().message_id);
  } else if (type == "step_end") {
    event.emplace<StepEnded>();
  } else if (type == "inference_complete") {
    auto& e = event.emplace<InferenceComplete>();
    in.need("model", e.model);
    in.may_object("usage", [&](Reader& usage) { read_usage(usage, e.usage.emplace()); });
    in.may("duration_ms", e.duration_ms);
  } else if (type == "messages_snapshot") {
    in.need("messages", event.emplace<MessagesSnapshot>().messages);
  } else if (type == "activity_snapshot") {
    auto& e = event.emplace<ActivitySnapshot>();
    in.need("message_id", e.message_id);
    in.need("activity_type", e.activity_type);
    in.need("content", e.content);
    in.may("replace", e.replace);
  } else if (type == "activity_delta") {
    auto& e = event.emplace<ActivityDelta>();
    in.need("message_id", e.message_id);
    in.need("activity_type", e.activity_type);
    in.need("patch", e.patch);
  } else if (type == "state_snapshot") {
    in.need("snapshot", event.emplace<StateSnapshot>().snapshot);
  } else if (type == "state_delta") {
    in.need("delta", event.emplace<StateDelta>().delta);
  } else if (type == "error") {
    auto& e = event.emplace<ErrorRaised>();
    in.need("message", e.message);
    in.may("code", e.code);
  } else {
    in.not_known();
  }
}

}  // namespace

json::value to_json(const RunIdentity& identity) {
  json::object out;
  boost::mp11::mp_for_each<json_detail::Members<RunIdentity>>([&](auto member) {
    const auto& field = identity.*member.pointer;
    if constexpr (json_detail::kIsOptional<std::remove_cvref_t<decltype(field)>>) {
      if (!field) return;
    }
    out[member.name] = to_json_value(field);
  });
  if (identity.run_mode == RunMode::foreground) out.stable_erase(out.find("run_mode"));
  if (identity.adapter == Adapter::internal) out.stable_erase(out.find("adapter"));
  return out;
}

Status from_json(const json::value& value, RunIdentity& out) {
  if (!value.is_object()) return fail(Errc::invalid_argument, "expected an object");
  Reader in(value.get_object());
  in.need("thread_id", out.thread_id);
  in.need("run_id", out.run_id);
  in.need("agent_id", out.agent_id);
  in.may("parent_thread_id", out.parent_thread_id);
  in.may("parent_run_id", out.parent_run_id);
  in.may("parent_tool_call_id", out.parent_tool_call_id);
  in.may("dispatch_id", out.dispatch_id);
  in.may("session_id", out.session_id);
  in.may("transport_request_id", out.transport_request_id);
  in.may("origin", out.origin);
  in.may("run_mode", out.run_mode);
  in.may("adapter", out.adapter);
  return in.status();
}

std::optional<json::object> project(const AgentEvent& event, const Context& context) {
  auto out = std::visit(Projector(), event);
  if (!out) return out;
  if (const auto* told = foreign::kept(event, kProject)) foreign::overlay(*out, *told);
  fill(*out, context);
  return out;
}

Result<AgentEvent> read(const json::value& value) {
  const auto* object = value.if_object();
  const auto* type = object != nullptr ? object->if_contains(kType) : nullptr;
  if (type == nullptr || !type->is_string())
    return fail(Errc::invalid_argument, "expected an object with an event_type");
  AgentEvent event;
  Reader in(*object);
  read_event(type->get_string(), in, event);
  if (!in.status()) return fail(in.status().error());
  if (!in.is_known()) return foreign::unknown(kProject, type->get_string(), *object);
  foreign::keep(event, kProject, *object, *std::visit(Projector(), event));
  return event;
}

}  // namespace reeve::awaken
