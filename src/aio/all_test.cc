#include "aio/all.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "aio/real_env.h"
#include "aio/run.h"
#include "aio/signal.h"
#include "aio/within.h"

namespace reeve::aio {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct World {
  asio::io_context loop;
  RealEnv env{loop};
  Signal go{loop.get_executor()};
  int begun = 0;
  int ended = 0;
};

Async<int> wait_for_others(World& world, int number, int all) {
  if (++world.begun == all) world.go.notify();
  while (world.begun < all) co_await world.go.wait();
  ++world.ended;
  co_return number;
}
Async<int> never(World& world) {
  struct Ended {
    int& count;
    ~Ended() { ++count; }
  } const ended{world.ended};
  for (;;) co_await world.go.wait();
}
Async<int> throws() {
  throw std::runtime_error("no");
  co_return 0;
}

TEST(All, RunsAtTheSameTimeAndAnswersInOrder) {
  World world;
  std::vector<Async<int>> works;
  for (int i = 0; i < 3; ++i) works.push_back(wait_for_others(world, i, 3));
  EXPECT_THAT(run(world.loop, all(std::move(works))), ElementsAre(0, 1, 2));
  EXPECT_THAT(run(world.loop, all(std::vector<Async<int>>())), IsEmpty());
}

TEST(All, AnExceptionComesWhenAllHaveEnded) {
  World world;
  std::vector<Async<int>> works;
  works.push_back(throws());
  works.push_back(wait_for_others(world, 1, 1));
  EXPECT_THROW(run(world.loop, all(std::move(works))), std::runtime_error);
  EXPECT_EQ(world.ended, 1);
}

TEST(All, CancellingTheCallerCancelsAll) {
  World world;
  std::vector<Async<int>> works;
  for (int i = 0; i < 3; ++i) works.push_back(never(world));
  EXPECT_FALSE(run(world.loop, within(world.env, 10ms, all(std::move(works)))).has_value());
  EXPECT_EQ(world.ended, 3);
}

}  // namespace
}  // namespace reeve::aio
