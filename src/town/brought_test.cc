#include "town/brought.h"

#include <gmock/gmock.h>

#include "town/backlog.h"
#include "town/directory.h"
#include "town/testing.h"

namespace reeve::town {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Brought : public ServicesTest {
 protected:
  static Caller tinytown() { return Caller{.origin = "tinytown"}; }
  Result<reeve::Task> bring(TaskId id, std::optional<AgentId> agent, std::string text) {
    api::AssignRequest request;
    request.text = std::move(text);
    return world_.await(bring_task(ground_, tinytown(), id, agent, std::move(request)));
  }
  TaskId task_id() { return TaskId(world_.env.uuid4()); }
};

TEST_F(Brought, ATaskKeepsItsIdAndIsThereOnce) {
  const auto ada = spawn("ada").value();
  const auto id = task_id();
  const auto first = bring(id, ada.id, "write it");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->id, id);
  EXPECT_EQ(first->state, TaskState::assigned);
  ASSERT_TRUE(report(id, Report::complete, "done"));
  const auto again = bring(id, ada.id, "something else");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->state, TaskState::completed);
  EXPECT_THAT(inbox("ada").messages, SizeIs(1));
}

TEST_F(Brought, ATaskOfNobodyWaitsInTheBacklog) {
  const auto id = task_id();
  ASSERT_TRUE(bring(id, std::nullopt, "fix it"));
  ASSERT_TRUE(bring(id, std::nullopt, "fix it"));
  const auto page = world_.await(list_backlog(ground_, 0, 10)).value();
  ASSERT_THAT(page.tasks, SizeIs(1));
  EXPECT_EQ(page.tasks[0].task.id, id);
}

TEST_F(Brought, AnAgentThatTakesNoWorkIsGivenNone) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(kill("ada"));
  EXPECT_EQ(code_of(bring(task_id(), ada.id, "write it")), Errc::conflict);
  EXPECT_EQ(code_of(bring(task_id(), std::nullopt, " ")), Errc::invalid_argument);
}

TEST_F(Brought, AMessageKeepsItsIdAndIsThereOnce) {
  ASSERT_TRUE(spawn("ada"));
  const MessageId id(world_.env.uuid4());
  api::SendRequest request;
  request.to = "ada";
  request.text = "fyi";
  for (int i = 0; i < 2; ++i) {
    const auto sent = world_.await(town::send(ground_, tinytown(), request, id));
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->id, id);
  }
  EXPECT_THAT(texts("ada"), ElementsAre("fyi"));
}

TEST_F(Brought, AMessageOfAnAgentThatIsNoneOfOursNamesIt) {
  ASSERT_TRUE(spawn("ada"));
  auto caller = tinytown();
  caller.agent = AgentId(world_.env.uuid4());
  ASSERT_TRUE(send("ada", "hello", MessageType::query, Priority::normal, caller));
  ASSERT_TRUE(send("supervisor", "help!", MessageType::query, Priority::urgent, caller));
  EXPECT_EQ(inbox("ada").messages.at(0).from, caller.agent->str());
  EXPECT_THAT(texts("supervisor"), ElementsAre("help!"));
}

TEST_F(Brought, WhatCannotBeReadIsKeptBesideTheInbox) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(world_.await(bring_unreadable(ground_, tinytown(), ada.id, "{\xff", "no JSON")));
  const auto view = inbox("ada");
  EXPECT_THAT(view.messages, IsEmpty());
  ASSERT_THAT(view.quarantined, SizeIs(1));
  EXPECT_THAT(world_.get<Agent>(ada.id).attention.value_or(""), HasSubstr("no JSON"));
}

TEST_F(Brought, OfWhatCannotBeReadAQueueTakesTheBeginning) {
  const auto ada = spawn("ada").value();
  for (const auto& item : {std::string(600, 'z'), std::string(600, 'z'), std::string(600, '\xff'),
                           "\xc3\xa4" + std::string(600, 'z'), std::string()})
    ASSERT_TRUE(world_.await(bring_unreadable(ground_, tinytown(), ada.id, item, item)));
  EXPECT_THAT(inbox("ada").quarantined, SizeIs(4)) << "two are one";
}

TEST_F(Brought, AParkedAgentWaitsAndIsToldOnce) {
  const auto ada = spawn("ada").value();
  const fact::AgentParked parked{ada.id, "tinytown_loop", "a loop", world_.env.now() + 60s};
  const auto now = world_.await(park(ground_, tinytown(), ada.id, parked));
  ASSERT_TRUE(now);
  EXPECT_EQ(now->parked->code, "tinytown_loop");
  EXPECT_THAT(decide_park(*now, parked), IsEmpty());
  ASSERT_TRUE(kill("ada"));
  EXPECT_THAT(decide_park(world_.get<Agent>(ada.id), {ada.id, "", "", parked.until + 1s}),
              IsEmpty());
}

TEST_F(Brought, AnAgentOfAnotherProgramIsSpawnedUnderItsId) {
  const AgentId id(world_.env.uuid4());
  api::SpawnRequest request;
  request.name = "zed";
  request.cli = "worker";
  const auto zed = world_.await(town::spawn(ground_, tinytown(), request, id));
  ASSERT_TRUE(zed) << zed.error().message();
  EXPECT_EQ(zed->id, id);
  request.name = "zed2";
  EXPECT_EQ(code_of(world_.await(town::spawn(ground_, tinytown(), request, id))), Errc::conflict);
}

}  // namespace
}  // namespace reeve::town
