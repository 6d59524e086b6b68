#include "proc/dialect/claude_lines.h"
#include "proc/dialect/fields.h"

namespace reeve::proc {
namespace {

/// Qwen Code's stream-json: Claude's lines, but an API error is an answer like any other, with
/// is_error false and exit status 0. Only its text and its missing tokens tell.
class Qwen : public ClaudeLines {
 public:
  Qwen() : ClaudeLines("qwen") {}

 protected:
  [[nodiscard]] std::size_t error_in(std::string_view text,
                                     const json::object* usage) const override {
    constexpr std::string_view kMark = "[API Error:";
    while (text.ends_with('\n') || text.ends_with(' ')) text.remove_suffix(1);
    if (text.starts_with(kMark)) return 0;
    const auto at = text.rfind(kMark);
    if (at == std::string_view::npos || !text.ends_with(']')) return std::string_view::npos;
    // An answer that quotes such an error was paid for.
    const bool paid = usage != nullptr && count_of(*usage, "output_tokens").value_or(0) > 0;
    const bool known = seen_.trouble && !seen_.trouble->retrying &&
                       text.substr(at) == std::string_view(seen_.trouble->message);
    return paid && !known ? std::string_view::npos : at;
  }
  [[nodiscard]] bool counts_session() const override { return true; }
};

}  // namespace

std::unique_ptr<Dialect> make_qwen() { return std::make_unique<Qwen>(); }

}  // namespace reeve::proc
