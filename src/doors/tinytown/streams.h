#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "doors/tinytown/forms_of.h"
#include "doors/tinytown/writes.h"

namespace reeve::doors::tinytown {

/// Entries of the town's stream and those of its readers that one call writes. They are gathered
/// from the newest to the oldest: what a stream would trim at once is left out, and what none of
/// them takes is not even made.
class Streams {
 public:
  /// What happened before all that was added so far.
  void add(const TtEvent& event, Position position);
  /// All of it, the oldest first; begins anew.
  void write(Writes& writes);

 private:
  /// Which entries, newest first.
  using Taken = std::vector<std::size_t>;

  std::vector<Writes::Entry> entries_;  // newest first
  Taken town_;
  std::map<AgentId, Taken> agents_;
  std::map<Uuid, Taken> missions_;
};

}  // namespace reeve::doors::tinytown
