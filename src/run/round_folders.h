#pragma once

#include <cstddef>
#include <filesystem>

#include "base/ids.h"

namespace reeve::run {

/// A round's folder.
std::filesystem::path round_folder(const std::filesystem::path& rounds, const RunId& run);
/// Where a prompt lies for a CLI that reads it from a file.
std::filesystem::path prompt_file(const std::filesystem::path& rounds, const RunId& run);

/// After a run has ended: removes what holds secrets (its environment, its prompt), and of the
/// folders of ended rounds all but the newest `keep`, which `reeve logs` reads. Blocks; what cannot
/// be removed is left for the next time.
void tidy_rounds(const std::filesystem::path& rounds, const RunId& ended, std::size_t keep);

}  // namespace reeve::run
