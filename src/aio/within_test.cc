#include "aio/within.h"

#include <gtest/gtest.h>

#include <boost/system/system_error.hpp>
#include <optional>
#include <vector>

#include "aio/real_env.h"
#include "aio/run.h"
#include "aio/testing.h"

namespace reeve::aio {
namespace {

using namespace std::chrono_literals;
using testing::VirtualEnv;

Async<int> answer_after(Env& env, std::chrono::nanoseconds time, int answer) {
  co_await sleep(env, time);
  co_return answer;
}

Async<int> stubborn(Env& env) {
  try {
    co_await sleep(env, 1h);
  } catch (const boost::system::system_error&) {
  }
  co_return 7;
}

Async<int> throwing(Env& env) {
  co_await sleep(env, 1ms);
  throw std::runtime_error("broken");
}

TEST(Within, AnswersWhatComesInTime) {
  VirtualEnv env;
  EXPECT_EQ(env.run(within(env, 10ms, answer_after(env, 9ms, 5))), 5);
  EXPECT_EQ(env.timers(), 0u);
}

TEST(Within, IsEmptyWhenTheTimeRunsOut) {
  VirtualEnv env;
  const auto began = env.uptime();
  EXPECT_EQ(env.run(within(env, 10ms, answer_after(env, 1h, 5))), std::nullopt);
  EXPECT_EQ(env.uptime() - began, 10ms);
  EXPECT_EQ(env.timers(), 0u) << "the work's own wait is gone with it";
}

TEST(Within, WorkThatAnswersInSpiteOfItsCancellationHasAnswered) {
  VirtualEnv env;
  EXPECT_EQ(env.run(within(env, 10ms, stubborn(env))), 7);
}

TEST(Within, WhatTheWorkThrowsIsThrown) {
  VirtualEnv env;
  EXPECT_THROW(env.run(within(env, 10ms, throwing(env))), std::runtime_error);
}

TEST(Within, CancellingTheCallerCancelsTheWork) {
  VirtualEnv env;
  bool cancelled = false;
  const auto test = [](VirtualEnv& e, bool& told) -> Async<> {
    TaskGroup group(co_await asio::this_coro::executor);
    const auto waiter = [](VirtualEnv& in, bool& tell) -> Async<> {
      try {
        co_await within(in, 1h, answer_after(in, 2h, 5));
      } catch (const boost::system::system_error& error) {
        tell = error.code() == asio::error::operation_aborted;
      }
    };
    group.spawn("waiter", waiter(e, told));
    co_await sleep(e, 1s);
    group.cancel();
    co_await group.join();
  };
  const auto began = env.uptime();
  env.run(test(env, cancelled));
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(env.uptime() - began, 1s);
}

TEST(Within, WorkMayPullItsOwnStop) {
  VirtualEnv env;
  const auto work = [](Stop& stop) -> Async<int> {
    stop.pull();
    co_await yield();  // it has been cancelled
    co_return 1;
  };
  Stop stop;
  EXPECT_EQ(env.run(until(stop, work(stop))), std::nullopt);
  const auto quick = [](Stop& own) -> Async<int> {
    own.pull();
    co_return 2;
  };
  Stop second;
  EXPECT_EQ(env.run(until(second, quick(second))), 2);
}

/// Does work after work, each under a Stop of its own.
class StopsOneAfterTheOther : public ::testing::Test {
 protected:
  StopsOneAfterTheOther() {
    group_.spawn("work", work());
    turn();
  }
  ~StopsOneAfterTheOther() override {
    group_.cancel();
    turn();
  }
  void turn() {
    env_.loop.restart();
    env_.loop.poll();
  }
  void one_step() {
    env_.loop.restart();
    env_.loop.poll_one();
  }
  Async<> work() {
    for (;;) {
      stop_.emplace();
      auto done = co_await until(*stop_, answer_after(env_, 1h, 5));
      stop_.reset();
      ended_.push_back(done);
    }
  }

  VirtualEnv env_;
  std::optional<Stop> stop_;
  std::vector<std::optional<int>> ended_;
  TaskGroup group_{env_.loop.get_executor()};
};

TEST_F(StopsOneAfterTheOther, PulledAgainFromOutsideOfTheLoopEndsOneWorkOnly) {
  for (std::size_t steps = 0; steps < 6; ++steps) {
    const auto before = ended_.size();
    auto* const stop = &*stop_;
    stop->pull();
    for (std::size_t i = 0; i < steps && ended_.size() == before; ++i) one_step();
    if (ended_.size() == before) stop->pull();
    if (ended_.size() == before) stop->pull();
    turn();
    ASSERT_EQ(ended_.size(), before + 1) << "after " << steps << " steps";
    EXPECT_EQ(ended_.back(), std::nullopt);
    ASSERT_TRUE(stop_);
    EXPECT_FALSE(stop_->pulled());
  }
  env_.pass();  // and the work that is under way is done
  turn();
  EXPECT_EQ(ended_.back(), 5);
}

TEST(Within, ItsCallerCanBeCancelledAfterwards) {
  VirtualEnv env;
  const auto test = [](VirtualEnv& e) -> Async<bool> {
    TaskGroup group(co_await asio::this_coro::executor);
    bool went_on = false;
    const auto waiter = [](VirtualEnv& in, bool& on) -> Async<> {
      co_await within(in, 1s, answer_after(in, 1ms, 5));
      on = true;
      co_await sleep(in, 1h);
      on = false;
    };
    group.spawn("waiter", waiter(e, went_on));
    co_await sleep(e, 1min);
    group.cancel();
    co_await group.join();
    co_return went_on;
  };
  EXPECT_TRUE(env.run(test(env)));
}

}  // namespace
}  // namespace reeve::aio
