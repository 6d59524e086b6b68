#include "cli/output.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ostream>

namespace reeve::cli {
namespace {

/// Characters that are shown: no colour sequences, one per UTF-8 sequence.
std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\033') {
      while (i < text.size() && text[i] != 'm') ++i;
    } else if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) {
      ++width;
    }
  }
  return width;
}

/// The bytes of the character at `at`.
std::string_view character(std::string_view text, std::size_t at) {
  auto next = at + 1;
  while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xc0) == 0x80) ++next;
  return text.substr(at, next - at);
}

/// C0, DEL, and C1 (U+0080 to U+009F).
bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (first < 0x20 || first == 0x7f) return true;
  return first == 0xc2 && character.size() == 2 && static_cast<unsigned char>(character[1]) < 0xa0;
}

}  // namespace

Paint Paint::for_terminal(int fd) {
  return Paint(::isatty(fd) == 1 && std::getenv("NO_COLOR") == nullptr);
}

std::string Paint::operator()(Colour colour, std::string_view text) const {
  if (!on_ || colour == Colour::none) return std::string(text);
  constexpr std::array<std::string_view, 7> kCodes{"0", "1", "2", "31", "32", "33", "34"};
  return "\033[" + std::string(kCodes.at(static_cast<std::size_t>(colour))) + "m" +
         std::string(text) + "\033[0m";
}

Colour colour_of_state(std::string_view state) {
  if (state == "working" || state == "running") return Colour::blue;
  if (state == "completed") return Colour::green;
  if (state == "failed" || state == "error") return Colour::red;
  if (state == "cancelled" || state == "paused" || state == "draining") return Colour::yellow;
  if (state == "stopped" || state == "cold") return Colour::dim;
  return Colour::none;
}

void Table::print(std::ostream& out) const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - width_of(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  }
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const auto next = character(text, i);
    out += is_control(next) && next != "\n" && next != "\t" ? " " : next;
    i += next.size();
  }
  return out;
}

std::string one_line(std::string_view text, std::size_t width) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  text.remove_prefix(begin);
  const auto end = text.find_first_of("\r\n");
  bool cut = end != std::string_view::npos &&
             text.find_first_not_of(" \t\r\n", end) != std::string_view::npos;
  text = text.substr(0, end);
  std::string out;
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size();) {
    const auto next = character(text, i);
    if (++count > width) {
      cut = true;
      break;
    }
    out += is_control(next) ? " " : next;
    i += next.size();
  }
  return cut ? out + "…" : out;
}

std::string age(Duration since) {
  using namespace std::chrono;
  if (since < 1min)
    return std::to_string(std::max<std::int64_t>(0, duration_cast<seconds>(since).count())) + " s";
  if (since < 2h) return std::to_string(duration_cast<minutes>(since).count()) + " min";
  if (since < 48h) return std::to_string(duration_cast<hours>(since).count()) + " h";
  return std::to_string(duration_cast<days>(since).count()) + " d";
}

}  // namespace reeve::cli
