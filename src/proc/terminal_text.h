#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

/// What a program wrote for a terminal, as text.
namespace reeve::proc {

/// Without escape sequences (colours, titles, movements) and control characters; a carriage return
/// is a new line. Any bytes are taken, and those that are no part of a sequence stay as they are.
std::string without_escapes(std::string_view bytes);

/// The end of what a round wrote to its `out` and `err`, the file that was written last coming
/// last: whole lines where they fit, at most `max` bytes, valid UTF-8, without escapes. Blocks for
/// a read of a few KB; what cannot be read is left out.
std::string last_lines(const std::filesystem::path& round, std::size_t max);

}  // namespace reeve::proc
