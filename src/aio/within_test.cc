#include "aio/within.h"

#include <gtest/gtest.h>

#include <boost/system/system_error.hpp>

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
