// on: handlers for what happens.

#include "run/listener.h"

#include <gtest/gtest.h>

#include <numeric>

#include "run/testing.h"

namespace reeve::run {
namespace {

using namespace std::chrono_literals;
using testing::World;

class EventsListener : public ::testing::Test {
 protected:
  EventsListener()
      : listening_(world_.env, world_.loop.get_executor(), world_.log),
        gate_(world_.loop.get_executor()) {
    world_.made_up = true;
  }
  ~EventsListener() override {
    open_ = true;
    gate_.notify();
    world_.await(listening_.close());
  }

  RunId new_run() { return RunId(world_.env.uuid4()); }
  void commit(const RunId& run, std::string kind, int number) {
    NewEvent event;
    event.id = EventId(world_.env.uuid7());
    event.kind = std::move(kind);
    event.time = world_.env.now();
    event.origin = "test";
    event.scopes = {Scope::of(run), Scope::of(thread_)};
    event.payload = R"({"n":)" + std::to_string(number) + "}";
    store::Commit commit;
    commit.events.push_back(std::move(event));
    const auto done = world_.await(world_.store.commit(std::move(commit)));
    ASSERT_TRUE(done) << done.error().message();
  }
  void publish(const RunId& run, std::uint64_t number) {
    Delta delta;
    delta.run = run;
    delta.epoch = 1;
    delta.number = number;
    delta.scopes = share({Scope::of(run), Scope::of(thread_)});
    delta.kind = "TextDelta";
    delta.payload = "{}";
    world_.log.publish(std::move(delta));
  }
  /// Notes what it hears; waits at the gate where it is closed.
  Handler noting() {
    return [this](Heard heard, Control) -> Async<> {
      ++running_;
      most_ = std::max(most_, running_);
      while (!open_) co_await gate_.wait();
      --running_;
      heard_.push_back(std::move(heard));
    };
  }
  void open_gate() {
    open_ = true;
    gate_.notify();
    world_.quiet();
  }
  static int number_of(const Heard& heard) {
    return static_cast<int>(
        parse_json(std::get<EventPtr>(heard.frame)->payload)->at("n").to_number<int>());
  }

  World world_;
  Listening listening_;
  aio::Signal gate_;
  bool open_ = true;
  int running_ = 0;
  int most_ = 0;
  ThreadId thread_{world_.env.uuid4()};
  std::vector<Heard> heard_;
};

// behest: on_only_handles_matching_events
TEST_F(EventsListener, OnlyWhatMatchesIsHandled) {
  const auto mine = new_run();
  const auto other = new_run();
  ListenOptions options;
  options.kinds = {"TextDelta", "RunCompleted"};
  options.run = mine;
  options.predicate = [](const Heard& heard) {
    const auto* delta = std::get_if<DeltaPtr>(&heard.frame);
    return delta == nullptr || (*delta)->number != 2;
  };
  const auto listener = listening_.on(options, noting());
  for (const auto& run : {mine, other}) {
    commit(run, "RunStarted", 0);
    publish(run, 1);
    publish(run, 2);
    commit(run, "RunCompleted", 1);
  }
  world_.await(listener->close());
  ASSERT_EQ(heard_.size(), 2U);
  EXPECT_EQ(heard_[0].kind, "TextDelta");
  EXPECT_EQ(heard_[1].kind, "RunCompleted");
  EXPECT_EQ(heard_[1].run, mine);
  EXPECT_EQ(heard_[1].session, thread_);
  EXPECT_EQ(listener->position().value, 4U);
  EXPECT_TRUE(listener->is_finished());
}

TEST_F(EventsListener, ASessionsListenerHearsItsRunsOnly) {
  ListenOptions options;
  options.session = thread_;
  const auto listener = listening_.on(options, noting());
  commit(new_run(), "RunStarted", 0);
  thread_ = ThreadId(world_.env.uuid4());
  commit(new_run(), "RunStarted", 1);
  world_.await(listener->close());
  EXPECT_EQ(heard_.size(), 1U);
}

TEST_F(EventsListener, BeginsWhereItIsToldTo) {
  const auto run = new_run();
  for (int n = 1; n <= 3; ++n) commit(run, "Noted", n);
  ListenOptions options;
  options.from = log::From::beginning();
  world_.await(listening_.on(options, noting())->close());
  EXPECT_EQ(heard_.size(), 3U);
  heard_.clear();
  options.from = log::From::after({2});
  world_.await(listening_.on(options, noting())->close());
  ASSERT_EQ(heard_.size(), 1U);
  EXPECT_EQ(number_of(heard_[0]), 3);
}

// behest's acceptance test 5, and
// listener_applies_concurrency_backpressure_before_spawning_handlers as it should be: nothing is
// lost.
TEST_F(EventsListener, Acceptance5_TheLimitHoldsWhileItChangesAndEachRunIsInOrder) {
  constexpr int kRuns = 7;
  constexpr int kEvents = 60;
  std::vector<RunId> runs(kRuns);
  std::ranges::generate(runs, [this] { return new_run(); });
  Control control;
  control.set_concurrency_limit(3);
  open_ = false;
  ListenOptions options;
  options.queue = 16;
  const auto listener = listening_.on(options, noting(), control);
  for (int n = 0; n < kEvents; ++n) {
    for (const auto& run : runs) commit(run, "Noted", n);
  }
  world_.quiet();
  EXPECT_EQ(running_, 3);
  control.set_concurrency_limit(5);
  world_.quiet();
  EXPECT_EQ(running_, 5);
  control.set_concurrency_limit(2);
  most_ = 0;
  open_gate();
  ASSERT_TRUE(world_.until([&] { return heard_.size() == kRuns * kEvents; }));
  EXPECT_LE(most_, 2);
  std::map<RunId, int> next;
  for (const auto& heard : heard_) EXPECT_EQ(number_of(heard), next[*heard.run]++);
  EXPECT_EQ(listener->counts().handled, kRuns * kEvents);
  EXPECT_EQ(listener->position().value, kRuns * kEvents);
}

// behest's acceptance test 6
TEST_F(EventsListener, Acceptance6_AHandlerThatThrowsIsCountedAndToldAndTheNextOneRuns) {
  const auto run = new_run();
  std::vector<std::string> told;
  auto handler = [this](Heard heard, Control) -> Async<> {
    if (number_of(heard) == 1) throw std::runtime_error("no such luck");
    if (number_of(heard) == 2) throw 42;
    heard_.push_back(std::move(heard));
    co_return;
  };
  const auto listener = listening_.on(
      {}, handler, {}, [&](const Heard&, const std::string& why) { told.push_back(why); });
  for (int n = 1; n <= 3; ++n) commit(run, "Noted", n);
  world_.await(listener->close());
  EXPECT_EQ(heard_.size(), 1U);
  EXPECT_EQ(listener->counts().handled, 3U);
  EXPECT_EQ(listener->counts().failed, 2U);
  EXPECT_EQ(told.size(), 2U);
  EXPECT_EQ(told.at(0), "no such luck");
  EXPECT_EQ(world_.log.counters().handler_failures, 2U);
}

// behest: invocation_handle_abort_stops_listener
TEST_F(EventsListener, WhatIsStoppedHandlesNothingMore) {
  const auto run = new_run();
  const auto listener = listening_.on({}, noting());
  commit(run, "Noted", 1);
  world_.quiet();
  EXPECT_EQ(heard_.size(), 1U);
  world_.await(listener->stop());
  EXPECT_TRUE(listener->is_finished());
  commit(run, "Noted", 2);
  world_.quiet();
  EXPECT_EQ(heard_.size(), 1U);
}

TEST_F(EventsListener, ACancelIsNoticedAtOnceAndLettingGoEndsIt) {
  Control control;
  const auto cancelled = listening_.on({}, noting(), control);
  auto dropped = listening_.on({}, noting());
  control.cancel();
  dropped.reset();
  world_.quiet();
  EXPECT_TRUE(cancelled->is_finished());
  commit(new_run(), "Noted", 1);
  world_.quiet();
  EXPECT_TRUE(heard_.empty());
}

TEST_F(EventsListener, CloseWaitsForWhatIsUnderWay) {
  open_ = false;
  const auto listener = listening_.on({}, noting());
  for (int n = 0; n < 600; ++n) commit(new_run(), "Noted", n);
  std::optional<bool> closed;
  aio::TaskGroup group(world_.loop.get_executor());
  group.spawn("close", [](Listener& one, std::optional<bool>& done) -> Async<> {
    co_await one.close();
    done = true;
  }(*listener, closed));
  world_.quiet();
  EXPECT_FALSE(closed);
  open_gate();
  world_.await(group.join());
  EXPECT_EQ(heard_.size(), 600U);
}

TEST_F(EventsListener, ABlockingHandlerRunsInThePool) {
  std::atomic<int> sum = 0;
  const auto domain = std::this_thread::get_id();
  const auto handler = on_pool(world_.env, [&](const Heard& heard, Control&) {
    EXPECT_TRUE(std::this_thread::get_id() != domain);
    sum += number_of(heard);
    if (number_of(heard) == 2) throw std::runtime_error("oh");
  });
  const auto listener = listening_.on({}, handler);
  const auto run = new_run();
  for (int n = 1; n <= 3; ++n) commit(run, "Noted", n);
  world_.await(listener->close());
  EXPECT_EQ(sum, 6);
  EXPECT_EQ(listener->counts().failed, 1U);
}

// --- behest's acceptance test 1: 100,000 deltas, a handler that is ten times too slow
// --------------

constexpr std::uint64_t kDeltas = 100'000;

class EventsSlowListener : public EventsListener {
 protected:
  ListenOptions options(SlowPolicy policy) {
    ListenOptions made;
    made.policy = policy;
    made.delta_capacity = 64;
    made.queue = 64;
    made.patience = 1h;
    return made;
  }
  /// Ten deltas are published while one is handled.
  Handler slow() {
    return [this](Heard heard, Control) -> Async<> {
      if (const auto* gap = std::get_if<Gap>(&heard.frame)) {
        told_ += gap->dropped;
        EXPECT_EQ(gap->run, run_);
        EXPECT_LE(gap->to - gap->from + 1, kDeltas);
      } else if (const auto* delta = std::get_if<DeltaPtr>(&heard.frame)) {
        ++received_;
        EXPECT_GT((*delta)->number, last_);
        last_ = (*delta)->number;
      } else {
        ++events_;
      }
      for (int turn = 0; turn < 10; ++turn) co_await aio::yield();
    };
  }
  /// Publishes, a delta for each turn of the loop, and where somebody wants to block it waits.
  static Async<> drive(EventsSlowListener& test) {
    for (std::uint64_t n = 1; n <= kDeltas; ++n) {
      if (test.world_.log.crowded(test.run_)) co_await test.world_.log.room(test.run_);
      test.publish(test.run_, n);
      ++test.published_;
      co_await aio::yield();
    }
  }
  RunId run_ = new_run();
  std::uint64_t received_ = 0;
  std::uint64_t told_ = 0;
  std::uint64_t last_ = 0;
  std::uint64_t published_ = 0;
  int events_ = 0;
};

TEST_F(EventsSlowListener, Acceptance1_WithGapsEveryDeltaIsAccountedForAndNoEventIsLost) {
  const auto listener = listening_.on(options(SlowPolicy::gap), slow());
  commit(run_, "RunStarted", 0);
  world_.await(drive(*this));
  commit(run_, "RunCompleted", 1);
  world_.await(listener->close());
  EXPECT_EQ(received_ + told_, kDeltas);
  EXPECT_GT(told_, kDeltas / 2);
  EXPECT_EQ(listener->counts().missed, told_);
  EXPECT_EQ(events_, 2);
}

TEST_F(EventsSlowListener, Acceptance1_ByBlockingNothingIsLost) {
  const auto listener = listening_.on(options(SlowPolicy::block), slow());
  world_.await(drive(*this));
  commit(run_, "RunCompleted", 1);
  world_.await(listener->close());
  EXPECT_EQ(received_, kDeltas);
  EXPECT_EQ(told_, 0U);
  EXPECT_EQ(events_, 1);
}

TEST_F(EventsSlowListener, Acceptance1_DisconnectTellsWhereToGoOn) {
  commit(run_, "RunStarted", 0);
  const auto listener = listening_.on(options(SlowPolicy::disconnect), slow());
  world_.await(drive(*this));
  world_.quiet();
  ASSERT_TRUE(listener->error());
  EXPECT_EQ(listener->error()->code(), Errc::unavailable);
  EXPECT_TRUE(listener->is_finished());
  commit(run_, "RunCompleted", 1);
  ListenOptions again;
  again.from = log::From::after(listener->position());
  world_.await(listening_.on(again, slow())->close());
  EXPECT_EQ(events_, 1);
}

TEST_F(EventsSlowListener, ABlockedRunSlowsNoOtherAndIsFreedWhenPatienceEnds) {
  open_ = false;
  auto wanted = options(SlowPolicy::block);
  wanted.patience = 2s;
  wanted.queue = 1;
  const auto listener = listening_.on(wanted, noting());
  std::optional<bool> driven;
  aio::TaskGroup group(world_.loop.get_executor());
  group.spawn("drive", [](EventsSlowListener& test, std::optional<bool>& done) -> Async<> {
    co_await drive(test);
    done = true;
  }(*this, driven));
  world_.quiet();
  EXPECT_FALSE(driven);
  EXPECT_LT(published_, 1'000U);
  EXPECT_FALSE(world_.log.crowded(new_run()));
  world_.env.advance(2s);
  world_.await(group.join());
  EXPECT_TRUE(driven);
  open_gate();
  world_.await(listener->close());
  EXPECT_GT(listener->counts().missed, kDeltas / 2);
}

}  // namespace
}  // namespace reeve::run
