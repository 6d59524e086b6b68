#include "log/follower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "log/testing.h"
#include "store/forwarding_store.h"

namespace reeve::log {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Fails the next reads of its log.
class FlakyStore final : public store::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Async<Result<store::EventPage>> read(Position after, EventFilter filter,
                                       std::size_t limit) override {
    if (failing_reads == 0) co_return co_await inner_->read(after, std::move(filter), limit);
    --failing_reads;
    co_return fail(Errc::unavailable, "the test says so");
  }
  int failing_reads = 0;
};

/// A follower of the kind "A", over a log without a tail: whatever it gets, the store has read.
class FollowerTest : public ::testing::Test {
 protected:
  FollowerTest() { start(); }
  ~FollowerTest() override { stop(); }

  void start() {
    group_.spawn("follow", follow());
    settle();
  }
  void stop() {
    group_.cancel();
    aio::run(loop_, group_.join());
  }
  void commit(const std::string& kind) {
    store::Commit commit;
    commit.events.push_back(store::make_event(env_, kind));
    ASSERT_TRUE(aio::run(loop_, store_.commit(std::move(commit))));
    settle();
  }
  void advance(Duration by) {
    env_.advance(by);
    settle();
  }
  void settle() {
    do loop_.restart();
    while (loop_.poll() > 0);
  }

 private:
  Async<> follow() {
    for (;;) {
      for (const auto& event : co_await follower_.next()) seen_.push_back(event->position.value);
    }
  }

 protected:
  boost::asio::io_context loop_;
  MovableEnv env_{loop_};
  FlakyStore store_{store::make_memory(env_, loop_.get_executor())};
  Log log_{env_, loop_.get_executor(), store_, {.tail_events = 0, .tail_bytes = 0}};
  Follower follower_{env_, log_, make_filter({}, {"A"}), "what the test commits"};
  std::vector<std::uint64_t> seen_;
  aio::TaskGroup group_{loop_.get_executor()};
};

TEST_F(FollowerTest, HandsOnEventsAndNoProgress) {
  commit("B");
  advance(1s);  // when a subscription tells how far it has looked
  EXPECT_THAT(seen_, IsEmpty());
  commit("A");
  commit("B");
  commit("A");
  EXPECT_THAT(seen_, ElementsAre(2, 4));
}

TEST_F(FollowerTest, G5_AStoreInTroubleIsWaitedForAndNothingIsSkippedOrRepeated) {
  commit("A");
  store_.failing_reads = 3;
  commit("A");
  commit("A");
  EXPECT_EQ(store_.failing_reads, 2);  // it waits, it does not spin
  advance(200ms);
  EXPECT_EQ(store_.failing_reads, 1);
  advance(399ms);
  EXPECT_EQ(store_.failing_reads, 1) << "each pause is longer than the one before";
  advance(1ms);
  EXPECT_EQ(store_.failing_reads, 0);
  EXPECT_THAT(seen_, ElementsAre(1));
  advance(800ms);
  EXPECT_THAT(seen_, ElementsAre(1, 2, 3));

  store_.failing_reads = 1;
  commit("A");
  advance(200ms);
  EXPECT_THAT(seen_, ElementsAre(1, 2, 3, 4)) << "new trouble, first pause";
}

TEST_F(FollowerTest, CancelledWhileItWaitsForTheStoreItGoesOnLater) {
  store_.failing_reads = 1;
  commit("A");
  stop();
  EXPECT_EQ(env_.timers(), 0U);
  EXPECT_THAT(seen_, IsEmpty());
  start();
  EXPECT_THAT(seen_, ElementsAre(1));
}

}  // namespace
}  // namespace reeve::log
