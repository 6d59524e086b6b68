#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "aio/signal.h"
#include "base/env.h"
#include "model/frame.h"
#include "store/store.h"

namespace reeve::log {

using aio::Task;
using store::EventFilter;

class Subscription;

/// Where a subscription begins.
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
  /// Deltas that may wait for a slow reader; the oldest are dropped for newer ones, and a Gap says
  /// which.
  std::size_t delta_capacity = 1024;
  /// A reader who has got nothing for this long gets a progress mark, also where nothing has
  /// happened.
  std::optional<std::chrono::nanoseconds> heartbeat;
  /// Frames of one batch.
  std::size_t batch = 256;
};

/// The log as it is followed: the store's tail in memory, live deltas, and any number of
/// subscriptions over both.
///
/// Promises, checked by log_contract.cc against every store:
///  * G3  a frame of a durable event is delivered only after its commit.
///  * G5  replay then live has no seam: relative to where it began, nothing is skipped and nothing
///  repeated.
///  * G6  a slow subscriber is fed from the store when the tail has moved on. It costs no memory
///  but its deltas, never
///        slows a writer, and holds no transaction open between two batches.
///  * Deltas come before the event that supersedes them, never behind it.
///
/// Domain thread only. The store and the Env outlive it; it outlives its subscriptions. It takes
/// the store's feed.
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
  /// The position of a client's cursor. cursor_foreign: it is of another log; invalid_argument: it
  /// lies beyond the head.
  [[nodiscard]] Result<Position> position_of(const Cursor& cursor) const;

  [[nodiscard]] std::unique_ptr<Subscription> subscribe(SubscribeOptions options);

  /// Delivers a delta to whoever follows now. Nothing is kept. `after` is filled in.
  void publish(Delta delta);

 private:
  friend class Subscription;
  void receive(const std::vector<EventPtr>& events);

  Env& env_;
  aio::asio::any_io_executor executor_;
  store::Store& store_;
  Options options_;
  Position head_;
  std::deque<EventPtr> tail_;  // dense: its last is head_
  std::size_t tail_bytes_ = 0;
  std::vector<Subscription*> live_;  // those that want deltas
  aio::Signal changed_;
};

/// One reader's place in the log. Destroying it ends it.
class Subscription {
 public:
  ~Subscription();
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  /// Waits for something to deliver and answers it, in order, never empty. One call at a time;
  /// cancellable, and then nothing is lost. cursor_expired: retention removed what comes next.
  Task<Result<std::vector<Frame>>> next();
  /// Everything up to here has been delivered, or was not for this reader.
  [[nodiscard]] Position position() const { return position_; }

 private:
  friend class Log;
  Subscription(Log& log, SubscribeOptions options);

  void take_delta(const DeltaPtr& delta);
  void note_dropped(const Delta& delta);
  void deliver_deltas(std::vector<Frame>& out);
  void read_tail(std::vector<Frame>& out);
  [[nodiscard]] bool tail_reaches() const;
  Task<Status> read_store(std::vector<Frame>& out);

  Log& log_;
  SubscribeOptions options_;
  Position position_;
  Position told_;  // the last position that went out with a frame
  std::chrono::nanoseconds told_at_{};
  std::deque<DeltaPtr> deltas_;
  std::vector<Gap> gaps_;
};

}  // namespace reeve::log
