#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/doctor/finding.h"
#include "model/agent.h"
#include "proc/environment.h"

/// The CLIs of agents, as the doctor sees them.
namespace reeve::app {

/// Where CLIs would run.
struct Surroundings {
  proc::Variables environment;  ///< what a round gets from the daemon
  std::filesystem::path root;
};

/// "1.18.33" of "opencode 1.18.33 (linux)"; empty: there is none.
std::string version_in(std::string_view text);
/// Below: -1, same: 0, above: 1; by the numbers.
int compare_versions(std::string_view a, std::string_view b);

/// Each preset: where its program is, its version, and whether that was tried. Those of `used` must
/// be there. Runs `PROGRAM --version` of those that are, all at a time.
void check_presets(const Surroundings& where, const std::vector<std::string>& used,
                   Findings& findings);
/// Each agent that may work still: whether its CLI can be started, is logged in, and will not
/// refuse to run as root.
void check_agents(const Surroundings& where, const std::vector<Agent>& agents, Findings& findings);

}  // namespace reeve::app
