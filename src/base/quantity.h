#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"

/// Quantities as people write them into settings and read them.
namespace reeve {

/// "30d", "12 h", "90m", "45s", "2w": a whole number and its unit (s, m or min, h, d, w).
/// invalid_argument: not such a text, or more than a thousand years.
Result<Duration> parse_duration(std::string_view text);
/// "2GB", "500 MB", "64KiB", "4096": a whole number, and B, kB, MB, GB, TB (each 1000 of the one
/// before) or KiB, MiB, GiB, TiB (each 1024). invalid_argument: not such a text, or more than fits.
Result<std::uint64_t> parse_size(std::string_view text);

/// In the largest unit that leaves a whole number: "30d", "36h", "90s", "0s"; "1500ms".
std::string duration_text(Duration duration);
/// Rounded: "812 B", "1.9 GB".
std::string size_text(std::uint64_t bytes);

}  // namespace reeve
