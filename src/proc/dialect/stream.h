#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proc/dialect/dialect.h"
#include "proc/dialect/failure.h"

/// What the dialects of CLIs that write JSON lines have in common.
namespace reeve::proc {

using Events = std::vector<AgentEvent>;

/// A stderr line as an event, without terminal colours.
Notice stderr_notice(std::string_view line);
/// The text of a tool result or message content: a text itself, or the texts of a list of blocks.
std::string plain_text(const json::value& content);
/// A line for RawLine: valid and cut.
RawLine raw_line(std::string_view line);
/// "exit status 1", "signal 15", "an unknown end".
std::string told(const ProcessEnd& exit);
/// The end of a round that *we* stopped; nothing if we did not.
std::optional<RunFinished> stopped_by_us(const ProcessEnd& exit, std::string_view last_trouble);

/// The last thing that went wrong.
struct Trouble {
  std::string code;
  std::string message;
  bool retrying = false;
};
BOOST_DESCRIBE_STRUCT(Trouble, (), (code, message, retrying))

/// What a terminal line said.
struct Verdict {
  Ending ending = Ending::completed;
  std::string code;
  std::string message;
};
BOOST_DESCRIBE_STRUCT(Verdict, (), (ending, code, message))

/// What every JSON dialect remembers between two lines.
struct Seen {
  bool began = false;  ///< a line that the dialect knows
  std::string session;
  std::string model;
  std::string message_id;                    ///< of the message in the making
  std::string text;                          ///< streamed, its message not complete
  std::string reasoning;                     ///< streamed, its block not complete
  std::string held_reasoning;                ///< complete, waits for the text that it belongs to
  std::string answer;                        ///< the last complete text
  std::map<std::string, std::string> calls;  ///< open tool calls: id to name
  std::optional<Verdict> verdict;
  std::optional<Trouble> trouble;
  std::string complaint;  ///< the end of stderr
  std::optional<std::int64_t> steps;
  Usage before;  ///< of the session's earlier rounds
};
BOOST_DESCRIBE_STRUCT(Seen, (),
                      (began, session, model, message_id, text, reasoning, held_reasoning, answer,
                       calls, verdict, trouble, complaint, steps, before))

/// Splits lines into known objects and raw ones, keeps Seen, and judges the end. A dialect says
/// what its objects mean.
class StreamDialect : public Dialect {
 public:
  void line(Channel channel, std::string_view line, Events& out) final;
  RunFinished finish(const ProcessEnd& exit, Events& out) final;
  [[nodiscard]] json::object save() const final;
  Status restore(const json::object& state) final;
  void resumes(const Usage& before) final { seen_.before = before; }
  [[nodiscard]] bool ended() const final { return seen_.verdict.has_value(); }

 protected:
  explicit StreamDialect(std::string_view name) : name_(name) {}

  /// One line of stdout with its "type". False: unknown, and nothing was appended.
  virtual bool object(std::string_view type, const json::object& line, Events& out) = 0;
  /// One line of stderr that means more than a notice. False: it does not.
  virtual bool complaint(std::string_view /*line*/, Events& /*out*/) { return false; }
  /// What an exit status means to this CLI, where it has a list of them.
  [[nodiscard]] virtual std::optional<Trouble> meaning(int /*status*/) const { return {}; }
  /// What the dialect remembers beside Seen.
  [[nodiscard]] virtual json::value save_own() const { return nullptr; }
  virtual Status restore_own(const json::value& /*state*/) { return {}; }

  /// At most once per session id.
  void session(std::string_view id, std::string_view permission_mode, Events& out);

  void text_delta(std::string_view delta, Events& out);
  void reasoning_delta(std::string_view delta, Events& out);
  /// A complete block of reasoning; it goes with the next message of that id (of any id, if its own
  /// is ""), or stands alone.
  void hold_reasoning(std::string_view message_id, std::string_view reasoning, Events& out);
  /// A complete message of the main agent.
  void message(std::string_view id, std::string_view text, Events& out);
  /// What was streamed or held becomes a message: there will be no more of it.
  void commit_pending(Events& out);
  /// What was streamed is void: the CLI begins its message again.
  void void_pending(std::string_view reason, Events& out);

  void call_ready(std::string_view id, std::string_view name, json::value arguments, Events& out);
  /// The name may be "": then the one that the call began with.
  void call_done(ToolCallDone done, Events& out);

  void trouble(Failure code, std::string_view message, bool retrying, Events& out);
  /// The terminal line said that all went well; `answer` "" leaves the last message as the answer.
  void ended_well(std::string_view answer = {});
  void ended_badly(Failure code, std::string_view message, Ending ending = Ending::error);
  /// The stream goes on after all.
  void not_ended() { seen_.verdict.reset(); }

  Seen seen_;

 private:
  void err_line(std::string_view line, Events& out);
  void out_line(std::string_view line, Events& out);
  [[nodiscard]] RunFinished judge(const ProcessEnd& exit) const;

  std::string_view name_;
};

/// What `total` has that `before` had not; where that is less than nothing, the total.
Usage since(const Usage& before, const Usage& total);

/// One maker per dialect, each in its file.
std::unique_ptr<Dialect> make_claude();
std::unique_ptr<Dialect> make_codex();
std::unique_ptr<Dialect> make_gemini();
std::unique_ptr<Dialect> make_qwen();
std::unique_ptr<Dialect> make_opencode();
std::unique_ptr<Dialect> make_pi();
std::unique_ptr<Dialect> make_text();

}  // namespace reeve::proc
