#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "aio/signal.h"
#include "base/env.h"
#include "log/hold.h"
#include "model/frame.h"
#include "store/store.h"

namespace reeve::log {

using aio::Async;
using store::EventFilter;

class Subscription;

/// Where a subscription begins. The beginning is the oldest event that retention left.
struct From {
  enum class Where { now, beginning, after } where = Where::now;
  Position position;  ///< with `after`

  static From now() { return {}; }
  static From beginning() { return {Where::beginning, {}}; }
  static From after(Position position) { return {Where::after, position}; }
};

struct SubscribeOptions {
  From from;
  EventFilter filter;
  bool deltas = false;
  /// Deltas, and bytes of their payloads, that may wait for a slow reader; the oldest are dropped
  /// for newer ones, and a Gap says which.
  std::size_t delta_capacity = 1024;
  std::size_t delta_bytes = 4 << 20;
  /// Retention waits for this reader, which is called so. Empty: it may fall behind the oldest
  /// event that is left, and is told (cursor_expired).
  std::string hold_as;
  /// By choice, this reader slows a run down instead of missing its deltas: the run waits while
  /// `delta_capacity` of its own deltas wait here (Log::room). After `patience` without room the
  /// reader gets a gap after all, until it has caught up.
  bool block = false;
  std::chrono::nanoseconds patience = std::chrono::seconds(5);
  /// A reader who was told of no position for this long gets a progress mark, also where nothing
  /// has happened. From a tenth of a second to a day.
  std::optional<std::chrono::nanoseconds> heartbeat;
  /// Frames of one batch, from 1 to 8,192; a progress mark may come on top.
  std::size_t batch = 256;
};

/// What has happened since the daemon came up, for whoever watches it.
struct Counters {
  std::uint64_t deltas = 0;            ///< that runs produced
  std::uint64_t deltas_dropped = 0;    ///< for slow subscribers, each counted for itself
  std::uint64_t capture_failures = 0;  ///< events of runs that could not be kept (CaptureFailed)
  std::uint64_t handler_failures = 0;  ///< of `on`: handlers that threw
};

/// The log as it is followed: the store's tail in memory, live deltas, and any number of
/// subscriptions over both.
///
/// Promises, checked by log_contract.cc against every store:
///  * G3  a frame of a durable event is delivered only after its commit.
///  * G4  a reader for whom nothing happens is told how far the log has been looked at, at most
///        once a second.
///  * G5  replay then live has no seam: relative to where it began, nothing is skipped and nothing
///        repeated.
///  * G6  a slow subscriber is fed from the store when the tail has moved on. It costs no memory
///        but its deltas (up to its limits, then gaps), never slows a writer, and holds no
///        transaction open between two batches.
///  * G11 A reader that retention has overtaken is told cursor_expired; it misses nothing in
///  silence.
///  * A delta comes before every event that was committed after its publishing, and behind those
///    that were committed before.
///
/// Domain thread only. The store and the Env outlive it; it outlives its subscriptions, and ends
/// the program otherwise. It takes the store's feed.
class Log {
 public:
  struct Options {
    std::size_t tail_events = 8192;    ///< what recent subscribers are fed from
    std::size_t tail_bytes = 8 << 20;  ///< ... counting payloads
  };

  Log(Env& env, aio::asio::any_io_executor executor, store::Store& store, Options options);
  Log(Env& env, aio::asio::any_io_executor executor, store::Store& store);
  ~Log();

  [[nodiscard]] store::Store& store() { return store_; }
  [[nodiscard]] Position head() const { return head_; }
  /// What a client hands back to go on behind `position`.
  [[nodiscard]] Cursor cursor(Position position) const { return {store_.log().id, position}; }
  /// The position of a client's cursor. cursor_foreign: it is of another log; cursor_expired:
  /// retention removed what follows it; invalid_argument: it lies beyond the head.
  [[nodiscard]] Result<Position> position_of(const Cursor& cursor) const;
  /// The same of its text. invalid_argument: it is none.
  [[nodiscard]] Result<Position> position_of(std::string_view cursor) const;

  [[nodiscard]] std::unique_ptr<Subscription> subscribe(SubscribeOptions options);

  /// Whom retention waits for.
  [[nodiscard]] Holds& holds() { return holds_; }
  /// Events up to here have changed in the store: they are read from there.
  void forget(Position upto);

  [[nodiscard]] Counters& counters() { return counters_; }
  /// Whether anybody follows deltas now.
  [[nodiscard]] bool has_live() const { return !live_.empty(); }
  /// Delivers a delta to whoever follows now. Nothing is kept. `after` is filled in.
  void publish(Delta delta);
  /// Whether a reader that chose to block has no room for another delta of that run.
  [[nodiscard]] bool crowded(const RunId& run) const;
  /// Waits until nobody is crowded by that run, or has lost patience. Cancellable.
  Async<> room(RunId run);

  /// Ends all following: every next() that has nothing at hand answers `why`, from here on and at
  /// once. Commits go on.
  void close(Error why);

 private:
  friend class Subscription;
  void receive(const std::vector<EventPtr>& events);

  Env& env_;
  aio::asio::any_io_executor executor_;
  store::Store& store_;
  Options options_;
  Position head_;
  std::deque<EventPtr> tail_;  // dense: its last, if there is one, is head_
  std::size_t tail_bytes_ = 0;
  Holds holds_;
  std::vector<Subscription*> subscriptions_;
  std::vector<Subscription*> live_;      // those of them that want deltas
  std::vector<Subscription*> blocking_;  // those of these that would rather slow a run down
  aio::Signal room_;
  Counters counters_;
  std::optional<Error> closed_;
};

/// One reader's place in the log. Destroying it ends it; no next() may be under way then.
class Subscription {
 public:
  ~Subscription();
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  /// Waits for something to deliver and answers it, in order, never empty. One call at a time.
  /// Cancelled or failed, it has lost nothing: the next call goes on. cursor_expired: retention
  /// removed what comes next. invalid_argument: it was to begin beyond the head, or its filter has
  /// too many terms. Otherwise what Store::read fails with, or Log::close() said.
  Async<Result<std::vector<Frame>>> next();
  /// Goes past what is not for this reader, as far as that needs no wait: then position() says
  /// whether there is anything for it.
  void skip();
  /// Everything up to here has been delivered, or was not for this reader.
  [[nodiscard]] Position position() const { return position_; }
  /// Where the log ends now.
  [[nodiscard]] Position head() const { return log_.head(); }

 private:
  friend class Log;
  Subscription(Log& log, SubscribeOptions options);

  void take_delta(const DeltaPtr& delta);
  void drop_delta(std::deque<DeltaPtr>::iterator which);
  void let_go(const Delta& delta);
  [[nodiscard]] bool is_crowded_by(const RunId& run) const;
  void lose_patience(const RunId& run) { impatient_.insert(run); }
  void note_dropped(const Delta& delta);
  void deliver_deltas(std::vector<Frame>& out);
  [[nodiscard]] bool deliver_event(const EventPtr& event, std::vector<Frame>& out);
  [[nodiscard]] Status reachable() const;
  [[nodiscard]] bool tail_reaches() const;
  void read_tail(std::vector<Frame>& out);
  Async<Status> read_store(std::vector<Frame>& out);
  [[nodiscard]] std::chrono::nanoseconds progress_due() const;
  void mark_progress(std::vector<Frame>& out);
  Async<> wait();

  Log& log_;
  SubscribeOptions options_;
  Status sound_;  // of the options
  Position position_;
  Position told_;  // the last position that went out with a frame
  std::chrono::nanoseconds told_at_{};
  std::deque<DeltaPtr> deltas_;
  std::size_t delta_bytes_ = 0;
  std::deque<Gap> gaps_;  // of deltas that were published before those in deltas_
  std::unique_ptr<Holds::Hold> hold_;
  std::map<RunId, std::size_t> waiting_;  // deltas_ by run; kept with `block` only
  std::set<RunId> impatient_;             // runs that waited in vain, until there is room again
  aio::Signal changed_;
};

}  // namespace reeve::log
