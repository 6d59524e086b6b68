#pragma once

#include <boost/describe.hpp>

#include <filesystem>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/ids.h"

namespace reeve::store::redis {

/// What was acknowledged, as remembered outside Redis: a server that has lost it can be told from
/// one that has not.
struct Witness {
  LogId log;
  std::string generation;  ///< of the town on its server
  Position position;
  EventId event;  ///< at that position; nil: nothing has happened yet

  friend bool operator==(const Witness&, const Witness&) = default;
};

BOOST_DESCRIBE_STRUCT(Witness, (), (log, generation, position, event))

/// Nothing: there is no such file. corrupt: it is none of ours.
Result<std::optional<Witness>> read_witness(const std::filesystem::path& path);
/// On disk when it returns (fsync), the old one or the new one whenever it is cut off. Blocks.
Status write_witness(const std::filesystem::path& path, const Witness& witness);

}  // namespace reeve::store::redis
