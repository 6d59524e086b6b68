#include "store/memory/memory_store.h"

#include <algorithm>
#include <deque>

#include "aio/signal.h"
#include "base/limits.h"
#include "store/check.h"
#include "store/memory/tables.h"

namespace reeve::store {
namespace {

std::unexpected<Error> closed() { return fail(Errc::unavailable, "the store is closed"); }

class MemoryStore final : public Store {
 public:
  MemoryStore(Env& env, const boost::asio::any_io_executor& executor)
      : env_(env), state_(std::make_shared<State>(executor)) {
    state_->id = LogId(env.uuid4());
  }
  MemoryStore(Env& env, const boost::asio::any_io_executor& executor, LogId log, Tables tables)
      : env_(env), state_(std::make_shared<State>(executor)) {
    state_->id = log;
    state_->tables = std::move(tables);
    state_->head = state_->tables.head();
  }

  [[nodiscard]] const Tables& tables() const { return state_->tables; }

  Async<Result<Committed>> commit(Commit commit) override {
    if (state_->closing) co_return closed();
    if (auto good = check(commit); !good) co_return fail(good.error());
    auto work = [state = state_.get(), c = std::move(commit), now = env_.now()]() mutable {
      return state->tables.apply(std::move(c), now);
    };
    co_return co_await in_turn<Result<Committed>>(std::move(work));
  }

  Async<Result<Lease>> acquire(std::string name, std::string holder, Duration ttl) override {
    if (state_->closing) co_return closed();
    if (name.empty() || holder.empty())
      co_return fail(Errc::invalid_argument, "a lease and its holder need a name");
    auto work = [state = state_.get(), n = std::move(name), h = std::move(holder), now = env_.now(),
                 ttl]() mutable {
      return state->tables.acquire(std::move(n), std::move(h), now, ttl);
    };
    co_return co_await in_turn<Result<Lease>>(std::move(work));
  }

  Async<Status> release(Lease lease) override {
    if (state_->closing) co_return closed();
    auto work = [state = state_.get(), held = std::move(lease)] {
      state->tables.release(held);
      return Status();
    };
    co_return co_await in_turn<Status>(std::move(work));
  }

  Async<Result<std::optional<Doc>>> get(DocKey key) override {
    if (state_->closing) co_return closed();
    co_await turn();
    co_return state_->tables.get(key);
  }

  Async<Result<std::vector<Doc>>> list(DocQuery query) override {
    if (state_->closing) co_return closed();
    co_await turn();
    co_return state_->tables.list(query);
  }

  Async<Result<std::uint64_t>> count(std::string kind, std::string mark) override {
    if (state_->closing) co_return closed();
    co_await turn();
    co_return state_->tables.count(kind, mark);
  }

  Async<Result<std::vector<QueueItem>>> ready(std::string queue, Time now, std::size_t limit,
                                              QueuePlace after) override {
    if (state_->closing) co_return closed();
    co_await turn();
    co_return state_->tables.items(queue, limit, now, after);
  }

  Async<Result<std::vector<QueueItem>>> items(std::string queue, std::size_t limit,
                                              QueuePlace after) override {
    if (state_->closing) co_return closed();
    co_await turn();
    co_return state_->tables.items(queue, limit, std::nullopt, after);
  }

  Async<Result<std::optional<std::uint64_t>>> run_epoch(RunId run) override {
    if (state_->closing) co_return closed();
    co_await turn();
    co_return state_->tables.run_epoch(run);
  }

  Async<Result<Committed>> truncate(Truncation truncation) override {
    if (state_->closing) co_return closed();
    if (auto good = check(truncation, state_->head); !good) co_return fail(good.error());
    auto work = [state = state_.get(), t = std::move(truncation)]() mutable {
      return state->tables.truncate(std::move(t));
    };
    co_return co_await in_turn<Result<Committed>>(std::move(work));
  }

  Async<Result<Pruned>> prune(std::vector<Position> positions) override {
    if (state_->closing) co_return closed();
    auto wanted = each_once(std::move(positions));
    if (!wanted) co_return fail(wanted.error());
    auto work = [state = state_.get(), p = std::move(*wanted)] { return state->tables.prune(p); };
    co_return co_await in_turn<Result<Pruned>>(std::move(work));
  }

  Async<Result<SnapshotPage>> snapshot(std::uint64_t after_rank, std::size_t limit) override {
    if (state_->closing) co_return closed();
    co_await turn();
    SnapshotPage page{.at = log().mark(), .docs = {}};
    page.docs = state_->tables.snapshot(after_rank, std::min(limit, limits::kPage));
    co_return page;
  }

  Async<Result<SnapshotPage>> snapshot_of(std::vector<DocKey> keys) override {
    if (state_->closing) co_return closed();
    co_await turn();
    SnapshotPage page{.at = log().mark(), .docs = {}};
    page.docs = state_->tables.snapshot_of(keys);
    co_return page;
  }

  Async<Result<EventPage>> read(Position after, EventFilter filter, std::size_t limit) override {
    if (state_->closing) co_return closed();
    if (auto good = check(filter); !good) co_return fail(good.error());
    const auto head = state_->head;
    co_await turn();
    if (auto there = check_reachable(after, state_->id, state_->tables.oldest()); !there)
      co_return fail(there.error());
    co_return page(after, head, filter, std::min(limit, limits::kPage));
  }

  Async<Result<std::vector<EventPtr>>> latest(EventFilter filter, std::size_t limit) override {
    if (state_->closing) co_return closed();
    if (auto good = check(filter); !good) co_return fail(good.error());
    const auto head = state_->head;
    co_await turn();
    const auto& tables = state_->tables;
    std::vector<EventPtr> found;
    for (auto at = head; at >= tables.oldest() && found.size() < std::min(limit, limits::kPage);
         --at.value) {
      if (filter.matches(*tables.at(at))) found.push_back(tables.at(at));
    }
    std::ranges::reverse(found);
    co_return found;
  }

  [[nodiscard]] LogInfo log() const override {
    return {.id = state_->id,
            .head = state_->head,
            .oldest = state_->tables.oldest(),
            .bytes = state_->tables.bytes()};
  }

  void set_feed(Feed feed) override { state_->feed = std::move(feed); }

  Async<> close() override {
    state_->closing = true;
    co_await turn();
    while (!state_->queue.empty()) co_await state_->drained.wait_uncancelled();
  }

 private:
  /// A job works, and later answers.
  struct Job {
    std::move_only_function<void()> work;
    std::move_only_function<void()> answer;
  };
  /// Outlives the store while something deferred still refers to it.
  struct State {
    explicit State(const boost::asio::any_io_executor& executor) : drained(executor) {}
    Tables tables;
    LogId id;
    Position head;  // acknowledged
    Feed feed;
    std::deque<Job> queue;
    bool closing = false;
    aio::Signal drained;
  };

  [[nodiscard]] EventPage page(Position after, Position head, const EventFilter& filter,
                               std::size_t limit) const {
    EventPage page{.events = {}, .scanned = after};
    std::size_t looked_at = 0;
    std::size_t bytes = 0;
    while (page.scanned < head && page.events.size() < limit && looked_at < limits::kScanRows &&
           bytes < limits::kPageBytes) {
      page.scanned = next(page.scanned);
      ++looked_at;
      const auto& event = state_->tables.at(page.scanned);
      if (!filter.matches(*event)) continue;
      page.events.push_back(event);
      bytes += event->payload.size();
    }
    return page;
  }

  /// Returns in a later turn of the loop, so that no caller comes to rely on an answer at once.
  Async<> turn() {
    auto start = [env = &env_](std::move_only_function<void(bool)> resume) {
      env->defer([r = std::move(resume)]() mutable { r(true); });
    };
    co_await aio::suspend<bool>(std::move(start));
  }

  /// As a writer thread would: all that is queued at that moment is worked on, then the feed is
  /// told, then all are answered.
  template <class T, class Work>
  Async<T> in_turn(Work work) {
    auto start = [this, w = std::move(work)](std::move_only_function<void(T)> resume) mutable {
      auto value = std::make_shared<T>();
      Job job{.work = [value, w = std::move(w)]() mutable { *value = w(); },
              .answer = [value, r = std::move(resume)]() mutable { r(std::move(*value)); }};
      state_->queue.push_back(std::move(job));
      if (state_->queue.size() == 1) env_.defer([state = state_] { drain(*state); });
    };
    co_return co_await aio::suspend<T>(std::move(start));
  }

  static void drain(State& state) {
    auto group = std::move(state.queue);
    state.queue.clear();
    for (auto& job : group) job.work();
    std::vector<EventPtr> fresh;
    const auto first = std::max(next(state.head), state.tables.oldest());
    for (auto at = first; at <= state.tables.head(); at = next(at))
      fresh.push_back(state.tables.at(at));
    state.head = state.tables.head();
    if (!fresh.empty() && state.feed) state.feed(fresh);
    for (auto& job : group) job.answer();
    if (state.queue.empty()) state.drained.notify();
  }

  Env& env_;
  std::shared_ptr<State> state_;
};

}  // namespace

std::unique_ptr<Store> make_memory(Env& env, boost::asio::any_io_executor executor) {
  return std::make_unique<MemoryStore>(env, executor);
}

std::unique_ptr<Store> make_memory(Env& env, boost::asio::any_io_executor executor, LogId log,
                                   Tables tables) {
  return std::make_unique<MemoryStore>(env, executor, log, std::move(tables));
}

const Tables* tables_of(const Store& store) {
  const auto* memory = dynamic_cast<const MemoryStore*>(&store);
  return memory == nullptr ? nullptr : &memory->tables();
}

}  // namespace reeve::store
