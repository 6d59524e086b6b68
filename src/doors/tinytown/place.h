#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "doors/tinytown/writes.h"

/// Where a mirror goes on after a start or a trouble. Pure.
namespace reeve::doors::tinytown {

/// What stands in Redis.
struct Sight {
  std::optional<Place> place;
  std::string mark;       ///< what the mark holds; blank: it is gone
  std::string by;         ///< who wrote it
  std::int64_t seen = 0;  ///< when that mirror last wrote, and now: seconds by Redis' clock
  std::int64_t now = 0;
};

/// What the town knows.
struct OurSide {
  LogId log;
  std::string by;               ///< our machine and folder
  std::optional<LogId> former;  ///< the town's before `reeve reset`
  Position head;
  Position oldest_mark;     ///< events up to here are gone from the log
  bool was_there = false;   ///< we have written all of the town into this Redis before
  bool unfinished = false;  ///< ... or had begun to, and what is to be told has been
  /// What we have written there at least: a Redis that has less went back in time (a snapshot, a
  /// replica that took over). No nonce: any.
  std::optional<Position> written;
  std::string nonce;
  std::uint64_t far = 20'000;  ///< so many events behind, all is written again: it is quicker
  std::int64_t live = 90;      ///< seconds after which another town's mirror counts as gone
};

struct Decision {
  enum class What {
    resume,   ///< at the place's position
    rewrite,  ///< all of it
    refuse,   ///< another town's mirror is at work there
  };
  What what = What::resume;
  bool tell = false;   ///< an event tells of it: what stood there was lost
  std::string reason;  ///< for that event, or for the refusal
};
Decision decide_place(const Sight& sight, const OurSide& ours);

}  // namespace reeve::doors::tinytown
