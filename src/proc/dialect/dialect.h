#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "event/agent_event.h"

namespace reeve::proc {

enum class Channel { out, err };

/// How a round's process ended, as far as is known.
struct ProcessEnd {
  std::optional<int> status;
  std::optional<int> signal;
  bool lost = false;    ///< nobody knows: whoever waited for the process is gone
  std::string stopped;  ///< why *we* stopped it: "cancelled", or the name of a Failure ("deadline",
                        ///< "silence", "output_limit"); "" if we did not
};

/// Turns one CLI's stream into AgentEvents. Pure: bytes in, values out; no clock, no I/O. One
/// instance serves one round.
///
/// Any bytes are taken. What is not known becomes a RawLine, never an error; whatever becomes an
/// event is UTF-8. The order of lines within a channel matters, the order between the two does not.
class Dialect {
 public:
  virtual ~Dialect() = default;

  /// One whole line without its newline. A trailing CR is not part of it.
  virtual void line(Channel channel, std::string_view line, std::vector<AgentEvent>& out) = 0;

  /// The stream is over. Appends what is still pending and returns the dialect's verdict, from what
  /// it saw and how the process ended: `completed` only if the CLI's own sign of success was seen
  /// and the exit does not contradict it, else a Failure's name is its code. Called once, last.
  virtual RunFinished finish(const ProcessEnd& exit, std::vector<AgentEvent>& out) = 0;

  /// The CLI has said how it went; only its exit is missing.
  [[nodiscard]] virtual bool ended() const { return false; }

  /// Everything that later lines depend on, so that another process can go on from the same byte:
  /// after restore(save()) it behaves alike. A few KB (limits::kAnswer bounds it).
  [[nodiscard]] virtual json::object save() const = 0;
  /// Of a new instance of the same dialect. unsupported: another dialect's or version's state.
  /// invalid_argument: not a state.
  virtual Status restore(const json::object& state) = 0;

  /// Before the first line: the vendor's session goes on from earlier rounds that used `before` in
  /// all. Some CLIs (Codex, Qwen) report a session's total; UsageRecorded is then what this round
  /// added.
  virtual void resumes(const Usage& before);
};

/// "claude", "codex", "gemini", "qwen", "opencode", "pi", "text". not_found: no such dialect.
Result<std::unique_ptr<Dialect>> make_dialect(std::string_view name);
std::span<const std::string_view> dialect_names();

}  // namespace reeve::proc
