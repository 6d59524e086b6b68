#pragma once

#include <optional>

#include "log/retention.h"
#include "town/services.h"

/// Keeps a town's log within the policy of its settings (Ground::retention): log/retention.h has
/// the rules and the steps.
namespace reeve::town {

/// Where the log stands, and what would go.
Async<Result<api::RetentionView>> view_retention(Ground ground);
/// Applies the policy now, whatever the hour. Between two steps the store has as long for others
/// as the step took. Returns when nothing is left to do. denied: an agent asks, from its round.
Async<Result<api::RetentionReport>> apply_retention(Ground ground, Caller caller);

/// The lowest place that somebody needs: an open run, from its first event on, or whoever holds
/// (log::Holds). Nothing: nobody does.
Async<Result<std::optional<log::Held>>> held_log(Ground ground);

/// The loop of a daemon that looks now and then whether a sweep is due, and does it off peak: while
/// nothing happens in the town.
class Retention {
 public:
  struct Options {
    std::chrono::nanoseconds first = std::chrono::minutes(1);  ///< from the daemon's start
    std::chrono::nanoseconds every = std::chrono::minutes(10);
    /// The town is quiet when nothing was committed for so long ...
    std::chrono::nanoseconds quiet = std::chrono::seconds(2);
    /// ... and after this long without that it is swept all the same.
    std::chrono::nanoseconds patience = std::chrono::minutes(10);
    int share = 5;  ///< a step takes at most a fifth of the time
  };
  Retention(Ground ground, Options options);

  /// Until it is cancelled. A store in trouble is looked at again the next time. Returns at once
  /// where everything is kept.
  Async<> run();
  /// One look, with a sweep if it is due. Answers what was done.
  Async<Result<log::Swept>> look();

 private:
  Async<> wait_for_quiet(std::chrono::nanoseconds until);

  Ground ground_;
  Options options_;
};

}  // namespace reeve::town
