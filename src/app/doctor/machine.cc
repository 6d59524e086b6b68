#include "app/doctor/machine.h"

#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>

#include "app/doctor/brief_run.h"
#include "app/doctor/clis.h"
#include "base/quantity.h"
#include "proc/preflight.h"

namespace reeve::app {
namespace fs = std::filesystem;
namespace {

/// Below this a round's output or a commit may soon not fit.
constexpr std::uint64_t kLittleSpace = 1ULL << 30;
/// A CLI of Node takes some 300 MB.
constexpr std::uint64_t kLittleMemory = 512ULL << 20;
/// A connection or a round each takes a few.
constexpr std::uint64_t kFewFiles = 1024;
/// A round is some twenty processes and threads.
constexpr std::uint64_t kFewProcesses = 200;
/// What clocks that are set by a time server differ by, and more.
constexpr auto kDrift = std::chrono::minutes(1);

/// The folder of this process's control group; empty where there is none to be seen.
fs::path own_group() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::")) return fs::path("/sys/fs/cgroup" + line.substr(3));
  }
  return {};
}

/// In a container the group that its path names may be shown at the top.
std::optional<std::uint64_t> group_value(const char* name) {
  for (const auto& folder : {own_group(), fs::path("/sys/fs/cgroup")}) {
    if (folder.empty()) continue;
    if (auto value = read_limit(folder / name)) return value;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> available_memory() {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("MemAvailable:")) continue;
    std::istringstream words(line.substr(13));
    std::uint64_t kilobytes = 0;
    if (words >> kilobytes) return kilobytes << 10;
  }
  return std::nullopt;
}

void check_mode(const fs::path& path, Findings& findings) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return;
  if (info.st_uid != ::geteuid() && ::geteuid() != 0) {
    findings.add("folder", Verdict::bad,
                 path.string() + " is another user's: run commands as that user");
  }
  if ((info.st_mode & 077) != 0) {
    findings.add("folder", Verdict::note,
                 fmt::format("{} can be read by others: chmod {} {}", path.string(),
                             S_ISDIR(info.st_mode) ? "700" : "600", path.string()));
  }
}

}  // namespace

std::optional<std::uint64_t> read_limit(const fs::path& path) {
  std::ifstream file(path);
  std::string text;
  if (!(file >> text)) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void check_folder(const fs::path& dir, const fs::path& socket, Findings& findings) {
  if (::access(dir.c_str(), W_OK | X_OK) != 0)
    findings.add("folder", Verdict::bad,
                 dir.string() + " cannot be written: give it to the user that runs reeve");
  check_mode(dir, findings);
  struct statvfs disk{};
  if (::statvfs(dir.c_str(), &disk) == 0) {
    const auto free = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
    findings.add("disk", free < kLittleSpace ? Verdict::bad : Verdict::good,
                 size_text(free) + " free" +
                     (free < kLittleSpace ? ": make room, or limit the log ([retention])" : ""));
    if (disk.f_files > 0 && disk.f_favail < 1000)
      findings.add("disk", Verdict::bad,
                   fmt::format("only {} files more fit on it", disk.f_favail));
  }
  if (socket.string().size() >= sizeof(sockaddr_un::sun_path)) {
    findings.add(
        "socket", Verdict::note,
        fmt::format("its path has {} bytes: reeve reaches it, other programs that take at "
                    "most {} (curl --unix-socket) do not; a shorter path to the town helps",
                    socket.string().size(), sizeof(sockaddr_un::sun_path) - 1));
  }
}

void check_limits(Findings& findings) {
  struct rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    const bool few = limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < kFewFiles;
    findings.add("open files", few ? Verdict::note : Verdict::good,
                 (limit.rlim_cur == RLIM_INFINITY ? "no limit" : std::to_string(limit.rlim_cur)) +
                     (few ? fmt::format(" are few: ulimit -n {}", kFewFiles) : std::string()));
  }
  const auto most = group_value("pids.max");
  const auto now = group_value("pids.current");
  if (most && now) {
    const auto left = *most - std::min(*most, *now);
    findings.add(
        "processes", left < kFewProcesses ? Verdict::bad : Verdict::good,
        fmt::format("{} of {} in the control group are left{}", left, *most,
                    left < kFewProcesses ? ": raise pids.max (docker run --pids-limit)" : ""));
  } else if (::getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
             limit.rlim_cur < kFewProcesses) {
    findings.add("processes", Verdict::bad,
                 fmt::format("{} are too few: ulimit -u", limit.rlim_cur));
  } else {
    findings.add("processes", Verdict::good, "no narrow limit");
  }
  auto memory = available_memory();
  const auto group_most = group_value("memory.max");
  const auto group_now = group_value("memory.current");
  if (group_most && group_now) {
    const auto left = *group_most - std::min(*group_most, *group_now);
    memory = std::min(memory.value_or(left), left);
  }
  if (memory) {
    findings.add("memory", *memory < kLittleMemory ? Verdict::note : Verdict::good,
                 size_text(*memory) + " available" +
                     (*memory < kLittleMemory ? ": a CLI may take some 300 MB" : ""));
  }
}

void check_clock(Time now, std::optional<Time> last, Findings& findings) {
  if (!last) return;
  if (*last > now + kDrift) {
    findings.add("clock", Verdict::bad,
                 "it stands at " + to_rfc3339(now) + ", before the last event, " +
                     to_rfc3339(*last) + ": set it; waits and time limits count by it");
  } else {
    findings.add("clock", Verdict::good, to_rfc3339(now));
  }
}

void check_git(const fs::path& root, std::string_view path, Findings& findings) {
  std::error_code error;
  auto at = root;
  while (!fs::exists(at / ".git", error) && at != at.parent_path()) at = at.parent_path();
  if (fs::exists(at / ".git", error)) {
    findings.add("repository", Verdict::good, at.string());
  } else {
    findings.add("repository", Verdict::note,
                 root.string() +
                     " is in no git repository: what agents change cannot be taken "
                     "back (git init)");
  }
  const auto git = proc::find_program("git", path, root);
  if (!git) {
    findings.add("git", Verdict::note,
                 "not found: agents that work with git need it (apt install git)");
    return;
  }
  const auto said = run_briefly({git->string(), "--version"}, {{"PATH", std::string(path)}},
                                std::chrono::seconds(5));
  const auto version = said ? version_in(*said) : std::string();
  findings.add(
      "git", version.empty() ? Verdict::note : Verdict::good,
      git->string() + (version.empty() ? " does not answer --version" : ", version " + version));
}

}  // namespace reeve::app
