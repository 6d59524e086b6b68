#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/env.h"
#include "log/log.h"

namespace reeve::log {

/// The log's events for a part of this program that must not miss one and can do nothing about a
/// store in trouble: a follower waits the trouble out, and retention waits for it.
///
/// Domain thread only. The Env and the log outlive it.
class Follower {
 public:
  /// Begins where the log ends now. `topic` is what the program's own log calls it: "stop
  /// requests".
  Follower(Env& env, Log& log, EventFilter filter, std::string topic);

  /// Waits for events and answers them, in order, never empty. One call at a time. A failure to
  /// read, whichever it is, is logged and tried again at the same place, with pauses, until it
  /// works: nothing is skipped and nothing repeated (G5). Cancelled, it has lost nothing: the next
  /// call goes on.
  Async<std::vector<EventPtr>> next();

 private:
  Env& env_;
  std::unique_ptr<Subscription> subscription_;
  std::string topic_;
};

}  // namespace reeve::log
