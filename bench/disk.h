#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

namespace reeve::bench {

/// Seconds that a bare write + fdatasync takes, each of `bytes` bytes over a file that exists
/// already, as a write-ahead log in use does: `samples` of them, one after the other.
std::vector<double> sync_times(const std::filesystem::path& folder, std::size_t bytes,
                               std::size_t samples, bool append = false);
/// Their median: f.
double sync_median(const std::filesystem::path& folder);

}  // namespace reeve::bench
