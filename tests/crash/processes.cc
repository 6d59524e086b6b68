#include "processes.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "base/fd.h"

namespace reeve::crash {
namespace {

/// A file of /proc as it is, its NULs as spaces; empty for a process that is gone, also in between.
std::string read_proc(std::int64_t pid, const char* name) {
  const auto path = "/proc/" + std::to_string(pid) + "/" + name;
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 16 << 10> chunk{};
  for (ssize_t got = 0; file && (got = ::read(file.get(), chunk.data(), chunk.size())) > 0;)
    text.append(chunk.data(), static_cast<std::size_t>(got));
  std::ranges::replace(text, '\0', ' ');
  return text;
}

}  // namespace

std::vector<TownProcess> processes_of(const std::filesystem::path& root, bool all) {
  std::vector<TownProcess> found;
  for (const auto& stat : proc::all_processes()) {
    if (stat.is_zombie() || stat.ref == proc::self()) continue;
    auto command = read_proc(stat.ref.pid, "cmdline");
    const bool named = command.contains(root.string());
    if (!named && !(all && read_proc(stat.ref.pid, "environ").contains(root.string()))) continue;
    TownProcess process{.stat = stat, .role = Role::other, .run = {}, .command = {}};
    const auto rounds = " shim " + (root / ".reeve" / "rounds").string() + "/";
    const auto name = read_proc(stat.ref.pid, "comm");
    if (const auto at = command.find(rounds); at != std::string::npos) {
      process.role = Role::shim;
      process.run = command.substr(at + rounds.size(), 36);
    } else if (name == "reeve-keeper\n") {
      process.role = Role::keeper;
    } else if (name == "reeve-daemon\n") {
      process.role = Role::daemon;
    }
    process.command = std::to_string(stat.ref.pid) + " " + command;
    found.push_back(std::move(process));
  }
  return found;
}

std::vector<proc::ProcessStat> zombies_of(const std::filesystem::path& root) {
  const auto town = processes_of(root);
  std::vector<proc::ProcessStat> zombies;
  std::ranges::copy_if(
      proc::all_processes(), std::back_inserter(zombies), [&](const proc::ProcessStat& stat) {
        return stat.is_zombie() && std::ranges::any_of(town, [&](const TownProcess& process) {
                 return process.stat.ref.pid == stat.parent;
               });
      });
  return zombies;
}

}  // namespace reeve::crash
