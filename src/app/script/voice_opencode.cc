#include <utility>

#include "app/script/voice.h"

namespace reeve::app::script {
namespace {

/// OpenCode `run --format json`: whole parts in steps; a tool is told when it is done.
class OpenCodeVoice : public Voice {
 public:
  using Voice::Voice;

 protected:
  void open() override {}  // every line carries the session

  void on_say(std::string_view text) override { text_part("text", text); }
  void on_delta(std::string_view /*text*/, bool /*first*/) override {}
  void on_streamed(std::string_view text) override { on_say(text); }
  void on_think(std::string_view text) override { text_part("reasoning", text); }

  void on_tool_started(const ToolUse& /*use*/) override {
    begin_step();
    started_ms_ = now_ms();
  }

  void on_tool_done(const ToolUse& use, const ToolResult& result) override {
    json::object input;
    if (use.is_command) {
      input = {{"command", use.command}};
    } else {
      input = {{"filePath", use.path}, {"content", use.content}};
    }
    json::object state{{"status", "completed"},
                       {"input", std::move(input)},
                       {"output", result.output},
                       {"metadata", json::object()},
                       {"time", {{"start", started_ms_}, {"end", now_ms()}}}};
    if (use.is_command) {
      state["metadata"] = {{"output", result.output}, {"exit", result.status}};
    } else if (result.status != 0) {
      state["status"] = "error";
      state["error"] = result.output;
    }
    part("tool_use", "tool",
         {{"tool", use.is_command ? "bash" : "write"},
          {"callID", tool_id_},
          {"state", std::move(state)}});
    end_step("tool-calls");
  }

  void on_rate_limit(std::int64_t seconds) override {
    error("Too many requests", 429, {{"retry-after", std::to_string(seconds)}});
  }

  void on_end_well() override {
    begin_step();
    end_step("stop");
  }
  int on_end_badly(std::string_view why) override {
    error(why, std::nullopt, {});
    return 1;
  }

 private:
  void event(std::string_view type, const json::object& members) {
    json::object all{{"type", type}, {"timestamp", now_ms()}, {"sessionID", identity().session}};
    all.insert(members.begin(), members.end());
    line(all);
  }

  void part(std::string_view type, std::string_view part_type, const json::object& members) {
    json::object part{{"id", next_id("prt_")},
                      {"messageID", message_},
                      {"sessionID", identity().session},
                      {"type", part_type}};
    part.insert(members.begin(), members.end());
    event(type, {{"part", std::move(part)}});
  }

  void text_part(std::string_view type, std::string_view text) {
    begin_step();
    part(type, type, {{"text", text}});
  }

  void begin_step() {
    if (std::exchange(in_step_, true)) return;
    message_ = next_id("msg_");
    part("step_start", "step-start", {});
  }

  void end_step(std::string_view reason) {
    in_step_ = false;
    json::object members{{"reason", reason}};
    if (const auto spent = std::exchange(spent_, std::nullopt)) {
      members["tokens"] = {{"total", spent->input + spent->output},
                           {"input", spent->input},
                           {"output", spent->output},
                           {"reasoning", 0},
                           {"cache", {{"write", 0}, {"read", 0}}}};
      members["cost"] = spent->cost_usd.value_or(0);
    }
    part("step_finish", "step-finish", members);
  }

  void error(std::string_view message, std::optional<int> status, json::object headers) {
    json::object data{{"message", message}, {"responseHeaders", std::move(headers)}};
    if (status) data["statusCode"] = *status;
    event("error",
          {{"error", {{"name", status ? "APIError" : "UnknownError"}, {"data", std::move(data)}}}});
  }

  bool in_step_ = false;
  std::string message_;
  std::int64_t started_ms_ = 0;
};

}  // namespace

std::unique_ptr<Voice> make_opencode_voice(Voice::Streams streams, Voice::Identity identity) {
  return std::make_unique<OpenCodeVoice>(streams, std::move(identity));
}

}  // namespace reeve::app::script
