#include "app/doctor/clis.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <thread>

#include "app/doctor/brief_run.h"
#include "cli/output.h"
#include "proc/preflight.h"
#include "proc/preset.h"

namespace reeve::app {
namespace {

/// Node's CLIs take a second or two to begin with.
constexpr std::chrono::milliseconds kPatience{5'000};

struct Program {
  const proc::Preset* preset = nullptr;
  std::optional<std::filesystem::path> path;
  Result<std::string> said;  ///< to --version
};

std::string path_of(const proc::Variables& environment) {
  const auto found = environment.find("PATH");
  return found == environment.end() ? std::string() : found->second;
}

void judge(const Program& program, const Surroundings& where, bool used, Findings& findings) {
  const auto& preset = *program.preset;
  const std::string name(preset.name);
  if (!program.path) {
    findings.add(name, used ? Verdict::bad : Verdict::note,
                 "not installed: " + std::string(preset.install));
    return;
  }
  auto verdict = Verdict::good;
  auto text = program.path->string();
  const auto version = program.said ? version_in(*program.said) : std::string();
  if (!version.empty()) {
    text += ", version " + version;
    if (!preset.minimum.empty() && compare_versions(version, preset.minimum) < 0) {
      verdict = Verdict::note;
      text += ", older than " + std::string(preset.minimum) +
              ", the oldest that was tried: " + std::string(preset.install);
    }
  } else {
    verdict = used ? Verdict::bad : Verdict::note;
    const auto why = program.said ? "says no version" : program.said.error().message();
    text += " does not answer --version: " + cli::one_line(why, 100);
  }
  if (preset.login != nullptr) {
    const auto login = proc::look_for_login(*preset.login, where.environment, where.root);
    if (login == proc::Login::found) text += ", logged in";
    if (login == proc::Login::perhaps) text += ", no login was seen (there may be one)";
    if (login == proc::Login::missing) {
      verdict = std::max(verdict, Verdict::note);
      text += ", not logged in: " + std::string(preset.login->command);
    }
  }
  findings.add(name, verdict, std::move(text));
}

}  // namespace

std::string version_in(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789";
  for (auto at = text.find_first_of(kDigits); at != std::string_view::npos;
       at = text.find_first_of(kDigits, at)) {
    const auto end = std::min(text.find_first_not_of("0123456789.", at), text.size());
    auto found = text.substr(at, end - at);
    while (found.ends_with('.')) found.remove_suffix(1);
    if (found.contains('.')) return std::string(found);
    at = end;
  }
  return {};
}

int compare_versions(std::string_view a, std::string_view b) {
  const auto take = [](std::string_view& text) {
    std::uint64_t number = 0;
    const auto dot = std::min(text.find('.'), text.size());
    const auto* const begin = text.data();
    std::from_chars(begin, begin + dot, number);
    text.remove_prefix(std::min(dot + 1, text.size()));
    return number;
  };
  while (!a.empty() || !b.empty()) {
    const auto left = take(a);
    const auto right = take(b);
    if (left != right) return left < right ? -1 : 1;
  }
  return 0;
}

void check_presets(const Surroundings& where, const std::vector<std::string>& used,
                   Findings& findings) {
  std::vector<Program> programs;
  for (const auto& preset : proc::presets()) {
    programs.push_back(
        {&preset,
         proc::find_program(std::string(preset.program), path_of(where.environment), where.root),
         {}});
  }
  {
    std::vector<std::jthread> asking;
    for (auto& program : programs) {
      if (!program.path) continue;
      asking.emplace_back([&where, &program] {
        program.said =
            run_briefly({program.path->string(), "--version"}, where.environment, kPatience);
      });
    }
  }
  for (const auto& program : programs) {
    judge(program, where, std::ranges::find(used, program.preset->name) != used.end(), findings);
  }
}

void check_agents(const Surroundings& where, const std::vector<Agent>& agents, Findings& findings) {
  for (const auto& agent : agents) {
    if (is_ended(agent.state)) continue;
    if (::geteuid() == 0) {
      if (auto refused = proc::refused_as_root(agent.cli, agent.permissions, agent.env))
        findings.add(agent.name, Verdict::bad, std::move(*refused));
    }
    // Their values are kept where nobody sees them: that they are there is known.
    proc::Wanted wanted{agent.cli, agent.args, where.environment, where.root};
    bool elsewhere = false;
    for (const auto& name : agent.env) {
      elsewhere = elsewhere || name == "PATH" || name == "HOME";
      wanted.environment.emplace(name, "set");
    }
    if (elsewhere) continue;
    const auto ready = proc::preflight(wanted);
    if (!ready)
      findings.add(agent.name, Verdict::bad, ready.error().message());
    else if (ready->note)
      findings.add(agent.name, Verdict::note, *ready->note);
    else if (proc::find_preset(agent.cli) == nullptr && !ready->program.empty())
      findings.add(agent.name, Verdict::good, ready->program.string());
  }
}

}  // namespace reeve::app
