#include "store/faulty/faulty_store.h"

#include <boost/asio/this_coro.hpp>

#include <algorithm>

namespace reeve::store {
namespace {

using namespace std::chrono_literals;

std::unexpected<Error> cut_off() {
  return fail(Errc::fenced, "the process that asks has ended (FaultyStore)");
}

std::unexpected<Error> closed() { return fail(Errc::unavailable, "the store is closed"); }

}  // namespace

class FaultyStore::UnderWay {
 public:
  explicit UnderWay(FaultyStore& store) : store_(store) { ++store_.under_way_; }
  ~UnderWay() {
    if (--store_.under_way_ == 0) store_.idle_.notify();
  }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;

 private:
  FaultyStore& store_;
};

FaultyStore::FaultyStore(Env& env, boost::asio::any_io_executor executor,
                         std::unique_ptr<Store> inner, std::uint64_t seed, Faults faults)
    : ForwardingStore(std::move(inner)),
      env_(env),
      random_(seed),
      faults_(faults),
      told_(inner_->log().head),
      idle_(std::move(executor)) {
  inner_->set_feed([this](const std::vector<EventPtr>& events) {
    untold_.insert(untold_.end(), events.begin(), events.end());
  });
}

void FaultyStore::crash() {
  crashed_ = true;
  std::vector<std::move_only_function<void(bool)>> all;
  for (auto* lane : {&down_, &up_}) {
    lane->timer.reset();
    for (auto& turn : lane->turns) all.push_back(std::move(turn.resume));
    lane->turns.clear();
    lane->last = {};
  }
  for (auto& [id, waiting] : waiting_) all.push_back(std::move(waiting.resume));
  waiting_.clear();
  counts_.cut_off += all.size();
  for (auto& resume : all) env_.defer([r = std::move(resume)]() mutable { r(false); });
}

void FaultyStore::restart() {
  REEVE_CHECK(under_way_ == 0);
  crashed_ = false;
  untold_.clear();
  told_ = inner_->log().head;
}

Async<> FaultyStore::close() {
  closing_ = true;
  while (under_way_ > 0) co_await idle_.wait_uncancelled();
  co_await inner_->close();
}

LogInfo FaultyStore::log() const {
  auto info = inner_->log();
  info.head = told_;
  return info;
}

// --- Chance and time ----------------------------------------------------------------------------

bool FaultyStore::chance(int in_thousand) {
  return in_thousand > 0 && random_() % 1000 < static_cast<std::uint64_t>(in_thousand);
}

FaultyStore::Uptime FaultyStore::some_time() {
  const auto limit = chance(faults_.slow) ? faults_.slow_time : faults_.usual_time;
  if (limit <= 0ns) return 0ns;
  return Uptime(static_cast<Uptime::rep>(random_() % static_cast<std::uint64_t>(limit.count())));
}

FaultyStore::Fate FaultyStore::draw_fate() {
  if (chance(faults_.unavailable)) return {Errc::unavailable, false};
  if (chance(faults_.full)) return {Errc::storage_full, false};
  if (chance(faults_.unknown_lost)) return {Errc::unknown_outcome, false};
  if (chance(faults_.unknown_done)) return {Errc::unknown_outcome, true};
  return {};
}

Async<bool> FaultyStore::wait_until(Uptime then) {
  if (crashed_) co_return false;
  auto start = [this, then](std::move_only_function<void(bool)> resume) {
    const auto id = ++waits_;
    auto& waiting = waiting_[id];
    waiting.resume = std::move(resume);
    waiting.timer = env_.after(then - env_.uptime(), [this, id] { wake(id, true); });
  };
  co_return co_await aio::suspend<bool>(std::move(start));
}

Async<bool> FaultyStore::pass(Uptime time) {
  if (time <= 0ns) co_return !crashed_;
  co_return co_await wait_until(env_.uptime() + time);
}

Async<bool> FaultyStore::take_turn(Lane& lane) {
  if (crashed_) co_return false;
  lane.last = std::max(env_.uptime() + some_time(), lane.last);
  if (lane.turns.empty() && lane.last <= env_.uptime()) co_return true;
  auto start = [this, &lane](std::move_only_function<void(bool)> resume) {
    lane.turns.push_back({lane.last, std::move(resume)});
    if (lane.turns.size() == 1) wait_for_first(lane);
  };
  co_return co_await aio::suspend<bool>(std::move(start));
}

void FaultyStore::wait_for_first(Lane& lane) {
  const auto delay = std::max(lane.turns.front().due - env_.uptime(), Uptime::zero());
  lane.timer = env_.after(delay, [this, &lane] {
    auto turn = std::move(lane.turns.front());
    lane.turns.pop_front();
    if (lane.turns.empty()) {
      lane.timer.reset();
    } else {
      wait_for_first(lane);
    }
    turn.resume(true);
  });
}

void FaultyStore::wake(std::uint64_t id, bool alive) {
  auto waiting = waiting_.extract(id);
  if (!waiting.empty()) waiting.mapped().resume(alive);
}

// --- Calls --------------------------------------------------------------------------------------

/// Writes keep the order of their calls, on the way down and on the way back.
template <class T>
Async<Result<T>> FaultyStore::write(Async<Result<T>> work) {
  if (closing_) co_return closed();
  const UnderWay call(*this);
  ++counts_.commits;
  const auto fate = draw_fate();
  if (fate.code != Errc::internal)
    ++(fate.code == Errc::unknown_outcome ? counts_.unknown : counts_.refused);
  // Whoever is cancelled meanwhile is told the outcome all the same, as every store does.
  const bool throws = co_await aio::asio::this_coro::throw_if_cancelled();
  co_await aio::asio::this_coro::throw_if_cancelled(false);
  bool alive = co_await take_turn(down_);
  Result<T> done = cut_off();
  if (alive && fate.happens) done = co_await std::move(work);
  if (alive) alive = co_await take_turn(up_);
  if (alive) tell();
  co_await aio::asio::this_coro::throw_if_cancelled(throws);
  if (!alive) co_return cut_off();
  if (fate.code != Errc::internal) co_return fail(fate.code, "the simulated disk says so");
  co_return done;
}

/// Reads overtake each other, and what they find may be old when it arrives.
template <class T>
Async<Result<T>> FaultyStore::look(Async<Result<T>> work) {
  if (closing_) co_return closed();
  const UnderWay call(*this);
  const bool unreadable = chance(faults_.unreadable);
  const bool throws = co_await aio::asio::this_coro::throw_if_cancelled();
  co_await aio::asio::this_coro::throw_if_cancelled(false);
  bool alive = co_await pass(some_time());
  Result<T> found = cut_off();
  if (alive && !unreadable) found = co_await std::move(work);
  if (alive) alive = co_await pass(some_time());
  co_await aio::asio::this_coro::throw_if_cancelled(throws);
  if (!alive) co_return cut_off();
  if (unreadable) {
    ++counts_.unreadable;
    co_return fail(Errc::unavailable, "the simulated disk cannot be read");
  }
  co_return found;
}

void FaultyStore::tell() {
  if (untold_.empty()) return;
  const auto events = std::exchange(untold_, {});
  told_ = events.back()->position;
  if (feed_) feed_(events);
}

Async<Result<Committed>> FaultyStore::commit(Commit commit) {
  return write(inner_->commit(std::move(commit)));
}
Async<Result<Committed>> FaultyStore::truncate(Truncation truncation) {
  return write(inner_->truncate(std::move(truncation)));
}
Async<Result<Pruned>> FaultyStore::prune(std::vector<Position> positions) {
  return write(inner_->prune(std::move(positions)));
}
Async<Result<Lease>> FaultyStore::acquire(std::string name, std::string holder, Duration ttl) {
  return write(inner_->acquire(std::move(name), std::move(holder), ttl));
}
Async<Status> FaultyStore::release(Lease lease) { return write(inner_->release(std::move(lease))); }

Async<Result<std::optional<Doc>>> FaultyStore::get(DocKey key) {
  return look(inner_->get(std::move(key)));
}
Async<Result<std::vector<Doc>>> FaultyStore::list(DocQuery query) {
  return look(inner_->list(std::move(query)));
}
Async<Result<std::uint64_t>> FaultyStore::count(std::string kind, std::string mark) {
  return look(inner_->count(std::move(kind), std::move(mark)));
}
Async<Result<std::vector<QueueItem>>> FaultyStore::ready(std::string queue, Time now,
                                                         std::size_t limit, QueuePlace after) {
  return look(inner_->ready(std::move(queue), now, limit, after));
}
Async<Result<std::vector<QueueItem>>> FaultyStore::items(std::string queue, std::size_t limit,
                                                         QueuePlace after) {
  return look(inner_->items(std::move(queue), limit, after));
}
Async<Result<std::optional<std::uint64_t>>> FaultyStore::run_epoch(RunId run) {
  return look(inner_->run_epoch(run));
}
Async<Result<EventPage>> FaultyStore::read(Position after, EventFilter filter, std::size_t limit) {
  return look(inner_->read(after, std::move(filter), limit));
}
Async<Result<std::vector<EventPtr>>> FaultyStore::latest(EventFilter filter, std::size_t limit) {
  return look(inner_->latest(std::move(filter), limit));
}
Async<Result<SnapshotPage>> FaultyStore::snapshot(std::uint64_t after_rank, std::size_t limit) {
  return look(inner_->snapshot(after_rank, limit));
}
Async<Result<SnapshotPage>> FaultyStore::snapshot_of(std::vector<DocKey> keys) {
  return look(inner_->snapshot_of(std::move(keys)));
}

}  // namespace reeve::store
