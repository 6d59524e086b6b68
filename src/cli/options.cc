#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "base/utf8.h"
#include "cli/help.h"

namespace reeve::cli {

struct Options::State {
  CLI::App app;
  CommandHelp help;                ///< but for the options
  std::string* text = nullptr;     ///< its target, where the command takes a text
  std::vector<std::string> words;  ///< ... as they came
  std::size_t positionals = 0;     ///< declared; with a text: those before it
  std::map<const CLI::Option*, std::vector<std::string>> choices;
  std::vector<OptionInfo> declared;  ///< made when it is asked for

  [[nodiscard]] OptionInfo info_of(const CLI::Option& option) const;
  [[nodiscard]] bool takes_value(const std::string& option) const;
  [[nodiscard]] bool marks_text(std::vector<std::string>& args) const;
};

namespace {

/// "-x", "--x" and "--", but neither "-" nor "-5".
bool looks_like_option(std::string_view word) {
  return word.size() > 1 && word[0] == '-' && (word[1] < '0' || word[1] > '9');
}

/// For CLI11: empty, or what is wrong with a whole number from 0 on.
std::string whole_or_why_not(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number >= 0) return {};
  return "expected a whole number, 0 or more, not \"" + text + "\"";
}

/// The same from 1 on.
std::string count_or_why_not(const std::string& text) {
  if (!whole_or_why_not(text).empty() || text.find_first_not_of('0') == std::string::npos)
    return "expected a whole number, 1 or more, not \"" + text + "\"";
  return {};
}

/// The same of any number.
std::string amount_or_why_not(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number >= 0) return {};
  return "expected a number, 0 or more, not \"" + text + "\"";
}

/// Empty: it is a number of seconds that a clock can count (some thirty years at most).
std::string seconds_or_why_not(const std::string& text) {
  double value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && value >= 0 && value <= 1e9 ? "" : "expected seconds, not \"" + text + "\"";
}

}  // namespace

/// As it is known to CLI11, so that nothing that is declared can be missing.
OptionInfo Options::State::info_of(const CLI::Option& option) const {
  OptionInfo info;
  info.positional = option.get_positional();
  if (info.positional) info.names.push_back(option.get_name(true));
  for (const auto& name : option.get_snames()) info.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) info.names.push_back("--" + name);
  info.help = option.get_description();
  info.required = option.get_required();
  info.repeats = option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
  if (option.get_group() != "Options") info.section = option.get_group();
  if (const auto known = choices.find(&option); known != choices.end())
    info.choices = known->second;
  if (option.get_items_expected_max() == 0) return info;
  info.standard = option.get_default_str();
  // "UINT:NONNEGATIVE" and the like.
  const auto type = option.get_type_name();
  info.value = type.substr(0, type.find_first_of(": ["));
  if (info.value == "UINT" || info.value == "INT") info.value = "N";
  if (type.contains("SECONDS")) info.value = "SECONDS";
  if (info.value == "FLOAT") info.value = "NUMBER";
  return info;
}

/// Of an option without "=": whether the next word is its value.
bool Options::State::takes_value(const std::string& option) const {
  const auto* known = app.get_option_no_throw(option);
  return known != nullptr && known->get_items_expected_max() > 0;
}

/// Puts "--" before a text of several words, so that no word of it is an option. False: the text
/// can only be the one argument, since an option follows it.
bool Options::State::marks_text(std::vector<std::string>& args) const {
  std::size_t seen = 0;
  for (std::size_t at = 0; at < args.size() && args[at] != "--"; ++at) {
    if (looks_like_option(args[at])) {
      if (takes_value(args[at])) ++at;
    } else if (seen++ == positionals) {
      if (at + 1 == args.size()) return true;
      if (looks_like_option(args[at + 1])) return false;
      args.insert(args.begin() + static_cast<std::ptrdiff_t>(at), "--");
      return true;
    }
  }
  return true;
}

Options::Options(std::string_view name, std::string_view summary, std::string_view examples)
    : state_(std::make_unique<State>()) {
  auto& app = state_->app;
  app.name("reeve " + std::string(name));
  state_->help = {std::string(name), std::string(summary), std::string(examples), {}};
  app.set_help_flag("-h,--help", "Show this help");
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}
Options::~Options() = default;

void Options::positional(const char* name, std::string& target, const char* help, bool required) {
  ++state_->positionals;
  state_->app.add_option(name, target, help)
      ->required(required)
      ->check(CLI::Validator(
          [](const std::string& value) { return value.empty() ? std::string("it is empty") : ""; },
          ""));
}
void Options::text(const char* name, std::string& target, const char* help, bool required) {
  state_->text = &target;
  state_->app
      .add_option(name, state_->words,
                  std::string(help) +
                      ". One argument in quotes, or every word up to the end of the line: then "
                      "options stand before it")
      ->required(required)
      ->expected(required ? 1 : 0, 1 << 20)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}
void Options::rest(const char* name, std::vector<std::string>& target, const char* help) {
  state_->app.add_option(name, target, help)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}
void Options::value(const char* name, std::string& target, const char* help) {
  state_->app.add_option(name, target, help);
}
void Options::value(const char* name, std::optional<std::string>& target, const char* help) {
  state_->app.add_option_function<std::string>(
      name, [&target](const std::string& value) { target = value; }, help);
}
void Options::values(const char* name, std::vector<std::string>& target, const char* help) {
  state_->app.add_option(name, target, help)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
}
void Options::number(const char* name, std::uint64_t& target, const char* help) {
  state_->app.add_option(name, target, help)
      ->check(CLI::Validator(whole_or_why_not, "NUMBER"))
      ->capture_default_str();
}
void Options::limit(const char* name, std::uint64_t& target, const char* help) {
  state_->app.add_option(name, target, help)
      ->check(CLI::Validator(count_or_why_not, "NUMBER"))
      ->capture_default_str();
}
void Options::number(const char* name, std::optional<std::int64_t>& target, const char* help) {
  state_->app
      .add_option_function<std::int64_t>(
          name, [&target](std::int64_t value) { target = value; }, help)
      ->check(CLI::Validator(whole_or_why_not, "NUMBER"));
}
void Options::amount(const char* name, std::optional<double>& target, const char* help) {
  state_->app.add_option_function<double>(
                 name, [&target](double value) { target = value; }, help)
      ->check(CLI::Validator(amount_or_why_not, "AMOUNT"));
}
void Options::seconds(const char* name, std::optional<double>& target, const char* help) {
  state_->app.add_option_function<double>(
                 name, [&target](double value) { target = value; }, help)
      ->check(CLI::Validator(seconds_or_why_not, "SECONDS"));
}
void Options::flag(const char* name, bool& target, const char* help) {
  state_->app.add_flag(name, target, help);
}
void Options::flag(const char* name, std::optional<bool>& target, const char* help) {
  state_->app.add_flag_callback(name, [&target] { target = true; }, help);
}
void Options::choice(const char* name, std::string& target, std::vector<std::string> choices,
                     const char* help) {
  auto* option = state_->app.add_option(name, target, help);
  state_->choices[option] = choices;
  option->check(CLI::IsMember(std::move(choices)))->capture_default_str();
}

void Options::section(const char* heading) { state_->app.option_defaults()->group(heading); }

Result<std::optional<std::string>> Options::parse(std::span<const std::string> args) {
  std::vector<std::string> line(args.begin(), args.end());
  const bool many_words = state_->text == nullptr || state_->marks_text(line);
  std::ranges::reverse(line);
  const auto refuse = [&](const std::string& why) {
    return fail(Errc::invalid_argument,
                why + (many_words ? "" : "\n(put a text with dashes in quotes)") + "\n(" +
                    state_->app.get_name() + " --help says more)");
  };
  try {
    state_->app.parse(line);
  } catch (const CLI::CallForHelp&) {
    return std::optional(help());
  } catch (const CLI::ParseError& error) {
    return refuse(error.what());
  }
  const auto& words = state_->words;
  if (!many_words && words.size() > 1) {
    return refuse("an option stands between \"" + words[0] + "\" and \"" + words[1] +
                  "\": is it a part of the text?");
  }
  for (const auto& word : words) {
    if (!is_utf8(word))
      return refuse("a text is UTF-8, and this is not: \"" + to_utf8(word) + "\"");
    *state_->text += (state_->text->empty() ? "" : " ") + word;
  }
  return std::optional<std::string>();
}

std::string Options::help() const {
  auto all = state_->help;
  all.options = declared();
  return help_text(all);
}

const std::vector<OptionInfo>& Options::declared() const {
  state_->declared.clear();
  for (const auto* option : std::as_const(state_->app).get_options()) {
    if (option != state_->app.get_help_ptr()) state_->declared.push_back(state_->info_of(*option));
  }
  return state_->declared;
}

}  // namespace reeve::cli
