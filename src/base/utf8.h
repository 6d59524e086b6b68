#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// Text that came from outside may be any bytes; whatever becomes an event or JSON must be UTF-8.
namespace reeve {

/// Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view bytes);
/// The same text with every malformed sequence replaced by one U+FFFD (Unicode's "maximal subpart"
/// practice).
[[nodiscard]] std::string to_utf8(std::string_view bytes);

/// The longest prefix of at most `max` bytes that does not end inside a character. The text is
/// UTF-8.
[[nodiscard]] std::string_view head_of(std::string_view text, std::size_t max);
/// The longest suffix of at most `max` bytes that does not begin inside a character.
[[nodiscard]] std::string_view tail_of(std::string_view text, std::size_t max);

}  // namespace reeve
