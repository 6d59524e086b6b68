#include "doors/tinytown/inward.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "doors/tinytown/inward_testing.h"
#include "town/control.h"
#include "town/reclaim.h"

/// A Redis that comes back as it was some time ago: what it lacks, or shows still, tt did not do.
namespace reeve::doors::tinytown {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using State = AgentState;

class RedisTinytownOlder : public InwardTest {
 protected:
  void save() { EXPECT_EQ(ask({"SAVE"}).text, "OK"); }
  void put_back() {
    server_->kill();
    server_->start();
  }
  /// The mirror has found out, and written all.
  void rewritten() {
    ASSERT_TRUE(until([&] { return world_.count("MirrorRewritten") == 1; }));
    follow_in_time();
    EXPECT_THAT(world_.fact<fact::MirrorRewritten>("MirrorRewritten").reason, HasSubstr("older"));
    look();
    look();
  }
  void resume(const std::string& name) {
    ASSERT_TRUE(world_.await(town::resume(ground_, Caller{}, name, "")));
  }
};

TEST_F(RedisTinytownOlder, WhatItLacksIsNeitherCancelledNorPruned) {
  ASSERT_TRUE(spawn("ada"));
  begin();
  save();
  const auto task = add_to_backlog("new");
  const auto carl = spawn("carl").value();
  ASSERT_TRUE(kill("carl"));
  look();
  ASSERT_EQ(state_there(carl), "stopped");
  put_back();
  rewritten();
  EXPECT_EQ(now(task).state, TaskState::pending);
  EXPECT_FALSE(now(carl).pruned);
  EXPECT_EQ(state_there(carl), "stopped");
  EXPECT_THAT(list(keys_.backlog()), ElementsAre(task.str()));
  EXPECT_EQ(world_.count("MirrorRewritten"), 1U);
}

TEST_F(RedisTinytownOlder, AVerbThatItShowsStillIsNotDoneAgain) {
  const auto ada = spawn("ada").value();
  begin();
  tt_state(ada, "paused");
  save();
  look();
  ASSERT_EQ(now(ada).state, State::paused);
  resume("ada");
  look();
  put_back();
  rewritten();
  EXPECT_EQ(now(ada).state, State::idle);
  EXPECT_EQ(state_there(ada), "idle");
  EXPECT_EQ(world_.count("AgentInterrupted"), 1U);
}

TEST_F(RedisTinytownOlder, AMessageThatWentOnLongAgoIsNoReclaim) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  begin();
  tt_send(ada.id, MessageType::task, "do it");
  save();
  look();
  ASSERT_TRUE(kill("ada"));
  api::ReclaimRequest reclaim;
  reclaim.from = "ada";
  reclaim.to = "bob";
  ASSERT_TRUE(world_.await(town::reclaim(ground_, Caller{}, reclaim)));
  ASSERT_TRUE(world_.await(town::restart(ground_, Caller{}, "ada", {})));
  ASSERT_TRUE(kill("bob"));
  look();
  put_back();
  rewritten();
  EXPECT_THAT(texts("ada"), IsEmpty());
  EXPECT_THAT(texts("bob"), ElementsAre("do it"));
  EXPECT_THAT(list(keys_.inbox(ada.id)), IsEmpty());
  EXPECT_THAT(texts_in(keys_.inbox(bob.id)), ElementsAre("do it"));
}

TEST_F(RedisTinytownOlder, BetweenTwoDaemonsTheTownKnowsHowFarItWas) {
  ASSERT_TRUE(spawn("ada"));
  begin();
  save();
  const auto task = add_to_backlog("new");
  const auto carl = spawn("carl").value();
  ASSERT_TRUE(kill("carl"));
  look();
  world_.await(mirror_->keep_position());
  end();
  put_back();
  begin();
  look();
  EXPECT_EQ(world_.count("MirrorRewritten"), 1U);
  EXPECT_EQ(now(task).state, TaskState::pending);
  EXPECT_FALSE(now(carl).pruned);
  EXPECT_THAT(list(keys_.backlog()), ElementsAre(task.str()));
  // Told once.
  end();
  begin();
  EXPECT_EQ(world_.count("MirrorRewritten"), 1U);
}

TEST_F(RedisTinytownOlder, AfterACrashOfBothNothingIsTakenForTtsVerb) {
  const auto ada = spawn("ada").value();
  const auto first = add_to_backlog("first");
  begin();
  tt_state(ada, "paused");
  ask({"LREM", keys_.backlog(), "1", first.str()});
  ask({"DEL", keys_.task(first)});
  save();
  look();
  ASSERT_EQ(now(ada).state, State::paused);
  ASSERT_EQ(now(first).state, TaskState::cancelled);
  resume("ada");
  const auto task = add_to_backlog("new");
  const auto carl = spawn("carl").value();
  ASSERT_TRUE(kill("carl"));
  look();
  end();  // nothing is kept of how far it was
  put_back();
  begin();
  look();
  EXPECT_EQ(now(ada).state, State::idle);
  EXPECT_EQ(state_there(ada), "idle");
  EXPECT_EQ(world_.count("AgentInterrupted"), 1U);
  EXPECT_EQ(now(task).state, TaskState::pending);
  EXPECT_EQ(hash(keys_.task(first))["state"], "cancelled");
  EXPECT_FALSE(now(carl).pruned);
  EXPECT_THAT(list(keys_.backlog()), ElementsAre(task.str()));
}

}  // namespace
}  // namespace reeve::doors::tinytown
