#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

/// The little language of `reeve agent-script`: lines into a tree of statements. Pure. The language
/// itself is described in docs/agent-script.md.
namespace reeve::app::script {

enum class Verb {
  say,
  delta,
  think,
  run,
  write,
  append,
  sleep,
  expect,
  usage,
  session,
  raw,
  stderr_,
  big,
  repeat,
  flaky,
  when,
  hang,
  exit,
  die,
  fail,
  rate_limit,
};

/// What `when` asks.
enum class Condition { prompt_contains, resumed, exists, failed };

struct Statement {
  int line = 0;
  Verb verb = Verb::say;
  std::string text;                ///< the rest of the line, its placeholders not filled in
  std::vector<std::string> words;  ///< run: its argv; write, append, flaky: the file
  std::vector<double> numbers;     ///< in the order in which they are written
  Condition condition = Condition::failed;
  bool flag = false;                 ///< hang: hard; when: not
  std::vector<Statement> body;       ///< repeat, when
  std::vector<Statement> otherwise;  ///< when: its else
};

/// A script as it was read. invalid_argument: not a script; the text begins with "NAME:LINE: ".
Result<std::vector<Statement>> parse_script(std::string_view text, std::string_view name);

/// "NAME:LINE: what".
std::unexpected<Error> script_error(std::string_view name, int line, std::string_view what);

}  // namespace reeve::app::script
