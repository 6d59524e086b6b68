#include <utility>

#include "app/script/voice.h"

namespace reeve::app::script {
namespace {

/// Codex `exec --json`: whole items, no deltas, and usage as the thread's total.
class CodexVoice : public Voice {
 public:
  using Voice::Voice;

 protected:
  void open() override {
    line({{"type", "thread.started"}, {"thread_id", identity().session}});
    line({{"type", "turn.started"}});
  }

  void on_say(std::string_view text) override {
    item("completed", {{"id", next_id("item_")}, {"type", "agent_message"}, {"text", text}});
  }
  void on_delta(std::string_view /*text*/, bool /*first*/) override {}
  void on_streamed(std::string_view text) override { on_say(text); }
  void on_think(std::string_view text) override {
    item("completed", {{"id", next_id("item_")}, {"type", "reasoning"}, {"text", text}});
  }

  void on_tool_started(const ToolUse& use) override {
    if (!use.is_command) return;
    item("started", command(use, "", nullptr, "in_progress"));
  }

  void on_tool_done(const ToolUse& use, const ToolResult& result) override {
    const auto* status = result.status == 0 ? "completed" : "failed";
    if (use.is_command) {
      item("completed", command(use, result.output, result.status, status));
      return;
    }
    item("completed",
         {{"id", tool_id_},
          {"type", "file_change"},
          {"changes", json::array{{{"path", use.path}, {"kind", use.append ? "update" : "add"}}}},
          {"status", status}});
  }

  void on_rate_limit(std::int64_t seconds) override {
    line({{"type", "error"},
          {"message", "exceeded retry limit, last status: 429 Too Many Requests; try again in " +
                          std::to_string(seconds) + "s"}});
  }

  void on_end_well() override {
    json::object last{{"type", "turn.completed"}};
    if (spent_) {
      last["usage"] = {{"input_tokens", spent_->input},
                       {"cached_input_tokens", 0},
                       {"output_tokens", spent_->output},
                       {"reasoning_output_tokens", 0}};
    }
    line(last);
  }

  int on_end_badly(std::string_view why) override {
    line({{"type", "error"}, {"message", why}});
    line({{"type", "turn.failed"}, {"error", {{"message", why}}}});
    return 1;
  }

 private:
  void item(std::string_view phase, json::object item) {
    line({{"type", "item." + std::string(phase)}, {"item", std::move(item)}});
  }

  json::object command(const ToolUse& use, std::string_view output, json::value exit_code,
                       std::string_view status) {
    return {{"id", tool_id_},
            {"type", "command_execution"},
            {"command", use.command},
            {"aggregated_output", output},
            {"exit_code", std::move(exit_code)},
            {"status", status}};
  }
};

}  // namespace

std::unique_ptr<Voice> make_codex_voice(Voice::Streams streams, Voice::Identity identity) {
  return std::make_unique<CodexVoice>(streams, std::move(identity));
}

}  // namespace reeve::app::script
