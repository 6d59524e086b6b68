#include "town/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aio/task_group.h"
#include "run/testing.h"

namespace reeve::town {
namespace {

using namespace std::chrono_literals;
using run::testing::Backend;
using run::testing::World;
using ::testing::ElementsAre;

class EventsRetentionTown : public ::testing::TestWithParam<Backend> {
 protected:
  /// Facts without consequences.
  void happen(std::size_t number) {
    std::vector<Fact> facts;
    for (std::size_t i = 0; i < number; ++i) facts.emplace_back(fact::DaemonStopped{"test"});
    ASSERT_TRUE(world_.commit(std::move(facts)));
  }
  void note(const std::string& kind, const Agent& about) {
    auto event = store::make_event(world_.env, kind, {Scope::of(about.id).str()}, R"({"x":"y"})");
    store::Commit commit;
    commit.events = {event};
    ASSERT_TRUE(world_.await(world_.store.commit(std::move(commit))));
  }
  Position mark() { return world_.store.log().mark(); }
  void keep(std::uint64_t events) {
    ground_.retention.max_events = events;
    ground_.retention.keep_events = 0;
  }

  World world_{GetParam()};
  Ground ground_{world_.env, world_.log, "oak", "claude"};
};

INSTANTIATE_TEST_SUITE_P(, EventsRetentionTown, ::testing::Values(Backend::memory, Backend::sqlite),
                         run::testing::name_of);

TEST_P(EventsRetentionTown, TheViewSaysWhereTheLogStandsAndWhatWouldGo) {
  happen(40);
  auto view = world_.await(view_retention(ground_)).value();
  EXPECT_EQ(view.oldest.value, 1U);
  EXPECT_EQ(view.head.value, 40U);
  EXPECT_EQ(view.events, 40U);
  EXPECT_EQ(view.bytes, world_.store.log().bytes);
  EXPECT_EQ(view.oldest_at, world_.env.now());
  EXPECT_FALSE(view.next);
  EXPECT_FALSE(view.held_by);
  keep(30);
  view = world_.await(view_retention(ground_)).value();
  ASSERT_TRUE(view.next);
  EXPECT_EQ(view.next->upto.value, 10U);
  EXPECT_EQ(view.next->reason, "max_events");
  EXPECT_EQ(mark().value, 0U);  // it only looked
  const auto hold = world_.log.holds().add("webhook ci", {4});
  view = world_.await(view_retention(ground_)).value();
  EXPECT_EQ(view.next->upto.value, 4U);
  EXPECT_EQ(view.held_by->name, "webhook ci");
}

TEST_P(EventsRetentionTown, G11ASweepDoesItNowAndSaysWhatItDid) {
  happen(1'200);
  keep(30);
  const auto report = world_.await(apply_retention(ground_, Caller{})).value();
  EXPECT_EQ(report.events, 1'170U);
  EXPECT_EQ(report.oldest.value, 1'171U);
  EXPECT_EQ(mark().value, 1'170U);
  EXPECT_EQ(world_.count("LogTruncated"), 1U);
  EXPECT_EQ(world_.fact<fact::LogTruncated>("LogTruncated").events, 1'170U);
  const auto view = world_.await(view_retention(ground_)).value();
  EXPECT_EQ(view.cursor, world_.log.cursor({1'170}).str());
}

TEST_P(EventsRetentionTown, NothingGoesThatAnOpenRunBeganWith) {
  happen(20);
  const auto ada = world_.agent("ada");
  reeve::Run run;
  run.id = RunId(world_.env.uuid4());
  run.agent = ada.id;
  run.thread = ThreadId(world_.env.uuid4());
  ASSERT_TRUE(world_.commit({fact::RunStarted{run}}));
  happen(50);
  keep(1);
  const auto held = world_.await(held_log(ground_)).value();
  ASSERT_TRUE(held);
  EXPECT_EQ(held->name, "run " + run.id.short_str() + " of ada");
  EXPECT_EQ(held->position.value, 21U);
  auto report = world_.await(apply_retention(ground_, Caller{})).value();
  EXPECT_EQ(mark().value, 21U);
  EXPECT_EQ(report.held_by->name, held->name);
  fact::RunCompleted end;
  end.run = run.id;
  end.agent = ada.id;
  end.thread = run.thread;
  ASSERT_TRUE(world_.commit({end}));
  report = world_.await(apply_retention(ground_, Caller{})).value();
  EXPECT_FALSE(report.held_by);
  EXPECT_GT(mark().value, 70U);
}

TEST_P(EventsRetentionTown, ARuleMayNameAnAgentAndOneOfNobodyMatchesNothing) {
  const auto ada = world_.agent("ada");
  const auto bob = world_.agent("bob");
  store::Commit names;  // as spawn() writes them
  names.writes = {store::PutDoc{{run::kNameKind, "ada"}, write_json_of(ada.id), {}}};
  ASSERT_TRUE(world_.await(world_.store.commit(std::move(names))));
  note("RawLine", ada);
  note("RawLine", bob);
  world_.env.advance(1h);
  ground_.retention.prune = {{{"RawLine"}, {"agent:nobody"}, 1min}};
  EXPECT_EQ(world_.await(apply_retention(ground_, Caller{})).value().pruned_events, 0U);
  ground_.retention.prune = {{{"RawLine"}, {"agent:Ada", "agent:nobody"}, 1min}};
  EXPECT_EQ(world_.await(apply_retention(ground_, Caller{})).value().pruned_events, 1U);
  const auto page = world_.await(world_.store.read({}, {}, 10)).value();
  EXPECT_EQ(page.events[2]->payload, kPrunedPayload);
  EXPECT_EQ(page.events[3]->payload, R"({"x":"y"})");
}

TEST_P(EventsRetentionTown, OnlyWhoKeepsSomethingFromGoingIsNamed) {
  happen(40);
  const auto hold = world_.log.holds().add("webhook ci", {12});
  EXPECT_FALSE(world_.await(view_retention(ground_)).value().held_by);  // nothing is to go
  keep(28);
  EXPECT_FALSE(world_.await(view_retention(ground_)).value().held_by);  // 12 go
  keep(27);
  EXPECT_TRUE(world_.await(view_retention(ground_)).value().held_by);
  EXPECT_EQ(world_.await(apply_retention(ground_, Caller{})).value().held_by->position.value, 12U);
  ground_.retention = {};
  ground_.retention.prune = {{{"RawLine"}, {}, 1min}};
  EXPECT_TRUE(world_.await(view_retention(ground_)).value().held_by);
}

TEST_P(EventsRetentionTown, WhatHappensDuringASweepIsNotForItToRemove) {
  happen(3'000);
  keep(0);
  std::optional<Result<api::RetentionReport>> report;
  aio::TaskGroup group(world_.loop.get_executor());
  const auto sweep = [](Ground ground,
                        std::optional<Result<api::RetentionReport>>& out) -> Async<> {
    out = co_await apply_retention(std::move(ground), Caller{});
  };
  group.spawn("sweep", sweep(ground_, report));
  ASSERT_TRUE(world_.until([&] { return mark().value > 0; }));
  ASSERT_FALSE(report);
  happen(100);  // a run may begin among it
  ASSERT_TRUE(world_.until([&] { return report.has_value(); }));
  world_.await(group.join());
  EXPECT_EQ((*report)->events, 3'000U);
  EXPECT_EQ(mark().value, 3'000U);
}

TEST_P(EventsRetentionTown, AnAgentDoesNotSweepFromItsRound) {
  happen(20);
  keep(1);
  Caller caller;
  caller.agent = world_.agent("ada").id;
  const auto report = world_.await(apply_retention(ground_, caller));
  ASSERT_FALSE(report);
  EXPECT_TRUE(report.error().is(Errc::denied));
  EXPECT_EQ(mark().value, 0U);
}

TEST_P(EventsRetentionTown, G11WhoReadsTheSnapshotIsWaitedForButNotForEver) {
  happen(600);
  keep(100);
  const auto sweep = [&] { return world_.await(apply_retention(ground_, Caller{})).value(); };
  SnapshotReading reading;
  reading.begin_page(ground_);
  EXPECT_EQ(sweep().held_by->name, "somebody who reads the snapshot");
  EXPECT_EQ(mark().value, 0U);
  reading.end();
  EXPECT_EQ(sweep().events, 500U);

  happen(100);
  reading.begin_page(ground_);  // ... and he never comes back
  world_.env.advance(SnapshotReading::kPatience - 1s);
  EXPECT_EQ(sweep().events, 0U);
  world_.env.advance(1s);
  EXPECT_GE(sweep().events, 100U);

  happen(100);
  const auto for_long = SnapshotReading::kLongest + SnapshotReading::kPatience;
  for (auto passed = 0s; passed < for_long; passed += 5s) {
    reading.begin_page(ground_);
    if (passed < SnapshotReading::kLongest) EXPECT_EQ(sweep().events, 0U) << passed.count();
    world_.env.advance(5s);
  }
  reading.begin_page(ground_);
  EXPECT_GE(sweep().events, 100U);
  world_.env.advance(SnapshotReading::kRest);
  happen(100);
  reading.begin_page(ground_);
  EXPECT_EQ(sweep().events, 0U);
}

// --- The daemon's loop ---------------------------------------------------------------------------

class EventsRetentionLoop : public EventsRetentionTown {
 protected:
  void begin(Retention::Options options = {}) {
    retention_ = std::make_unique<Retention>(ground_, options);
    group_.spawn("retention", watch());
    world_.quiet();
  }
  ~EventsRetentionLoop() override {
    group_.cancel();
    world_.await(group_.join());
  }
  void pass(std::chrono::nanoseconds time) {
    for (; time > 0s; time -= 1s) {
      world_.env.advance(1s);
      world_.quiet();
    }
  }
  Async<> watch() {
    co_await retention_->run();
    ended_ = true;
  }

  std::unique_ptr<Retention> retention_;
  aio::TaskGroup group_{world_.loop.get_executor()};
  bool ended_ = false;
};

INSTANTIATE_TEST_SUITE_P(, EventsRetentionLoop, ::testing::Values(Backend::memory, Backend::sqlite),
                         run::testing::name_of);

TEST_P(EventsRetentionLoop, WhereEverythingIsKeptThereIsNone) {
  happen(10);
  begin();
  EXPECT_TRUE(ended_);
}

TEST_P(EventsRetentionLoop, LooksNowAndThenAndBeginsWhenItIsWorthIt) {
  keep(1'000);
  happen(1'040);
  begin();
  pass(20min);
  EXPECT_EQ(mark().value, 0U);  // a little over
  happen(20);
  pass(11min);
  EXPECT_EQ(mark().value, 60U);
  EXPECT_EQ(world_.count("LogTruncated"), 1U);
  pass(60min);
  EXPECT_EQ(world_.count("LogTruncated"), 1U);  // what told of it is no reason for another
  EXPECT_FALSE(ended_);
}

TEST_P(EventsRetentionLoop, WaitsWhileTheTownIsBusyButNotForEver) {
  keep(100);
  happen(1'500);
  begin({.first = 1s, .every = 10min, .quiet = 2s, .patience = 60s, .share = 5});
  for (int second = 0; second < 55; ++second) {
    pass(1s);
    happen(1);
    EXPECT_EQ(mark().value, 0U) << second;
  }
  for (int second = 0; second < 20; ++second) {
    pass(1s);
    happen(1);
  }
  EXPECT_GT(mark().value, 1'400U);
}

TEST_P(EventsRetentionLoop, AStoreInTroubleIsLookedAtAgainTheNextTime) {
  keep(10);
  happen(100);
  world_.store.down = true;
  begin({.first = 1s, .every = 1min, .quiet = 2s, .patience = 60s, .share = 5});
  pass(30s);
  world_.store.down = false;
  pass(20s);
  EXPECT_EQ(mark().value, 0U);
  pass(60s);
  EXPECT_EQ(mark().value, 90U);
}

}  // namespace
}  // namespace reeve::town
