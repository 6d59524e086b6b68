#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "log/retention.h"
#include "model/api.h"
#include "town/ground.h"

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

/// Has retention wait for whoever reads the snapshot page by page, since its pages are of one
/// moment; but not for ever.
class SnapshotReading {
 public:
  static constexpr std::chrono::seconds kPatience{10};  ///< from one page to the next
  static constexpr std::chrono::minutes kLongest{5};
  /// ... and then retention gets its turn: the daemon looks more often than that.
  static constexpr std::chrono::minutes kRest{15};

  /// A page is about to be read.
  void begin_page(const Ground& ground);
  /// The last page was read.
  void end();

 private:
  std::unique_ptr<log::Holds::Hold> hold_;
  std::unique_ptr<Env::Timer> patience_;
  std::chrono::nanoseconds since_{};
  std::chrono::nanoseconds rest_until_{};
};

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
