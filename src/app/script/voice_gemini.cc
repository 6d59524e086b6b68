#include <utility>

#include "app/script/voice.h"
#include "base/time.h"

namespace reeve::app::script {
namespace {

/// Gemini CLI's stream-json. It shows no thoughts, and tells of retries on stderr.
class GeminiVoice : public Voice {
 public:
  using Voice::Voice;

 protected:
  void open() override {
    event("init", {{"session_id", identity().session}, {"model", "scripted"}});
  }

  void on_say(std::string_view text) override {
    event("message", {{"role", "assistant"}, {"content", text}});
  }
  void on_delta(std::string_view text, bool /*first*/) override {
    event("message", {{"role", "assistant"}, {"content", text}, {"delta", true}});
  }
  void on_streamed(std::string_view /*text*/) override {}
  void on_think(std::string_view /*text*/) override {}

  void on_tool_started(const ToolUse& use) override {
    json::object parameters;
    if (use.is_command) {
      parameters = {{"command", use.command}};
    } else {
      parameters = {{"file_path", use.path}, {"content", use.content}};
    }
    event("tool_use", {{"tool_name", use.is_command ? "run_shell_command" : "write_file"},
                       {"tool_id", tool_id_},
                       {"parameters", std::move(parameters)}});
  }

  void on_tool_done(const ToolUse& /*use*/, const ToolResult& result) override {
    ++tools_;
    json::object done{{"tool_id", tool_id_},
                      {"status", result.status == 0 ? "success" : "error"},
                      {"output", result.output}};
    if (result.status != 0) {
      done["error"] = {{"type", "tool_failed"},
                       {"message", "Exit code " + std::to_string(result.status)}};
    }
    event("tool_result", done);
  }

  void on_rate_limit(std::int64_t seconds) override {
    err_line("Attempt 1 failed with status 429. Retrying with backoff... retry after " +
             std::to_string(seconds) + " s");
  }

  void on_end_well() override { result({{"status", "success"}}); }
  int on_end_badly(std::string_view why) override {
    result({{"status", "error"}, {"error", {{"type", "unknown"}, {"message", why}}}});
    return 1;
  }

 private:
  void event(std::string_view type, const json::object& members) {
    json::object all{{"type", type}, {"timestamp", to_rfc3339(from_ms(now_ms()))}};
    all.insert(members.begin(), members.end());
    line(all);
  }

  void result(json::object members) {
    if (spent_) {
      members["stats"] = {{"total_tokens", spent_->input + spent_->output},
                          {"input_tokens", spent_->input},
                          {"output_tokens", spent_->output},
                          {"cached", 0},
                          {"tool_calls", tools_}};
    }
    event("result", members);
  }

  std::int64_t tools_ = 0;
};

}  // namespace

std::unique_ptr<Voice> make_gemini_voice(Voice::Streams streams, Voice::Identity identity) {
  return std::make_unique<GeminiVoice>(streams, std::move(identity));
}

}  // namespace reeve::app::script
