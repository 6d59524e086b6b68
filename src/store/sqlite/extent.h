#pragma once

#include <cstdint>

#include "base/ids.h"
#include "store/sqlite/connection.h"

namespace reeve::store::sqlite {

/// What is left of the log.
struct LogExtent {
  Position oldest{1};
  std::uint64_t bytes = 0;  ///< by stored_bytes()
};

/// As the file has it. Quick behind a clean end; else the newest events, which no segment covers
/// yet, are measured. To be believed when the connection is ok() afterwards.
LogExtent load_extent(Connection& db);
/// The log's last position, also where no event is left.
Position load_head(Connection& db);

}  // namespace reeve::store::sqlite
