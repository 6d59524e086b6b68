#include "doors/tinytown/inward.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "doors/tinytown/inward_testing.h"

/// What Redis tells of is done at once, though no look is due.
namespace reeve::doors::tinytown {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using State = AgentState;

class RedisTinytownGlance : public InwardTest {
 protected:
  void begin_without_looks() {
    Inward::Options options;
    options.every = 24h;
    begin(options);
    ASSERT_TRUE(world_.until([&] { return told(); }));
    look();
    settle();
  }
  /// Whether Redis tells the mirror of changes by now.
  bool told() {
    return ask({"PUBSUB", "NUMSUB", "__redis__:invalidate"}).elements.at(1).integer > 0;
  }
  /// What we wrote is so long ago that it is not ours any more what is told of the same key.
  void settle() {
    follow();
    advance(1s);
  }
  /// Time that may go by for it, a few milliseconds at a time.
  bool soon(const std::function<bool()>& so) {
    return world_.until([&] {
      advance(5ms);
      return so();
    });
  }
};

TEST_F(RedisTinytownGlance, ALookThatIsAskedForWhileThereIsNoMirrorIsNotForgotten) {
  const auto ada = spawn("ada").value();
  begin_without_looks();
  server_->kill();
  ASSERT_TRUE(send("ada", "fyi"));
  ASSERT_TRUE(until([&] { return mirror_->view().state == api::MirrorState::away; }));
  in_loop([&] { inward_->wake(); });
  world_.quiet();
  server_->start();
  tt_send(ada.id, MessageType::informational, "meanwhile");
  follow_in_time();  // all of it was lost, and is written again
  ASSERT_TRUE(soon([&] { return texts("ada").size() == 2; }));
}

TEST_F(RedisTinytownGlance, AVerbOnAnAgentIsDoneAtOnce) {
  const auto ada = spawn("ada").value();
  begin_without_looks();
  tt_state(ada, "paused");
  ASSERT_TRUE(soon([&] { return now(ada).state == State::paused; }));
  EXPECT_EQ(origin_of("AgentInterrupted"), "tinytown");
  settle();
  tt_state(ada, "idle");
  ASSERT_TRUE(soon([&] { return now(ada).state == State::idle; }));
  settle();
  tt_kill(ada);
  ASSERT_TRUE(soon([&] { return now(ada).state == State::stopped; }));
}

TEST_F(RedisTinytownGlance, MailAndTasksAreTakenAtOnce) {
  const auto ada = spawn("ada").value();
  const auto ours = assign("ada", "write it").value();
  begin_without_looks();
  tt_send(ada.id, MessageType::informational, "fyi");
  ASSERT_TRUE(soon([&] { return texts("ada").size() == 2; }));
  settle();
  tt_complete(ours.id, "all done");
  ASSERT_TRUE(soon([&] { return now(ours.id).state == TaskState::completed; }));
  settle();
  const auto task = tt_task("theirs", "assigned", ada.id.str());
  tt_send_task(ada.id, task);
  ASSERT_TRUE(soon([&] { return world_.count("TaskCreated") == 2; }));
  EXPECT_EQ(now(task).agent, ada.id);
  settle();
  tt_backlog_add("later");
  ASSERT_TRUE(soon([&] { return !pending().empty(); }));
  EXPECT_THAT(pending(), ElementsAre("later"));
}

TEST_F(RedisTinytownGlance, WhatMayBeHalfOfSomethingWaitsForALook) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  const auto task = add_to_backlog("ours");
  ASSERT_TRUE(kill("bob"));
  begin_without_looks();
  ask({"DEL", keys_.agent(bob.id)});  // a prune, or the beginning of a reset
  ask({"SETEX", keys_.stop(ada.id), "3600", "1"});
  ask({"LREM", keys_.backlog(), "1", task.str()});
  ask({"DEL", keys_.task(task)});
  tt_send(ada.id, MessageType::informational, "fyi");
  ASSERT_TRUE(soon([&] { return !texts("ada").empty(); })) << "a glance";
  EXPECT_FALSE(now(bob).pruned);
  EXPECT_EQ(now(ada).state, State::idle);
  EXPECT_EQ(now(task).state, TaskState::pending);
  look();
  EXPECT_TRUE(now(bob).pruned);
  EXPECT_EQ(now(task).state, TaskState::cancelled);
}

TEST_F(RedisTinytownGlance, W25_AReclaimIsNotTakenForNewTasks) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  ASSERT_TRUE(send("ada", "and that", MessageType::task));
  begin_without_looks();
  ASSERT_TRUE(kill("ada"));  // and no look since
  settle();
  ask({"DEL", keys_.inbox(ada.id)});
  tt_backlog_add("and that");
  tt_send(bob.id, MessageType::informational, "fyi");
  ASSERT_TRUE(soon([&] { return !texts("bob").empty(); })) << "a glance";
  EXPECT_THAT(pending(), IsEmpty());
  look();
  EXPECT_THAT(pending(), ElementsAre("and that"));
  EXPECT_THAT(list(keys_.backlog()).size(), 1U);
}

TEST_F(RedisTinytownGlance, WhatWeWriteIsNoNews) {
  ASSERT_TRUE(spawn("ada"));
  begin_without_looks();
  const auto looks = calls("eval");
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(send("ada", "fyi"));
    follow();
    advance(1ms);
  }
  for (int i = 0; i < 20; ++i) {
    advance(5ms);
    world_.loop.restart();
    world_.loop.run_for(1ms);
  }
  EXPECT_EQ(calls("eval"), looks);
}

TEST_F(RedisTinytownGlance, ARedisThatTellsNothingIsLookedAtEachSecondAndItIsSaid) {
  server_ = std::make_unique<RedisServer>(net::testing::RedisServerOptions{
      .lines = {"user default on nopass ~* &* +@all -client|tracking"}});
  const auto ada = spawn("ada").value();
  begin();
  ASSERT_TRUE(until([&] { return !mirror_->view().error.empty(); }));
  EXPECT_TRUE(mirror_->view().error.contains("CONFIG SET notify-keyspace-events KA"))
      << mirror_->view().error;
  EXPECT_EQ(ask({"CONFIG", "GET", "notify-keyspace-events"}).elements.at(1).text, "");
  tt_state(ada, "paused");
  ASSERT_TRUE(until([&] { return now(ada).state == State::paused; }));
}

}  // namespace
}  // namespace reeve::doors::tinytown
