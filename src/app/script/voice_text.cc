#include <utility>

#include "app/script/voice.h"

namespace reeve::app::script {
namespace {

/// Any plain command: what it says goes to stdout, what it thinks and complains of to stderr, and
/// only its exit status tells how it went. There is no session and no usage in it.
class TextVoice : public Voice {
 public:
  using Voice::Voice;

 protected:
  void open() override {}
  void on_say(std::string_view text) override { lines(text); }
  void on_delta(std::string_view text, bool /*first*/) override { out(text); }
  void on_streamed(std::string_view text) override {
    if (!text.ends_with('\n')) out("\n");
  }
  void on_think(std::string_view text) override { err_line(text); }
  void on_tool_started(const ToolUse& use) override {
    lines(use.is_command ? "$ " + use.command : "(writes " + use.path + ")");
  }
  void on_tool_done(const ToolUse& use, const ToolResult& result) override {
    if (use.is_command || result.status != 0) lines(result.output);
    if (use.is_command && result.status != 0)
      lines("(exit status " + std::to_string(result.status) + ")");
  }
  void on_rate_limit(std::int64_t seconds) override {
    err_line("rate limit: try again in " + std::to_string(seconds) + " s");
  }
  void on_end_well() override {}
  int on_end_badly(std::string_view why) override {
    err_line(why);
    return 1;
  }

 private:
  void lines(std::string_view text) {
    if (text.empty()) return;
    out(text);
    if (!text.ends_with('\n')) out("\n");
  }
};

}  // namespace

std::unique_ptr<Voice> make_text_voice(Voice::Streams streams, Voice::Identity identity) {
  return std::make_unique<TextVoice>(streams, std::move(identity));
}

}  // namespace reeve::app::script
