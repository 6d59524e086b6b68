#pragma once

#include <filesystem>

#include "sample.h"

namespace reeve::bench {

/// Rows per second of a bare loop over SQLite that inserts the same rows with the same settings,
/// 1,024 in a transaction; with an index row per scope and event, or without any.
double bare_inserts(const std::filesystem::path& folder, Sample& sample, bool scope_index);

}  // namespace reeve::bench
