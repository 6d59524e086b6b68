#pragma once

#include <string_view>
#include <vector>

#include "base/time.h"
#include "proc/process.h"

/// Ending processes that nobody looks after any more. Everything here looks through /proc, which
/// takes milliseconds: not for the domain thread.
namespace reeve::proc {

/// Signals each that is no zombie. Returns how many got it.
int signal_all(const std::vector<ProcessStat>& processes, int signal);

/// Those that were started with REEVE_ROUND=mark, zombies and this process left out.
std::vector<ProcessStat> marked(std::string_view mark, const std::vector<ProcessStat>& among);

struct Hunted {
  int killed = 0;     ///< different processes that were sent SIGKILL
  int survivors = 0;  ///< processes still there when patience ended
};
/// Kills every process that carries the mark, `known` (if it is still the same process) and all
/// their descendants, until none is left or `patience` is over. An empty mark finds nobody.
Hunted hunt(std::string_view mark, const std::vector<ProcessRef>& known = {},
            Duration patience = Duration(5000));

}  // namespace reeve::proc
