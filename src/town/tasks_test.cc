#include "town/tasks.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "town/testing.h"

namespace reeve::town {
namespace {

TEST_F(ServicesTest, ATaskIsAssignedAndWaitsInTheInbox) {
  const auto ada = spawn("ada").value();
  const auto task = assign("ada", "paint the door").value();
  EXPECT_EQ(task.state, TaskState::assigned);
  EXPECT_EQ(task.agent, ada.id);
  const auto waiting = inbox("ada");
  ASSERT_EQ(waiting.messages.size(), 1U);
  EXPECT_EQ(waiting.messages[0].task, task.id);
  EXPECT_EQ(waiting.messages[0].from, "supervisor");
  EXPECT_EQ(world_.kinds(), (std::vector<std::string>{"AgentSpawned", "TaskCreated", "TaskAssigned",
                                                      "MessageSent"}));
}

TEST_F(ServicesTest, AStoppedAgentTakesNoWork) {
  ASSERT_TRUE(spawn("ada"));
  ASSERT_TRUE(kill("ada"));
  EXPECT_EQ(code_of(assign("ada", "paint")), Errc::conflict);
  EXPECT_EQ(code_of(send("ada", "hello")), Errc::conflict);
  EXPECT_EQ(world_.count("TaskCreated"), 0U);
}

TEST_F(ServicesTest, ATextIsNeitherEmptyNorTooLarge) {
  ASSERT_TRUE(spawn("ada"));
  for (const std::string text : {"", " \n\t"}) {
    EXPECT_EQ(code_of(assign("ada", text)), Errc::invalid_argument);
    EXPECT_EQ(code_of(send("ada", text)), Errc::invalid_argument);
  }
  const std::string huge(limits::kText + 1, 'x');
  EXPECT_EQ(code_of(assign("ada", huge)), Errc::too_large);
  EXPECT_EQ(code_of(send("ada", huge)), Errc::too_large);
  const auto task = assign("ada", "small").value();
  for (const auto what : {Report::complete, Report::fail, Report::progress})
    EXPECT_EQ(code_of(report(task.id, what, huge)), Errc::too_large);
  EXPECT_EQ(code_of(report(task.id, Report::progress, "")), Errc::invalid_argument);
  EXPECT_TRUE(report(task.id, Report::complete, ""));
}

TEST_F(ServicesTest, ATextAtTheLimitIsTakenWhole) {
  ASSERT_TRUE(spawn("ada"));
  const auto task = assign("ada", std::string(limits::kText, 'x'));
  ASSERT_TRUE(task) << task.error().message();
  EXPECT_EQ(task->text.size(), limits::kText);
}

TEST_F(ServicesTest, ATaskIsReportedOnce) {
  ASSERT_TRUE(spawn("ada"));
  const auto task = assign("ada", "paint").value();
  EXPECT_EQ(report(task.id, Report::progress, "half").value().progress, "half");
  EXPECT_EQ(report(task.id, Report::complete, "painted").value().state, TaskState::completed);
  EXPECT_TRUE(report(task.id, Report::complete, "painted"));
  EXPECT_EQ(world_.count("TaskCompleted"), 1U);
  EXPECT_EQ(code_of(report(task.id, Report::complete, "otherwise")), Errc::conflict);
  EXPECT_EQ(code_of(report(task.id, Report::fail, "painted")), Errc::conflict);
  EXPECT_EQ(code_of(report(task.id, Report::progress, "more")), Errc::conflict);
  EXPECT_EQ(world_.get<reeve::Task>(task.id).result, "painted");
}

TEST_F(ServicesTest, G9_ARepeatedRequestIsAnsweredAsAtFirstAlsoWhenItWouldBeRefusedNow) {
  ASSERT_TRUE(spawn("ada"));
  const auto task = assign("ada", "paint", keyed("k1")).value();
  ASSERT_TRUE(report(task.id, Report::progress, "half", keyed("k2")));
  ASSERT_TRUE(send("ada", "hello", MessageType::informational, Priority::normal, keyed("k3")));
  ASSERT_TRUE(report(task.id, Report::complete, "done"));
  ASSERT_TRUE(kill("ada"));

  const auto assigned = assign("ada", "paint", keyed("k1"));
  ASSERT_TRUE(assigned) << assigned.error().message();
  EXPECT_EQ(assigned->id, task.id);
  EXPECT_EQ(assigned->state, TaskState::assigned);
  EXPECT_TRUE(report(task.id, Report::progress, "half", keyed("k2")));
  EXPECT_TRUE(send("ada", "hello", MessageType::informational, Priority::normal, keyed("k3")));
  EXPECT_EQ(world_.count("TaskProgressed"), 1U);
  // The refusal of a new request leaves no trace behind its key.
  EXPECT_EQ(code_of(assign("ada", "more", keyed("k4"))), Errc::conflict);
  EXPECT_EQ(code_of(assign("ada", "more", keyed("k4"))), Errc::conflict);
}

TEST_F(ServicesTest, TasksAreListedNewestFirstPageByPage) {
  ASSERT_TRUE(spawn("ada"));
  std::vector<TaskId> made;
  for (int i = 0; i < 5; ++i) made.push_back(assign("ada", std::to_string(i)).value().id);
  ASSERT_TRUE(report(made[0], Report::fail, "no"));
  const auto list = [&](std::string state, std::uint64_t after, std::size_t limit) {
    return world_.await(list_tasks(ground_, {.state = std::move(state)}, after, limit));
  };
  const auto first = list("", 0, 3).value();
  ASSERT_EQ(first.tasks.size(), 3U);
  EXPECT_EQ(first.tasks[0].task.id, made[4]);
  EXPECT_EQ(first.tasks[0].agent, "ada");
  const auto second = list("", first.next.value(), 3).value();
  ASSERT_EQ(second.tasks.size(), 2U);
  EXPECT_EQ(second.tasks[1].task.id, made[0]);
  EXPECT_FALSE(second.next);
  EXPECT_EQ(list("failed", 0, 9)->tasks.size(), 1U);
  EXPECT_EQ(list("open", 0, 9)->tasks.size(), 4U);
  EXPECT_EQ(code_of(list("nonsense", 0, 9)), Errc::invalid_argument);
  const auto counts = world_.await(count_tasks(ground_)).value();
  EXPECT_EQ(counts.assigned, 4);
  EXPECT_EQ(counts.failed, 1);
}

}  // namespace
}  // namespace reeve::town
