#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "town/ground.h"

namespace reeve::town {

/// Where a town was before, if its folder has been moved, or copied, since its last daemon.
struct Moved {
  std::filesystem::path from;
  bool copied = false;  ///< the former one is there still
};

/// A daemon's first word: that the town began (and from what reset), or that its folder was moved
/// since. The last place is kept as bookkeeping; by another name it is the same folder.
Async<Result<std::optional<Moved>>> tell_place(Ground ground, std::filesystem::path root,
                                               std::optional<fact::TownReset> reset);

/// Of a copy: the processes of rounds in progress are the original's, and their files stay where
/// they are. Puts the copied folders of open runs out of the way, so that they are settled as never
/// begun here, and nobody watches, or ends, another town's processes.
Async<Status> part_from_original(Ground ground, std::filesystem::path rounds);

}  // namespace reeve::town
