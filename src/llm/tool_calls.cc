#include "llm/tool_calls.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/utf8.h"

namespace reeve::llm {
namespace {

/// Of what is wrong with a call, the model is shown this much of its own words.
constexpr std::size_t kQuoted = 200;

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace

void read_arguments(std::string_view text, ToolCall& call) {
  if (is_blank(text)) {
    call.arguments = json::object();
    return;
  }
  // A problem that it has already is the worse one.
  const auto before = std::move(call.problem);
  auto read = parse_json(text);
  if (read && read->is_object()) {
    call.arguments = std::move(*read);
    call.problem = before;
    return;
  }
  const auto written = to_utf8(text);
  call.arguments = json::value(written);
  call.problem = before;
  if (!before.empty()) return;
  call.problem = "its arguments must be a JSON object, but ";
  call.problem += read ? "they are another kind of JSON" : to_utf8(read.error().message());
  call.problem += ". They were: ";
  call.problem += head_of(written, kQuoted);
  if (written.size() > kQuoted) {
    call.problem += " [... " + std::to_string(written.size()) + " bytes in all]";
  }
}

void tell_apart(std::span<const ToolCall> earlier, ToolCall& call) {
  const auto taken = [&] {
    return std::ranges::find(earlier, call.id, &ToolCall::id) != earlier.end();
  };
  if (!taken()) return;
  const auto twice = call.id;
  for (int n = 2; taken(); ++n) call.id = twice + "-" + std::to_string(n);
  if (!call.problem.empty()) return;
  call.problem = "another call of the same message has the same id (" + twice +
                 "). Call it again if it is wanted.";
}

std::string arguments_text(const ToolCall& call) {
  if (call.arguments.is_object()) return write_json(call.arguments);
  if (call.arguments.is_null()) return "{}";
  return write_json(json::object{{"malformed_arguments", call.arguments}});
}

}  // namespace reeve::llm
