// A store on another machine may show a commit's events before its feed has told of them. Deltas
// that are published in between belong before those events.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "log/testing.h"
#include "store/forwarding_store.h"

namespace reeve::log {
namespace {

using ::testing::ElementsAre;

/// Hands everything to the memory store, but keeps back what the feed has to tell until told().
class EarlyStore final : public store::ForwardingStore {
 public:
  EarlyStore(Env& env, boost::asio::any_io_executor executor)
      : ForwardingStore(store::make_memory(env, std::move(executor))) {
    inner_->set_feed([this](const std::vector<EventPtr>& events) {
      held_.insert(held_.end(), events.begin(), events.end());
    });
  }
  void tell() {
    const auto events = std::exchange(held_, {});
    if (events.empty()) return;
    told_ = events.back()->position;
    if (feed_) feed_(events);
  }

  Async<Result<store::EventPage>> read(Position after, EventFilter filter,
                                       std::size_t limit) override {
    if (fails_) return failure();
    return inner_->read(after, std::move(filter), limit);
  }
  [[nodiscard]] store::LogInfo log() const override {
    auto info = inner_->log();
    info.head = told_;
    return info;
  }
  void set_feed(Feed feed) override { feed_ = std::move(feed); }

  bool fails_ = false;

 private:
  static Async<Result<store::EventPage>> failure() { co_return fail(Errc::unavailable, "away"); }

  Feed feed_;
  std::vector<EventPtr> held_;
  Position told_;
};

class LogOverAnEarlyStore : public ::testing::Test {
 public:
  ~LogOverAnEarlyStore() override { aio::run(loop_, store_.close()); }
  void commit(std::size_t events, const std::string& kind = "A") {
    store::Commit commit;
    commit.events.assign(events, store::make_event(env_, kind));
    ASSERT_TRUE(aio::run(loop_, store_.commit(std::move(commit))));
  }
  void publish(Log& log, std::uint64_t number) {
    Delta delta;
    delta.number = number;
    log.publish(std::move(delta));
  }
  std::vector<std::string> next(Subscription& subscription) {
    return told(aio::run(loop_, subscription.next()).value());
  }

  boost::asio::io_context loop_;
  MovableEnv env_{loop_};
  EarlyStore store_{env_, loop_.get_executor()};
};

TEST_F(LogOverAnEarlyStore, WhatTheFeedHasNotToldIsLeftForIt) {
  commit(2);
  store_.tell();
  Log log(env_, loop_.get_executor(), store_);  // without a tail
  commit(3);
  SubscribeOptions options;
  options.from = From::beginning();
  options.deltas = true;
  const auto subscription = log.subscribe(options);
  EXPECT_THAT(next(*subscription), ElementsAre("1", "2"));
  EXPECT_EQ(subscription->position().value, 2u);
  publish(log, 1);
  EXPECT_THAT(next(*subscription), ElementsAre("d1"));
  publish(log, 2);
  store_.tell();
  publish(log, 3);
  EXPECT_THAT(next(*subscription), ElementsAre("d2", "3", "4", "5", "d3"));
}

TEST_F(LogOverAnEarlyStore, AFilteredReaderDoesNotPassTheFeedEither) {
  commit(2);
  store_.tell();
  Log log(env_, loop_.get_executor(), store_);
  commit(3, "B");
  SubscribeOptions options;
  options.from = From::beginning();
  options.filter = make_filter({}, {"B"});
  const auto subscription = log.subscribe(options);
  env_.advance(std::chrono::seconds(1));
  EXPECT_THAT(next(*subscription), ElementsAre("p2"));
  store_.tell();
  EXPECT_THAT(next(*subscription), ElementsAre("3", "4", "5"));
}

TEST_F(LogOverAnEarlyStore, AFailedReadLosesNoDeltas) {
  commit(2);
  store_.tell();
  Log log(env_, loop_.get_executor(), store_);
  SubscribeOptions options;
  options.from = From::after({1});
  options.deltas = true;
  options.delta_capacity = 1;
  const auto subscription = log.subscribe(options);
  publish(log, 1);
  publish(log, 2);
  store_.fails_ = true;
  EXPECT_THAT(next(*subscription), ElementsAre("gap1-1/1"));
  EXPECT_EQ(store::code_of(aio::run(loop_, subscription->next())), Errc::unavailable);
  store_.fails_ = false;
  EXPECT_THAT(next(*subscription), ElementsAre("2", "d2"));
}

TEST(LogDeathTest, ALogThatEndsBeforeASubscriptionEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto end_too_early = [] {
    boost::asio::io_context loop;
    MovableEnv env(loop);
    const auto store = store::make_memory(env, loop.get_executor());
    auto log = std::make_unique<Log>(env, loop.get_executor(), *store);
    const auto subscription = log->subscribe({});
    log.reset();
  };
  EXPECT_DEATH(end_too_early(), "before 1 of its subscriptions");
}

}  // namespace
}  // namespace reeve::log
