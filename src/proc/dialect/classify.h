#pragma once

#include <optional>
#include <string_view>

#include "proc/dialect/failure.h"

/// What vendors' error texts mean. They are prose and change; what is not recognised is
/// Failure::error, and the text itself is always kept beside the code.
namespace reeve::proc {

/// The HTTP status that an error text speaks of ("status 401", "[API Error: 429 ...", "401 invalid
/// ..."), if any.
std::optional<int> http_status_in(std::string_view text);
/// The meaning of an error text, and of an HTTP status where the CLI gives one.
Failure classify(std::string_view text, std::optional<int> http_status = std::nullopt);
/// Whether a failed tool result says that a permission was missing.
bool tells_of_denial(std::string_view tool_result);

}  // namespace reeve::proc
