#include "aio/signal.h"

#include <gtest/gtest.h>

#include "aio/run.h"
#include "aio/task_group.h"

namespace reeve::aio {
namespace {

TEST(Signal, WakesEveryWaiter) {
  asio::io_context loop;
  Signal signal(loop.get_executor());
  int woken = 0;
  run(loop, [](Signal& signal, int& woken) -> Async<> {
    TaskGroup group(co_await asio::this_coro::executor);
    const auto waiter = [](Signal& s, int& n) -> Async<> {
      co_await s.wait();
      ++n;
    };
    group.spawn("a", waiter(signal, woken));
    group.spawn("b", waiter(signal, woken));
    co_await yield();
    EXPECT_EQ(woken, 0);
    signal.notify();
    co_await group.join();
  }(signal, woken));
  EXPECT_EQ(woken, 2);
}

}  // namespace
}  // namespace reeve::aio
