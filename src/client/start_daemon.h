#pragma once

#include <chrono>

#include "base/error.h"
#include "client/town_folder.h"

namespace reeve::client {

/// Starts the town's daemon (with its keeper) in the background and returns when it answers, or
/// says why it cannot. If another starter is faster, that one's daemon is as good: no error.
///
/// `program` is the `reeve` to run. timeout: it did not come up in time; unavailable: it ended
/// without a word; else the error that the daemon ended with.
Status start_daemon(const TownFolder& folder, std::chrono::milliseconds timeout,
                    const std::filesystem::path& program);

}  // namespace reeve::client
