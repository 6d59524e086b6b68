#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "base/json.h"

/// What a scripted agent does, written as the stream of one CLI: the other way round of
/// proc/dialect, and held against it by a test.
namespace reeve::app::script {

/// A tool that the agent uses: a command, or a file that it writes.
struct ToolUse {
  bool is_command = true;
  std::string command;  ///< as a person would type it
  std::string path;
  std::string content;  ///< of the file
  bool append = false;
};
struct ToolResult {
  std::string output;
  int status = 0;  ///< 0: it worked
};
struct Spent {
  std::int64_t input = 0;
  std::int64_t output = 0;
  std::optional<double> cost_usd;
};

/// One stream. Every line is flushed as soon as it is complete. Lines of `out` are the CLI's
/// stdout, those of `err` its stderr.
class Voice {
 public:
  struct Streams {
    std::ostream& out;
    std::ostream& err;
  };
  /// What the stream says about itself.
  struct Identity {
    std::string session;
    std::string folder;  ///< its working directory
  };

  Voice(Streams streams, Identity identity) : streams_(streams), identity_(std::move(identity)) {}
  virtual ~Voice() = default;

  /// Another id for the session; before the first event it is the only one that is told.
  void session(std::string id);

  void say(std::string_view text);
  /// A piece of a message. What says or does something else ends that message.
  void delta(std::string_view text);
  void think(std::string_view text);
  void tool_started(const ToolUse& use);
  void tool_done(const ToolUse& use, const ToolResult& result);
  /// Adds to what the round has spent; told where the CLI tells it.
  void spend(const Spent& more);
  void rate_limit(std::int64_t seconds);

  /// The end: writes the CLI's last line and returns the exit status that goes with it.
  int end_well();
  int end_badly(std::string_view why);
  /// Ends what is half said, without a last line.
  void break_off();

 protected:
  // One per dialect; each may rely on the stream having been opened.
  virtual void open() = 0;
  virtual void on_say(std::string_view text) = 0;
  virtual void on_delta(std::string_view text, bool first) = 0;
  /// The message that the deltas made is complete.
  virtual void on_streamed(std::string_view text) = 0;
  virtual void on_think(std::string_view text) = 0;
  virtual void on_tool_started(const ToolUse& use) = 0;
  virtual void on_tool_done(const ToolUse& use, const ToolResult& result) = 0;
  virtual void on_rate_limit(std::int64_t seconds) = 0;
  virtual void on_end_well() = 0;
  /// Returns the exit status that the CLI has then.
  virtual int on_end_badly(std::string_view why) = 0;

  void line(const json::object& object);
  void out(std::string_view text);
  void err_line(std::string_view text);
  /// "PREFIX3": unique in this stream.
  std::string next_id(std::string_view prefix);
  [[nodiscard]] const Identity& identity() const { return identity_; }

  std::optional<Spent> spent_;  ///< what was spent and not told yet
  std::string answer_;          ///< the last message
  std::string tool_id_;         ///< of the tool in use
  std::int64_t turns_ = 1;      ///< model calls

 private:
  void ready();

  Streams streams_;
  Identity identity_;
  bool opened_ = false;
  std::string streamed_;
  std::int64_t ids_ = 0;
};

/// Null if there is no such dialect (proc::dialect_names() has them all).
std::unique_ptr<Voice> make_voice(std::string_view dialect, Voice::Streams streams,
                                  Voice::Identity identity);

/// The name of a session as the CLI would choose it.
std::string random_session(std::string_view dialect);

// One maker per dialect, each in its file.
using VoiceMaker = std::unique_ptr<Voice> (*)(Voice::Streams, Voice::Identity);
std::unique_ptr<Voice> make_claude_voice(Voice::Streams, Voice::Identity);
std::unique_ptr<Voice> make_codex_voice(Voice::Streams, Voice::Identity);
std::unique_ptr<Voice> make_gemini_voice(Voice::Streams, Voice::Identity);
std::unique_ptr<Voice> make_qwen_voice(Voice::Streams, Voice::Identity);
std::unique_ptr<Voice> make_opencode_voice(Voice::Streams, Voice::Identity);
std::unique_ptr<Voice> make_pi_voice(Voice::Streams, Voice::Identity);
std::unique_ptr<Voice> make_text_voice(Voice::Streams, Voice::Identity);

/// Milliseconds since 1970, now.
std::int64_t now_ms();

}  // namespace reeve::app::script
