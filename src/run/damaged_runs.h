#pragma once

namespace reeve::run {

/// Where a run's document is kept, by its id and as it was, once the run was given up since that
/// document cannot be read. For everybody else the run is missing, then, which holds nothing up.
inline constexpr const char* kDamagedRunKind = "_damaged_run";

}  // namespace reeve::run
