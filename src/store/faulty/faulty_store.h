#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "aio/signal.h"
#include "store/forwarding_store.h"

namespace reeve::store {

/// What a FaultyStore does to its callers: of so many calls in a thousand.
struct Faults {
  int unavailable = 0;   ///< commits that are refused: nothing has happened
  int full = 0;          ///< the same with storage_full
  int unknown_lost = 0;  ///< commits of unknown outcome that have not happened
  int unknown_done = 0;  ///< commits of unknown outcome that have
  int unreadable = 0;    ///< reads that are answered `unavailable`
  int slow = 0;          ///< calls that take up to `slow_time`; the others up to `usual_time`
  std::chrono::nanoseconds usual_time{};
  std::chrono::nanoseconds slow_time{};
};

/// A store as it is on a bad day: over another one, which loses nothing, it is slow, refuses, and
/// leaves its callers in the dark, as its seed and the Env's time decide.
///
/// It keeps every promise of Store, and is late with the feed: events are told with the answer of
/// their commit, when readers may have found them already.
///
/// crash() is the end of the process that uses it: what has not reached the store below by then
/// never does, and nobody is answered any more but `fenced`, so that what is left of the process
/// comes to its end. restart() is for the next process.
///
/// Domain thread only. The Env outlives it.
class FaultyStore final : public ForwardingStore {
 public:
  FaultyStore(Env& env, boost::asio::any_io_executor executor, std::unique_ptr<Store> inner,
              std::uint64_t seed, Faults faults);

  void set_faults(const Faults& faults) { faults_ = faults; }
  void crash();
  /// Nothing of the process before may be under way any more.
  void restart();

  /// What it has done to whom, for those who look at a simulation.
  struct Counts {
    std::uint64_t commits = 0;  ///< that were asked for
    std::uint64_t refused = 0;
    std::uint64_t unknown = 0;
    std::uint64_t unreadable = 0;
    std::uint64_t cut_off = 0;  ///< calls that were under way at a crash
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }

  Async<Result<Committed>> commit(Commit commit) override;
  Async<Result<Committed>> truncate(Truncation truncation) override;
  Async<Result<Pruned>> prune(std::vector<Position> positions) override;
  Async<Result<Lease>> acquire(std::string name, std::string holder, Duration ttl) override;
  Async<Status> release(Lease lease) override;

  Async<Result<std::optional<Doc>>> get(DocKey key) override;
  Async<Result<std::vector<Doc>>> list(DocQuery query) override;
  Async<Result<std::uint64_t>> count(std::string kind, std::string mark) override;
  using Store::ready;
  Async<Result<std::vector<QueueItem>>> ready(std::string queue, Time now, std::size_t limit,
                                              QueuePlace after) override;
  using Store::items;
  Async<Result<std::vector<QueueItem>>> items(std::string queue, std::size_t limit,
                                              QueuePlace after) override;
  Async<Result<std::optional<std::uint64_t>>> run_epoch(RunId run) override;
  Async<Result<EventPage>> read(Position after, EventFilter filter, std::size_t limit) override;
  Async<Result<std::vector<EventPtr>>> latest(EventFilter filter, std::size_t limit) override;
  Async<Result<SnapshotPage>> snapshot(std::uint64_t after_rank, std::size_t limit) override;
  Async<Result<SnapshotPage>> snapshot_of(std::vector<DocKey> keys) override;
  /// Its head is what the feed has told of.
  [[nodiscard]] LogInfo log() const override;
  void set_feed(Feed feed) override { feed_ = std::move(feed); }
  Async<> close() override;

 private:
  /// What becomes of a write.
  struct Fate {
    Errc code = Errc::internal;  ///< internal: it goes well
    bool happens = true;
  };
  struct Waiting {
    std::unique_ptr<Env::Timer> timer;
    std::move_only_function<void(bool)> resume;
  };
  using Uptime = std::chrono::nanoseconds;
  /// Calls that keep their order.
  struct Turn {
    Uptime due{};
    std::move_only_function<void(bool)> resume;
  };
  struct Lane {
    std::deque<Turn> turns;
    std::unique_ptr<Env::Timer> timer;  // of the first
    Uptime last{};                      // when the last one was due
  };
  class UnderWay;

  bool chance(int in_thousand);
  Uptime some_time();
  Fate draw_fate();
  /// False: there was a crash.
  Async<bool> wait_until(Uptime then);
  Async<bool> pass(Uptime time);
  Async<bool> take_turn(Lane& lane);
  void wait_for_first(Lane& lane);
  void wake(std::uint64_t waiting, bool alive);
  template <class T>
  Async<Result<T>> write(Async<Result<T>> work);
  template <class T>
  Async<Result<T>> look(Async<Result<T>> work);
  void tell();

  Env& env_;
  std::mt19937_64 random_;
  Faults faults_;
  Feed feed_;
  std::vector<EventPtr> untold_;
  Position told_;
  Lane down_;  // of writes on their way to the store below, and
  Lane up_;    // of their answers
  std::map<std::uint64_t, Waiting> waiting_;
  std::uint64_t waits_ = 0;
  std::size_t under_way_ = 0;
  bool crashed_ = false;
  bool closing_ = false;
  aio::Signal idle_;
  Counts counts_;
};

}  // namespace reeve::store
