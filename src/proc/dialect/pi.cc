#include "proc/dialect/classify.h"
#include "proc/dialect/fields.h"
#include "proc/dialect/stream.h"

namespace reeve::proc {
namespace {

std::string str(std::string_view text) { return std::string(text); }

/// pi `--mode json`. Every update repeats the whole message so far: only its deltas count. Success
/// is `agent_end` after an answer that stopped by itself; errors end with status 0 all the same. A
/// retry or a compaction begins the agent again after its end.
class Pi : public StreamDialect {
 public:
  Pi() : StreamDialect("pi") {}

 protected:
  bool object(std::string_view type, const json::object& line, Events& out) override {
    if (type == "session") {
      session(text_of(line, "id"), "", out);
    } else if (type == "agent_start") {
      not_ended();
    } else if (type == "message_start") {
      message_start(line, out);
    } else if (type == "message_update") {
      return update(line, out);
    } else if (type == "message_end") {
      message_end(line, out);
    } else if (type == "turn_end") {
      seen_.steps = seen_.steps.value_or(0) + 1;
      out.emplace_back(StepEnded{});
    } else if (type == "tool_execution_start") {
      out.emplace_back(
          ToolExecutionStarted{str(text_of(line, "toolCallId")), str(text_of(line, "toolName"))});
    } else if (type == "tool_execution_end") {
      tool_end(line, out);
    } else if (type == "agent_end") {
      agent_end(out);
    } else if (type == "auto_retry_start") {
      retry(line, out);
    } else if (type == "auto_retry_end") {
      if (!flag_of(line, "success"))
        trouble(classify(text_of(line, "finalError")), text_of(line, "finalError"), false, out);
    } else if (type.starts_with("compaction_") || type.starts_with("auto_compaction_")) {
      out.emplace_back(
          Notice{.level = "info", .topic = "compaction", .text = str(type), .detail = line});
    } else {
      // turn_start tells nothing; tool_execution_update repeats the whole output so far.
      return type == "turn_start" || type == "tool_execution_update";
    }
    return true;
  }

  [[nodiscard]] json::value save_own() const override { return to_json_value(own_); }
  Status restore_own(const json::value& state) override { return read_json(state, own_); }

 private:
  /// The message of a line if the assistant says it.
  static const json::object* assistant(const json::object& line) {
    const auto* message = object_of(line, "message");
    return message != nullptr && text_of(*message, "role") == "assistant" ? message : nullptr;
  }

  void message_start(const json::object& line, Events& out) {
    const auto* message = assistant(line);
    if (message == nullptr) return;
    void_pending("the message began again", out);
    if (const auto model = text_of(*message, "model"); !model.empty()) seen_.model = model;
    own_.stop.clear();
    out.emplace_back(StepStarted{str(text_of(*message, "responseId"))});
  }

  bool update(const json::object& line, Events& out) {
    const auto* event = object_of(line, "assistantMessageEvent");
    if (event == nullptr) return false;
    const auto type = text_of(*event, "type");
    if (type == "text_delta") {
      text_delta(text_of(*event, "delta"), out);
    } else if (type == "thinking_delta") {
      reasoning_delta(text_of(*event, "delta"), out);
    } else if (type == "toolcall_start") {
      const auto* call = call_at(*event);
      own_.call = call == nullptr ? "" : str(text_of(*call, "id"));
      out.emplace_back(
          ToolCallStarted{own_.call, call == nullptr ? "" : str(text_of(*call, "name"))});
    } else if (type == "toolcall_delta") {
      if (const auto delta = text_of(*event, "delta"); !delta.empty())
        out.emplace_back(ToolCallDelta{own_.call, str(delta)});
    } else {
      return type == "text_start" || type == "text_end" || type == "thinking_start" ||
             type == "thinking_end" || type == "toolcall_end" || type == "start" ||
             type == "done" || type == "error";
    }
    return true;
  }

  /// The call that an event is about: the block of its index in the partial message.
  static const json::object* call_at(const json::object& event) {
    const auto* partial = object_of(event, "partial");
    const auto* blocks = partial == nullptr ? nullptr : list_of(*partial, "content");
    const auto index = count_of(event, "contentIndex");
    if (blocks == nullptr || !index || *index < 0 ||
        static_cast<std::size_t>(*index) >= blocks->size())
      return nullptr;
    return (*blocks)[static_cast<std::size_t>(*index)].if_object();
  }

  void message_end(const json::object& line, Events& out) {
    const auto* message = assistant(line);
    if (message == nullptr) return;
    const auto id = text_of(*message, "responseId");
    own_.stop = text_of(*message, "stopReason");
    own_.error = text_of(*message, "errorMessage");
    std::string text;
    std::string reasoning;
    const auto* blocks = list_of(*message, "content");
    if (blocks != nullptr)
      for (const auto& entry : *blocks)
        if (const auto* block = entry.if_object(); block != nullptr) {
          if (text_of(*block, "type") == "text") text += text_of(*block, "text");
          if (text_of(*block, "type") == "thinking") reasoning += text_of(*block, "thinking");
        }
    hold_reasoning(id, reasoning, out);
    this->message(id, text, out);
    if (blocks != nullptr)
      for (const auto& entry : *blocks)
        if (const auto* block = entry.if_object();
            block != nullptr && text_of(*block, "type") == "toolCall")
          call_ready(text_of(*block, "id"), text_of(*block, "name"), value_of(*block, "arguments"),
                     out);
    if (own_.stop == "error") trouble(classify(own_.error), own_.error, false, out);
    usage(*message, out);
  }

  static void usage(const json::object& message, Events& out) {
    const auto* counted = object_of(message, "usage");
    if (counted == nullptr) return;
    const auto* cost = object_of(*counted, "cost");
    const Usage usage{.input_tokens = count_of(*counted, "input"),
                      .output_tokens = count_of(*counted, "output"),
                      .total_tokens = count_of(*counted, "totalTokens"),
                      .cache_read_tokens = count_of(*counted, "cacheRead"),
                      .cache_write_tokens = count_of(*counted, "cacheWrite"),
                      .reasoning_tokens = {}};
    if (usage.total_tokens.value_or(1) == 0) return;  // an attempt that failed
    out.emplace_back(UsageRecorded{
        .usage = usage, .cost_usd = cost == nullptr ? std::nullopt : real_of(*cost, "total")});
  }

  void tool_end(const json::object& line, Events& out) {
    const auto* result = object_of(line, "result");
    const bool failed = flag_of(line, "isError");
    ToolCallDone done{
        .id = str(text_of(line, "toolCallId")),
        .name = str(text_of(line, "toolName")),
        .outcome = failed ? ToolOutcome::failed : ToolOutcome::succeeded,
        .result = result == nullptr ? value_of(line, "result") : value_of(*result, "content"),
        .metadata = {},
        .duration_ms = {}};
    call_done(std::move(done), out);
  }

  void retry(const json::object& line, Events& out) {
    const auto message = text_of(line, "errorMessage");
    const auto code = classify(message);
    trouble(code, message, true, out);
    if (code == Failure::rate_limited)
      out.emplace_back(RateLimited{
          .status = "retrying", .window = {}, .resets_at = {}, .message = str(message)});
  }

  void agent_end(Events& out) {
    commit_pending(out);
    if (own_.stop == "stop" || own_.stop == "toolUse") {
      ended_well();
    } else if (own_.stop == "error") {
      ended_badly(classify(own_.error), own_.error.empty() ? "the model call failed" : own_.error);
    } else if (own_.stop == "aborted") {
      ended_badly(Failure::interrupted, "pi was interrupted");
    } else if (own_.stop == "length") {
      ended_badly(Failure::error, "the answer was cut at the model's output limit");
    } else {
      ended_badly(Failure::error, "pi ended without an answer");
    }
  }

  struct Own {
    std::string call;   ///< the tool call that is being streamed
    std::string stop;   ///< why the last message stopped
    std::string error;  ///< and its error
  };
  BOOST_DESCRIBE_CLASS(Own, (), (call, stop, error), (), ())
  Own own_;
};

}  // namespace

std::unique_ptr<Dialect> make_pi() { return std::make_unique<Pi>(); }

}  // namespace reeve::proc
