// A command line as words: the quoting of POSIX sh (2.2), and none of its expansions.
#include <fmt/core.h>

#include <cctype>

#include "proc/preset.h"

namespace reeve::proc {
namespace {

bool is_name_start(char c) { return c == '_' || std::isalpha(static_cast<unsigned char>(c)) != 0; }

/// `$` that a shell would expand, rather than a dollar sign.
bool expands(std::string_view rest) {
  if (rest.size() < 2 || rest[0] != '$') return false;
  const char next = rest[1];
  return is_name_start(next) || std::isdigit(static_cast<unsigned char>(next)) != 0 ||
         std::string_view("({?@*#$!-'\"").contains(next);
}

std::unexpected<Error> shell_only(std::string_view what) {
  return fail(
      Errc::invalid_argument,
      fmt::format("the command has {}, and no shell runs it: quote that, or put the command "
                  "into a script and give the script's name, or write sh -c '...'",
                  what));
}

/// One pass over the text, a word at a time.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}

  Result<std::vector<std::string>> split() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      Status status;
      if (c == ' ' || c == '\t') {
        end_word();
        ++at_;
      } else if (c == '\'') {
        status = single_quotes();
      } else if (c == '"') {
        status = double_quotes();
      } else if (c == '\\') {
        status = backslash();
      } else {
        status = plain();
      }
      if (!status) return fail(status.error());
    }
    end_word();
    return std::move(words_);
  }

 private:
  void add(char c) {
    word_ += c;
    open_ = true;
  }
  void end_word() {
    if (open_) words_.push_back(std::move(word_));
    word_.clear();
    open_ = false;
  }

  Status single_quotes() {
    const auto end = text_.find('\'', at_ + 1);
    if (end == std::string_view::npos)
      return fail(Errc::invalid_argument, "the command has a ' that is not closed");
    word_ += text_.substr(at_ + 1, end - at_ - 1);
    open_ = true;
    at_ = end + 1;
    return {};
  }

  Status double_quotes() {
    open_ = true;
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return {};
      }
      if (c == '`' || expands(text_.substr(at_)))
        return shell_only("a variable or command in \"...\"");
      if (c == '\\' && at_ + 1 < text_.size() &&
          std::string_view("$`\"\\\n").contains(text_[at_ + 1])) {
        ++at_;
        if (text_[at_] != '\n') add(text_[at_]);
        continue;
      }
      add(c);
    }
    return fail(Errc::invalid_argument, "the command has a \" that is not closed");
  }

  Status backslash() {
    if (at_ + 1 >= text_.size())
      return fail(Errc::invalid_argument, "the command ends with a backslash");
    if (text_[at_ + 1] != '\n') add(text_[at_ + 1]);
    at_ += 2;
    return {};
  }

  Status plain() {
    const char c = text_[at_];
    if (c == '\0') return fail(Errc::invalid_argument, "the command has a NUL byte");
    if (c == '\n' || c == '\r') return shell_only("several lines");
    if (std::string_view("|&;<>()`").contains(c)) return shell_only(fmt::format("`{}`", c));
    if (expands(text_.substr(at_))) return shell_only("a `$` expansion");
    if (std::string_view("*?[").contains(c)) return shell_only(fmt::format("the pattern `{}`", c));
    if (!open_ && (c == '~' || c == '#'))
      return shell_only(fmt::format("a word that begins with `{}`", c));
    add(c);
    ++at_;
    return {};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string word_;
  bool open_ = false;  // a word has begun; '' is a word too
  std::vector<std::string> words_;
};

bool is_assignment(std::string_view word) {
  const auto equals = word.find('=');
  if (equals == std::string_view::npos || equals == 0 || !is_name_start(word[0])) return false;
  for (const char c : word.substr(0, equals))
    if (!is_name_start(c) && std::isdigit(static_cast<unsigned char>(c)) == 0) return false;
  return true;
}

}  // namespace

Result<std::vector<std::string>> split_words(std::string_view command) {
  auto words = Words(command).split();
  if (!words) return words;
  if (words->empty() || words->front().empty())
    return fail(Errc::invalid_argument, "the command is empty");
  if (is_assignment(words->front()))
    return shell_only(fmt::format("the assignment `{}` before it", words->front()));
  return words;
}

}  // namespace reeve::proc
