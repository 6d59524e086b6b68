#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "world.h"

namespace reeve::sim {

/// The filter of a reader: everything, some kinds, or an executor's scope.
log::EventFilter draw_filter(World& world);
/// The positions behind `after` up to `upto` of what the filter wants.
std::vector<Position> wanted_of(const World& world, const log::EventFilter& filter, Position after,
                                Position upto);

/// Follows from its cursor, which it keeps together with what it did: exactly once (G5), whatever
/// becomes of it or of the daemon.
class Reader final : public Player {
 public:
  Reader(World& all, std::string called)
      : Player(all, std::move(called)), filter_(draw_filter(world)) {}
  Async<> play(Life& life) override;
  [[nodiscard]] bool has_seen(Position upto) const override { return cursor_ >= upto; }
  void testify() override;

 private:
  Async<> follow(Life& life);
  /// False: this one ends in the midst of the batch.
  bool take(const std::vector<Frame>& frames);
  void expire(Life& life, const Error& why);

  log::EventFilter filter_;
  Position cursor_;
  std::vector<Position> effects_;
  std::vector<std::pair<Position, Position>> skipped_;  ///< behind the first, up to the second
};

/// Watches deltas with little room for them (G6).
class Watcher final : public Player {
 public:
  Watcher(World& all, std::string called) : Player(all, std::move(called)) {}
  Async<> play(Life& life) override;
  [[nodiscard]] bool has_seen(Position upto) const override { return seen_ >= upto; }
  void part(Life& life) override;

 private:
  struct Stream {
    std::set<std::uint64_t> numbers;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> gaps;
    std::optional<std::uint64_t> superseded;  ///< up to here
    [[nodiscard]] bool accounts_for(std::uint64_t number) const;
  };
  Async<> follow(Life& life);
  void take(const Frame& frame);
  void take_delta(const Delta& delta);
  void take_event(const Event& event);

  std::map<std::pair<RunId, std::uint64_t>, Stream> streams_;
  std::uint64_t delivered_ = 0;
  std::uint64_t dropped_ = 0;
  bool nameless_ = false;  ///< a gap of many runs
  Position seen_;
};

/// A part of the daemon that must not miss an event, whatever the disk does (log::Follower).
class Insider final : public Player {
 public:
  Insider(World& all, std::string called)
      : Player(all, std::move(called)), filter_(draw_filter(world)) {}
  Async<> play(Life& life) override;
  [[nodiscard]] bool has_seen(Position upto) const override { return seen_ >= upto; }

 private:
  void check(const std::vector<EventPtr>& events);
  log::EventFilter filter_;
  Position seen_;
};

/// `on`: handlers, with each policy for slow ones; goes on behind what was handled.
class Hearer final : public Player {
 public:
  Hearer(World& all, std::string called);
  Async<> play(Life& life) override;
  [[nodiscard]] bool has_seen(Position upto) const override { return place_ >= upto; }
  void testify() override;

 private:
  Async<> handle(Life& life, run::Heard heard, int turn);
  Async<> listen(Life& life);
  void save(const run::Listener& listener);

  log::EventFilter filter_;
  run::SlowPolicy policy_;
  std::size_t concurrency_;
  Nanoseconds slowness_;
  Position place_;  ///< everything up to here has been handled
  std::map<Position, int> handled_;
  // Of the listener that there is; what an earlier one still handles does not count:
  int turn_ = 0;
  std::set<Position> now_;
  std::map<RunId, Position> last_;
  std::vector<std::pair<Position, Position>> skipped_;
};

}  // namespace reeve::sim
