#pragma once

namespace reeve::run {

/// Where a run's document is kept, by its id and as it was, once it was found that it cannot be
/// read. A run in progress has a new one from then on, made of what the log tells of it; of another
/// one the run was given up, and for everybody else it is missing, which holds nothing up.
inline constexpr const char* kDamagedRunKind = "_damaged_run";

}  // namespace reeve::run
