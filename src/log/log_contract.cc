// What the Log promises, checked over every store there is. Tests are named after the guarantee
// that they show; log_stress_test.cc has the random ones.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <memory>

#include "base/limits.h"
#include "log/testing.h"

namespace reeve::log {
namespace {

using namespace std::chrono_literals;
using store::code_of;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class LogContract : public LogTest {};

std::vector<std::string> numbers(std::uint64_t first, std::uint64_t last) {
  std::vector<std::string> texts;
  for (auto n = first; n <= last; ++n) texts.push_back(std::to_string(n));
  return texts;
}

// --- G3: durable first ---------------------------------------------------------------------------

TEST_P(LogContract, G3NothingIsDeliveredBeforeItsCommit) {
  const auto subscription = subscribe(From::beginning());
  const auto waiting = start(*subscription);
  EXPECT_FALSE(waiting->done());
  auto commit = store_->commit(commit_of({event("A"), event("B")}));
  settle();  // it has not begun
  EXPECT_FALSE(waiting->done());
  const auto done = run(std::move(commit)).value();
  settle();
  ASSERT_TRUE(waiting->done());
  EXPECT_THAT(waiting->texts(), ElementsAre("1", "2"));
  EXPECT_EQ(done.last.value, 2u);
}

TEST_P(LogContract, G3ARefusedCommitIsNeverSeen) {
  const auto subscription = subscribe(From::beginning());
  auto refused = commit_of({event("Never")});
  refused.require = {store::DocAt{.key = {"task", "none"}, .version = 1}};
  EXPECT_EQ(code_of(run(store_->commit(refused))), Errc::conflict);
  commit({event("Fact")});
  const auto frames = next(*subscription);
  ASSERT_THAT(told(frames), ElementsAre("1"));
  EXPECT_EQ(std::get<EventPtr>(frames[0])->kind, "Fact");
}

TEST_P(LogContract, G3WhatWasSeenCanBeReadAgain) {
  auto subscription = subscribe(From::now(), {}, false, 7);
  std::vector<EventPtr> seen;
  for (int i = 0; i < 20; ++i) commit({event("A", {}, std::to_string(i)), event("B")});
  while (seen.size() < 40) {
    for (const auto& frame : next(*subscription)) {
      const auto& event = std::get<EventPtr>(frame);
      // At this moment already ...
      const auto page = run(store_->read({event->position.value - 1}, {}, 1)).value();
      ASSERT_THAT(page.events, SizeIs(1));
      EXPECT_EQ(page.events[0]->id, event->id);
      seen.push_back(event);
    }
  }
  // ... and after a restart.
  subscription.reset();
  restart();
  const auto again = subscribe(From::beginning());
  std::vector<EventPtr> read;
  while (read.size() < 40) {
    for (const auto& frame : next(*again)) read.push_back(std::get<EventPtr>(frame));
  }
  for (std::size_t i = 0; i < 40; ++i) {
    EXPECT_EQ(read[i]->position, seen[i]->position);
    EXPECT_EQ(read[i]->id, seen[i]->id);
    EXPECT_EQ(read[i]->payload, seen[i]->payload);
  }
}

// --- G4: progress --------------------------------------------------------------------------------

TEST_P(LogContract, G4AReaderForWhomNothingHappensIsToldOfProgressOnceASecond) {
  const auto subscription = subscribe(From::now(), make_filter({"agent:b"}));
  const auto waiting = start(*subscription);
  commit_many(5, "A", {"agent:a"});
  env_.advance(999ms);
  settle();
  EXPECT_FALSE(waiting->done());
  commit_many(2, "A", {"agent:a"});
  settle();
  env_.advance(1ms);
  settle();
  ASSERT_TRUE(waiting->done());
  EXPECT_THAT(waiting->texts(), ElementsAre("p7"));
  EXPECT_EQ(subscription->position().value, 7u);

  // The next mark is a second later, however much happens.
  const auto more = start(*subscription);
  for (int i = 0; i < 9; ++i) {
    commit_many(1, "A", {"agent:a"});
    settle();
    env_.advance(100ms);
    settle();
    EXPECT_FALSE(more->done());
  }
  env_.advance(100ms);
  settle();
  ASSERT_TRUE(more->done());
  EXPECT_THAT(more->texts(), ElementsAre("p16"));
}

TEST_P(LogContract, G4WhereNothingHappensNothingIsToldAndNoTimerRuns) {
  const auto subscription = subscribe(From::now(), make_filter({"agent:b"}));
  const auto waiting = start(*subscription);
  EXPECT_EQ(env_.timers(), 0u);
  env_.advance(1h);
  settle();
  EXPECT_FALSE(waiting->done());
  stop(*waiting);
  // After a long silence the first thing that is not for it is told at once: its second is over.
  commit({event("A", {"agent:a"})});
  EXPECT_THAT(read(*subscription, 1), ElementsAre("p1"));
}

TEST_P(LogContract, G4EventsSayThePlaceThemselves) {
  const auto subscription = subscribe(From::now(), make_filter({"agent:b"}));
  commit({event("A", {"agent:a"}), event("B", {"agent:b"})});
  env_.advance(2s);
  EXPECT_THAT(read(*subscription, 1), ElementsAre("2"));
  const auto waiting = start(*subscription);
  env_.advance(1h);
  settle();
  EXPECT_FALSE(waiting->done());
  stop(*waiting);
}

TEST_P(LogContract, G4AHeartbeatComesAlsoWhereNothingHappens) {
  SubscribeOptions options;
  options.heartbeat = 15s;
  const auto subscription = log_->subscribe(options);
  for (int i = 0; i < 3; ++i) {
    const auto waiting = start(*subscription);
    env_.advance(14'999ms);
    settle();
    EXPECT_FALSE(waiting->done());
    env_.advance(1ms);
    settle();
    ASSERT_TRUE(waiting->done());
    EXPECT_THAT(waiting->texts(), ElementsAre("p0"));
  }
  // An event starts the time anew.
  env_.advance(14s);
  commit({event("A")});
  EXPECT_THAT(read(*subscription, 1), ElementsAre("1"));
  const auto waiting = start(*subscription);
  env_.advance(14s);
  settle();
  EXPECT_FALSE(waiting->done());
  env_.advance(1s);
  settle();
  ASSERT_TRUE(waiting->done());
  EXPECT_THAT(waiting->texts(), ElementsAre("p1"));
}

TEST_P(LogContract, G4AHeartbeatThatIsAlwaysDueStillLetsItsReaderWait) {
  SubscribeOptions options;
  options.heartbeat = 0s;
  const auto subscription = log_->subscribe(options);
  const auto waiting = start(*subscription);
  EXPECT_FALSE(waiting->done());
  env_.advance(100ms);
  settle();
  EXPECT_TRUE(waiting->done());
}

TEST_P(LogContract, G4ALongSearchTellsHowFarItIs) {
  for (int i = 0; i < 3; ++i) {
    commit(std::vector<NewEvent>(limits::kCommitEvents, event("Noise")));
  }
  restart();  // without a tail
  const auto subscription = subscribe(From::beginning(), make_filter({}, {"Rare"}));
  env_.advance(1s);
  EXPECT_THAT(read(*subscription, 1), ElementsAre("p" + std::to_string(limits::kScanRows)));
  env_.advance(1s);
  EXPECT_THAT(read(*subscription, 1), ElementsAre("p" + std::to_string(3 * limits::kCommitEvents)));
}

TEST_P(LogContract, G4AStreamOfDeltasDoesNotKeepProgressAway) {
  const auto subscription = subscribe(From::now(), make_filter({"agent:a"}), true);
  std::uint64_t told_until = 0;
  for (std::uint64_t i = 1; i <= 8; ++i) {
    commit({event("B", {"agent:b"})});
    publish(i);
    env_.advance(500ms);
    // There is always a delta to deliver.
    bool delta = false;
    while (!delta) {
      for (const auto& frame : next(*subscription)) {
        delta = delta || std::holds_alternative<DeltaPtr>(frame);
        if (const auto position = frame_position(frame)) told_until = position->value;
      }
    }
    EXPECT_LE(i, told_until + 2);
  }
}

// --- G5: replay, then live -----------------------------------------------------------------------

TEST_P(LogContract, G5BeginningAfterAndNow) {
  commit_many(10);
  const auto all = subscribe(From::beginning());
  const auto later = subscribe(From::after({4}));
  const auto now = subscribe(From::now());
  const auto at_head = subscribe(From::after(log_->head()));
  EXPECT_EQ(later->position().value, 4u);
  EXPECT_EQ(now->position().value, 10u);
  commit_many(5);
  EXPECT_THAT(read(*all, 15), ElementsAreArray(numbers(1, 15)));
  EXPECT_THAT(read(*later, 11), ElementsAreArray(numbers(5, 15)));
  EXPECT_THAT(read(*now, 5), ElementsAreArray(numbers(11, 15)));
  EXPECT_THAT(read(*at_head, 5), ElementsAreArray(numbers(11, 15)));
  for (const auto* reader : {all.get(), later.get(), now.get()})
    EXPECT_EQ(reader->position().value, 15u);
}

TEST_P(LogContract, G5EveryBatchSizeTellsTheSame) {
  commit_many(23);
  for (const std::size_t batch : {std::size_t(0), std::size_t(1), std::size_t(2), std::size_t(5),
                                  std::size_t(23), std::size_t(1'000'000)}) {
    const auto subscription = subscribe(From::beginning(), {}, false, batch);
    std::vector<std::string> texts;
    while (texts.size() < 23) {
      const auto frames = next(*subscription);
      EXPECT_FALSE(frames.empty());
      EXPECT_LE(frames.size(), std::max<std::size_t>(batch, 1));
      for (auto& text : told(frames)) texts.push_back(std::move(text));
    }
    EXPECT_THAT(texts, ElementsAreArray(numbers(1, 23)));
  }
}

TEST_P(LogContract, G5ASavedPlaceIsGoneOnFromAfterARestart) {
  Position saved;
  std::vector<std::string> texts;
  for (std::size_t life = 1; life <= 6; ++life) {
    commit_many(7);
    {
      const auto subscription = subscribe(From::after(saved), {}, false, life);
      for (auto& text : read(*subscription, 3)) texts.push_back(std::move(text));
      saved = subscription->position();
      EXPECT_EQ(texts.back(), std::to_string(saved.value));
    }
    commit_many(1);
    restart();
    EXPECT_EQ(log_->head().value, 8 * life);
  }
  const auto subscription = subscribe(From::after(saved));
  for (auto& text : read(*subscription, 48 - texts.size())) texts.push_back(std::move(text));
  EXPECT_THAT(texts, ElementsAreArray(numbers(1, 48)));
}

TEST_P(LogContract, G5ScopesAndKindsAreWhatTheReaderAskedFor) {
  const auto write = [&] {
    commit({event("A", {"agent:a", "mission:m"}), event("B", {"agent:b"}),
            event("A", {"agent:b", "mission:m"}), event("C"), event("B", {"agent:a"})});
  };
  write();
  const auto a = subscribe(From::beginning(), make_filter({"agent:a"}));
  const auto a_or_m = subscribe(From::beginning(), make_filter({"agent:a", "mission:m"}));
  const auto kind_a_of_b = subscribe(From::beginning(), make_filter({"agent:b"}, {"A"}));
  const auto kinds = subscribe(From::beginning(), make_filter({}, {"B", "C"}));
  const auto town = subscribe(From::beginning(), make_filter({"town"}));
  write();
  EXPECT_THAT(read(*a, 4), ElementsAre("1", "5", "6", "10"));
  EXPECT_THAT(read(*a_or_m, 6), ElementsAre("1", "3", "5", "6", "8", "10"));
  EXPECT_THAT(read(*kind_a_of_b, 2), ElementsAre("3", "8"));
  EXPECT_THAT(read(*kinds, 6), ElementsAre("2", "4", "5", "7", "9", "10"));
  EXPECT_THAT(read(*town, 10), ElementsAreArray(numbers(1, 10)));
}

TEST_P(LogContract, G5ACursorOfAnotherLogIsForeign) {
  commit_many(3);
  const auto cursor = log_->cursor({2});
  EXPECT_EQ(log_->position_of(Cursor::parse(cursor.str()).value()).value().value, 2u);
  EXPECT_EQ(log_->position_of(log_->cursor({})).value().value, 0u);
  EXPECT_EQ(code_of(log_->position_of({LogId(env_.uuid4()), {2}})), Errc::cursor_foreign);
  EXPECT_EQ(code_of(log_->position_of({LogId(env_.uuid4()), {99}})), Errc::cursor_foreign);
  restart();
  EXPECT_EQ(log_->position_of(cursor).value().value, 2u);
}

TEST_P(LogContract, G5APlaceBeyondTheHeadIsRefused) {
  commit_many(3);
  EXPECT_TRUE(log_->position_of(log_->cursor({3})));
  EXPECT_EQ(code_of(log_->position_of(log_->cursor({4}))), Errc::invalid_argument);
  const auto subscription = subscribe(From::after({4}));
  EXPECT_EQ(code_of(run(subscription->next())), Errc::invalid_argument);
  commit_many(3);
  EXPECT_EQ(code_of(run(subscription->next())), Errc::invalid_argument);
}

TEST_P(LogContract, AFilterOfTooManyTermsIsRefused) {
  commit_many(1);
  EventFilter wide;
  wide.kinds.assign(limits::kFilterTerms, "Many");
  const auto fits = subscribe(From::beginning(), wide);
  EXPECT_THAT(read(*fits, 1), ElementsAre("1"));
  wide.kinds.emplace_back("More");
  const auto subscription = subscribe(From::beginning(), wide);
  EXPECT_EQ(code_of(run(subscription->next())), Errc::invalid_argument);
}

// --- G6: slow subscribers ------------------------------------------------------------------------

TEST_P(LogContract, G6ASlowSubscriberLosesNoDurableEvent) {
  const auto slow = subscribe(From::now(), {}, true, 10);
  commit_many(5);
  EXPECT_THAT(read(*slow, 1), ElementsAreArray(numbers(1, 5)));
  commit_many(300);
  for (std::uint64_t i = 0; i < 3'000; ++i) publish(i);
  std::vector<std::string> events;
  while (events.size() < 300) {
    for (auto& text : read(*slow, 1)) {
      if (!text.starts_with('d') && !text.starts_with("gap")) events.push_back(std::move(text));
    }
  }
  EXPECT_THAT(events, ElementsAreArray(numbers(6, 305)));
}

TEST_P(LogContract, G6DroppedDeltasAreToldBeforeLaterOnes) {
  SubscribeOptions options;
  options.deltas = true;
  options.delta_capacity = 3;
  const auto subscription = log_->subscribe(options);
  for (std::uint64_t i = 1; i <= 10; ++i) publish(10 * i);
  EXPECT_THAT(read(*subscription, 4), ElementsAre("gap10-70/7", "d80", "d90", "d100"));
  for (std::uint64_t i = 11; i <= 14; ++i) publish(10 * i);
  EXPECT_THAT(read(*subscription, 4), ElementsAre("gap110-110/1", "d120", "d130", "d140"));
  publish(150);
  EXPECT_THAT(read(*subscription, 1), ElementsAre("d150"));
}

TEST_P(LogContract, G6AGapIsOfOneRunAndEpoch) {
  SubscribeOptions options;
  options.deltas = true;
  options.delta_capacity = 0;
  const auto subscription = log_->subscribe(options);
  const RunId other(env_.uuid4());
  for (std::uint64_t i = 1; i <= 3; ++i) {
    publish(i);
    log_->publish(delta(other, 100 + i));
  }
  auto resumed = delta(other, 1);
  resumed.epoch = 2;
  log_->publish(resumed);
  const auto frames = next(*subscription);
  EXPECT_THAT(told(frames), ElementsAre("gap1-3/3", "gap101-103/3", "gap1-1/1"));
  EXPECT_EQ(std::get<Gap>(frames[0]).run, run_id_);
  EXPECT_EQ(std::get<Gap>(frames[1]).run, other);
  EXPECT_EQ(std::get<Gap>(frames[2]).epoch, 2u);
}

TEST_P(LogContract, G6WaitingDeltasAreBoundedInBytesToo) {
  SubscribeOptions options;
  options.deltas = true;
  options.delta_bytes = 1'000;
  const auto subscription = log_->subscribe(options);
  for (std::uint64_t i = 1; i <= 10; ++i) publish(i, {"agent:a"}, std::string(400, 'x'));
  EXPECT_THAT(read(*subscription, 3), ElementsAre("gap1-8/8", "d9", "d10"));
  publish(11, {"agent:a"}, std::string(1'001, 'x'));
  publish(12);
  EXPECT_THAT(read(*subscription, 2), ElementsAre("gap11-11/1", "d12"));
}

TEST_P(LogContract, G6GapsOfManyRunsDoNotGrowWithoutBound) {
  SubscribeOptions options;
  options.deltas = true;
  options.delta_capacity = 0;
  options.batch = limits::kPage;
  const auto subscription = log_->subscribe(options);
  for (int i = 0; i < 2'000; ++i) log_->publish(delta(RunId(env_.uuid4()), 1));
  const auto frames = next(*subscription);
  EXPECT_LT(frames.size(), 300u);
  std::uint64_t dropped = 0;
  for (const auto& frame : frames) dropped += std::get<Gap>(frame).dropped;
  EXPECT_EQ(dropped, 2'000u);
  const auto& rest = std::get<Gap>(frames.back());
  EXPECT_TRUE(rest.run.is_nil());
  EXPECT_EQ(rest.from, 0u);
  EXPECT_EQ(rest.to, 0u);
}

TEST_P(LogContract, G4ABatchMayHoldMoreThanAPageOfTheStore) {
  commit_many(limits::kPage + 10);
  SubscribeOptions options;
  options.from = From::beginning();
  options.batch = 2 * limits::kPage;
  const auto subscription = log_->subscribe(options);
  std::uint64_t last = 0;
  std::size_t largest = 0;
  while (last < limits::kPage + 10) {
    const auto frames = next(*subscription);
    largest = std::max(largest, frames.size());
    for (const auto& frame : frames) {
      const auto position = std::get<EventPtr>(frame)->position.value;
      ASSERT_EQ(position, ++last);
    }
  }
  // From memory in one go, where the tail reaches so far; from the store a page at a time.
  EXPECT_GE(largest, limits::kPage);
}

TEST_P(LogContract, G6AStalledSubscriberKeepsNoEvents) {
  const auto stalled = subscribe(From::now(), {}, true, 1);
  const auto reader = subscribe(From::now());
  commit_many(5);
  std::weak_ptr<const Event> first;
  {
    auto frames = next(*reader);
    first = std::get<EventPtr>(frames.front());
  }
  commit_many(5);
  read(*reader, 5);
  // The memory store has all of them itself, and the usual tail is long.
  const bool only_the_readers =
      GetParam().name.starts_with("sqlite_") || GetParam().name.starts_with("redis_");
  EXPECT_EQ(first.expired(), only_the_readers);
  EXPECT_THAT(read(*stalled, 10), ElementsAreArray(numbers(1, 10)));
}

TEST_P(LogContract, G6AStalledSubscriberHoldsUpNeitherCommitsNorOthers) {
  const auto stalled = subscribe(From::beginning(), {}, true, 1);
  const auto reader = subscribe(From::beginning(), {}, true);
  commit_many(3);
  EXPECT_THAT(read(*stalled, 1), ElementsAre("1"));
  for (std::uint64_t i = 4; i <= 100; ++i) {
    publish(i);
    commit({event("A")});
    const auto batch = read(*reader, i == 4 ? 5 : 2);
    EXPECT_EQ(batch.back(), std::to_string(i));
    EXPECT_EQ(batch[batch.size() - 2], "d" + std::to_string(i));
  }
}

TEST_P(LogContract, G6NoReadTransactionIsHeldBetweenBatches) {
  if (!GetParam().name.starts_with("sqlite")) GTEST_SKIP() << "a store without transactions";
  commit_many(50);
  restart();
  const auto subscription = subscribe(From::beginning(), {}, false, 5);
  EXPECT_THAT(read(*subscription, 5), ElementsAreArray(numbers(1, 5)));
  commit_many(50);
  const auto path = dir_.file("town.db");
  ::sqlite3* db = nullptr;
  ASSERT_EQ(::sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
  // A connection that has read nothing yet does not know that there is a write-ahead log.
  ASSERT_EQ(::sqlite3_exec(db, "SELECT count(*) FROM events", nullptr, nullptr, nullptr),
            SQLITE_OK);
  int in_log = 0;
  int copied = 0;
  // Fails with SQLITE_BUSY as long as anybody reads from the log.
  EXPECT_EQ(::sqlite3_wal_checkpoint_v2(db, nullptr, SQLITE_CHECKPOINT_TRUNCATE, &in_log, &copied),
            SQLITE_OK);
  EXPECT_EQ(in_log, 0);
  ::sqlite3_close_v2(db);
  commit_many(1);
  EXPECT_THAT(read(*subscription, 96), ElementsAreArray(numbers(6, 101)));
}

// --- Deltas --------------------------------------------------------------------------------------

TEST_P(LogContract, DeltasKeepTheirPlaceAmongEventsWhateverTheBatch) {
  std::vector<std::unique_ptr<Subscription>> readers;
  for (const std::size_t batch : {1U, 2U, 3U, 7U, 256U})
    readers.push_back(subscribe(From::beginning(), {}, true, batch));
  std::vector<std::string> expected;
  std::uint64_t number = 0;
  for (std::uint64_t i = 1; i <= 30; ++i) {
    for (std::uint64_t d = 0; d < i % 4; ++d) {
      publish(++number);
      expected.push_back("d" + std::to_string(number));
    }
    commit({event("A")});
    expected.push_back(std::to_string(i));
  }
  for (const auto& reader : readers)
    EXPECT_THAT(read(*reader, expected.size()), ElementsAreArray(expected));
}

TEST_P(LogContract, DeltasKeepTheirPlaceForAFilteredReader) {
  const auto filter = make_filter({"agent:a"});
  std::vector<std::unique_ptr<Subscription>> readers;
  for (const std::size_t batch : {1U, 2U, 256U})
    readers.push_back(subscribe(From::beginning(), filter, true, batch));
  std::vector<std::string> expected;
  for (std::uint64_t i = 1; i <= 30; ++i) {
    publish(i);
    expected.push_back("d" + std::to_string(i));
    const bool mine = i % 3 == 0;
    commit({event("A", {mine ? "agent:a" : "agent:b"})});
    if (mine) expected.push_back(std::to_string(i));
  }
  for (const auto& reader : readers)
    EXPECT_THAT(read(*reader, expected.size()), ElementsAreArray(expected));
}

TEST_P(LogContract, ADeltaOfBeforeTheCommitComesBeforeItsEvents) {
  const auto subscription = subscribe(From::now(), {}, true, 1);
  publish(1);
  aio::TaskGroup writers(loop_.get_executor());
  const auto write = [](store::Store& store, store::Commit commit) -> Async<> {
    const auto done = co_await store.commit(std::move(commit));
    EXPECT_TRUE(done);
  };
  writers.spawn("writer", write(*store_, commit_of({event("A"), event("B")})));
  loop_.restart();
  loop_.poll_one();  // it is on its way
  publish(2);
  run(writers.join());
  publish(3);
  commit({event("C")});
  publish(4);
  EXPECT_THAT(read(*subscription, 7), ElementsAre("d1", "d2", "1", "2", "d3", "3", "d4"));
}

TEST_P(LogContract, DeltasGoToThoseWhoAskedForThemAndForTheirScope) {
  const auto asked = subscribe(From::now(), make_filter({"agent:a", "run:1"}), true);
  const auto of_the_town = subscribe(From::now(), make_filter({"town"}), true);
  const auto other = subscribe(From::now(), make_filter({"agent:b"}), true);
  const auto without = subscribe(From::now(), make_filter({"agent:a"}), false);
  publish(1, {"agent:a"});
  publish(2, {"agent:c"});
  publish(3, {"run:1", "agent:x"});
  const auto late = subscribe(From::beginning(), {}, true);  // what was before is gone
  publish(4, {"agent:a"});
  commit({event("A", {"agent:a", "agent:b"})});
  EXPECT_THAT(read(*asked, 4), ElementsAre("d1", "d3", "d4", "1"));
  EXPECT_THAT(read(*of_the_town, 5), ElementsAre("d1", "d2", "d3", "d4", "1"));
  EXPECT_THAT(read(*other, 1), ElementsAre("1"));
  EXPECT_THAT(read(*without, 1), ElementsAre("1"));
  EXPECT_THAT(read(*late, 2), ElementsAre("d4", "1"));
}

TEST_P(LogContract, ADeltaArrivesAsItWasPublishedAndAtOnce) {
  const auto subscription = subscribe(From::now(), {}, true);
  commit_many(2);
  read(*subscription, 2);
  const auto waiting = start(*subscription);
  auto sent = delta(run_id_, 77, {"agent:a", "run:1"}, R"({"delta":"hi"})");
  sent.epoch = 5;
  log_->publish(sent);
  settle();
  ASSERT_TRUE(waiting->done());
  const auto got = std::get<DeltaPtr>(waiting->answer->value().at(0));
  EXPECT_EQ(got->run, run_id_);
  EXPECT_EQ(got->epoch, 5u);
  EXPECT_EQ(got->number, 77u);
  EXPECT_EQ(got->scopes, sent.scopes);
  EXPECT_EQ(got->kind, "TextDelta");
  EXPECT_EQ(got->payload, sent.payload);
  EXPECT_EQ(got->after.value, 2u);
  EXPECT_FALSE(frame_position(waiting->answer->value()[0]));
}

// --- Lives and ends ------------------------------------------------------------------------------

TEST_P(LogContract, ACancelledWaitHasLostNothing) {
  const auto subscription = subscribe(From::now(), {}, true);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    const auto waiting = start(*subscription);
    EXPECT_FALSE(waiting->done());
    stop(*waiting);
    EXPECT_FALSE(waiting->done());
    publish(i);
    commit({event("A")});
    EXPECT_THAT(read(*subscription, 2), ElementsAre("d" + std::to_string(i), std::to_string(i)));
  }
}

TEST_P(LogContract, ASubscriptionMayGoWhileOthersWait) {
  std::vector<std::unique_ptr<Subscription>> subscriptions;
  std::vector<std::unique_ptr<Waiting>> waits;
  for (int i = 0; i < 6; ++i) subscriptions.push_back(subscribe(From::now(), {}, true));
  for (std::size_t i = 0; i < 6; i += 2) waits.push_back(start(*subscriptions[i]));
  for (std::size_t i = 1; i < 6; i += 2) subscriptions[i].reset();
  stop(*waits[1]);
  subscriptions[2].reset();
  publish(1);
  settle();
  ASSERT_TRUE(waits[0]->done() && waits[2]->done());
  EXPECT_THAT(waits[0]->texts(), ElementsAre("d1"));
  EXPECT_THAT(waits[2]->texts(), ElementsAre("d1"));
  commit_many(1);
  EXPECT_THAT(read(*subscriptions[0], 1), ElementsAre("1"));
  EXPECT_THAT(read(*subscriptions[4], 1), ElementsAre("1"));
}

TEST_P(LogContract, AClosedStoreIsAnErrorAndNotTheEnd) {
  commit_many(5);
  restart();
  const auto subscription = subscribe(From::beginning(), {}, true);
  publish(1);
  run(store_->close());
  EXPECT_EQ(code_of(run(subscription->next())), Errc::unavailable);
  EXPECT_EQ(subscription->position().value, 0u);
}

TEST_P(LogContract, AClosedLogEndsAllFollowingAndTakesCommits) {
  const auto waits = subscribe(From::now());
  const auto has_something = subscribe(From::now());
  const auto waiting = start(*waits);
  EXPECT_FALSE(waiting->done());
  log_->close(Error(Errc::unavailable, "enough"));
  settle();
  ASSERT_TRUE(waiting->done());
  EXPECT_EQ(waiting->answer->error(), Error(Errc::unavailable, "enough"));
  commit_many(1);
  // What is at hand is delivered before the end is told.
  if (GetParam().log.tail_bytes > 0) {
    EXPECT_EQ(read(*has_something, 1), std::vector<std::string>{"1"});
  }
  EXPECT_EQ(code_of(run(has_something->next())), Errc::unavailable);
  EXPECT_EQ(code_of(run(subscribe(From::now())->next())), Errc::unavailable);
}

INSTANTIATE_TEST_SUITE_P(Events, LogContract, ::testing::ValuesIn(backends()),
                         [](const auto& backend) { return backend.param.name; });

}  // namespace
}  // namespace reeve::log
