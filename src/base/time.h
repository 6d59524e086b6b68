#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/error.h"

namespace reeve {

using Duration = std::chrono::milliseconds;
/// Wall-clock time in milliseconds since 1970-01-01T00:00:00Z.
using Time = std::chrono::sys_time<std::chrono::milliseconds>;

[[nodiscard]] inline std::int64_t to_ms(Time time) { return time.time_since_epoch().count(); }
[[nodiscard]] inline Time from_ms(std::int64_t ms) { return Time(Duration(ms)); }

/// "2026-04-22T10:11:12.123Z" (RFC 3339, always three digits of the second, always UTC).
std::string to_rfc3339(Time time);
/// Any RFC 3339 offset and precision, converted to UTC and cut to milliseconds. invalid_argument:
/// not such a text.
Result<Time> parse_rfc3339(std::string_view text);

}  // namespace reeve
