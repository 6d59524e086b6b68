#pragma once

#include <filesystem>
#include <optional>

namespace reeve::bench {

/// Events per second of what tinytown does for each: three XADD ... MAXLEN ~, one after the other,
/// by each of `clients` connections over a Unix socket to a real redis-server. Nothing: there is no
/// redis-server or no hiredis here.
std::optional<double> redis_events(const std::filesystem::path& folder, int clients,
                                   bool sync_always);

}  // namespace reeve::bench
