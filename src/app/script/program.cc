#include "app/script/program.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "app/script/placeholders.h"
#include "base/limits.h"

namespace reeve::app::script {
namespace {

/// What may stand behind a verb.
enum class Shape {
  nothing,
  text,       ///< the rest of the line, not empty
  line,       ///< the rest of the line as it is, perhaps empty
  words,      ///< a command
  file_text,  ///< a file's name, then text, perhaps none
  file_number,
  numbers,
  word,  ///< one optional word that means something
};

struct Entry {
  std::string_view name;
  Verb verb;
  Shape shape;
  std::string_view usage;
  std::size_t least = 0;  ///< numbers
  std::size_t most = 0;
  double limit = 0;  ///< of each number
};

constexpr double kDayMs = 24.0 * 3600 * 1000;  // nobody waits longer for a scripted agent
constexpr double kYearSeconds = 366.0 * 24 * 3600;
constexpr double kTokens = 1e12;
constexpr double kRounds = 1e6;
constexpr double kStatus = 255;

constexpr std::array kVerbs{
    Entry{"say", Verb::say, Shape::text, "say TEXT"},
    Entry{"delta", Verb::delta, Shape::line, "delta TEXT"},
    Entry{"think", Verb::think, Shape::text, "think TEXT"},
    Entry{"run", Verb::run, Shape::words, "run COMMAND ..."},
    Entry{"write", Verb::write, Shape::file_text, "write FILE TEXT"},
    Entry{"append", Verb::append, Shape::file_text, "append FILE TEXT"},
    Entry{"sleep", Verb::sleep, Shape::numbers, "sleep MILLISECONDS", 1, 1, kDayMs},
    Entry{"expect", Verb::expect, Shape::text, "expect TEXT"},
    Entry{"usage", Verb::usage, Shape::numbers, "usage INPUT OUTPUT [COST]", 2, 3, kTokens},
    Entry{"session", Verb::session, Shape::text, "session ID"},
    Entry{"raw", Verb::raw, Shape::line, "raw LINE"},
    Entry{"stderr", Verb::stderr_, Shape::line, "stderr TEXT"},
    Entry{"big", Verb::big, Shape::numbers, "big BYTES", 1, 1, limits::kScriptBig},
    Entry{"repeat", Verb::repeat, Shape::numbers, "repeat TIMES", 1, 1, kRounds},
    Entry{"flaky", Verb::flaky, Shape::file_number, "flaky FILE TIMES", 1, 1, kRounds},
    Entry{"when", Verb::when, Shape::text, "when CONDITION"},
    Entry{"hang", Verb::hang, Shape::word, "hang [hard]"},
    Entry{"exit", Verb::exit, Shape::numbers, "exit STATUS", 1, 1, kStatus},
    Entry{"die", Verb::die, Shape::numbers, "die [STATUS]", 0, 1, kStatus},
    Entry{"fail", Verb::fail, Shape::text, "fail TEXT"},
    Entry{"rate-limit", Verb::rate_limit, Shape::numbers, "rate-limit SECONDS", 1, 1, kYearSeconds},
};

constexpr std::string_view kBlank = " \t";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

/// Takes the first word off `rest`, which then begins right behind one blank.
std::string_view take_word(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlank), rest.size()));
  const auto end = std::min(rest.find_first_of(kBlank), rest.size());
  const auto word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

std::optional<double> number_in(std::string_view word) {
  double number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size() || !(number >= 0)) return {};
  return number;
}

class Parser {
 public:
  Parser(std::string_view text, std::string_view name) : rest_(text), name_(name) {}

  Result<std::vector<Statement>> parse() {
    std::vector<Statement> all;
    if (auto good = block(all, nullptr); !good) return fail(good.error());
    return all;
  }

 private:
  static constexpr int kDeepest = 32;

  /// The next line that says something; false at the end.
  bool next_line() {
    while (!rest_.empty()) {
      const auto end = std::min(rest_.find('\n'), rest_.size());
      line_ = rest_.substr(0, end);
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
      ++number_;
      if (line_.ends_with('\r')) line_.remove_suffix(1);
      const auto begin = line_.find_first_not_of(kBlank);
      if (begin == std::string_view::npos || line_[begin] == '#') continue;
      line_.remove_prefix(begin);
      return true;
    }
    return false;
  }

  [[nodiscard]] std::unexpected<Error> wrong(std::string_view what) const {
    return script_error(name_, number_, what);
  }

  /// Statements up to the `end` of `opener`, or of the text if there is none.
  Status block(std::vector<Statement>& out, Statement* opener) {
    if (++depth_ > kDeepest) return wrong("blocks are nested too deeply");
    auto* into = &out;
    while (next_line()) {
      auto rest = line_;
      const auto verb = take_word(rest);
      if (verb == "end" && trimmed(rest).empty()) {
        if (opener == nullptr) return wrong("`end` without a block");
        --depth_;
        return {};
      }
      if (verb == "else") {
        if (opener == nullptr || opener->verb != Verb::when || into != &out)
          return wrong("`else` without a `when`");
        into = &opener->otherwise;
        if (trimmed(rest).empty()) continue;
        // `else when ...` shares its end with the block that it goes on.
        if (take_word(rest) != "when") return wrong("write `else`, or `else when CONDITION`");
        auto& next = into->emplace_back();
        next.line = number_;
        next.verb = Verb::when;
        if (auto good = condition(rest, next); !good) return good;
        auto ended = block(next.body, &next);
        --depth_;
        return ended;
      }
      if (auto good = statement(verb, rest, into->emplace_back()); !good) return good;
    }
    if (opener != nullptr) {
      return script_error(
          name_, opener->line,
          fmt::format("`{}` has no `end`", opener->verb == Verb::when ? "when" : "repeat"));
    }
    return {};
  }

  Status statement(std::string_view verb, std::string_view rest, Statement& out) {
    const auto* entry = std::ranges::find(kVerbs, verb, &Entry::name);
    if (entry == kVerbs.end()) {
      return wrong(
          fmt::format("there is no command `{}`; see docs/agent-script.md", std::string(verb)));
    }
    out.line = number_;
    out.verb = entry->verb;
    auto good = arguments(*entry, rest, out);
    if (good && out.verb == Verb::when) good = condition(rest, out);
    if (!good) return good;
    if (out.verb == Verb::when || out.verb == Verb::repeat) return block(out.body, &out);
    return {};
  }

  Status arguments(const Entry& entry, std::string_view rest, Statement& out) {
    const auto misused = [&] { return wrong(fmt::format("expected `{}`", entry.usage)); };
    switch (entry.shape) {
      case Shape::nothing: return trimmed(rest).empty() ? Status() : misused();
      case Shape::text:
        out.text = trimmed(rest);
        if (out.text.empty()) return misused();
        return well_formed(out.text);
      case Shape::line:
        out.text = rest;
        return out.verb == Verb::raw ? Status() : well_formed(rest);
      case Shape::word:
        if (trimmed(rest).empty()) return {};
        out.flag = trimmed(rest) == "hard";
        return out.flag ? Status() : misused();
      case Shape::words: {
        if (auto good = well_formed(rest); !good) return good;
        auto words = split_template(trimmed(rest));
        if (!words) return wrong(words.error().message());
        out.words = std::move(*words);
        return {};
      }
      case Shape::file_text:
      case Shape::file_number:
        out.words.emplace_back(take_word(rest));
        if (out.words.front().empty()) return misused();
        if (auto good = well_formed(out.words.front()); !good) return good;
        if (entry.shape == Shape::file_number) return numbers(entry, rest, out);
        out.text = rest;
        return well_formed(rest);
      case Shape::numbers: return numbers(entry, rest, out);
    }
    return misused();
  }

  Status numbers(const Entry& entry, std::string_view rest, Statement& out) {
    for (auto word = take_word(rest); !word.empty(); word = take_word(rest)) {
      const auto number = number_in(word);
      if (!number) return wrong(fmt::format("`{}` is no number; expected `{}`", word, entry.usage));
      if (*number > entry.limit)
        return wrong(fmt::format("{} is too much; at most {}", word, entry.limit));
      out.numbers.push_back(*number);
    }
    if (out.numbers.size() < entry.least || out.numbers.size() > entry.most)
      return wrong(fmt::format("expected `{}`", entry.usage));
    return {};
  }

  Status condition(std::string_view rest, Statement& out) {
    constexpr std::string_view kExpected =
        "expected `when [not] prompt contains TEXT`, `resumed`, `exists FILE` or `failed`";
    auto after = rest;
    auto word = take_word(after);
    if (word == "not") {
      out.flag = true;
      word = take_word(after);
    }
    if (word == "prompt" && take_word(after) == "contains") {
      out.condition = Condition::prompt_contains;
    } else if (word == "exists") {
      out.condition = Condition::exists;
    } else if (word == "resumed") {
      out.condition = Condition::resumed;
    } else if (word == "failed") {
      out.condition = Condition::failed;
    } else {
      return wrong(kExpected);
    }
    out.text = trimmed(after);
    const bool wants =
        out.condition == Condition::prompt_contains || out.condition == Condition::exists;
    return wants != out.text.empty() ? well_formed(out.text) : wrong(kExpected);
  }

  /// Placeholders that are not closed are a mistake, not a text.
  [[nodiscard]] Status well_formed(std::string_view text) const {
    if (auto good = check_template(text); !good) return wrong(good.error().message());
    return {};
  }

  std::string_view rest_;
  std::string_view name_;
  std::string_view line_;
  int number_ = 0;
  int depth_ = 0;
};

}  // namespace

std::unexpected<Error> script_error(std::string_view name, int line, std::string_view what) {
  return fail(Errc::invalid_argument, fmt::format("{}:{}: {}", name, line, what));
}

Result<std::vector<Statement>> parse_script(std::string_view text, std::string_view name) {
  if (text.contains('\0')) return script_error(name, 1, "a script is text, this has a NUL byte");
  return Parser(text, name).parse();
}

}  // namespace reeve::app::script
