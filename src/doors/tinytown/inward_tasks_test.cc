#include "doors/tinytown/inward.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "doors/tinytown/inward_testing.h"

/// What tt's verbs do to tasks and to the backlog.
namespace reeve::doors::tinytown {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using State = AgentState;

using RedisTinytownInward = InwardTest;

TEST_F(RedisTinytownInward, AssignMakesATaskWithTinytownsId) {
  const auto ada = spawn("ada").value();
  begin();
  const auto task = tt_task("write it\nall", "assigned", ada.id.str());
  tt_send_task(ada.id, task);
  look();
  EXPECT_EQ(now(task).state, TaskState::assigned);
  EXPECT_EQ(now(task).agent, ada.id);
  EXPECT_EQ(now(task).text, "write it\nall");
  EXPECT_EQ(origin_of("TaskCreated"), "tinytown");
  EXPECT_THAT(inbox("ada").messages, SizeIs(1));
  look();
  ASSERT_THAT(list(keys_.inbox(ada.id)), SizeIs(1));
  EXPECT_TRUE(is_our_item(list(keys_.inbox(ada.id))[0]));
  EXPECT_EQ(hash(keys_.task(task))["reeve_owner"], world_.store.log().id.str());
}

TEST_F(RedisTinytownInward, W29_AnAssignThatWasCutOffIsTakenAllTheSame) {
  const auto ada = spawn("ada").value();
  begin();
  const auto task = tt_task("write it", "assigned", ada.id.str());
  look();
  EXPECT_EQ(now(task).agent, ada.id);
  tt_send_task(ada.id, task);  // it was only slow
  look();
  EXPECT_THAT(inbox("ada").messages, SizeIs(1));
  EXPECT_THAT(list(keys_.inbox(ada.id)), SizeIs(1));
}

TEST_F(RedisTinytownInward, CompleteEndsTheTaskWithItsResult) {
  ASSERT_TRUE(spawn("ada"));
  const auto task = assign("ada", "write it").value();
  begin();
  tt_complete(task.id, "all done");
  look();
  EXPECT_EQ(now(task.id).state, TaskState::completed);
  EXPECT_EQ(now(task.id).result, "all done");
  EXPECT_EQ(origin_of("TaskCompleted"), "tinytown");
  look();
  EXPECT_EQ(world_.count("TaskCompleted"), 1U);
}

TEST_F(RedisTinytownInward, BacklogAddClaimAndRemove) {
  const auto ada = spawn("ada").value();
  const auto ours = add_to_backlog("ours");
  const auto other = add_to_backlog("other");
  begin();
  const auto theirs = tt_backlog_add("theirs");
  look();
  EXPECT_THAT(pending(), ElementsAre("ours", "other", "theirs"));
  EXPECT_THAT(now(theirs).tags, ElementsAre("api"));

  for (const auto& id : {ours, theirs}) {  // tt backlog claim
    ask({"LREM", keys_.backlog(), "1", id.str()});
    rewrite(keys_.task(id), {{"state", "assigned"}, {"assigned_to", ada.id.str()}});
    tt_send_task(ada.id, id);
  }
  look();
  look();
  EXPECT_EQ(now(ours).agent, ada.id);
  EXPECT_EQ(now(theirs).agent, ada.id);
  EXPECT_EQ(origin_of("TaskAssigned"), "tinytown");
  EXPECT_THAT(texts("ada"), UnorderedElementsAre("ours", "theirs"));
  EXPECT_THAT(list(keys_.inbox(ada.id)), SizeIs(2));
  EXPECT_THAT(list(keys_.backlog()), ElementsAre(other.str()));

  ask({"LREM", keys_.backlog(), "1", other.str()});  // tt backlog remove
  ask({"DEL", keys_.task(other)});
  look();
  EXPECT_EQ(now(other).state, TaskState::cancelled) << "and reeve task retry has it back";
  EXPECT_THAT(pending(), IsEmpty());
}

TEST_F(RedisTinytownInward, W26_AClaimThatFailedHalfwayLosesNoTask) {
  const auto task = add_to_backlog("ours");
  begin();
  ask({"LREM", keys_.backlog(), "1", task.str()});
  look();
  EXPECT_THAT(list(keys_.backlog()), IsEmpty()) << "it may be at work still";
  look();
  EXPECT_THAT(list(keys_.backlog()), ElementsAre(task.str()));
  EXPECT_EQ(now(task).state, TaskState::pending);
}

TEST_F(RedisTinytownInward, AClaimOfAnAgentOfTinytownsTakesTheTaskFromUs) {
  const auto task = add_to_backlog("ours");
  begin();
  const auto zed = AgentId(world_.env.uuid4()).str();
  ask({"LREM", keys_.backlog(), "1", task.str()});
  rewrite(keys_.task(task), {{"state", "assigned"}, {"assigned_to", zed}});
  look();
  look();
  EXPECT_EQ(now(task).state, TaskState::cancelled);
  EXPECT_THAT(now(task).result.value_or(""), HasSubstr("tinytown"));
  EXPECT_THAT(hash(keys_.task(task)),
              AllOf(Contains(Pair("state", "assigned")), Contains(Pair("assigned_to", zed))));
}

TEST_F(RedisTinytownInward, WhatATaskOfOursCannotBecomeIsWrittenOver) {
  const auto ada = spawn("ada").value();
  const auto task = assign("ada", "write it").value();
  begin();
  rewrite(keys_.task(task.id), {{"state", "pending"}});
  ask({"HDEL", keys_.task(task.id), "assigned_to"});
  look();
  EXPECT_EQ(now(task.id).agent, ada.id);
  EXPECT_EQ(hash(keys_.task(task.id))["assigned_to"], ada.id.str());
  ask({"DEL", keys_.task(task.id)});  // tt reclaim --orphan-tasks --delete
  look();
  EXPECT_EQ(hash(keys_.task(task.id))["state"], "assigned");
}

TEST_F(RedisTinytownInward, MissionsAreLeftAndTheirTasksEndAsTheirsDo) {
  const auto ada = spawn("ada").value();
  begin();
  const std::string mission = keys_.prefix() + "mission:895044d2-9bbd-4f2f-b29e-fd7253dee827";
  ask({"SET", mission, "{}"});
  ask({"HSET", mission + ":work", "1", "{}"});
  const auto task =
      tt_task("[Mission Work Item] x", "assigned", ada.id.str(),
              R"(["mission-work-item","mission:895044d2-9bbd-4f2f-b29e-fd7253dee827"])");
  tt_send_task(ada.id, task);
  look();
  ASSERT_TRUE(report(task, town::Report::complete, ""));
  look();
  EXPECT_EQ(hash(keys_.task(task))["result"], "Completed");
  EXPECT_EQ(ask({"GET", mission}).text, "{}");
  EXPECT_THAT(hash(mission + ":work"), Contains(Pair("1", "{}")));
}

}  // namespace
}  // namespace reeve::doors::tinytown
