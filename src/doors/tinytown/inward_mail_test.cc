#include "doors/tinytown/inward.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "doors/tinytown/inward_testing.h"
#include "town/control.h"
#include "town/messages.h"

/// What tt puts into lists.
namespace reeve::doors::tinytown {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

using RedisTinytownInward = InwardTest;

TEST_F(RedisTinytownInward, AMessageBecomesOurs) {
  const auto ada = spawn("ada").value();
  begin();
  const auto info = tt_send(ada.id, MessageType::informational, "fyi");
  const auto query = tt_send(ada.id, MessageType::query, "what is up?");
  tt_send(ada.id, MessageType::task, "first", true);
  tt_send(ada.id, MessageType::task, "second", true);
  look();
  EXPECT_THAT(texts("ada"), ElementsAre("first", "second", "fyi", "what is up?"));
  const auto message = world_.get<Message>(query.id);
  EXPECT_EQ(message.type, MessageType::query);
  EXPECT_EQ(message.from, kSupervisor);
  EXPECT_EQ(origin_of("MessageSent"), "tinytown");
  for (const auto& item : list(keys_.inbox(ada.id))) EXPECT_TRUE(is_our_item(item)) << item;
  EXPECT_THAT(texts_in(keys_.inbox(ada.id)), ElementsAre("fyi", "what is up?"));
  EXPECT_THAT(texts_in(keys_.urgent(ada.id)), ElementsAre("first", "second"));
}

TEST_F(RedisTinytownInward, AMessageThatWasTakenBeforeACrashIsTakenOnce) {
  const auto ada = spawn("ada").value();
  begin();
  end();
  const auto message = tt_send(ada.id, MessageType::informational, "fyi");
  api::SendRequest request;
  request.to = "ada";
  request.text = "fyi";
  request.type = MessageType::informational;
  ASSERT_TRUE(world_.await(town::send(ground_, Caller{}, std::move(request), message.id)));
  begin();
  look();
  EXPECT_THAT(texts("ada"), ElementsAre("fyi"));
  EXPECT_THAT(list(keys_.inbox(ada.id)), SizeIs(1));
}

TEST_F(RedisTinytownInward, W07_WhatIsNoMessageIsKeptBesideTheInbox) {
  const auto ada = spawn("ada").value();
  begin();
  ask({"LPUSH", keys_.urgent(ada.id), "{no json"});
  tt_send(ada.id, MessageType::informational, "fyi");
  look();
  EXPECT_THAT(inbox("ada").quarantined, SizeIs(1));
  EXPECT_THAT(texts("ada"), ElementsAre("fyi"));
  EXPECT_THAT(list(keys_.urgent(ada.id)), IsEmpty());
}

TEST_F(RedisTinytownInward, W07_NoItemThatCannotBeReadStopsWhatStandsBehindIt) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  const auto task = add_to_backlog("ours");
  begin();
  for (const auto& agent : {ada, bob}) {
    for (const auto& item : {std::string(600, 'z'), std::string(3000, '\xff'), std::string(),
                             std::string(2 << 20, 'y')})
      ask({"RPUSH", keys_.inbox(agent.id), item});
  }
  tt_send(ada.id, MessageType::informational, std::string(limits::kText + 1, 'x'));
  tt_send(ada.id, MessageType::informational, "fyi");
  ask({"LREM", keys_.backlog(), "1", task.str()});
  ask({"DEL", keys_.task(task)});
  look();
  EXPECT_THAT(texts("ada"), ElementsAre("fyi"));
  EXPECT_EQ(now(task).state, TaskState::cancelled);
  EXPECT_THAT(inbox("ada").quarantined, SizeIs(5));
  EXPECT_THAT(inbox("bob").quarantined, SizeIs(4));
  EXPECT_THAT(texts_in(keys_.inbox(ada.id)), ElementsAre("fyi"));
  EXPECT_THAT(list(keys_.inbox(bob.id)), IsEmpty());
  EXPECT_EQ(mirror_->view().error, "");
}

TEST_F(RedisTinytownInward, WhatIsWrongWithOneThingIsShownAndEndsTheLookForNoOther) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  const auto damaged = assign("ada", "write it").value();
  begin();
  const auto key = run::key_of<reeve::Task>(damaged.id);
  const auto marks = run::DocOf<reeve::Task>::marks(damaged);
  const auto doc = world_.await(world_.store.get(key)).value().value();
  make({}, {store::PutDoc{key, "{no json", marks}});
  tt_complete(damaged.id, "done");
  tt_state(bob, "paused");
  tt_send(bob.id, MessageType::informational, "fyi");
  look();
  EXPECT_EQ(now(bob).state, AgentState::paused);
  EXPECT_THAT(texts("bob"), ElementsAre("fyi"));
  EXPECT_THAT(mirror_->view().error, HasSubstr(damaged.id.short_str()));
  make({}, {store::PutDoc{key, doc.body, marks}});
  look();
  EXPECT_EQ(mirror_->view().error, "");
  EXPECT_EQ(now(damaged.id).state, TaskState::completed);
}

TEST_F(RedisTinytownInward, OnlyOursAreReadAndSendersOfTinytownsStayThemselves) {
  const auto ada = spawn("ada").value();
  begin();
  const AgentId zed(world_.env.uuid4());
  ask({"HSET", keys_.agent(zed), "id", zed.str(), "name", "zed", "state", "idle"});
  tt_send(zed, MessageType::task, "zed's own");
  auto from_zed = letter(ada.id, MessageType::query, "may I?");
  from_zed.from = zed;
  ask({"RPUSH", keys_.inbox(ada.id), encode(from_zed)});
  auto ping = letter(ada.id, MessageType::ping, "");
  ping.from = zed;
  ask({"RPUSH", keys_.inbox(ada.id), encode(ping)});
  look();
  EXPECT_THAT(texts_in(keys_.inbox(zed)), ElementsAre("zed's own"));
  EXPECT_THAT(texts("ada"), ElementsAre("may I?", "ping"));
  EXPECT_EQ(inbox("ada").messages.at(0).from, zed.str());
}

TEST_F(RedisTinytownInward, MailOfAStoppedAgentWaitsUntilItIsRestarted) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(kill("ada"));
  begin();
  tt_send(ada.id, MessageType::informational, "fyi");
  const auto task = tt_task("write it", "assigned", ada.id.str());
  tt_send_task(ada.id, task);
  look();
  EXPECT_THAT(texts("ada"), IsEmpty());
  EXPECT_THAT(list(keys_.inbox(ada.id)), SizeIs(2));
  ASSERT_TRUE(world_.await(town::restart(ground_, Caller{}, "ada", {})));
  look();
  EXPECT_THAT(texts("ada"), UnorderedElementsAre("fyi", "write it"));
  EXPECT_EQ(now(task).agent, ada.id);
}

TEST_F(RedisTinytownInward, WhatWaitsWithTtIsNotReadAtEachLook) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(send("ada", "ours"));
  ASSERT_TRUE(kill("ada"));
  begin();
  for (int i = 0; i < 600; ++i) tt_send(ada.id, MessageType::informational, "fyi");
  look();
  const auto before = calls("lrange");
  for (int i = 0; i < 5; ++i) look();
  EXPECT_EQ(calls("lrange"), before);
  ASSERT_TRUE(world_.await(town::restart(ground_, Caller{}, "ada", {})));
  for (int i = 0; i < 4; ++i) look();
  EXPECT_THAT(texts("ada"), SizeIs(601));
  EXPECT_THAT(list(keys_.inbox(ada.id)), SizeIs(601));
}

TEST_F(RedisTinytownInward, W25_ReclaimOfAStoppedAgentsMailLosesNothing) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(spawn("bob"));
  assign("ada", "write it").value();
  ASSERT_TRUE(send("ada", "fyi"));
  ASSERT_TRUE(kill("ada"));
  begin();
  ask({"DEL", keys_.inbox(ada.id)});  // tt reclaim without a destination
  look();
  EXPECT_THAT(list(keys_.inbox(ada.id)), IsEmpty()) << "it may be at work still";
  pass(5s);
  EXPECT_THAT(list(keys_.inbox(ada.id)), SizeIs(2));
}

TEST_F(RedisTinytownInward, W25_ReclaimToTheBacklogMovesAllOnce) {
  const auto ada = spawn("ada").value();
  const auto task = assign("ada", "write it").value();
  ASSERT_TRUE(send("ada", "and that", MessageType::task));
  ASSERT_TRUE(kill("ada"));
  begin();
  ask({"DEL", keys_.inbox(ada.id)});
  ask({"RPUSH", keys_.backlog(), task.id.str()});
  const auto copy = tt_backlog_add("and that");
  look();
  look();
  EXPECT_THAT(pending(), UnorderedElementsAre("write it", "and that"));
  EXPECT_THAT(list(keys_.backlog()), SizeIs(2));
  EXPECT_EQ(ask({"EXISTS", keys_.task(copy)}).integer, 0) << "ours stands for it";
  EXPECT_THAT(inbox("ada").messages, IsEmpty());
}

TEST_F(RedisTinytownInward, W25_ATextThatIsCutForTtIsReclaimedOnce) {
  const auto ada = spawn("ada").value();
  const auto text = std::string(100'000, 'x');
  ASSERT_TRUE(send("ada", text, MessageType::task));
  ASSERT_TRUE(kill("ada"));
  begin();
  const auto shown = texts_in(keys_.inbox(ada.id)).at(0);
  ASSERT_LT(shown.size(), text.size());
  ask({"DEL", keys_.inbox(ada.id)});
  tt_backlog_add(shown);
  look();
  look();
  EXPECT_THAT(pending(), ElementsAre(text));
  EXPECT_THAT(inbox("ada").messages, IsEmpty());
  EXPECT_THAT(list(keys_.backlog()), SizeIs(1));
}

TEST_F(RedisTinytownInward, W25_ReclaimToAnAgentMovesAllOnce) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  const auto task = assign("ada", "write it").value();
  ASSERT_TRUE(send("ada", "fyi"));
  ASSERT_TRUE(kill("ada"));
  begin();
  for (const auto& item : list(keys_.inbox(ada.id)))
    ask({"RPUSH", keys_.inbox(bob.id), encode(decode_message(item).value())});
  ask({"DEL", keys_.inbox(ada.id)});
  look();
  look();
  EXPECT_THAT(texts("bob"), UnorderedElementsAre("write it", "fyi"));
  EXPECT_EQ(now(task.id).agent, bob.id);
  EXPECT_THAT(list(keys_.inbox(bob.id)), SizeIs(2));
  EXPECT_THAT(list(keys_.inbox(ada.id)), IsEmpty());
}

}  // namespace
}  // namespace reeve::doors::tinytown
