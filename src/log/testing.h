#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "aio/real_env.h"
#include "aio/run.h"
#include "aio/task_group.h"
#include "log/log.h"
#include "store/memory/memory_store.h"
#include "store/redis/testing.h"
#include "store/sqlite/sqlite_store.h"
#include "store/testing.h"

/// What the tests of this folder share. Not part of the library.
namespace reeve::log {

/// The real Env with clocks that only a test moves: timers fire in advance().
class MovableEnv final : public Env {
 public:
  explicit MovableEnv(boost::asio::io_context& loop) : real_(loop) {}

  [[nodiscard]] Time now() const override { return now_; }
  [[nodiscard]] std::chrono::nanoseconds uptime() const override { return uptime_; }
  void random(std::span<std::uint8_t> out) override { real_.random(out); }
  [[nodiscard]] std::unique_ptr<Timer> after(std::chrono::nanoseconds delay,
                                             std::move_only_function<void()> then) override {
    const Key key{uptime_ + delay, ++made_};
    timers_.emplace(key, std::move(then));
    return std::make_unique<Pending>(timers_, key);
  }
  void offload(std::move_only_function<void()> work,
               std::move_only_function<void()> done) override {
    real_.offload(std::move(work), std::move(done));
  }
  void defer(std::move_only_function<void()> work) override { real_.defer(std::move(work)); }

  void advance(Duration by) {
    const auto end = uptime_ + by;
    now_ += by;
    while (!timers_.empty() && timers_.begin()->first.first <= end) {
      auto due = timers_.extract(timers_.begin());
      uptime_ = std::max(uptime_, due.key().first);
      due.mapped()();
    }
    uptime_ = end;
  }
  [[nodiscard]] std::size_t timers() const { return timers_.size(); }

 private:
  using Key = std::pair<std::chrono::nanoseconds, std::uint64_t>;  // when, and in order of making
  using Timers = std::map<Key, std::move_only_function<void()>>;
  struct Pending final : Timer {
    Pending(Timers& in, Key k) : timers(in), key(k) {}
    ~Pending() override { timers.erase(key); }
    Timers& timers;
    Key key;
  };

  aio::RealEnv real_;
  Time now_ = from_ms(1'700'000'000'000);
  std::chrono::nanoseconds uptime_ = std::chrono::hours(5);
  std::uint64_t made_ = 0;
  Timers timers_;
};

/// "5" for the event at 5, "d3" for delta number 3, "gap1-4/4" for a Gap, "p7" for progress.
inline std::string told(const Frame& frame) {
  if (const auto* event = std::get_if<EventPtr>(&frame))
    return std::to_string((*event)->position.value);
  if (const auto* delta = std::get_if<DeltaPtr>(&frame))
    return fmt::format("d{}", (*delta)->number);
  if (const auto* gap = std::get_if<Gap>(&frame))
    return fmt::format("gap{}-{}/{}", gap->from, gap->to, gap->dropped);
  return fmt::format("p{}", std::get<Progress>(frame).position.value);
}
inline std::vector<std::string> told(const std::vector<Frame>& frames) {
  std::vector<std::string> texts;
  for (const auto& frame : frames) texts.push_back(told(frame));
  return texts;
}

inline EventFilter make_filter(std::vector<std::string> scopes,
                               std::vector<std::string> kinds = {}) {
  EventFilter filter;
  for (auto& scope : scopes) filter.scopes.push_back(Scope::trusted(std::move(scope)));
  filter.kinds = std::move(kinds);
  return filter;
}

struct Backend {
  std::string name;
  /// `machine`: whose clock goes on by itself.
  std::function<std::unique_ptr<store::Store>(Env& env, Env& machine, boost::asio::io_context&,
                                              const store::ScratchDir&)>
      open;
  bool lasts = false;  ///< closing and opening it again gives what was there
  Log::Options log;
};
inline void PrintTo(const Backend& backend, std::ostream* out) { *out << backend.name; }

/// Each store with the usual tail, and with tails so small that store and tail alternate.
inline std::vector<Backend> backends() {
  const auto memory = [](Env& env, Env&, boost::asio::io_context& loop, const store::ScratchDir&) {
    return store::make_memory(env, loop.get_executor());
  };
  const auto sqlite = [](Env& env, Env&, boost::asio::io_context& loop,
                         const store::ScratchDir& dir) {
    // One reading at a time, so that a test knows what has been read when its own reading is done.
    store::SqliteOptions options{.path = dir.file("town.db"), .readers = 1};
    return store::open_sqlite(env, loop.get_executor(), options).value();
  };
  // A town of its own on one server, which keeps it in memory: what lasts is shown by the stores'
  // own tests. What keeps a connection alive goes by real time.
  const auto redis = [](Env&, Env& machine, boost::asio::io_context& loop,
                        const store::ScratchDir& dir) {
    static net::testing::RedisServer server;
    auto options = store::redis_options(server.address(), dir.path().filename().string());
    options.durability = store::RedisDurability::memory;
    options.own_clock = false;
    return store::open_redis_now(machine, loop, std::move(options)).value();
  };
  const Log::Options few{.tail_events = 3, .tail_bytes = 1 << 20};
  const Log::Options none{.tail_events = 100, .tail_bytes = 0};
  std::vector<Backend> all{
      {"memory", memory, false, {}},           {"memory_tiny_tail", memory, false, few},
      {"memory_no_tail", memory, false, none}, {"sqlite", sqlite, true, {}},
      {"sqlite_tiny_tail", sqlite, true, few}, {"sqlite_no_tail", sqlite, true, none}};
  if (!net::testing::has_redis()) return all;
  all.push_back({"redis", redis, true, {}});
  all.push_back({"redis_tiny_tail", redis, true, few});
  all.push_back({"redis_no_tail", redis, true, none});
  return all;
}

/// A log over one of the stores, and what tests do with it.
class LogTest : public ::testing::TestWithParam<Backend> {
 public:
  LogTest() : store_(GetParam().open(env_, machine_, loop_, dir_)) { make_log(); }
  ~LogTest() override {
    log_.reset();
    aio::run(loop_, store_->close());
  }

  /// The town restarts: a new Log, over the same store or, where it lasts, over the reopened one.
  void restart() {
    log_.reset();
    if (GetParam().lasts) {
      aio::run(loop_, store_->close());
      store_.reset();
      store_ = GetParam().open(env_, machine_, loop_, dir_);
    }
    make_log();
  }

  template <class T>
  T run(Async<T> work) {
    return aio::run(loop_, std::move(work));
  }
  NewEvent event(std::string kind, std::vector<std::string> scopes = {},
                 std::string payload = "{}") {
    return store::make_event(env_, std::move(kind), std::move(scopes), std::move(payload));
  }
  store::Commit commit_of(std::vector<NewEvent> events) {
    store::Commit commit;
    commit.events = std::move(events);
    return commit;
  }
  void commit(std::vector<NewEvent> events) {
    ASSERT_TRUE(run(store_->commit(commit_of(std::move(events)))));
  }
  void commit_many(std::size_t number, const std::string& kind = "Many",
                   const std::vector<std::string>& scopes = {}) {
    for (std::size_t i = 0; i < number; ++i) commit({event(kind, scopes)});
  }
  void publish(std::uint64_t number, std::vector<std::string> scopes = {"agent:a"},
               std::string payload = "{}") {
    log_->publish(delta(run_id_, number, std::move(scopes), std::move(payload)));
  }
  static Delta delta(RunId of, std::uint64_t number, std::vector<std::string> scopes = {"agent:a"},
                     std::string payload = "{}") {
    Delta delta;
    delta.run = of;
    delta.epoch = 1;
    delta.number = number;
    std::vector<Scope> about;
    for (auto& scope : scopes) about.push_back(Scope::trusted(std::move(scope)));
    delta.scopes = share(std::move(about));
    delta.kind = "TextDelta";
    delta.payload = std::move(payload);
    return delta;
  }

  std::unique_ptr<Subscription> subscribe(From from, EventFilter filter = {}, bool deltas = false,
                                          std::size_t batch = 256) {
    SubscribeOptions options;
    options.from = from;
    options.filter = std::move(filter);
    options.deltas = deltas;
    options.batch = batch;
    return log_->subscribe(std::move(options));
  }
  std::vector<Frame> next(Subscription& subscription) { return run(subscription.next()).value(); }
  /// Batches until `number` frames are there.
  std::vector<std::string> read(Subscription& subscription, std::size_t number) {
    std::vector<std::string> texts;
    while (texts.size() < number) {
      for (auto& text : told(next(subscription))) texts.push_back(std::move(text));
    }
    return texts;
  }
  /// Everything that can run runs, also what comes back from the store's threads.
  void settle() {
    for (int i = 0; i < 4; ++i) {
      ASSERT_TRUE(run(store_->read(store_->log().mark(), {}, 1)));
      loop_.restart();
      loop_.poll();
    }
  }

  /// One call of next() that is under way.
  struct Waiting {
    std::optional<Result<std::vector<Frame>>> answer;
    aio::TaskGroup group;
    explicit Waiting(boost::asio::io_context& loop) : group(loop.get_executor()) {}
    [[nodiscard]] bool done() const { return answer.has_value(); }
    [[nodiscard]] std::vector<std::string> texts() const { return told(answer->value()); }
  };
  std::unique_ptr<Waiting> start(Subscription& subscription) {
    auto waiting = std::make_unique<Waiting>(loop_);
    waiting->group.spawn("next", take(subscription, waiting->answer));
    settle();
    return waiting;
  }
  void stop(Waiting& waiting) {
    waiting.group.cancel();
    run(waiting.group.join());
  }

 private:
  void make_log() {
    log_ = std::make_unique<Log>(env_, loop_.get_executor(), *store_, GetParam().log);
  }
  static Async<> take(Subscription& from, std::optional<Result<std::vector<Frame>>>& into) {
    into = co_await from.next();
  }

 public:
  boost::asio::io_context loop_;
  MovableEnv env_{loop_};
  aio::RealEnv machine_{loop_};
  store::ScratchDir dir_;
  RunId run_id_{env_.uuid4()};
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Log> log_;
};

}  // namespace reeve::log
