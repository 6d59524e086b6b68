#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "proc/process.h"

/// The processes of one town, found through /proc: also those that nobody else knows of.
namespace reeve::crash {

enum class Role { keeper, daemon, shim, other };

struct TownProcess {
  proc::ProcessStat stat;
  Role role = Role::other;
  std::string run;      ///< of a shim
  std::string command;  ///< for people
};

/// Those whose command line names the town; with `all`, also those whose environment does. Zombies
/// are left out: they have neither.
std::vector<TownProcess> processes_of(const std::filesystem::path& root, bool all = false);

/// Zombies among the children of the town's processes.
std::vector<proc::ProcessStat> zombies_of(const std::filesystem::path& root);

}  // namespace reeve::crash
