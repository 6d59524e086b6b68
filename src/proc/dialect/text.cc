#include "base/limits.h"
#include "base/utf8.h"
#include "proc/dialect/fields.h"
#include "proc/dialect/stream.h"

namespace reeve::proc {
namespace {

/// Any command: what it writes to stdout is its answer (what it writes to stderr, if stdout stays
/// empty), its exit status the verdict.
class Text : public Dialect {
 public:
  void line(Channel channel, std::string_view line, Events& out) override {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (channel == Channel::err) {
      auto notice = stderr_notice(line);
      append(complaint_, notice.text + '\n');
      out.emplace_back(std::move(notice));
      return;
    }
    const auto text = to_utf8(line) + '\n';
    append(tail_, text);
    // A very long line is many deltas: one event has a limit.
    constexpr std::size_t kDelta = 1 << 20;
    for (std::string_view rest = text; !rest.empty();) {
      const auto part = head_of(rest, kDelta);
      out.emplace_back(TextDelta{std::string(part)});
      rest.remove_prefix(part.size());
    }
  }

  RunFinished finish(const ProcessEnd& exit, Events& out) override {
    const std::string answer(tail_of(tail_.empty() ? complaint_ : tail_, limits::kPlainAnswer));
    if (!answer.empty())
      out.emplace_back(AssistantMessage{
          .message_id = {}, .text = answer, .reasoning = {}, .parent_tool_call = {}});
    auto end = judge(exit);
    end.text = answer;
    return end;
  }

  [[nodiscard]] json::object save() const override {
    return {{"version", 1},
            {"dialect", "text"},
            {"tail", tail_of(tail_, limits::kPlainAnswer)},
            {"complaint", tail_of(complaint_, limits::kPlainAnswer)}};
  }

  Status restore(const json::object& state) override {
    if (text_of(state, "dialect") != "text" || count_of(state, "version") != 1)
      return fail(Errc::unsupported, "not a state of this version's text dialect");
    tail_ = text_of(state, "tail");
    complaint_ = text_of(state, "complaint");
    return {};
  }

 private:
  static void append(std::string& tail, std::string_view text) {
    tail += tail_of(text, limits::kPlainAnswer);
    if (tail.size() > 2 * limits::kPlainAnswer)  // not with every line: that would be quadratic
      tail = std::string(tail_of(tail, limits::kPlainAnswer));
  }

  [[nodiscard]] RunFinished judge(const ProcessEnd& exit) const {
    if (auto stopped = stopped_by_us(exit, "")) return *stopped;
    RunFinished end;
    if (!exit.lost && !exit.signal && exit.status == 0) return end;
    end.ending = Ending::error;
    const bool unknown = exit.lost || (!exit.signal && !exit.status);
    end.code = enum_name(unknown       ? Failure::lost_result
                         : exit.signal ? Failure::signal
                                       : Failure::exit_status);
    end.message = "the command ended with " + told(exit);
    if (!complaint_.empty()) {
      end.message += ": ";
      end.message += tail_of(complaint_, limits::kComplaint);
    }
    return end;
  }

  std::string tail_;       ///< the end of stdout
  std::string complaint_;  ///< the end of stderr
};

}  // namespace

std::unique_ptr<Dialect> make_text() { return std::make_unique<Text>(); }

}  // namespace reeve::proc
