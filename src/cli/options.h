#pragma once

#include <boost/describe.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace reeve::cli {

/// An option or a positional, as completions and the man page need it.
struct OptionInfo {
  std::vector<std::string> names;    ///< "-n", "--limit"; of a positional its one: "AGENT"
  std::string help;                  ///< what it says
  std::string value;                 ///< "TEXT", "N", "SECONDS"; empty: a flag
  std::vector<std::string> choices;  ///< all that it may be; empty: anything
  std::string standard;              ///< what holds where it is not said; empty: nothing
  std::string section;               ///< the heading that it stands below; empty: none
  bool positional = false;
  bool required = false;
  bool repeats = false;
};
BOOST_DESCRIBE_STRUCT(OptionInfo, (),
                      (names, help, value, choices, standard, section, positional, required,
                       repeats))

/// What a command may be told on its command line. Targets outlive parse(). (CLI11 stands behind
/// this; it is slow to compile, so its headers stay in options.cc.)
class Options {
 public:
  /// `name`: "spawn"; `summary`: one line; `examples`: shown below the options.
  Options(std::string_view name, std::string_view summary, std::string_view examples);
  ~Options();

  void positional(const char* name, std::string& target, const char* help, bool required = true);
  /// What a person says, the last positional: one argument, behind which options may follow, or
  /// every word up to the end of the line, whatever it looks like, joined by blanks.
  void text(const char* name, std::string& target, const char* help, bool required = true);
  void rest(const char* name, std::vector<std::string>& target, const char* help);
  /// `name`: "--role", or "-n,--name".
  void value(const char* name, std::string& target, const char* help);
  void value(const char* name, std::optional<std::string>& target, const char* help);
  void values(const char* name, std::vector<std::string>& target, const char* help);
  void number(const char* name, std::uint64_t& target, const char* help);
  /// How many, from one on.
  void limit(const char* name, std::uint64_t& target, const char* help);
  /// A whole number, more than zero.
  void number(const char* name, std::optional<std::int64_t>& target, const char* help);
  /// Any number, more than zero.
  void amount(const char* name, std::optional<double>& target, const char* help);
  void seconds(const char* name, std::optional<double>& target, const char* help);
  void flag(const char* name, bool& target, const char* help);
  void flag(const char* name, std::optional<bool>& target, const char* help);
  void choice(const char* name, std::string& target, std::vector<std::string> choices,
              const char* help);
  /// What is declared from here on stands below this heading in the help.
  void section(const char* heading);

  /// Sets the targets. Empty: go on. A text: print it and end with 0 (help). invalid_argument: what
  /// is wrong with `args`.
  Result<std::optional<std::string>> parse(std::span<const std::string> args);
  [[nodiscard]] std::string help() const;
  /// All that was declared, in its order.
  [[nodiscard]] const std::vector<OptionInfo>& declared() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace reeve::cli
