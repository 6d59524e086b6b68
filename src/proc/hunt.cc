#include "proc/hunt.h"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "proc/round_files.h"

namespace reeve::proc {
namespace {

constexpr int kBetweenScansMs = 10;

std::vector<ProcessStat> prey(std::string_view mark, const std::vector<ProcessRef>& known) {
  const auto all = all_processes();
  auto found = marked(mark, all);
  for (const auto& process : all) {
    if (!process.is_zombie() && std::ranges::find(known, process.ref) != known.end()) {
      found.push_back(process);
    }
  }
  // A descendant may have cleared its environment.
  const auto roots = found;
  for (const auto& root : roots) {
    for (const auto& below : descendants(static_cast<pid_t>(root.ref.pid), all)) {
      if (!below.is_zombie() && below.ref.pid != ::getpid()) found.push_back(below);
    }
  }
  std::ranges::sort(found, {}, [](const ProcessStat& process) { return process.ref.pid; });
  const auto doubles =
      std::ranges::unique(found, {}, [](const ProcessStat& process) { return process.ref.pid; });
  found.erase(doubles.begin(), doubles.end());
  return found;
}

}  // namespace

int signal_all(const std::vector<ProcessStat>& processes, int signal) {
  return static_cast<int>(std::ranges::count_if(processes, [&](const ProcessStat& process) {
    return !process.is_zombie() && signal_process(process.ref, signal);
  }));
}

std::vector<ProcessStat> marked(std::string_view mark, const std::vector<ProcessStat>& among) {
  std::vector<ProcessStat> found;
  if (mark.empty()) return found;
  const auto entry = std::string(kMarkVariable) + "=" + std::string(mark);
  std::ranges::copy_if(among, std::back_inserter(found), [&](const ProcessStat& process) {
    return !process.is_zombie() && process.ref.pid != ::getpid() &&
           carries(static_cast<pid_t>(process.ref.pid), entry);
  });
  return found;
}

Hunted hunt(std::string_view mark, const std::vector<ProcessRef>& known, Duration patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::set<std::int64_t> killed;
  // In the midst of an exec a process shows no environment for a moment: only two looks in a row
  // that find nobody are believed.
  for (int nobody = 0; nobody < 2;) {
    const auto found = prey(mark, known);
    for (const auto& process : found) {
      if (signal_process(process.ref, SIGKILL)) killed.insert(process.ref.pid);
    }
    nobody = found.empty() ? nobody + 1 : 0;
    if (!found.empty() && std::chrono::steady_clock::now() >= deadline) {
      return {static_cast<int>(killed.size()), static_cast<int>(found.size())};
    }
    ::poll(nullptr, 0, kBetweenScansMs);
  }
  return {static_cast<int>(killed.size()), 0};
}

}  // namespace reeve::proc
