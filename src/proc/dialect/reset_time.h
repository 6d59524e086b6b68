#pragma once

#include <optional>
#include <string_view>

#include "base/time.h"

namespace reeve::proc {

/// When a vendor takes requests again, as far as the text of a rate limit says so: "try again in
/// 11.05s", a `"retryDelay":"19s"`, "try again at 11:40 PM" or "... at Nov 23rd, 2026 9:05 AM". A
/// time of day is of this machine's time zone, for which a CLI's words are meant, and of the day
/// that begins or goes on at `now`. Rounded up: never too early.
std::optional<Time> reset_time_in(std::string_view text, Time now);

}  // namespace reeve::proc
