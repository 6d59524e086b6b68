#include "aio/queue.h"

#include <gtest/gtest.h>

#include <vector>

#include "aio/run.h"
#include "aio/task_group.h"

namespace reeve::aio {
namespace {

TEST(Queue, IsBoundedAndOrderedAndDrainsAfterClose) {
  std::vector<int> got;
  std::size_t most = 0;
  run([](std::vector<int>& out, std::size_t& high) -> Async<> {
    const auto executor = co_await asio::this_coro::executor;
    Queue<int> queue(executor, 2);
    TaskGroup group(executor);
    const auto writer = [](Queue<int>& q) -> Async<> {
      for (int i = 0; i < 10; ++i) co_await q.push(i);
      q.close();
    };
    group.spawn("writer", writer(queue));
    for (;;) {
      high = std::max(high, queue.size());
      auto item = co_await queue.pop();
      if (!item) break;
      out.push_back(*item);
    }
    EXPECT_FALSE(queue.try_push(11));
    co_await group.join();
  }(got, most));
  EXPECT_EQ(got, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_LE(most, 2u);
}

}  // namespace
}  // namespace reeve::aio
