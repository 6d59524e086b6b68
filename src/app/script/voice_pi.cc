#include <utility>

#include "app/script/voice.h"
#include "base/time.h"

namespace reeve::app::script {
namespace {

/// pi `--mode json`. A message carries its own usage and why it stopped; the run's end carries
/// neither, so a run that spent something behind its last message ends with an empty one.
class PiVoice : public Voice {
 public:
  using Voice::Voice;

 protected:
  void open() override {
    line({{"type", "session"},
          {"version", 3},
          {"id", identity().session},
          {"timestamp", to_rfc3339(from_ms(now_ms()))},
          {"cwd", identity().folder}});
    line({{"type", "agent_start"}});
  }

  void on_say(std::string_view text) override {
    start_message();
    end_message({{"type", "text"}, {"text", text}}, "stop");
    line({{"type", "turn_end"}});
  }

  void on_delta(std::string_view text, bool first) override {
    if (first) {
      start_message();
      update({{"type", "text_start"}, {"contentIndex", 0}});
    }
    update({{"type", "text_delta"}, {"contentIndex", 0}, {"delta", text}});
  }
  void on_streamed(std::string_view text) override {
    end_message({{"type", "text"}, {"text", text}}, "stop");
    line({{"type", "turn_end"}});
  }

  void on_think(std::string_view text) override {
    thoughts_ += (thoughts_.empty() ? "" : "\n") + std::string(text);
  }

  void on_tool_started(const ToolUse& use) override {
    json::object arguments;
    if (use.is_command) {
      arguments = {{"command", use.command}};
    } else {
      arguments = {{"path", use.path}, {"content", use.content}};
    }
    start_message();
    end_message(
        {{"type", "toolCall"}, {"id", tool_id_}, {"name", name(use)}, {"arguments", arguments}},
        "toolUse");
    line({{"type", "tool_execution_start"},
          {"toolCallId", tool_id_},
          {"toolName", name(use)},
          {"args", std::move(arguments)}});
  }

  void on_tool_done(const ToolUse& use, const ToolResult& result) override {
    line({{"type", "tool_execution_end"},
          {"toolCallId", tool_id_},
          {"toolName", name(use)},
          {"result", {{"content", json::array{{{"type", "text"}, {"text", result.output}}}}}},
          {"isError", result.status != 0}});
    line({{"type", "turn_end"}});
  }

  void on_rate_limit(std::int64_t seconds) override {
    line({{"type", "auto_retry_start"},
          {"attempt", 1},
          {"maxAttempts", 3},
          {"delayMs", seconds * 1000},
          {"errorMessage", "429 Too many requests"}});
  }

  void on_end_well() override {
    if (spent_ || stop_ != "stop" || !thoughts_.empty()) {
      start_message();
      end_message({}, "stop");
      line({{"type", "turn_end"}});
    }
    line({{"type", "agent_end"}, {"messages", json::array()}});
  }

  int on_end_badly(std::string_view why) override {
    error_ = why;
    start_message();
    end_message({}, "error");
    line({{"type", "turn_end"}});
    line({{"type", "agent_end"}, {"messages", json::array()}});
    return 0;
  }

 private:
  static std::string_view name(const ToolUse& use) { return use.is_command ? "bash" : "write"; }

  void start_message() {
    line({{"type", "turn_start"}});
    message_ = next_id("msg_");
    line({{"type", "message_start"}, {"message", message(json::array(), "stop", {})}});
  }

  /// pi repeats the whole message so far in each of these; nobody reads that.
  void update(json::object event) {
    line({{"type", "message_update"}, {"assistantMessageEvent", std::move(event)}});
  }

  void end_message(json::object block, std::string_view stop) {
    stop_ = stop;
    json::array content;
    if (!thoughts_.empty())
      content.push_back({{"type", "thinking"}, {"thinking", std::exchange(thoughts_, {})}});
    if (!block.empty()) content.push_back(std::move(block));
    line({{"type", "message_end"},
          {"message", message(std::move(content), stop, std::exchange(spent_, std::nullopt))}});
  }

  json::object message(json::array content, std::string_view stop,
                       const std::optional<Spent>& spent) {
    json::object message{{"role", "assistant"},    {"content", std::move(content)},
                         {"provider", "reeve"},    {"model", "scripted"},
                         {"responseId", message_}, {"stopReason", stop}};
    if (!error_.empty()) message["errorMessage"] = error_;
    if (spent) {
      message["usage"] = {{"input", spent->input},
                          {"output", spent->output},
                          {"cacheRead", 0},
                          {"cacheWrite", 0},
                          {"totalTokens", spent->input + spent->output},
                          {"cost", {{"total", spent->cost_usd.value_or(0)}}}};
    }
    return message;
  }

  std::string message_;
  std::string stop_;
  std::string thoughts_;
  std::string error_;
};

}  // namespace

std::unique_ptr<Voice> make_pi_voice(Voice::Streams streams, Voice::Identity identity) {
  return std::make_unique<PiVoice>(streams, std::move(identity));
}

}  // namespace reeve::app::script
