#include "llm/tool_calls.h"

#include <algorithm>
#include <set>
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
  auto read = parse_json(text);
  if (read && read->is_object()) {
    call.arguments = std::move(*read);
    return;
  }
  const auto written = to_utf8(text);
  call.arguments = json::value(written);
  call.problem = "its arguments must be a JSON object, but ";
  call.problem += read ? "they are another kind of JSON" : read.error().message();
  call.problem += ". They were: ";
  call.problem += head_of(written, kQuoted);
  if (written.size() > kQuoted) {
    call.problem += " [... " + std::to_string(written.size()) + " bytes in all]";
  }
}

void part_equal_ids(std::vector<ToolCall>& calls) {
  std::set<std::string, std::less<>> taken;
  for (auto& call : calls) {
    if (taken.insert(call.id).second) continue;
    const auto twice = call.id;
    for (int n = 2; !taken.insert(call.id).second; ++n) call.id = twice + "-" + std::to_string(n);
    if (!call.problem.empty()) continue;
    call.problem = "another call of the same message has the same id (" + twice +
                   "). Call it again if it is wanted.";
  }
}

std::string arguments_text(const ToolCall& call) {
  if (call.arguments.is_object()) return write_json(call.arguments);
  if (call.arguments.is_null()) return "{}";
  return write_json(json::object{{"malformed_arguments", call.arguments}});
}

}  // namespace reeve::llm
