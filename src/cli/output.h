#pragma once

#include <chrono>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"

/// How commands print for a person.
namespace reeve::cli {

enum class Colour { none, bold, dim, red, green, yellow, blue };

/// Colours, or none where standard output is no terminal (or NO_COLOR is set).
class Paint {
 public:
  explicit Paint(bool on) : on_(on) {}
  /// Looks at the descriptor and the environment.
  static Paint for_terminal(int fd);
  [[nodiscard]] std::string operator()(Colour colour, std::string_view text) const;
  [[nodiscard]] bool on() const { return on_; }

 private:
  bool on_;
};

/// The colour of an agent's, task's or run's state.
Colour colour_of_state(std::string_view state);

/// Columns of the width that their texts need, two blanks between. Widths count characters, not
/// bytes or colours.
class Table {
 public:
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  void print(std::ostream& out) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// A stranger's text as a terminal may show it: its lines and tabs, but no other control character,
/// for those steer the terminal.
std::string printable(std::string_view text);
/// The first line, cut to `width` characters with an ellipsis.
std::string one_line(std::string_view text, std::size_t width);
/// "3 s", "12 min", "2 h", "5 d".
std::string age(Duration since);

}  // namespace reeve::cli
