#include "cli/help.h"

#include <algorithm>

namespace reeve::cli {
namespace {

constexpr std::size_t kWidth = 100;
/// Where what an option means begins; a longer option has a line of its own.
constexpr std::size_t kColumn = 28;

/// "-n,--limit N", "AGENT".
std::string shown(const OptionInfo& option) {
  std::string text;
  for (const auto& name : option.names) text += (text.empty() ? "" : ",") + name;
  if (option.positional) return text + (option.repeats ? " ..." : "");
  if (!option.value.empty()) text += " " + option.value;
  return text + (option.repeats ? " ..." : "");
}

std::string meaning(const OptionInfo& option) {
  auto text = option.help;
  std::string choices;
  for (const auto& choice : option.choices) {
    if (!choice.empty()) choices += (choices.empty() ? "" : ", ") + choice;
  }
  if (!choices.empty()) text += ": " + choices;
  if (!option.standard.empty()) text += " (" + option.standard + " if it is not said)";
  return text;
}

/// Words from the column on, in lines of the width.
void add_wrapped(std::string& out, std::string_view words, std::size_t column) {
  std::size_t at = column;
  for (bool first = true; !words.empty(); first = false) {
    const auto word = words.substr(0, words.find(' '));
    words.remove_prefix(std::min(word.size() + 1, words.size()));
    if (!first && at + 1 + word.size() > kWidth) {
      out += '\n' + std::string(column, ' ');
      at = column;
    } else if (!first) {
      out += ' ';
      ++at;
    }
    out += word;
    at += word.size();
  }
  out += '\n';
}

void add_option(std::string& out, const OptionInfo& option) {
  auto left = "  " + shown(option);
  if (left.size() + 2 > kColumn) {
    out += left + '\n';
    left.clear();
  }
  left.resize(kColumn, ' ');
  out += left;
  add_wrapped(out, meaning(option), kColumn);
}

std::string usage(const CommandHelp& help) {
  auto text = "usage: reeve " + help.name + " [OPTIONS]";
  for (const auto& option : help.options) {
    if (!option.positional) continue;
    const auto name = shown(option);
    text += option.required ? " " + name : " [" + name + "]";
  }
  return text + '\n';
}

}  // namespace

std::string help_text(const CommandHelp& help) {
  auto out = help.summary + "\n\n" + usage(help);
  if (std::ranges::any_of(help.options, &OptionInfo::positional)) out += '\n';
  for (const auto& option : help.options) {
    if (option.positional) add_option(out, option);
  }
  std::string section = "(none yet)";
  for (const auto& option : help.options) {
    if (option.positional) continue;
    if (option.section != section) {
      section = option.section;
      out += "\n" + (section.empty() ? std::string("Options") : section) + ":\n";
    }
    add_option(out, option);
  }
  if (!help.examples.empty()) out += "\nExamples:\n" + help.examples;
  return out;
}

}  // namespace reeve::cli
