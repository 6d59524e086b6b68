// G6: what the Log promises slow readers, and all others about them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>

#include "base/limits.h"
#include "log/log_contract.h"

namespace reeve::log {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

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

}  // namespace
}  // namespace reeve::log
