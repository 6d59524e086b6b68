#include "proc/preflight.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "proc/launch.h"

namespace reeve::proc {
namespace fs = std::filesystem;
namespace {

std::string value_of(const Variables& environment, std::string_view name) {
  const auto found = environment.find(std::string(name));
  return found == environment.end() ? std::string() : found->second;
}

bool is_set(std::string_view pattern, const Variables& environment) {
  if (!pattern.starts_with('*')) return !value_of(environment, pattern).empty();
  pattern.remove_prefix(1);
  return std::ranges::any_of(environment, [&](const auto& variable) {
    return variable.first.ends_with(pattern) && !variable.second.empty();
  });
}

/// Where a sign would lie; empty: nowhere.
fs::path place_of(std::string_view sign, const Variables& environment, const fs::path& root) {
  if (!sign.starts_with("~/") && !sign.starts_with('$')) return root / sign;
  const auto slash = sign.find('/');
  const auto folder =
      sign.starts_with('~') ? std::string("HOME") : std::string(sign.substr(1, slash - 1));
  const auto value = value_of(environment, folder);
  return value.empty() ? fs::path() : fs::path(value) / sign.substr(slash + 1);
}

bool any_there(std::span<const std::string_view> variables, std::span<const std::string_view> files,
               const Variables& environment, const fs::path& root) {
  std::error_code error;
  return std::ranges::any_of(variables,
                             [&](std::string_view name) { return is_set(name, environment); }) ||
         std::ranges::any_of(files, [&](std::string_view sign) {
           const auto place = place_of(sign, environment, root);
           return !place.empty() && fs::exists(place, error);
         });
}

std::unexpected<Error> not_there(const Wanted& wanted, const Preset* preset,
                                 const std::string& program) {
  const auto where =
      program.contains('/')
          ? fmt::format("there is no program {} (the town is in {})", program, wanted.root.string())
          : fmt::format("there is no {} on the daemon's PATH", program);
  const auto what = preset != nullptr ? fmt::format("install it ({})", preset->install)
                                      : std::string("put an executable file there");
  return fail(Errc::unavailable,
              fmt::format("{} cannot be started: {}; {}, or spawn with --unchecked", wanted.cli,
                          where, what));
}

}  // namespace

std::optional<fs::path> find_program(const std::string& program, std::string_view path,
                                     const fs::path& root) {
  for (const auto& candidate : program_paths(program, path)) {
    const auto place = root / candidate;
    struct stat info{};
    if (::stat(place.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
        ::access(place.c_str(), X_OK) == 0)
      return place;
  }
  return std::nullopt;
}

Login look_for_login(const LoginSigns& signs, const Variables& environment, const fs::path& root) {
  if (any_there(signs.variables, signs.files, environment, root)) return Login::found;
  if (!signs.certain || any_there(signs.perhaps_variables, signs.perhaps_files, environment, root))
    return Login::perhaps;
  return Login::missing;
}

Result<Ready> preflight(const Wanted& wanted) {
  const auto* preset = find_preset(wanted.cli);
  std::string program;
  if (preset != nullptr) {
    program = preset->program;
  } else {
    auto words = split_words(wanted.cli);
    if (!words) return fail(words.error());
    program = words->front();
    // What is filled in for a round cannot be looked at before.
    if (program.contains("{prompt")) return Ready{};
  }
  Ready ready;
  auto found = find_program(program, value_of(wanted.environment, "PATH"), wanted.root);
  if (!found) return not_there(wanted, preset, program);
  ready.program = std::move(*found);
  if (preset == nullptr || preset->login == nullptr) return ready;
  ready.login = look_for_login(*preset->login, wanted.environment, wanted.root);
  // Arguments may name a key, a provider, or another place for settings.
  if (ready.login == Login::missing && !wanted.args.empty()) ready.login = Login::perhaps;
  const auto words = fmt::format("as the user that the daemon runs as: {}", preset->login->command);
  if (ready.login == Login::missing)
    return fail(Errc::unavailable,
                fmt::format("{} is not logged in; log in, {}; or spawn with --unchecked",
                            preset->description, words));
  if (ready.login == Login::perhaps)
    ready.note = fmt::format("no login of {} was seen; if its rounds fail, log in, {}",
                             preset->description, words);
  return ready;
}

}  // namespace reeve::proc
