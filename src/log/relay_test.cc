#include "log/relay.h"

#include <gmock/gmock.h>

#include <deque>
#include <stdexcept>

#include "base/limits.h"
#include "log/outbox_testing.h"

namespace reeve::log {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class EventsOutboxRelay : public OutboxTest {
 protected:
  ~EventsOutboxRelay() override { close(); }

  static RelayOptions options() {
    RelayOptions options;
    options.lane = "lane";
    options.owner = "relay";
    return options;
  }
  void start(RelayOptions how = options()) {
    const auto deliver = [this](OutboxClaim claim) { return this->deliver(std::move(claim)); };
    const auto on_dead = [this](OutboxRow row) { return note_dead(std::move(row)); };
    relay_ = std::make_unique<Relay>(env_, loop_.get_executor(), *outbox_, how, deliver, on_dead);
    relay_->start();
    settle();
  }
  void close() {
    if (relay_) run(relay_->close());
    relay_.reset();
  }

  Async<Delivery> deliver(OutboxClaim claim) {
    tried_.push_back(claim.payload);
    times_.push_back(env_.now());
    if (blocked_) {
      aio::Signal never(loop_.get_executor());
      co_await never.wait();
    }
    auto verdict = Delivery::done();
    if (!verdicts_.empty()) {
      verdict = verdicts_.front();
      verdicts_.pop_front();
    }
    if (verdict.error == "throw") throw std::runtime_error("thrown");
    co_return verdict;
  }
  Async<> note_dead(OutboxRow row) {
    dead_.push_back(row.id);
    co_return;
  }

  std::unique_ptr<Relay> relay_;
  std::deque<Delivery> verdicts_;  // of the next attempts; then all are delivered
  bool blocked_ = false;
  std::vector<std::string> tried_;
  std::vector<Time> times_;
  std::vector<std::string> dead_;
};
INSTANTIATE_TEST_SUITE_P(Stores, EventsOutboxRelay,
                         ::testing::Values(OutboxStore::memory, OutboxStore::sqlite),
                         outbox_store_name);

TEST_P(EventsOutboxRelay, DeliversAndAcknowledges) {
  enqueue("before", "a");
  start();
  enqueue("after", "b");
  settle();
  EXPECT_THAT(tried_, ElementsAre("before", "after"));
  EXPECT_EQ(counts().delivered, 2u);
  EXPECT_EQ(counts().pending, 0u);
}

TEST_P(EventsOutboxRelay, DoesNothingWhileNothingIsThere) {
  start();
  EXPECT_EQ(env_.timers(), 0u);
  enqueue("x", "", "other");
  settle();
  EXPECT_THAT(tried_, IsEmpty());
  EXPECT_EQ(env_.timers(), 0u);
}

TEST_P(EventsOutboxRelay, KeepsToItsLane) {
  enqueue("other", "", "other");
  enqueue("mine");
  start();
  EXPECT_THAT(tried_, ElementsAre("mine"));
  EXPECT_EQ(counts("other").pending, 1u);
}

TEST_P(EventsOutboxRelay, RetriesWithPausesAndThenDeadLetters) {
  for (int i = 0; i < 3; ++i) verdicts_.push_back(Delivery::retry("no"));
  enqueue("x", "k", "lane", 3);
  start();
  EXPECT_EQ(tried_.size(), 1u);
  pass(499ms, 1ms);
  EXPECT_EQ(tried_.size(), 1u);
  pass(501ms, 50ms);
  EXPECT_EQ(tried_.size(), 2u);
  pass(2s);
  EXPECT_EQ(tried_.size(), 3u);
  EXPECT_THAT(dead_, ElementsAre("lane/k"));
  EXPECT_EQ(row("lane/k").error, "no");
  pass(1h, 10min);
  EXPECT_EQ(tried_.size(), 3u);
}

TEST_P(EventsOutboxRelay, WhatCannotBeDeliveredIsADeadLetterAtOnce) {
  verdicts_.push_back(Delivery::give_up("never"));
  enqueue("x", "k");
  start();
  EXPECT_THAT(dead_, ElementsAre("lane/k"));
  EXPECT_EQ(row("lane/k").attempts, 1);
}

TEST_P(EventsOutboxRelay, AThrowIsAFailedAttempt) {
  verdicts_.push_back(Delivery::retry("throw"));
  enqueue("x", "k");
  start();
  EXPECT_EQ(row("lane/k").error, "thrown");
  pass(1s);
  EXPECT_EQ(row("lane/k").state, OutboxState::delivered);
}

TEST_P(EventsOutboxRelay, APayloadThatIsNotWhatWasEnqueuedIsNotDelivered) {
  const auto id = enqueue("good", "k").id;
  store::Commit damage;
  damage.writes.emplace_back(store::PutDoc{{"_outbox_payload", id}, "evil", {}});
  ASSERT_TRUE(run(store_->commit(std::move(damage))));
  start();
  EXPECT_THAT(tried_, IsEmpty());
  EXPECT_EQ(row(id).state, OutboxState::dead);
}

/// Delivered, but whoever did it ended before it could say so.
TEST_P(EventsOutboxRelay, DeliversAgainWhenTheAckWasLost) {
  enqueue("x");
  ASSERT_EQ(claim(1, "lane", "before").size(), 1u);
  start();
  EXPECT_THAT(tried_, IsEmpty());
  pass(29'900ms);
  EXPECT_THAT(tried_, IsEmpty());
  pass(100ms);
  EXPECT_THAT(tried_, ElementsAre("x"));
  EXPECT_EQ(counts().delivered, 1u);
}

TEST_P(EventsOutboxRelay, DeliversAgainAtOnceWhenItIsAlone) {
  enqueue("x");
  ASSERT_EQ(claim(1, "lane", "before").size(), 1u);
  auto how = options();
  how.sole = true;
  start(how);
  EXPECT_THAT(tried_, ElementsAre("x"));
}

TEST_P(EventsOutboxRelay, ALateAckIsRefusedAndTheNewOwnersStands) {
  blocked_ = true;
  enqueue("x", "k");
  start();
  EXPECT_EQ(tried_.size(), 1u);
  ClaimOptions other;
  other.owner = "other";
  other.sole = true;
  const auto newer = run(outbox_->claim("lane", other)).value().at(0).row;
  EXPECT_TRUE(run(outbox_->ack(newer)));
  close();  // gives back what it still holds: too late
  EXPECT_EQ(row("lane/k").state, OutboxState::delivered);
}

TEST_P(EventsOutboxRelay, ClosingGivesBackWhatIsUnderWay) {
  blocked_ = true;
  enqueue("x", "k");
  start();
  EXPECT_EQ(relay_->in_flight(), 1u);
  close();
  EXPECT_EQ(row("lane/k").state, OutboxState::pending);
  EXPECT_EQ(row("lane/k").attempts, 0);
  blocked_ = false;
  start();
  EXPECT_EQ(row("lane/k").state, OutboxState::delivered);
}

TEST_P(EventsOutboxRelay, HasNoMoreInFlightThanItMay) {
  blocked_ = true;
  for (int i = 0; i < 5; ++i) enqueue(std::to_string(i));
  auto how = options();
  how.in_flight = 2;
  start(how);
  EXPECT_THAT(tried_, ElementsAre("0", "1"));
  EXPECT_EQ(counts().claimed, 2u);
  EXPECT_EQ(counts().pending, 3u);
}

TEST_P(EventsOutboxRelay, OneAtATimeKeepsTheOrder) {
  for (int i = 0; i < 5; ++i) enqueue(std::to_string(i));
  auto how = options();
  how.in_flight = 1;
  start(how);
  EXPECT_THAT(tried_, ElementsAre("0", "1", "2", "3", "4"));
}

TEST_P(EventsOutboxRelay, ADeliveryThatTakesLongerThanItsLeaseHasFailed) {
  blocked_ = true;
  enqueue("x", "k");
  start();
  blocked_ = false;
  pass(26'900ms);
  EXPECT_EQ(relay_->in_flight(), 1u);
  pass(100ms);
  EXPECT_EQ(relay_->in_flight(), 0u);
  EXPECT_EQ(row("lane/k").state, OutboxState::pending);
  EXPECT_THAT(row("lane/k").error, ::testing::HasSubstr("lease"));
  pass(1s);
  EXPECT_EQ(row("lane/k").state, OutboxState::delivered);
}

/// Done, but it could not be written down: done again, since that is better than never.
TEST_P(EventsOutboxRelay, AStoreInTroubleIsWaitedOut) {
  enqueue("x", "k");
  store_->down = true;
  start();
  EXPECT_THAT(tried_, IsEmpty());
  pass(5s);
  store_->down = false;
  pass(10s);
  EXPECT_THAT(tried_, ElementsAre("x"));
  EXPECT_EQ(row("lane/k").state, OutboxState::delivered);
}

TEST_P(EventsOutboxRelay, ALaneCanBePaused) {
  auto busy = Delivery::retry("busy");
  busy.not_within = 60s;
  busy.pause_lane = 60s;
  verdicts_.push_back(busy);
  enqueue("a");
  auto how = options();
  how.in_flight = 1;
  start(how);
  enqueue("b");
  settle();
  pass(59'900ms);
  EXPECT_THAT(tried_, ElementsAre("a"));
  pass(100ms);
  EXPECT_THAT(tried_, ElementsAre("a", "a", "b"));
}

TEST_P(EventsOutboxRelay, TheWorldMayAskForALongerPause) {
  auto later = Delivery::retry("busy");
  later.not_within = 10min;
  verdicts_.push_back(later);
  enqueue("a");
  start();
  enqueue("b");
  settle();
  EXPECT_THAT(tried_, ElementsAre("a", "b"));  // the lane goes on
  pass(599s, 1s);
  EXPECT_EQ(tried_.size(), 2u);
  pass(1s);
  EXPECT_EQ(tried_.size(), 3u);
}

TEST_P(EventsOutboxRelay, ForgetsWhatWasDeliveredLongAgo) {
  auto how = options();
  how.retention = 1h;
  start(how);
  enqueue("x", "k");
  settle();
  pass(1h, 1min);
  EXPECT_EQ(counts().delivered, 1u);
  pass(10min, 1min);
  EXPECT_EQ(counts().delivered, 0u);
  EXPECT_EQ(env_.timers(), 0u);
}

TEST_P(EventsOutboxRelay, ARevivedDeadLetterIsDeliveredAtOnce) {
  verdicts_.push_back(Delivery::give_up("never"));
  enqueue("x", "k");
  start();
  ASSERT_TRUE(run(outbox_->revive("lane/k")));
  settle();
  EXPECT_EQ(row("lane/k").state, OutboxState::delivered);
}

TEST(EventsOutboxRelayOptions, AreChecked) {
  RelayOptions good;
  good.lane = "lane";
  good.owner = "me";
  EXPECT_TRUE(check(good));
  const auto refused = [&](auto&& change) {
    auto options = good;
    change(options);
    const auto checked = check(options);
    return !checked && checked.error().is(Errc::invalid_argument);
  };
  EXPECT_TRUE(refused([](RelayOptions& o) { o.lane.clear(); }));
  EXPECT_TRUE(refused([](RelayOptions& o) { o.owner.clear(); }));
  EXPECT_TRUE(refused([](RelayOptions& o) { o.owner = "a:b"; }));
  EXPECT_TRUE(refused([](RelayOptions& o) { o.in_flight = 0; }));
  EXPECT_TRUE(refused([](RelayOptions& o) { o.in_flight = limits::kOutboxInFlight + 1; }));
  EXPECT_TRUE(refused([](RelayOptions& o) { o.lease = 999ms; }));
  EXPECT_TRUE(refused([](RelayOptions& o) { o.first_retry = 0ms; }));
  EXPECT_TRUE(refused([](RelayOptions& o) { o.last_retry = o.first_retry - 1ms; }));
  EXPECT_TRUE(refused([](RelayOptions& o) { o.last_retry = std::chrono::days(8); }));
  EXPECT_TRUE(refused([](RelayOptions& o) { o.retention = -1ms; }));
}

TEST(EventsOutboxRelayOptions, PausesDoubleUpToTheLast) {
  const RelayOptions options;
  EXPECT_EQ(retry_delay(options, 1, 1), 1s);
  EXPECT_EQ(retry_delay(options, 2, 1), 2s);
  EXPECT_EQ(retry_delay(options, 5, 1), 16s);
  EXPECT_EQ(retry_delay(options, 6, 1), 30s);
  EXPECT_EQ(retry_delay(options, limits::kOutboxAttempts, 1), 30s);
  for (int attempt = 1; attempt < 40; ++attempt) {
    const auto longest = retry_delay(options, attempt, 1);
    EXPECT_EQ(retry_delay(options, attempt, 0), longest / 2);
    for (const double spread : {0.1, 0.5, 0.9}) {
      EXPECT_GE(retry_delay(options, attempt, spread), longest / 2);
      EXPECT_LE(retry_delay(options, attempt, spread), longest);
    }
  }
}

}  // namespace
}  // namespace reeve::log
