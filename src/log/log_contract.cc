// What the Log promises whoever reads: order, progress, replay, ends. Slow readers:
// slow_contract.cc. Deltas: delta_contract.cc. log_stress_test.cc has the random ones.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "base/limits.h"
#include "log/log_contract.h"

namespace reeve::log {
namespace {

using namespace std::chrono_literals;
using store::code_of;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::SizeIs;

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

TEST_P(LogContract, G4WhoeverSkipsKnowsThePlaceWithoutWaiting) {
  const auto subscription = subscribe(From::now(), make_filter({"agent:b"}));
  commit({event("A", {"agent:a"})});
  commit({event("A", {"agent:a"})});
  settle();
  subscription->skip();
  const auto there = subscription->position().value;
  // As far as the tail in memory has it: the rest is the store's, and is waited for.
  EXPECT_TRUE(there == 2u || there == 0u) << there;
  commit({event("B", {"agent:b"}), event("A", {"agent:a"})});
  settle();
  subscription->skip();
  subscription->skip();
  EXPECT_LT(subscription->position().value, 3u) << "what is for it is not passed over";
  EXPECT_THAT(read(*subscription, 1), ElementsAre("3"));
  subscription->skip();
  EXPECT_LE(subscription->position().value, 4u);
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
