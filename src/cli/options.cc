#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

namespace reeve::cli {

struct Options::State {
  CLI::App app;
  std::vector<std::pair<std::string*, std::unique_ptr<std::vector<std::string>>>> texts;
};

namespace {

/// Empty: it is a number of seconds that a clock can count (some thirty years at most).
std::string seconds_or_why_not(const std::string& text) {
  double value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && value >= 0 && value <= 1e9 ? "" : "expected seconds, not \"" + text + "\"";
}

}  // namespace

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
  state_->app.add_option(name, target, help)->required(required);
}
void Options::text(const char* name, std::string& target, const char* help, bool required) {
  auto& [to, words] =
      state_->texts.emplace_back(&target, std::make_unique<std::vector<std::string>>());
  state_->app.add_option(name, *words, help)
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
  state_->app.add_option(name, target, help)->check(CLI::NonNegativeNumber)->capture_default_str();
}
void Options::seconds(const char* name, std::optional<double>& target, const char* help) {
  state_->app.add_option_function<double>(
                 name, [&target](double value) { target = value; }, help)
      ->check(CLI::Validator(seconds_or_why_not, "SECONDS"));
}
void Options::flag(const char* name, bool& target, const char* help) {
  state_->app.add_flag(name, target, help);
}
void Options::choice(const char* name, std::string& target, std::vector<std::string> choices,
                     const char* help) {
  state_->app.add_option(name, target, help)
      ->check(CLI::IsMember(std::move(choices)))
      ->capture_default_str();
}

Result<std::optional<std::string>> Options::parse(std::span<const std::string> args) {
  std::vector<std::string> reversed(args.rbegin(), args.rend());
  try {
    state_->app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return std::optional(help());
  } catch (const CLI::ParseError& error) {
    return fail(Errc::invalid_argument,
                std::string(error.what()) + "\n(" + state_->app.get_name() + " --help says more)");
  }
  for (auto& [target, words] : state_->texts) {
    for (const auto& word : *words) *target += (target->empty() ? "" : " ") + word;
  }
  return std::optional<std::string>();
}

std::string Options::help() const { return state_->app.help(); }

}  // namespace reeve::cli
