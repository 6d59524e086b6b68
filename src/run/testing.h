#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "log/log.h"
#include "run/documents.h"
#include "run/draft.h"
#include "run/fake_spawner.h"
#include "store/forwarding_store.h"
#include "store/memory/memory_store.h"
#include "store/sqlite/sqlite_store.h"
#include "store/testing.h"

/// What the tests of run/, town/ and doors/ share. Not part of the library.
namespace reeve::run::testing {

/// The real Env on a clock that only the test moves: timers fire in advance().
class SimEnv final : public Env {
 public:
  explicit SimEnv(boost::asio::io_context& loop) : real_(loop) {}
  [[nodiscard]] Time now() const override {
    return from_ms(1'700'000'000'000) + std::chrono::floor<Duration>(uptime_) + jumped_;
  }
  [[nodiscard]] std::chrono::nanoseconds uptime() const override { return uptime_; }
  void random(std::span<std::uint8_t> out) override { real_.random(out); }
  [[nodiscard]] std::unique_ptr<Timer> after(std::chrono::nanoseconds delay,
                                             std::move_only_function<void()> then) override {
    auto timer = std::make_unique<SimTimer>(*this);
    timer->at_ = due_.emplace(uptime_ + delay, std::pair(timer.get(), std::move(then)));
    return timer;
  }
  void offload(std::move_only_function<void()> work,
               std::move_only_function<void()> done) override {
    real_.offload(std::move(work), std::move(done));
  }
  void defer(std::move_only_function<void()> work) override { real_.defer(std::move(work)); }

  void advance(std::chrono::nanoseconds by);
  /// The clock is set; no time goes by.
  void jump(Duration by) { jumped_ += by; }
  [[nodiscard]] std::size_t timers() const { return due_.size(); }

 private:
  class SimTimer;
  using Due = std::multimap<std::chrono::nanoseconds,
                            std::pair<SimTimer*, std::move_only_function<void()>>>;
  class SimTimer final : public Timer {
   public:
    explicit SimTimer(SimEnv& env) : env_(env) {}
    ~SimTimer() override {
      if (pending_) env_.due_.erase(at_);
    }
    SimEnv& env_;
    Due::iterator at_;
    bool pending_ = true;
  };

  aio::RealEnv real_;
  std::chrono::nanoseconds uptime_{};
  Duration jumped_{};
  Due due_;
};

/// A store between the test and a real one: it counts what is committed, and fails when told to.
class TroubledStore final : public store::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  struct Trouble {
    Errc code = Errc::unavailable;
    bool applied = false;  ///< the commit happens all the same
  };
  /// What becomes of the next commits, one each.
  std::vector<Trouble> next;
  /// From now on nothing is answered but `unavailable`.
  bool down = false;
  /// Goes down with the commit that makes this zero, which has an unknown outcome: it happened if
  /// `last_applied`.
  std::optional<int> commits_left;
  bool last_applied = false;

  bool ready_throws = false;  ///< the next look at a queue
  bool unreadable = false;    ///< events cannot be read; a log that has them in its tail never asks

  int in_flight = 0;             ///< calls that are not answered yet
  int commits = 0;               ///< that were tried
  std::size_t largest = 0;       ///< events in one of them
  std::set<std::string> kinds;   ///< of documents that were to be written
  std::vector<EventPtr> events;  ///< that were committed, in order

  Async<Result<store::Committed>> commit(store::Commit commit) override;
  Async<Result<std::optional<store::Doc>>> get(store::DocKey key) override;
  Async<Result<std::vector<store::Doc>>> list(store::DocQuery query) override;
  Async<Result<std::uint64_t>> count(std::string kind, std::string mark) override;
  using store::Store::ready;
  Async<Result<std::vector<store::QueueItem>>> ready(std::string queue, Time now, std::size_t limit,
                                                     store::QueuePlace after) override;
  using store::Store::items;
  Async<Result<std::vector<store::QueueItem>>> items(std::string queue, std::size_t limit,
                                                     store::QueuePlace after) override;
  Async<Result<std::optional<std::uint64_t>>> run_epoch(RunId run) override;
  Async<Result<store::EventPage>> read(Position after, store::EventFilter filter,
                                       std::size_t limit) override;
  Async<Result<std::vector<EventPtr>>> latest(store::EventFilter filter,
                                              std::size_t limit) override;
  Async<Result<store::Committed>> truncate(store::Truncation truncation) override;
  Async<Result<store::Pruned>> prune(std::vector<Position> positions) override;
  Async<Result<store::SnapshotPage>> snapshot(std::uint64_t after_rank, std::size_t limit) override;
  Async<Result<store::SnapshotPage>> snapshot_of(std::vector<store::DocKey> keys) override;
  void set_feed(Feed feed) override;

 private:
  struct Call {
    explicit Call(int& calls) : calls_(calls) { ++calls_; }
    ~Call() { --calls_; }
    int& calls_;
  };
  static std::unexpected<Error> away() { return fail(Errc::unavailable, "the store is away"); }
};

enum class Backend { memory, sqlite };
inline void PrintTo(Backend backend, std::ostream* out) {
  *out << (backend == Backend::memory ? "memory" : "sqlite");
}
inline std::string name_of(const ::testing::TestParamInfo<Backend>& info) {
  return info.param == Backend::memory ? "memory" : "sqlite";
}

/// A town's ground without a daemon: a store, its log, a machine, a clock.
class World {
 public:
  explicit World(Backend backend = Backend::memory, log::Log::Options log_options = {});
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// The test commits events of facts by hand, without the documents that follow from them.
  bool made_up = false;
  /// State is the fold of its events: every document is what the log says, whatever a test did.
  void expect_folded();

  /// Waits for one coroutine.
  template <class T>
  T await(Async<T> work) {
    return aio::run(loop, std::move(work));
  }
  /// Lets the town work until `seen`. False: it does not come to that.
  bool until(const std::function<bool()>& seen);
  /// Lets the town do everything that it can do without waiting for a store's thread.
  void settle();
  /// Lets the town do everything that it can do before the test does something again.
  void quiet();

  [[nodiscard]] std::vector<EventPtr> events(std::string_view kind = "") const;
  [[nodiscard]] std::size_t count(std::string_view kind) const { return events(kind).size(); }
  bool until_event(std::string_view kind, std::size_t times = 1) {
    return until([&] { return count(kind) >= times; });
  }
  [[nodiscard]] std::vector<std::string> kinds() const;
  /// The payload of the last event of that kind.
  [[nodiscard]] json::value payload(std::string_view kind) const;
  template <class F>
  F fact(std::string_view kind) const {
    return from_json<F>(payload(kind)).value();
  }

  template <class D>
  D get(const typename DocOf<D>::Key& id) {
    return await(load<D>(store, id)).value();
  }
  /// Commits facts, as a service does.
  Result<store::Committed> commit(std::vector<Fact> facts, Caller caller = {});
  /// An agent of the town.
  Agent agent(std::string name, std::string cli = "worker");
  Agent add(const Agent& made);

  boost::asio::io_context loop;
  SimEnv env{loop};
  store::ScratchDir dir;
  TroubledStore store;
  log::Log log;
  FakeSpawner machine;

 private:
  std::unique_ptr<store::Store> open(Backend backend);
};

// --- What Claude Code says, in its own words
// ------------------------------------------------------

inline std::string claude_init(const std::string& session, const std::string& model = "opus") {
  return R"({"type":"system","subtype":"init","session_id":")" + session + R"(","model":")" +
         model + R"(","permissionMode":"default"})" + "\n";
}
inline std::string claude_delta(const std::string& text) {
  return R"({"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":)"
         R"({"type":"text_delta","text":")" +
         text + R"("}}})" + "\n";
}
inline std::string claude_message(const std::string& id, const std::string& text) {
  return R"({"type":"assistant","message":{"id":")" + id +
         R"(","type":"message","role":"assistant","content":[{"type":"text","text":")" + text +
         R"("}]},"parent_tool_use_id":null})" + "\n";
}
inline std::string claude_result(const std::string& text, int in = 40, int out = 2) {
  return R"({"type":"result","subtype":"success","is_error":false,"num_turns":1,"result":")" +
         text + R"(","total_cost_usd":0.5,"usage":{"input_tokens":)" + std::to_string(in) +
         R"(,"output_tokens":)" + std::to_string(out) + "}}\n";
}

}  // namespace reeve::run::testing
