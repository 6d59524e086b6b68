#include "base/utf8.h"

#include <cstdint>

namespace reeve {
namespace {

struct Step {
  std::size_t length = 1;  ///< bytes of the character, or of the malformed sequence
  bool good = false;
};

constexpr bool continues(unsigned char byte) { return (byte & 0xC0) == 0x80; }

/// What stands at the front of `bytes`, which is not empty.
Step step(std::string_view bytes) {
  const auto lead = static_cast<unsigned char>(bytes[0]);
  if (lead < 0x80) return {1, true};
  std::size_t length = 0;
  unsigned char low = 0x80;   // the second byte's range, narrower where a form would be overlong,
  unsigned char high = 0xBF;  // a surrogate, or beyond U+10FFFF
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {1, false};
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (i >= bytes.size()) return {i, false};
    const auto byte = static_cast<unsigned char>(bytes[i]);
    const bool fits = i == 1 ? byte >= low && byte <= high : continues(byte);
    if (!fits) return {i, false};
  }
  return {length, true};
}

/// Bytes of the well-formed prefix.
std::size_t good_prefix(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const auto next = step(bytes.substr(at));
    if (!next.good) break;
    at += next.length;
  }
  return at;
}

}  // namespace

bool is_utf8(std::string_view bytes) { return good_prefix(bytes) == bytes.size(); }

std::string to_utf8(std::string_view bytes) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const auto good = good_prefix(bytes);
    text += bytes.substr(0, good);
    bytes.remove_prefix(good);
    if (bytes.empty()) break;
    text += kReplacement;
    bytes.remove_prefix(step(bytes).length);
  }
  return text;
}

std::string_view head_of(std::string_view text, std::size_t max) {
  if (text.size() <= max) return text;
  while (max > 0 && continues(static_cast<unsigned char>(text[max]))) --max;
  return text.substr(0, max);
}

std::string_view tail_of(std::string_view text, std::size_t max) {
  if (text.size() <= max) return text;
  auto from = text.size() - max;
  while (from < text.size() && continues(static_cast<unsigned char>(text[from]))) ++from;
  return text.substr(from);
}

}  // namespace reeve
