// Who waits for an agent or a task.

#include <gtest/gtest.h>

#include "aio/task_group.h"
#include "base/limits.h"
#include "town/testing.h"

namespace reeve::town {
namespace {

TEST_F(ServicesTest, WhoWaitsIsAnsweredAtTheEvent) {
  ASSERT_TRUE(spawn("ada"));
  const auto task = assign("ada", "paint").value();
  std::optional<api::WaitReply> reply;
  const auto wait = [](Ground ground, std::string id,
                       std::optional<api::WaitReply>* out) -> Async<> {
    auto waited = co_await wait_task(std::move(ground), std::move(id));
    if (waited) *out = *waited;
  };
  aio::TaskGroup group(world_.loop.get_executor());
  group.spawn("wait", wait(ground_, task.id.str(), &reply));
  world_.quiet();
  EXPECT_FALSE(reply);
  ASSERT_TRUE(report(task.id, Report::fail, "no paint"));
  world_.quiet();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->state, "failed");
  EXPECT_EQ(reply->result, "no paint");
  EXPECT_TRUE(group.empty());
}

TEST_F(ServicesTest, AnAgentWithMailThatStartsARoundIsNotDone) {
  ASSERT_TRUE(spawn("ada"));
  for (std::size_t i = 0; i <= limits::kPage; ++i) ASSERT_TRUE(send("ada", "fyi"));
  const auto idle = world_.await(wait_agent(ground_, "ada")).value();
  EXPECT_EQ(idle.state, "idle");
  ASSERT_TRUE(send("ada", "do it", MessageType::task));
  std::optional<api::WaitReply> reply;
  const auto wait = [](Ground ground, std::optional<api::WaitReply>* out) -> Async<> {
    auto waited = co_await wait_agent(std::move(ground), "ada");
    if (waited) *out = *waited;
  };
  aio::TaskGroup group(world_.loop.get_executor());
  group.spawn("wait", wait(ground_, &reply));
  world_.quiet();
  EXPECT_FALSE(reply);
  ASSERT_TRUE(kill("ada"));
  world_.quiet();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->state, "stopped");
  group.cancel();
  world_.await(group.join());
}

}  // namespace
}  // namespace reeve::town
