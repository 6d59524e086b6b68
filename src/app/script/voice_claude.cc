#include <utility>

#include "app/script/voice.h"

namespace reeve::app::script {
namespace {

/// Claude Code's stream-json, and Qwen's copy of it. They differ in the names of tools, and in how
/// they fail: Claude says "success" with is_error, Qwen answers with the error's text and status 0.
class ClaudeVoice : public Voice {
 public:
  ClaudeVoice(Streams streams, Identity identity, bool qwen)
      : Voice(streams, std::move(identity)), qwen_(qwen) {}

 protected:
  void open() override {
    line({{"type", "system"},
          {"subtype", "init"},
          {"cwd", identity().folder},
          {"session_id", identity().session},
          {"tools", json::array{shell(), writer()}},
          {"mcp_servers", json::array()},
          {"model", "scripted"},
          {qwen_ ? "permission_mode" : "permissionMode", "default"}});
  }

  void on_say(std::string_view text) override {
    assistant({{"type", "text"}, {"text", text}});
    message_.clear();
  }

  void on_delta(std::string_view text, bool first) override {
    if (first) {
      stream({{"type", "message_start"},
              {"message",
               {{"id", message()},
                {"type", "message"},
                {"role", "assistant"},
                {"model", "scripted"},
                {"content", json::array()}}}});
      stream({{"type", "content_block_start"},
              {"index", 0},
              {"content_block", {{"type", "text"}, {"text", ""}}}});
    }
    stream({{"type", "content_block_delta"},
            {"index", 0},
            {"delta", {{"type", "text_delta"}, {"text", text}}}});
  }

  void on_streamed(std::string_view text) override {
    assistant({{"type", "text"}, {"text", text}});
    stream({{"type", "content_block_stop"}, {"index", 0}});
    stream({{"type", "message_stop"}});
    message_.clear();
  }

  void on_think(std::string_view text) override {
    assistant({{"type", "thinking"}, {"thinking", text}, {"signature", ""}});
  }

  void on_tool_started(const ToolUse& use) override {
    json::object input;
    if (use.is_command) {
      input = {{"command", use.command}, {"description", "Run the scripted command"}};
    } else {
      input = {{"file_path", use.path}, {"content", use.content}};
    }
    assistant({{"type", "tool_use"},
               {"id", tool_id_},
               {"name", use.is_command ? shell() : writer()},
               {"input", std::move(input)}});
    message_.clear();
  }

  void on_tool_done(const ToolUse& /*use*/, const ToolResult& result) override {
    auto content = result.output;
    if (result.status != 0) content = "Exit code " + std::to_string(result.status) + "\n" + content;
    line({{"type", "user"},
          {"message",
           {{"role", "user"},
            {"content", json::array{{{"type", "tool_result"},
                                     {"content", content},
                                     {"is_error", result.status != 0},
                                     {"tool_use_id", tool_id_}}}}}},
          {"parent_tool_use_id", nullptr},
          {"session_id", identity().session}});
  }

  void on_rate_limit(std::int64_t seconds) override {
    line({{"type", "rate_limit_event"},
          {"rate_limit_info",
           {{"status", "rejected"},
            {"resetsAt", now_ms() / 1000 + seconds},
            {"rateLimitType", "five_hour"}}},
          {"session_id", identity().session}});
  }

  void on_end_well() override { result(answer_, false); }

  int on_end_badly(std::string_view why) override {
    if (!qwen_) {
      result(why, true);
      return 1;
    }
    const auto text = "[API Error: " + std::string(why) + "]";
    assistant({{"type", "text"}, {"text", text}});
    result(text, false);
    return 0;
  }

 private:
  [[nodiscard]] std::string_view shell() const { return qwen_ ? "run_shell_command" : "Bash"; }
  [[nodiscard]] std::string_view writer() const { return qwen_ ? "write_file" : "Write"; }

  /// The id of the message in the making: its thoughts, its text and its tools share it.
  const std::string& message() {
    if (message_.empty()) message_ = next_id("msg_");
    return message_;
  }

  void assistant(json::object block) {
    line({{"type", "assistant"},
          {"message",
           {{"id", message()},
            {"type", "message"},
            {"role", "assistant"},
            {"model", "scripted"},
            {"content", json::array{std::move(block)}},
            {"stop_reason", nullptr}}},
          {"parent_tool_use_id", nullptr},
          {"session_id", identity().session}});
  }

  void stream(json::object event) {
    line({{"type", "stream_event"},
          {"event", std::move(event)},
          {"session_id", identity().session},
          {"parent_tool_use_id", nullptr}});
  }

  void result(std::string_view text, bool error) {
    json::object result{{"type", "result"},
                        {"subtype", "success"},
                        {"is_error", error},
                        {"num_turns", turns_},
                        {"result", text},
                        {"session_id", identity().session},
                        {"permission_denials", json::array()}};
    if (spent_) {
      result["usage"] = {{"input_tokens", spent_->input}, {"output_tokens", spent_->output}};
      if (spent_->cost_usd && !qwen_) result["total_cost_usd"] = *spent_->cost_usd;
    }
    line(result);
  }

  bool qwen_;
  std::string message_;
};

}  // namespace

std::unique_ptr<Voice> make_claude_voice(Voice::Streams streams, Voice::Identity identity) {
  return std::make_unique<ClaudeVoice>(streams, std::move(identity), false);
}
std::unique_ptr<Voice> make_qwen_voice(Voice::Streams streams, Voice::Identity identity) {
  return std::make_unique<ClaudeVoice>(streams, std::move(identity), true);
}

}  // namespace reeve::app::script
