#include <algorithm>
#include <cmath>

#include "base/limits.h"
#include "proc/dialect/classify.h"
#include "proc/dialect/claude_lines.h"
#include "proc/dialect/fields.h"

namespace reeve::proc {
namespace {

std::string str(std::string_view text) { return std::string(text); }

/// "authentication_failed", "rate_limit", ...: the CLI's own names of API errors.
Failure failure_named(std::string_view name, std::string_view text, std::optional<int> status) {
  if (name == "authentication_failed" || name == "oauth_org_not_allowed")
    return Failure::authentication_failed;
  if (name == "billing_error") return Failure::budget;
  if (name == "rate_limit") return Failure::rate_limited;
  const auto meant = classify(text, status);
  if (meant != Failure::error) return meant;
  if (name == "server_error" || name == "overloaded") return Failure::server_error;
  return Failure::error;
}

std::optional<int> status_of(const json::object& line, std::string_view name) {
  const auto status = count_of(line, name);
  if (!status || *status < 100 || *status > 599) return std::nullopt;
  return static_cast<int>(*status);
}

Usage usage_of(const json::object& usage) {
  return {.input_tokens = count_of(usage, "input_tokens"),
          .output_tokens = count_of(usage, "output_tokens"),
          .total_tokens = count_of(usage, "total_tokens"),
          .cache_read_tokens = count_of(usage, "cache_read_input_tokens"),
          .cache_write_tokens = count_of(usage, "cache_creation_input_tokens"),
          .reasoning_tokens = {}};
}

/// A time as seconds, milliseconds or text, whichever a version writes.
std::optional<Time> time_of(const json::object& object, std::string_view name) {
  if (const auto text = text_of(object, name); !text.empty()) {
    const auto parsed = parse_rfc3339(text);
    return parsed ? std::optional(*parsed) : std::nullopt;
  }
  const auto number = count_of(object, name);
  constexpr std::int64_t kSeconds = 100'000'000'000;   // below: seconds (until the year 5138)
  constexpr std::int64_t kLast = 253'402'300'799'999;  // the end of the year 9999
  if (!number || *number <= 0 || *number > kLast) return std::nullopt;
  return from_ms(*number < kSeconds ? *number * 1000 : *number);
}

std::string first_text(std::initializer_list<std::string_view> texts) {
  for (const auto text : texts)
    if (!text.empty()) return str(text);
  return {};
}

}  // namespace

bool ClaudeLines::object(std::string_view type, const json::object& line, Events& out) {
  if (type == "system") return system(line, out);
  if (type == "stream_event") return stream_event(line, out);
  if (type == "assistant" || type == "user") {
    if (object_of(line, "message") == nullptr) return false;
    type == "user" ? user(line, out) : assistant(line, out);
    return true;
  }
  if (type == "result") {
    result(line, out);
    return true;
  }
  if (type == "rate_limit_event") {
    rate_limit(line, out);
    return true;
  }
  if (type == "conversation_reset") {
    session(text_of(line, "new_conversation_id"), "", out);
    return true;
  }
  return type == "keep_alive";
}

bool ClaudeLines::system(const json::object& line, Events& out) {
  const auto subtype = text_of(line, "subtype");
  const auto notice = [&](std::string_view level, std::string_view topic, std::string text) {
    out.emplace_back(
        Notice{.level = str(level), .topic = str(topic), .text = std::move(text), .detail = line});
    return true;
  };
  if (subtype == "init") {
    not_ended();  // a further turn of the same process
    seen_.model = text_of(line, "model");
    session(text_of(line, "session_id"),
            first_text({text_of(line, "permissionMode"), text_of(line, "permission_mode")}), out);
    if (const auto* servers = list_of(line, "mcp_servers"); servers != nullptr) {
      for (const auto& entry : *servers) {
        const auto* server = entry.if_object();
        if (server == nullptr || text_of(*server, "status") != "failed") continue;
        out.emplace_back(
            Notice{.level = "warning",
                   .topic = "mcp",
                   .text = "MCP server " + str(text_of(*server, "name")) + " failed to start",
                   .detail = entry});
      }
    }
    return true;
  }
  if (subtype == "api_retry") {
    void_pending("the request is tried again", out);
    const auto status = status_of(line, "error_status");
    const auto name = text_of(line, "error");
    const auto code = failure_named(name, "", status);
    const auto message = "attempt " + std::to_string(count_of(line, "attempt").value_or(0)) +
                         " of " + std::to_string(count_of(line, "max_retries").value_or(0)) +
                         " failed: " + first_text({name, "unknown"}) +
                         (status ? " (" + std::to_string(*status) + ")" : "");
    trouble(code, message, true, out);
    if (code == Failure::rate_limited)
      out.emplace_back(
          RateLimited{.status = "retrying", .window = {}, .resets_at = {}, .message = message});
    return true;
  }
  if (subtype == "compact_boundary")
    return notice("info", "compaction", "the conversation was compacted");
  if (subtype == "status") {
    if (text_of(line, "status") == "compacting")
      return notice("info", "compaction", "the conversation is being compacted");
    return true;
  }
  if (subtype == "task_started") return notice("info", "task", str(text_of(line, "description")));
  if (subtype == "task_notification")
    return notice("info", "task",
                  first_text({text_of(line, "summary"), text_of(line, "status"), "ended"}));
  if (subtype == "task_updated") {
    const auto* patch = object_of(line, "patch");
    const auto status = patch != nullptr ? text_of(*patch, "status") : std::string_view();
    return status.empty() || notice("info", "task", str(status));
  }
  return subtype == "thinking_tokens" || subtype == "task_progress";
}

void ClaudeLines::assistant(const json::object& line, Events& out) {
  const auto& message = *object_of(line, "message");
  const auto id = text_of(message, "id");
  const auto parent = text_of(line, "parent_tool_use_id");
  const auto* blocks = list_of(message, "content");
  if (parent.empty()) not_ended();

  std::string text;
  std::string reasoning;
  if (blocks != nullptr) {
    for (const auto& entry : *blocks) {
      const auto* block = entry.if_object();
      if (block == nullptr) continue;
      const auto type = text_of(*block, "type");
      if (type == "text") text += text_of(*block, "text");
      if (type == "thinking") reasoning += text_of(*block, "thinking");
      if (type == "redacted_thinking")
        out.emplace_back(ReasoningEncrypted{str(text_of(*block, "data"))});
    }
  } else if (const auto whole = text_of(message, "content"); !whole.empty()) {
    text = whole;
  }

  if (!parent.empty()) {
    if (!text.empty() || !reasoning.empty())
      out.emplace_back(AssistantMessage{.message_id = str(id),
                                        .text = text,
                                        .reasoning = reasoning,
                                        .parent_tool_call = str(parent)});
  } else if (const auto error = text_of(line, "error"); !error.empty()) {
    seen_.text.clear();
    trouble(failure_named(error, text, std::nullopt), text.empty() ? error : std::string_view(text),
            false, out);
  } else {
    hold_reasoning(id, reasoning, out);
    const auto at = std::min(error_in(text, object_of(message, "usage")), text.size());
    const auto fault = text.substr(at);
    text.resize(at);
    if (!text.empty()) this->message(id, text, out);
    seen_.text.clear();
    if (!fault.empty()) trouble(classify(fault), fault, false, out);
  }

  if (blocks == nullptr) return;
  for (const auto& entry : *blocks) {
    const auto* block = entry.if_object();
    if (block == nullptr) continue;
    const auto type = text_of(*block, "type");
    if (type == "tool_use" || type == "server_tool_use") {
      if (parent.empty()) commit_pending(out);
      call_ready(text_of(*block, "id"), text_of(*block, "name"), value_of(*block, "input"), out);
    } else if (type.ends_with("_tool_result")) {  // of a tool that the vendor's server ran
      tool_result(*block, parent, out);
    }
  }
}

void ClaudeLines::user(const json::object& line, Events& out) {
  const auto& message = *object_of(line, "message");
  const auto parent = text_of(line, "parent_tool_use_id");
  const auto* blocks = list_of(message, "content");
  const bool replay = flag_of(line, "isReplay");
  if (parent.empty()) commit_pending(out);
  if (blocks == nullptr) return;  // a text: the prompt, given back
  for (const auto& entry : *blocks) {
    const auto* block = entry.if_object();
    if (block == nullptr) continue;
    const auto type = text_of(*block, "type");
    if (type == "tool_result") {
      tool_result(*block, parent, out);
    } else if (type == "text" && parent.empty() && !replay) {
      out.emplace_back(Notice{.level = "info",
                              .topic = "user",
                              .text = str(text_of(*block, "text")),
                              .detail = nullptr});
    }
  }
}

void ClaudeLines::tool_result(const json::object& block, std::string_view parent, Events& out) {
  const bool failed = flag_of(block, "is_error");
  ToolCallDone done{.id = str(text_of(block, "tool_use_id")),
                    .name = {},
                    .outcome = failed ? ToolOutcome::failed : ToolOutcome::succeeded,
                    .result = value_of(block, "content"),
                    .metadata = {},
                    .duration_ms = {}};
  if (!parent.empty()) done.metadata["parent_tool_call"] = parent;
  const auto text = failed ? plain_text(done.result) : std::string();
  if (failed && tells_of_denial(text)) {
    done.metadata["rejected"] = true;
    const auto open = seen_.calls.find(done.id);
    denied(done.id, open == seen_.calls.end() ? "" : open->second, nullptr, text, out);
  }
  call_done(std::move(done), out);
}

void ClaudeLines::denied(std::string_view id, std::string_view tool, json::value input,
                         std::string_view reason, Events& out) {
  if (std::ranges::find(own_.denied, id) != own_.denied.end()) return;
  if (!id.empty() && own_.denied.size() < limits::kOpenCalls) own_.denied.push_back(str(id));
  out.emplace_back(PermissionDenied{
      .id = str(id), .tool = str(tool), .input = std::move(input), .reason = str(reason)});
}

bool ClaudeLines::stream_event(const json::object& line, Events& out) {
  const auto* event = object_of(line, "event");
  if (event == nullptr) return false;
  if (!text_of(line, "parent_tool_use_id").empty()) return true;
  const auto type = text_of(*event, "type");
  if (type == "message_start") {
    void_pending("the message began again", out);
    not_ended();
    const auto* message = object_of(*event, "message");
    out.emplace_back(StepStarted{message == nullptr ? "" : str(text_of(*message, "id"))});
  } else if (type == "content_block_start") {
    own_.block_tool.clear();
    const auto* block = object_of(*event, "content_block");
    if (block != nullptr && text_of(*block, "type").ends_with("tool_use")) {
      own_.block_tool = text_of(*block, "id");
      out.emplace_back(ToolCallStarted{own_.block_tool, str(text_of(*block, "name"))});
    }
  } else if (type == "content_block_delta") {
    return block_delta(*event, out);
  } else if (type == "message_delta") {
    const auto* delta = object_of(*event, "delta");
    const auto* counted = object_of(*event, "usage");
    out.emplace_back(InferenceComplete{
        .model = seen_.model,
        .usage = counted == nullptr ? std::nullopt : std::optional(usage_of(*counted)),
        .duration_ms = {},
        .finish_reason = delta == nullptr ? "" : str(text_of(*delta, "stop_reason"))});
  } else if (type == "message_stop") {
    out.emplace_back(StepEnded{});
  } else {
    return type == "content_block_stop" || type == "ping";
  }
  return true;
}

bool ClaudeLines::block_delta(const json::object& event, Events& out) {
  const auto* delta = object_of(event, "delta");
  if (delta == nullptr) return false;
  const auto type = text_of(*delta, "type");
  if (type == "text_delta") {
    text_delta(text_of(*delta, "text"), out);
  } else if (type == "thinking_delta") {
    reasoning_delta(text_of(*delta, "thinking"), out);
  } else if (type == "input_json_delta") {
    if (const auto part = text_of(*delta, "partial_json"); !part.empty())
      out.emplace_back(ToolCallDelta{own_.block_tool, str(part)});
  } else {
    return type == "signature_delta" || type == "citations_delta";
  }
  return true;
}

void ClaudeLines::rate_limit(const json::object& line, Events& out) {
  const auto* inner = object_of(line, "rate_limit_info");
  const auto& info = inner != nullptr ? *inner : line;
  auto status = str(text_of(info, "status"));
  if (status == "allowed_warning") status = "warning";
  auto resets = time_of(info, "resetsAt");
  if (!resets) resets = time_of(info, "resets_at");
  RateLimited limited{
      .status = status,
      .window = first_text({text_of(info, "rateLimitType"), text_of(info, "rate_limit_type")}),
      .resets_at = resets,
      .message = {}};
  if (const auto used = real_of(info, "utilization"))
    limited.message =
        std::to_string(static_cast<int>(std::clamp(*used, 0.0, 10.0) * 100)) + " % used";
  out.emplace_back(std::move(limited));
}

void ClaudeLines::usage(const json::object& line, Events& out) {
  // modelUsage has every model of the process so far, sub-agents' too; `usage` the last turn's main
  // model only, and nothing at all of a turn that a limit ended.
  Usage total;
  const auto* models = object_of(line, "modelUsage");
  if (models != nullptr && !models->empty()) {
    for (const auto& entry : *models) {
      const auto* model = entry.value().if_object();
      if (model == nullptr) continue;
      total = total + Usage{.input_tokens = count_of(*model, "inputTokens"),
                            .output_tokens = count_of(*model, "outputTokens"),
                            .total_tokens = {},
                            .cache_read_tokens = count_of(*model, "cacheReadInputTokens"),
                            .cache_write_tokens = count_of(*model, "cacheCreationInputTokens"),
                            .reasoning_tokens = {}};
    }
    const auto added = since(own_.counted, total);
    own_.counted = total;
    total = added;
  } else if (const auto* plain = object_of(line, "usage"); plain != nullptr) {
    total = usage_of(*plain);
    if (counts_session()) total = since(seen_.before, total);
  }
  auto cost = real_of(line, "total_cost_usd");
  constexpr double kDear = 1e9;  // dollars; beyond it, or below nothing, the number means nothing
  if (cost && *cost >= 0 && *cost < kDear) {
    const auto so_far = std::llround(*cost * 1e9);
    if (own_.nano_usd > 0 && so_far >= own_.nano_usd)
      cost = static_cast<double>(so_far - own_.nano_usd) / 1e9;
    own_.nano_usd = so_far;
  }
  if (total != Usage() || cost) out.emplace_back(UsageRecorded{.usage = total, .cost_usd = cost});
}

void ClaudeLines::result(const json::object& line, Events& out) {
  commit_pending(out);
  const auto subtype = text_of(line, "subtype");
  const auto reason = text_of(line, "terminal_reason");
  auto text = text_of(line, "result");
  const auto* errors = list_of(line, "errors");
  std::string message;
  if (errors != nullptr)
    for (const auto& error : *errors)
      if (const auto* told = error.if_string())
        message += (message.empty() ? "" : "\n") + std::string(*told);
  if (message.empty()) message = first_text({text, reason, subtype});

  if (const auto turns = count_of(line, "num_turns"))
    seen_.steps = seen_.steps.value_or(0) + *turns;
  usage(line, out);
  if (const auto* denials = list_of(line, "permission_denials"); denials != nullptr)
    for (const auto& entry : *denials)
      if (const auto* denial = entry.if_object(); denial != nullptr)
        denied(text_of(*denial, "tool_use_id"), text_of(*denial, "tool_name"),
               value_of(*denial, "tool_input"), "it needed a permission that nobody gave", out);

  // An API error is a "success" with is_error; an answer may hold one without either sign.
  const auto fault = error_in(text, object_of(line, "usage"));
  const bool good =
      subtype == "success" && !flag_of(line, "is_error") && fault == std::string_view::npos;
  if (good) {
    session(text_of(line, "session_id"), "", out);
    if (text_of(line, "stop_reason") == "refusal") {
      ended_badly(Failure::refused, "the model declined to answer");
    } else {
      ended_well(text);
    }
    return;
  }
  auto code = Failure::error;
  auto ending = Ending::error;
  if (subtype == "error_max_turns" || reason == "max_turns") {
    code = Failure::max_turns;
    ending = Ending::stopped;
  } else if (subtype.starts_with("error_max_budget")) {
    code = Failure::budget;
    ending = Ending::stopped;
  } else if (reason.starts_with("aborted")) {
    code = Failure::interrupted;
  } else if (reason == "prompt_too_long") {
    code = Failure::context_too_long;
  } else {
    if (fault < text.size()) message = text.substr(fault);
    code = classify(message, status_of(line, "api_error_status"));
    if (code == Failure::error && seen_.trouble && seen_.trouble->message == message)
      code = enum_from_name<Failure>(seen_.trouble->code).value_or(code);
  }
  if (code != Failure::session_not_found) session(text_of(line, "session_id"), "", out);
  ended_badly(code, message, ending);
}

namespace {

class Claude : public ClaudeLines {
 public:
  Claude() : ClaudeLines("claude") {}
};

}  // namespace

std::unique_ptr<Dialect> make_claude() { return std::make_unique<Claude>(); }

}  // namespace reeve::proc
