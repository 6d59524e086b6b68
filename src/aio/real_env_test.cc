#include "aio/real_env.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "aio/run.h"
#include "aio/task_group.h"

namespace reeve::aio {
namespace {

using namespace std::chrono_literals;

TEST(RealEnv, BlockingWorkRunsElsewhereAndAnswersHere) {
  asio::io_context loop;
  RealEnv env(loop);
  const auto here = std::this_thread::get_id();
  const auto there = run(loop, [](RealEnv& e) -> Async<std::thread::id> {
    auto work = [] { return std::this_thread::get_id(); };
    co_return co_await blocking(e, std::move(work));
  }(env));
  EXPECT_NE(here, there);
}

TEST(RealEnv, ADestroyedTimerNeverFires) {
  asio::io_context loop;
  RealEnv env(loop);
  bool fired = false;
  auto timer = env.after(0ms, [&] { fired = true; });
  timer.reset();
  run(loop, sleep(env, 5ms));
  EXPECT_FALSE(fired);
}

TEST(RealEnv, SleepIsCancellable) {
  asio::io_context loop;
  RealEnv env(loop);
  run(loop, [](RealEnv& e) -> Async<> {
    TaskGroup group(co_await asio::this_coro::executor);
    group.spawn("sleeper", sleep(e, 24h));
    co_await yield();
    group.cancel();
    co_await group.join();
  }(env));
}

TEST(RealEnv, Uuid7GrowsStrictlyAndUuid4DoesNotRepeat) {
  asio::io_context loop;
  RealEnv env(loop);
  Uuid last;
  std::set<Uuid> random;
  for (int i = 0; i < 20'000; ++i) {
    const auto id = env.uuid7();
    ASSERT_LT(last, id);
    ASSERT_EQ(id.str()[14], '7');
    last = id;
  }
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(random.insert(env.uuid4()).second);
  EXPECT_EQ(random.begin()->str()[14], '4');
}

}  // namespace
}  // namespace reeve::aio
