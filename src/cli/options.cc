#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

namespace reeve::cli {

struct Options::State {
  CLI::App app;
  std::string* text = nullptr;     ///< its target, where the command takes a text
  std::vector<std::string> words;  ///< ... as they came
  std::size_t positionals = 0;     ///< declared; with a text: those before it
  std::vector<OptionInfo> declared;
  std::string section;

  OptionInfo& note(std::string_view name, std::string_view help, std::string value = "TEXT");
  OptionInfo& note_positional(std::string_view name, std::string_view help, bool required);

  [[nodiscard]] bool takes_value(const std::string& option) const;
  [[nodiscard]] bool marks_text(std::vector<std::string>& args) const;
};

namespace {

/// "-x", "--x" and "--", but neither "-" nor "-5".
bool looks_like_option(std::string_view word) {
  return word.size() > 1 && word[0] == '-' && (word[1] < '0' || word[1] > '9');
}

/// Empty: it is a number of seconds that a clock can count (some thirty years at most).
std::string seconds_or_why_not(const std::string& text) {
  double value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && value >= 0 && value <= 1e9 ? "" : "expected seconds, not \"" + text + "\"";
}

}  // namespace

OptionInfo& Options::State::note(std::string_view name, std::string_view help, std::string value) {
  auto& info = declared.emplace_back();
  for (;;) {
    const auto comma = name.find(',');
    info.names.emplace_back(name.substr(0, comma));
    if (comma == std::string_view::npos) break;
    name.remove_prefix(comma + 1);
  }
  info.help = help;
  info.value = std::move(value);
  info.section = section;
  info.positional = !name.starts_with('-');
  return info;
}

OptionInfo& Options::State::note_positional(std::string_view name, std::string_view help,
                                            bool required) {
  auto& info = note(name, help);
  info.required = required;
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
  app.description(std::string(summary));
  app.set_help_flag("-h,--help", "Show this help");
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  if (!examples.empty()) app.footer("\nExamples:\n" + std::string(examples));
}
Options::~Options() = default;

void Options::positional(const char* name, std::string& target, const char* help, bool required) {
  ++state_->positionals;
  state_->note_positional(name, help, required);
  state_->app.add_option(name, target, help)->required(required);
}
void Options::text(const char* name, std::string& target, const char* help, bool required) {
  state_->text = &target;
  state_->note_positional(name, help, required).repeats = true;
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
  state_->note_positional(name, help, false).repeats = true;
  state_->app.add_option(name, target, help)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}
void Options::value(const char* name, std::string& target, const char* help) {
  state_->note(name, help);
  state_->app.add_option(name, target, help);
}
void Options::value(const char* name, std::optional<std::string>& target, const char* help) {
  state_->note(name, help);
  state_->app.add_option_function<std::string>(
      name, [&target](const std::string& value) { target = value; }, help);
}
void Options::values(const char* name, std::vector<std::string>& target, const char* help) {
  state_->note(name, help).repeats = true;
  state_->app.add_option(name, target, help)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
}
void Options::number(const char* name, std::uint64_t& target, const char* help) {
  state_->note(name, help, "N");
  state_->app.add_option(name, target, help)->check(CLI::NonNegativeNumber)->capture_default_str();
}
void Options::number(const char* name, std::optional<std::int64_t>& target, const char* help) {
  state_->app
      .add_option_function<std::int64_t>(
          name, [&target](std::int64_t value) { target = value; }, help)
      ->check(CLI::PositiveNumber);
}
void Options::amount(const char* name, std::optional<double>& target, const char* help) {
  state_->app.add_option_function<double>(
                 name, [&target](double value) { target = value; }, help)
      ->check(CLI::PositiveNumber);
}
void Options::seconds(const char* name, std::optional<double>& target, const char* help) {
  state_->note(name, help, "SECONDS");
  state_->app.add_option_function<double>(
                 name, [&target](double value) { target = value; }, help)
      ->check(CLI::Validator(seconds_or_why_not, "SECONDS"));
}
void Options::flag(const char* name, bool& target, const char* help) {
  state_->note(name, help, "");
  state_->app.add_flag(name, target, help);
}
void Options::flag(const char* name, std::optional<bool>& target, const char* help) {
  state_->note(name, help, "");
  state_->app.add_flag_callback(name, [&target] { target = true; }, help);
}
void Options::choice(const char* name, std::string& target, std::vector<std::string> choices,
                     const char* help) {
  state_->note(name, help).choices = choices;
  state_->app.add_option(name, target, help)
      ->check(CLI::IsMember(std::move(choices)))
      ->capture_default_str();
}

void Options::section(const char* heading) {
  state_->section = heading;
  state_->app.option_defaults()->group(heading);
}

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
  for (const auto& word : words) *state_->text += (state_->text->empty() ? "" : " ") + word;
  return std::optional<std::string>();
}

std::string Options::help() const { return state_->app.help(); }
const std::vector<OptionInfo>& Options::declared() const { return state_->declared; }

}  // namespace reeve::cli
