#pragma once

#include <boost/describe.hpp>

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

/// Processes as Linux shows them under /proc. A number alone names nobody, for numbers are used
/// again: a process is its number, its start time and the boot it lives in.
namespace reeve::proc {

/// One process of this boot.
struct ProcessRef {
  std::int64_t pid = 0;
  std::uint64_t start = 0;  ///< clock ticks since boot: field 22 of /proc/PID/stat

  friend bool operator==(const ProcessRef&, const ProcessRef&) = default;
};
BOOST_DESCRIBE_STRUCT(ProcessRef, (), (pid, start))

struct ProcessStat {
  ProcessRef ref;
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  char state = '?';  ///< as in /proc/PID/stat: R, S, D, T, Z, ...

  /// Ended, and only waiting to be reaped. A zombie is not alive.
  [[nodiscard]] bool is_zombie() const { return state == 'Z' || state == 'X'; }
};

/// The text of one /proc/PID/stat. corrupt: it is none.
Result<ProcessStat> parse_stat(std::string_view text);
/// not_found: no such process.
Result<ProcessStat> read_process(pid_t pid);
/// Every process that this one may see, zombies too, at about this moment.
std::vector<ProcessStat> all_processes();
/// Those of `among` that descend from `root`, without itself.
std::vector<ProcessStat> descendants(pid_t root, const std::vector<ProcessStat>& among);

/// This very process.
ProcessRef self();
/// Identifies the boot; "" where the kernel does not tell.
std::string boot_id();

/// The process runs: it exists, is the same one, and is no zombie.
bool is_alive(const ProcessRef& process);
/// A pidfd: readable once the process has ended. not_found: it is gone, or its number is another's
/// now.
Result<Fd> open_process(const ProcessRef& process);
/// Signals exactly this process, never one that got its number later. False: it is gone, or not
/// ours to signal.
bool signal_process(const ProcessRef& process, int signal);

/// The process was started with `entry` ("NAME=value") in its environment. False also where that
/// cannot be read.
bool carries(pid_t pid, std::string_view entry);

}  // namespace reeve::proc
