#pragma once

#include <functional>

#include "base/error.h"
#include "client/town_folder.h"

namespace reeve::app {

/// How a daemon's process ends when a restart would not help.
inline constexpr int kRefused = 3;

/// Runs `daemon` in a child process, and again whenever it dies of something that a restart may
/// mend; what it returns is the child's exit code: 0 ends the keeping, and so does kRefused. Pauses
/// between restarts, longer each time; SIGTERM and SIGINT are passed on, and end a pause and the
/// keeping.
///
/// A town has one keeper, who holds keeper.lock for life: so a keeper that pauses never brings back
/// a daemon that somebody else has started and stopped meanwhile. Whoever wants to be the second
/// ends the first one's pause and gets conflict.
///
/// `started`: told in this process whenever a child has been started.
Status keep(const client::TownFolder& folder, const std::function<int()>& daemon,
            const std::function<void()>& started);

}  // namespace reeve::app
