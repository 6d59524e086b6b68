#include "app/script/placeholders.h"

#include <charconv>

#include "proc/preset.h"

namespace reeve::app::script {
namespace {

/// A placeholder at the beginning of `text`: what stands between the braces.
Result<std::string_view> inside_of(std::string_view text) {
  const auto end = text.find('}');
  if (end == std::string_view::npos)
    return fail(Errc::invalid_argument, "`${` without its `}`; write `\\$` for a dollar");
  const auto inside = text.substr(2, end - 2);
  if (inside.empty() || inside.starts_with(":-"))
    return fail(Errc::invalid_argument, "`${}` has no name");
  return inside;
}

bool begins(std::string_view text) { return text.starts_with("${"); }

/// Of "NAME" or "NAME:-otherwise". An empty value counts as none, as in a shell.
Result<std::string> value_of(std::string_view inside, const Values& values) {
  const auto colon = inside.find(":-");
  const auto name = inside.substr(0, colon);
  auto value = values(name);
  if (colon != std::string_view::npos && (!value || value->empty()))
    return std::string(inside.substr(colon + 2));
  if (!value)
    return fail(Errc::not_found, "${" + std::string(name) + "} has no value; ${" +
                                     std::string(name) + ":-something} would take another");
  return std::move(*value);
}

std::optional<char> escaped(std::string_view text) {
  if (text.size() < 2 || text[0] != '\\') return std::nullopt;
  switch (text[1]) {
    case 'n': return '\n';
    case 't': return '\t';
    case '\\': return '\\';
    case '$': return '$';
    default: return std::nullopt;
  }
}

/// `emit` gets each character and `placeholder` each inside.
template <class Emit, class Placeholder>
Status scan(std::string_view text, bool escapes, Emit emit, Placeholder placeholder) {
  while (!text.empty()) {
    if (begins(text)) {
      const auto inside = inside_of(text);
      if (!inside) return fail(inside.error());
      if (Status good = placeholder(*inside); !good) return good;
      text.remove_prefix(inside->size() + 3);
    } else if (const auto one = escapes ? escaped(text) : std::nullopt) {
      emit(*one);
      text.remove_prefix(2);
    } else {
      emit(text.front());
      text.remove_prefix(1);
    }
  }
  return {};
}

Result<std::string> fill_in(std::string_view text, const Values& values, bool escapes) {
  std::string out;
  auto good = scan(
      text, escapes, [&](char c) { out += c; },
      [&](std::string_view inside) -> Status {
        auto value = value_of(inside, values);
        if (!value) return fail(value.error());
        out += *value;
        return {};
      });
  if (!good) return fail(good.error());
  return out;
}

}  // namespace

Status check_template(std::string_view text) {
  return scan(text, true, [](char) {}, [](std::string_view) { return Status(); });
}

Result<std::string> fill(std::string_view text, const Values& values) {
  return fill_in(text, values, true);
}

Result<std::vector<std::string>> split_template(std::string_view command) {
  // To split_words a `$` is a mistake: it sees a mark instead, which no command has.
  constexpr char kMark = '\x01';
  constexpr char kEnd = '\x02';
  if (command.contains(kMark) || command.contains(kEnd))
    return fail(Errc::invalid_argument, "the command has a control character");
  std::vector<std::string_view> insides;
  std::string marked;
  auto good = scan(
      command, false, [&](char c) { marked += c; },
      [&](std::string_view inside) -> Status {
        marked += kMark + std::to_string(insides.size()) + kEnd;
        insides.push_back(inside);
        return {};
      });
  if (!good) return fail(good.error());
  auto words = proc::split_words(marked);
  if (!words) return words;
  for (auto& word : *words) {
    std::string out;
    for (std::size_t at = 0; at < word.size(); ++at) {
      if (word[at] != kMark) {
        out += word[at];
        continue;
      }
      std::size_t index = 0;
      const auto* first = word.data() + at + 1;
      const auto [end, error] = std::from_chars(first, word.data() + word.size(), index);
      out += "${" + std::string(insides.at(index)) + "}";
      at += static_cast<std::size_t>(end - first) + 1;
    }
    word = std::move(out);
  }
  return words;
}

Result<std::string> fill_word(std::string_view word, const Values& values) {
  return fill_in(word, values, false);
}

}  // namespace reeve::app::script
