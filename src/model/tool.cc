#include "model/tool.h"

#include <algorithm>

namespace reeve {

Status check_tool_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  if (name.empty() || name.size() > limits::kName || !std::ranges::all_of(name, fits)) {
    return fail(Errc::invalid_argument, "\"" + std::string(name) +
                                            "\" cannot be a tool's name: 1 to 64 letters, digits, "
                                            "\"_\" and \"-\"");
  }
  return {};
}

REEVE_JSON_COMPILE(ToolDescriptor);

}  // namespace reeve
