#pragma once

#include <cstddef>
#include <filesystem>
#include <set>
#include <vector>

#include "base/ids.h"

namespace reeve::run {

/// A round's folder.
std::filesystem::path round_folder(const std::filesystem::path& rounds, const RunId& run);
/// Where a prompt lies for a CLI that reads it from a file.
std::filesystem::path prompt_file(const std::filesystem::path& rounds, const RunId& run);

/// The folders there are. Blocks.
std::vector<RunId> rounds_on_disk(const std::filesystem::path& rounds);

/// After runs have ended: removes what of them holds secrets (their environment, their prompt), and
/// of all folders of ended rounds all but the newest `keep`, which `reeve logs` reads. Never one of
/// `open`: a round that is over on disk may have output that is not in the log yet. Blocks; what
/// cannot be removed is left for the next time.
void tidy_rounds(const std::filesystem::path& rounds, const std::vector<RunId>& ended,
                 const std::set<RunId>& open, std::size_t keep);

}  // namespace reeve::run
