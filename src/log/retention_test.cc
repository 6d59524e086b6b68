// The decisions of retention, and the steps of a sweep over every store.

#include "log/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "log/durable_sink.h"
#include "log/testing.h"
#include "model/fold.h"

namespace reeve::log {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// --- Decisions -----------------------------------------------------------------------------------

constexpr Time kNow = Time(Duration(1'700'000'000'000));

/// Events from `first` on, one each hour up to an hour before kNow, of 100 bytes each.
std::vector<EventPtr> hourly(std::uint64_t first, std::uint64_t last) {
  std::vector<EventPtr> events;
  for (auto at = first; at <= last; ++at) {
    NewEvent event;
    event.kind = "Note";
    event.origin = "town";
    event.time = kNow - std::chrono::hours(last - at + 1);
    event.payload = std::string(100 - kRowBytes - 8, 'x');
    events.push_back(std::make_shared<const Event>(Position{at}, event));
  }
  return events;
}
LogState log_of(const std::vector<EventPtr>& events) {
  LogState log{.mark = {events.front()->position.value - 1},
               .head = events.back()->position,
               .bytes = 0,
               .now = kNow};
  for (const auto& event : events) log.bytes += stored_bytes(*event);
  return log;
}
Cut cut(const RetentionPolicy& policy, const std::vector<EventPtr>& events,
        std::optional<Held> held = {}) {
  const auto log = log_of(events);
  return decide(policy, log, ceiling(policy, log, held), events);
}
RetentionPolicy policy() {
  RetentionPolicy none;
  none.keep_events = 0;
  return none;
}

TEST(EventsRetentionDecision, ByDefaultNothingGoes) {
  EXPECT_EQ(cut(RetentionPolicy(), hourly(1, 100)).events, 0U);
  EXPECT_EQ(cut(policy(), hourly(1, 100)).events, 0U);
}

TEST(EventsRetentionDecision, WhatIsTooOldGoesUpToTheFirstThatIsNot) {
  auto by_age = policy();
  by_age.max_age = 10h;
  auto events = hourly(11, 100);
  auto done = cut(by_age, events);
  EXPECT_EQ(done.upto.value, 90U);  // 91 is exactly ten hours old
  EXPECT_EQ(done.events, 80U);
  EXPECT_EQ(done.bytes, 8'000U);
  EXPECT_EQ(done.reason, "max_age");
  // The clock was put back in between: nothing younger goes before its time.
  auto young = *events[4];
  young.time = kNow;
  events[4] = std::make_shared<const Event>(young);
  EXPECT_EQ(cut(by_age, events).upto.value, 14U);
}

TEST(EventsRetentionDecision, NumberAndSizeAreOfWhatIsLeft) {
  auto by_number = policy();
  by_number.max_events = 30;
  auto done = cut(by_number, hourly(11, 100));
  EXPECT_EQ(done.upto.value, 70U);
  EXPECT_EQ(done.reason, "max_events");
  auto by_size = policy();
  by_size.max_bytes = 2'050;
  done = cut(by_size, hourly(11, 100));
  EXPECT_EQ(done.upto.value, 80U);  // twenty are left
  EXPECT_EQ(done.reason, "max_size");
  // Each limit holds.
  by_size.max_events = 10;
  EXPECT_EQ(cut(by_size, hourly(11, 100)).upto.value, 90U);
  by_size.max_age = 200h;
  EXPECT_EQ(cut(by_size, hourly(11, 100)).upto.value, 90U);
  by_number.max_events = 0;
  EXPECT_EQ(cut(by_number, hourly(1, 100)).upto.value, 100U);
}

TEST(EventsRetentionDecision, NothingGoesThatIsKeptOrHeld) {
  auto all = policy();
  all.max_events = 0;
  all.keep_events = 25;
  EXPECT_EQ(cut(all, hourly(11, 100)).upto.value, 75U);
  EXPECT_EQ(cut(all, hourly(11, 100), Held{"webhook", {40}}).upto.value, 40U);
  EXPECT_EQ(cut(all, hourly(11, 100), Held{"webhook", {90}}).upto.value, 75U);
  EXPECT_EQ(cut(all, hourly(11, 100), Held{"webhook", {3}}).events, 0U);
  all.keep_events = 1'000;
  EXPECT_EQ(cut(all, hourly(11, 100)).events, 0U);
}

TEST(EventsRetentionDecision, ASweepIsForATwentiethOrADay) {
  const auto due = [&](const RetentionPolicy& by, const LogState& log, Duration age) {
    return is_due(by, log, ceiling(by, log, std::nullopt), log.now - age);
  };
  LogState log{.mark = {100}, .head = {1'200}, .bytes = 1'000'000, .now = kNow};
  auto by = policy();
  EXPECT_FALSE(due(by, log, 10'000h));
  by.max_age = 720h;
  EXPECT_FALSE(due(by, log, 743h));
  EXPECT_TRUE(due(by, log, 745h));
  by.max_age = 20min;
  EXPECT_FALSE(due(by, log, 21min));
  EXPECT_TRUE(due(by, log, 21min + 1ms));
  by = policy();
  by.max_events = 1'048;
  EXPECT_FALSE(due(by, log, 0h));  // 1,100 are there
  by.max_events = 1'047;
  EXPECT_TRUE(due(by, log, 0h));
  by = policy();
  by.max_bytes = 952'381;
  EXPECT_FALSE(due(by, log, 0h));
  by.max_bytes = 952'380;
  EXPECT_TRUE(due(by, log, 0h));
  by.keep_events = 1'100;
  EXPECT_FALSE(due(by, log, 0h));
}

TEST(EventsRetentionDecision, ARuleIsTheSameInAnyOrder) {
  const PruneRule one{{"A", "B"}, {"agent:x"}, 1h};
  const PruneRule other{{"B", "A"}, {"agent:x"}, 2h};
  EXPECT_EQ(prune_id(one), prune_id(other));
  EXPECT_NE(prune_id(one), prune_id({{"A", "B"}, {}, 1h}));
}

// --- Sweeps --------------------------------------------------------------------------------------

class EventsRetentionSweep : public LogTest {
 public:
  /// Facts of a town: an agent is spawned, then each hour a run of it ends.
  void live(std::size_t events) {
    if (!agent_) {
      Agent made;
      made.id = AgentId(env_.uuid4());
      made.name = "ada";
      made.cli = "worker";
      agent_ = made.id;
      tell(fact::AgentSpawned{made});
      --events;
    }
    for (; events > 0; --events) {
      env_.advance(1h);
      fact::RunCompleted end;
      end.run = RunId(env_.uuid4());
      end.agent = agent_;
      end.cost_usd = 0.1;
      tell(end);
    }
  }
  void tell(const Fact& fact) { commit({to_event(env_, fact, "town")}); }

  Result<Swept> sweep(RetentionPolicy by, std::optional<Held> held = {}) {
    Sweep sweep(env_, *log_, std::move(by), std::move(held));
    for (;;) {
      const auto more = run(sweep.step());
      if (!more) return fail(more.error());
      if (!*more) return sweep.swept();
    }
  }
  /// The documents at the end of the log, from the snapshot on.
  Fold fold() {
    Fold folded(store_->log().mark());
    for (std::uint64_t after = 0;;) {
      const auto page = run(store_->snapshot(after, 2)).value();
      if (page.docs.empty()) break;
      for (const auto& doc : page.docs) {
        EXPECT_TRUE(folded.put({doc.key.kind, doc.key.id}, doc.body));
        after = doc.rank;
      }
    }
    for (const auto& event : left()) EXPECT_TRUE(folded.apply(*event));
    return folded;
  }
  std::vector<EventPtr> left() {
    std::vector<EventPtr> events;
    for (auto at = store_->log().mark(); at < store_->log().head;) {
      const auto page = run(store_->read(at, {}, limits::kPage)).value();
      events.insert(events.end(), page.events.begin(), page.events.end());
      at = page.scanned;
    }
    return events;
  }
  static RetentionPolicy newest(std::uint64_t events) {
    RetentionPolicy by;
    by.max_events = events;
    by.keep_events = 0;
    return by;
  }

  std::optional<AgentId> agent_;
};

INSTANTIATE_TEST_SUITE_P(, EventsRetentionSweep, ::testing::ValuesIn(backends()),
                         [](const auto& backend) { return backend.param.name; });

TEST_P(EventsRetentionSweep, G11TheSnapshotIsTheFoldOfWhatWentAndWithTheRestGivesTheSameState) {
  live(60);
  const auto before = fold().documents();
  EXPECT_EQ(fold().find<Agent>(*agent_)->rounds_completed, 59);
  const auto swept = sweep(newest(20)).value();
  EXPECT_EQ(swept.events, 40U);
  EXPECT_EQ(store_->log().oldest.value, 41U);
  const auto snapshot = run(store_->snapshot(0, 10)).value();
  ASSERT_THAT(snapshot.docs, SizeIs(1));
  EXPECT_EQ(parse_json_as<Agent>(snapshot.docs[0].body)->rounds_completed, 39);
  EXPECT_THAT(fold().differences(before), IsEmpty());
  // And again, after more has happened, over a restart.
  restart();
  live(100);
  const auto all = fold().documents();
  ASSERT_TRUE(sweep(newest(5)));
  EXPECT_THAT(fold().differences(all), IsEmpty());
  EXPECT_EQ(fold().find<Agent>(*agent_)->rounds_completed, 159);
}

TEST_P(EventsRetentionSweep, G11ALongSweepGoesInStepsAndTellsOnceAtItsEnd) {
  commit(std::vector<NewEvent>(2'600, event("Note")));
  const auto bytes = store_->log().bytes;
  Sweep one(env_, *log_, newest(100), std::nullopt);
  std::size_t steps = 0;
  for (; run(one.step()).value(); ++steps) {
    // A crash here would lose nothing: what is left can be read.
    EXPECT_LE(left().front()->position.value, limits::kRetentionStep * (steps + 1) + 1);
  }
  EXPECT_GE(steps, 5U);
  EXPECT_EQ(one.swept().events, 2'500U);
  const auto rest = left();
  ASSERT_THAT(rest, SizeIs(101));
  EXPECT_EQ(rest.back()->kind, "LogTruncated");
  const auto told = parse_json_as<fact::LogTruncated>(rest.back()->payload).value();
  EXPECT_EQ(told.upto.value, 2'500U);
  EXPECT_EQ(told.events, 2'500U);
  EXPECT_EQ(told.bytes, bytes / 2'600 * 2'500);
  EXPECT_EQ(told.reason, "max_events");
  // Nothing to do: nothing is told.
  EXPECT_EQ(sweep(newest(101)).value().events, 0U);
  EXPECT_EQ(store_->log().head.value, 2'601U);
}

TEST_P(EventsRetentionSweep, G11ALastStepThatIsAFullOneTellsToo) {
  commit(std::vector<NewEvent>(2 * limits::kRetentionStep, event("Note")));
  ASSERT_EQ(sweep(newest(limits::kRetentionStep)).value().events, limits::kRetentionStep);
  EXPECT_EQ(left().back()->kind, "LogTruncated");
  ASSERT_EQ(sweep(newest(0)).value().events, limits::kRetentionStep + 1);
  ASSERT_THAT(left(), SizeIs(1));
  EXPECT_EQ(left().front()->kind, "LogTruncated");
}

TEST_P(EventsRetentionSweep, NothingGoesThatSomebodyHolds) {
  commit(std::vector<NewEvent>(50, event("Note")));
  auto hook = log_->holds().add("webhook", {12});
  EXPECT_EQ(sweep(newest(0)).value().events, 12U);
  hook->advance({30});
  EXPECT_EQ(sweep(newest(0), Held{"run", {20}}).value().events, 8U);
  EXPECT_EQ(sweep(newest(0)).value().events, 10U);
  hook.reset();
  EXPECT_EQ(store_->log().mark().value, 30U);
}

TEST_P(EventsRetentionSweep, AFactThatCannotBeReadStaysAndIsSaid) {
  commit({event("Note"), event("TaskCreated", {}, "[1]"), event("Note")});
  const auto refused = sweep(newest(0));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::invalid_argument);
  EXPECT_TRUE(refused.error().message().contains("event 2")) << refused.error().message();
  EXPECT_EQ(store_->log().oldest.value, 1U);
}

TEST_P(EventsRetentionSweep, OfTwoAtATimeTheSlowerIsToldAndGoesOn) {
  commit(std::vector<NewEvent>(1'300, event("Note")));
  Sweep first(env_, *log_, newest(10), std::nullopt);
  Sweep second(env_, *log_, newest(10), std::nullopt);
  std::optional<Result<bool>> one, other;
  aio::TaskGroup both(loop_.get_executor());
  const auto take = [](Sweep& from, std::optional<Result<bool>>& into) -> Async<> {
    into = co_await from.step();
  };
  both.spawn("first", take(first, one));
  both.spawn("second", take(second, other));
  run(both.join());
  ASSERT_TRUE(*one || *other);
  ASSERT_FALSE(*one && *other);
  EXPECT_EQ((*one ? *other : *one).error().code(), Errc::conflict);
  auto& loser = *one ? second : first;
  while (run(loser.step()).value()) {
  }
  EXPECT_EQ(store_->log().oldest.value, 1'291U);
}

TEST_P(EventsRetentionSweep, AnEstimateIsNearWhatGoes) {
  live(60);
  auto by = newest(1'000);
  const auto check = [&](std::uint64_t upto, std::string_view reason) {
    const auto state = state_of(env_, *log_);
    const auto about = run(estimate(env_, *log_, by, ceiling(by, state, std::nullopt))).value();
    EXPECT_EQ(about.upto.value, upto);
    EXPECT_EQ(about.events, upto);
    EXPECT_EQ(about.reason, reason);
    EXPECT_NEAR(static_cast<double>(about.bytes),
                static_cast<double>(state.bytes) * static_cast<double>(upto) / 60, 1);
  };
  check(0, "");
  by.max_events = 45;
  check(15, "max_events");
  by.max_age = 20h;
  check(39, "max_age");
  by.keep_events = 30;
  check(30, "max_age");
  by.max_age.reset();
  by.max_bytes = store_->log().bytes / 2;
  by.keep_events = 0;
  const auto state = state_of(env_, *log_);
  const auto about = run(estimate(env_, *log_, by, ceiling(by, state, std::nullopt))).value();
  EXPECT_NEAR(static_cast<double>(about.upto.value), 30, 2);
  EXPECT_EQ(about.reason, "max_size");
}

TEST_P(EventsRetentionSweep, PayloadsGoByKindScopeAndAge) {
  const auto say = [&](std::string kind, std::string scope) {
    env_.advance(1h);
    commit({event(std::move(kind), {std::move(scope)}, R"({"text":"something"})")});
  };
  for (int i = 0; i < 3; ++i) {
    say("RawLine", "agent:a");
    say("RawLine", "agent:b");
    say("Notice", "agent:a");
  }
  RetentionPolicy by;
  by.prune = {{{"RawLine"}, {"agent:a"}, 4h}};
  const auto pruned = [&] {
    std::vector<std::uint64_t> positions;
    for (const auto& one : left()) {
      if (one->payload == kPrunedPayload) positions.push_back(one->position.value);
    }
    return positions;
  };
  const auto swept = sweep(by).value();
  EXPECT_EQ(swept.pruned_events, 2U);  // 1 and 4; 7 is two hours old
  EXPECT_EQ(swept.events, 0U);
  EXPECT_THAT(pruned(), ElementsAre(1, 4));
  const auto told = parse_json_as<fact::PayloadsPruned>(left().back()->payload).value();
  EXPECT_EQ(left().back()->kind, "PayloadsPruned");
  EXPECT_THAT(told.kinds, ElementsAre("RawLine"));
  EXPECT_EQ(told.upto.value, 6U);
  EXPECT_EQ(told.events, 2U);
  // Followers see it too, also where the event is in memory still.
  const auto all = subscribe(From::beginning());
  EXPECT_EQ(std::get<EventPtr>(next(*all).front())->payload, kPrunedPayload);
  // Once more: nothing new. Later: what has become old.
  const auto head = log_->head();
  EXPECT_EQ(sweep(by).value().pruned_events, 0U);
  EXPECT_EQ(log_->head(), head);
  env_.advance(100h);
  EXPECT_EQ(sweep(by).value().pruned_events, 1U);
  EXPECT_THAT(pruned(), ElementsAre(1, 4, 7));
  by.prune.push_back({{"Notice", "RawLine"}, {}, 1h});
  auto hook = log_->holds().add("webhook", {8});
  EXPECT_EQ(sweep(by).value().pruned_events, 5U);
  EXPECT_THAT(pruned(), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
}

TEST_P(EventsRetentionSweep, ManyPayloadsGoInSteps) {
  commit(std::vector<NewEvent>(2'000, event("RawLine", {}, R"({"text":"x"})")));
  env_.advance(1h);
  RetentionPolicy by;
  by.prune = {{{"RawLine"}, {}, 1min}};
  Sweep one(env_, *log_, by, std::nullopt);
  std::size_t steps = 0;
  while (run(one.step()).value()) ++steps;
  EXPECT_GE(steps, 4U);
  EXPECT_EQ(one.swept().pruned_events, 2'000U);
}

TEST_P(EventsRetentionSweep, TextsThatNobodyNamesAnyMoreGoWithTheirEvents) {
  const auto put = [&](const std::string& id) {
    store::Commit commit = commit_of({event("Note")});
    commit.writes = {store::PutDoc{{kBlobKind, id}, "{}", {blob_mark(env_.now())}}};
    ASSERT_TRUE(run(store_->commit(std::move(commit))));
  };
  put("old");
  put("used again");
  for (int i = 0; i < 30; ++i) {
    env_.advance(24h);
    put("at " + std::to_string(i));
  }
  put("used again");
  env_.advance(1h);
  const auto there = [&] { return run(store_->count(kBlobKind, "")).value(); };
  EXPECT_EQ(there(), 32U);
  ASSERT_TRUE(sweep(newest(11)));  // the oldest left is ten days old
  EXPECT_FALSE(run(store_->get(store::DocKey{kBlobKind, "old"})).value());
  EXPECT_TRUE(run(store_->get(store::DocKey{kBlobKind, "used again"})).value());
  EXPECT_TRUE(run(store_->get(store::DocKey{kBlobKind, "at 29"})).value());
  EXPECT_NEAR(static_cast<double>(there()), 13, 1);  // and two days' grace
}

}  // namespace
}  // namespace reeve::log
