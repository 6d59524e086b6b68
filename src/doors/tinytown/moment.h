#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

/// Moments as tinytown writes them: to the nanosecond, where ours are to the millisecond.
namespace reeve::doors::tinytown {

using Moment = std::chrono::sys_time<std::chrono::nanoseconds>;

inline Moment moment_of(Time time) { return Moment(time.time_since_epoch()); }
inline Time time_of(Moment moment) { return std::chrono::floor<std::chrono::milliseconds>(moment); }

/// In hashes: "2026-04-22T10:11:12.123456789+00:00", with 0, 3, 6 or 9 digits of the second, as
/// many as it takes.
std::string hash_text(Moment moment);
/// In JSON: the same, with "Z".
std::string json_text(Moment moment);
/// Any RFC 3339 offset and precision, converted to UTC and cut to nanoseconds. None: no such text,
/// or before 1678 or after 2261.
std::optional<Moment> read_moment(std::string_view text);

}  // namespace reeve::doors::tinytown
