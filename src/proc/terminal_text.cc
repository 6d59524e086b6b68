#include "proc/terminal_text.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <utility>

#include "base/utf8.h"

namespace reeve::proc {
namespace {

constexpr char kEscape = '\x1b';
constexpr char kBell = '\a';

/// Behind the escape sequence that begins at `at`.
std::size_t behind_escape(std::string_view text, std::size_t at) {
  if (++at == text.size()) return at;
  const char kind = text[at];
  if (kind == '[') {
    for (++at; at < text.size() && text[at] >= ' ' && text[at] <= '?';) ++at;
    return std::min(at + 1, text.size());
  }
  if (std::string_view("]PX^_").contains(kind)) {  // a text, up to BEL or ESC backslash
    for (; at < text.size() && text[at] != '\n'; ++at) {
      if (text[at] == kBell) return at + 1;
      if (text[at] == kEscape) return at + 1 < text.size() && text[at + 1] == '\\' ? at + 2 : at;
    }
    return at;
  }
  while (at < text.size() && text[at] >= ' ' && text[at] <= '/') ++at;
  if (at < text.size() && text[at] >= '0' && text[at] <= '~') ++at;
  return at;
}

/// The end of a file, from the beginning of a line on if there is one in it.
std::string end_of(const std::filesystem::path& path, std::size_t max) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  const auto size = static_cast<std::size_t>(std::max<std::streamoff>(file.tellg(), 0));
  const auto length = std::min(size, max);
  std::string bytes(length, '\0');
  file.seekg(static_cast<std::streamoff>(size - length));
  file.read(bytes.data(), static_cast<std::streamsize>(length));
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return bytes;
}

/// Without the first line, if that is only the end of one and another follows.
std::string_view from_a_line(std::string_view text, bool cut) {
  const auto line = text.find('\n');
  return cut && line != std::string_view::npos && line + 1 < text.size() ? text.substr(line + 1)
                                                                         : text;
}

}  // namespace

std::string without_escapes(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    const char c = bytes[at];
    if (c == kEscape) {
      at = behind_escape(bytes, at);
      continue;
    }
    ++at;
    if (c == '\r') {
      if (at < bytes.size() && bytes[at] != '\n') out += '\n';
    } else if (static_cast<unsigned char>(c) >= 0x20 ? c != '\x7f' : c == '\n' || c == '\t') {
      out += c;
    }
  }
  return out;
}

std::string last_lines(const std::filesystem::path& round, std::size_t max) {
  std::array<std::filesystem::path, 2> files{round / "out", round / "err"};
  std::error_code error;
  const auto out_at = std::filesystem::last_write_time(files[0], error);
  const auto err_at = std::filesystem::last_write_time(files[1], error);
  if (!error && out_at > err_at) std::swap(files[0], files[1]);
  std::string all;
  for (const auto& file : files) {
    const auto bytes = end_of(file, 4 * max);  // escapes may be most of it
    auto text = to_utf8(without_escapes(from_a_line(bytes, bytes.size() == 4 * max)));
    if (!all.empty() && !text.empty() && !all.ends_with('\n')) all += '\n';
    all += text;
  }
  while (all.ends_with('\n')) all.pop_back();
  const auto tail = tail_of(all, max);
  return std::string(from_a_line(tail, tail.size() < all.size()));
}

}  // namespace reeve::proc
