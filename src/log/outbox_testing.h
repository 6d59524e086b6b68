#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "log/outbox.h"
#include "log/testing.h"
#include "store/forwarding_store.h"

/// What the outbox's tests share: each store, on a clock that only the test moves. Not part of the
/// library.
namespace reeve::log {

enum class OutboxStore { memory, sqlite };
inline void PrintTo(OutboxStore kind, std::ostream* out) {
  *out << (kind == OutboxStore::memory ? "memory" : "sqlite");
}
inline std::string outbox_store_name(const ::testing::TestParamInfo<OutboxStore>& info) {
  return info.param == OutboxStore::memory ? "memory" : "sqlite";
}

/// Knows whether it is being asked.
class CountingStore final : public store::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  int in_flight = 0;
  bool down = false;  ///< commits fail

  Async<Result<store::Committed>> commit(store::Commit commit) override {
    if (down) co_return fail(Errc::unavailable, "the test says so");
    co_return co_await counted(inner_->commit(std::move(commit)));
  }
  Async<Result<std::optional<store::Doc>>> get(store::DocKey key) override {
    return counted(inner_->get(std::move(key)));
  }
  Async<Result<std::vector<store::Doc>>> list(store::DocQuery query) override {
    return counted(inner_->list(std::move(query)));
  }
  Async<Result<std::uint64_t>> count(std::string kind, std::string mark) override {
    return counted(inner_->count(std::move(kind), std::move(mark)));
  }
  using Store::ready;
  Async<Result<std::vector<store::QueueItem>>> ready(std::string queue, Time now, std::size_t limit,
                                                     store::QueuePlace after) override {
    return counted(inner_->ready(std::move(queue), now, limit, after));
  }
  using Store::items;
  Async<Result<std::vector<store::QueueItem>>> items(std::string queue, std::size_t limit,
                                                     store::QueuePlace after) override {
    return counted(inner_->items(std::move(queue), limit, after));
  }

 private:
  template <class T>
  Async<T> counted(Async<T> work) {
    struct Call {
      explicit Call(int& calls) : calls_(calls) { ++calls_; }
      ~Call() { --calls_; }
      int& calls_;
    } const call(in_flight);
    co_return co_await std::move(work);
  }
};

class OutboxTest : public ::testing::TestWithParam<OutboxStore> {
 protected:
  ~OutboxTest() override { run(store_->close()); }

  template <class T>
  T run(Async<T> work) {
    return aio::run(loop_, std::move(work));
  }
  /// Everything that can run runs, also what comes back from the store's threads.
  void settle() {
    for (;;) {
      loop_.restart();
      while (loop_.poll_one() > 0) {
      }
      if (store_->in_flight == 0) return;
      loop_.restart();
      loop_.run_one();
    }
  }
  /// Moves the clock, in steps, so that a timer may set the next.
  void pass(Duration time, Duration step = std::chrono::milliseconds(100)) {
    for (; time > Duration::zero(); time -= step) {
      env_.advance(std::min(step, time));
      settle();
    }
  }
  void reopen() {
    run(store_->close());
    store_.reset();
    store_ = open();
    outbox_ = std::make_unique<Outbox>(env_, loop_.get_executor(), *store_);
  }
  [[nodiscard]] bool lasts() const { return GetParam() == OutboxStore::sqlite; }

  OutboxRow enqueue(std::string payload, std::string key = {}, std::string lane = "lane",
                    int max_attempts = 10) {
    NewRow row;
    row.lane = std::move(lane);
    row.key = std::move(key);
    row.payload = std::move(payload);
    row.max_attempts = max_attempts;
    return run(outbox_->enqueue(std::move(row))).value();
  }
  std::vector<OutboxClaim> claim(std::size_t limit = 100, std::string lane = "lane",
                                 std::string owner = "me") {
    ClaimOptions options;
    options.limit = limit;
    options.owner = std::move(owner);
    return run(outbox_->claim(std::move(lane), options)).value();
  }
  OutboxRow row(const std::string& id) { return run(outbox_->row(id)).value(); }
  OutboxCounts counts(const std::string& lane = "lane") {
    return run(outbox_->counts(lane)).value();
  }
  static std::vector<std::string> payloads(const std::vector<OutboxClaim>& claims) {
    std::vector<std::string> all;
    for (const auto& claim : claims) all.push_back(claim.payload);
    return all;
  }

  boost::asio::io_context loop_;
  MovableEnv env_{loop_};
  store::ScratchDir dir_;
  std::unique_ptr<CountingStore> store_ = open();
  std::unique_ptr<Outbox> outbox_ = std::make_unique<Outbox>(env_, loop_.get_executor(), *store_);

 private:
  std::unique_ptr<CountingStore> open() {
    if (GetParam() == OutboxStore::memory) {
      return std::make_unique<CountingStore>(store::make_memory(env_, loop_.get_executor()));
    }
    store::SqliteOptions options;
    options.path = dir_.file("town.db");
    options.durability = store::Durability::memory;
    return std::make_unique<CountingStore>(
        store::open_sqlite(env_, loop_.get_executor(), options).value());
  }
};

}  // namespace reeve::log
