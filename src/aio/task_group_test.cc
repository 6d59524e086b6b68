#include "aio/task_group.h"

#include <gtest/gtest.h>

#include "aio/run.h"

namespace reeve::aio {
namespace {

Async<> wait_for_ever(std::shared_ptr<bool> ended) {
  struct Mark {
    std::shared_ptr<bool> flag;
    ~Mark() { *flag = true; }
  } mark{std::move(ended)};
  Signal never(co_await asio::this_coro::executor);
  co_await never.wait();
}

TEST(TaskGroup, CancelEndsEveryChildAndJoinWaitsForThem) {
  const auto a = std::make_shared<bool>(false);
  const auto b = std::make_shared<bool>(false);
  run([](std::shared_ptr<bool> first, std::shared_ptr<bool> second) -> Async<> {
    TaskGroup group(co_await asio::this_coro::executor);
    group.spawn("a", wait_for_ever(first));
    group.spawn("b", wait_for_ever(second));
    co_await yield();
    group.cancel();
    co_await group.join();
    EXPECT_TRUE(group.empty());
  }(a, b));
  EXPECT_TRUE(*a);
  EXPECT_TRUE(*b);
}

TEST(TaskGroup, AFailureIsTold) {
  std::string told;
  run([](std::string& out) -> Async<> {
    TaskGroup group(co_await asio::this_coro::executor,
                    [&out](std::string_view name, const std::exception_ptr& why) {
                      out = std::string(name) + ": " + what(why);
                    });
    const auto thrower = []() -> Async<> {
      co_await yield();
      throw std::runtime_error("broken");
    };
    group.spawn("reader", thrower());
    co_await group.join();
  }(told));
  EXPECT_EQ(told, "reader: broken");
}

TEST(TaskGroup, AChildMayStartAnother) {
  int count = 0;
  run([](int& n) -> Async<> {
    TaskGroup group(co_await asio::this_coro::executor);
    const auto second = [](int& k) -> Async<> {
      ++k;
      co_return;
    };
    const auto first = [](TaskGroup& g, int& k, auto next) -> Async<> {
      g.spawn("second", next(k));
      co_return;
    };
    group.spawn("first", first(group, n, second));
    co_await group.join();
  }(count));
  EXPECT_EQ(count, 1);
}

// Before it has ever waited: Asio then waits for it, and that must not throw out of the loop.
TEST(TaskGroup, AChildMayCancelItsGroupAndEnd) {
  int told = 0;
  run([](int& failures) -> Async<> {
    TaskGroup group(co_await asio::this_coro::executor,
                    [&failures](std::string_view, const std::exception_ptr&) { ++failures; });
    const auto quiet = [](TaskGroup& g) -> Async<> {
      g.cancel();
      co_return;
    };
    const auto loud = [](TaskGroup& g) -> Async<> {
      g.cancel();
      throw std::runtime_error("broken");
      co_return;
    };
    group.spawn("quiet", quiet(group));
    group.spawn("loud", loud(group));
    co_await group.join();
  }(told));
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace reeve::aio
