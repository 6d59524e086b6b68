#include "doors/tinytown/inward.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "doors/tinytown/inward_testing.h"
#include "town/control.h"

/// What tt's verbs do to agents, command for command as they were recorded.
namespace reeve::doors::tinytown {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;
using State = AgentState;

using RedisTinytownInward = InwardTest;

TEST_F(RedisTinytownInward, InterruptResumeAndClose) {
  const auto ada = spawn("ada").value();
  begin();
  tt_state(ada, "paused");
  look();
  EXPECT_EQ(now(ada).state, State::paused);
  EXPECT_EQ(origin_of("AgentInterrupted"), "tinytown");
  EXPECT_EQ(state_there(ada), "paused");

  tt_state(ada, "idle");
  ask({"DEL", keys_.stop(ada.id)});
  look();
  EXPECT_EQ(now(ada).state, State::idle);
  EXPECT_EQ(origin_of("AgentResumed"), "tinytown");

  tt_state(ada, "draining");
  ask({"SETEX", keys_.stop(ada.id), "3600", "1"});
  look();
  look();
  EXPECT_EQ(now(ada).state, State::stopped) << "it had no round to finish";
  EXPECT_EQ(origin_of("AgentCompleted"), "tinytown");
  EXPECT_EQ(state_there(ada), "stopped");
  EXPECT_EQ(world_.count("AgentInterrupted"), 1U);
  EXPECT_EQ(world_.count("AgentResumed"), 1U);
}

TEST_F(RedisTinytownInward, KillAndRestart) {
  const auto ada = spawn("ada").value();
  begin();
  tt_kill(ada);
  look();
  look();
  EXPECT_EQ(now(ada).state, State::stopped);
  EXPECT_EQ(origin_of("AgentStopped"), "tinytown");
  EXPECT_EQ(ask({"EXISTS", keys_.stop(ada.id)}).integer, 0);
  rewrite(keys_.agent(ada.id), {{"state", "idle"}, {"rounds_completed", "0"}});
  ask({"DEL", keys_.stop(ada.id)});
  look();
  EXPECT_EQ(now(ada).state, State::idle);
  EXPECT_EQ(origin_of("AgentRestarted"), "tinytown");
}

TEST_F(RedisTinytownInward, ARestartRightBehindAKillIsNotLost) {
  const auto ada = spawn("ada").value();
  begin();
  tt_kill(ada);
  step_until("AgentStopped");
  tt_restart(ada);  // before it was shown that it has stopped
  look();
  look();
  EXPECT_EQ(world_.count("AgentRestarted"), 1U);
  EXPECT_EQ(now(ada).state, State::idle);
  EXPECT_EQ(state_there(ada), "idle");
  tt_state(ada, "paused");
  step_until("AgentInterrupted");
  tt_state(ada, "idle");  // tt resume
  look();
  look();
  EXPECT_EQ(now(ada).state, State::idle);
  EXPECT_EQ(state_there(ada), "idle");
  EXPECT_FALSE(hash(keys_.agent(ada.id)).contains("reeve_saw"));
}

TEST_F(RedisTinytownInward, ARestartRightBehindAKillWaitsForTheEndOfTheRound) {
  const auto ada = spawn("ada").value();
  begin();
  const auto run = begin_round(ada);
  follow();
  tt_kill(ada);
  step_until("AgentStopRequested");
  tt_restart(ada);
  look();
  look();
  EXPECT_TRUE(now(ada).stopping);
  EXPECT_EQ(world_.count("AgentRestarted"), 0U);
  end_round(run);
  make({fact::AgentStopped{ada.id, now(ada).state, "tt kill"}}, {});
  look();
  look();
  EXPECT_EQ(world_.count("AgentRestarted"), 1U);
  EXPECT_EQ(now(ada).state, State::idle);
}

TEST_F(RedisTinytownInward, ARestartWhoseLoopIsAtWorkAlreadyIsARestart) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(kill("ada"));
  begin();
  tt_restart(ada);
  rewrite(keys_.agent(ada.id),
          {{"state", "working"}, {"last_heartbeat", "2026-11-21T09:53:41.069275081+00:00"}});
  look();
  EXPECT_EQ(world_.count("AgentRestarted"), 1U);
  look();
  EXPECT_TRUE(now(ada).parked);
  EXPECT_EQ(ask({"GET", keys_.stop(ada.id)}).text, "reeve");
}

TEST_F(RedisTinytownInward, W02_ALoopThatOutlivesItsAgentIsSentAwayToo) {
  const auto ada = spawn("ada").value();
  begin();
  rewrite(keys_.agent(ada.id),
          {{"state", "working"}, {"last_heartbeat", "2026-11-21T09:53:41.069275081+00:00"}});
  look();
  ASSERT_TRUE(now(ada).parked);
  ASSERT_TRUE(kill("ada"));
  look();
  look();
  EXPECT_EQ(ask({"GET", keys_.stop(ada.id)}).text, "reeve");
  // The end of its round, and what it says when it has seen the flag.
  rewrite(keys_.agent(ada.id),
          {{"state", "idle"}, {"last_heartbeat", "2026-11-21T09:53:51.069275081+00:00"}});
  look();
  ask({"DEL", keys_.stop(ada.id)});
  tt_state(ada, "stopped");
  look();
  look();
  EXPECT_EQ(now(ada).state, State::stopped);
  EXPECT_EQ(world_.count("AgentRestarted"), 0U);
  EXPECT_EQ(state_there(ada), "stopped");
  tt_restart(ada);
  look();
  EXPECT_EQ(now(ada).state, State::idle) << "it has gone";
}

TEST_F(RedisTinytownInward, AKillOfAnAgentInARoundWaitsForItsEnd) {
  const auto ada = spawn("ada").value();
  begin();
  const auto run = begin_round(ada);
  follow();
  tt_kill(ada);
  look();
  look();
  EXPECT_TRUE(now(ada).stopping);
  EXPECT_EQ(world_.count("RunStopRequested"), 1U) << "asked once";
  end_round(run);
}

TEST_F(RedisTinytownInward, AStopFlagIsWaitedForAndThenMeansStop) {
  const auto ada = spawn("ada").value();
  begin();
  ask({"SETEX", keys_.stop(ada.id), "3600", "1"});
  look();
  EXPECT_EQ(now(ada).state, State::idle);
  pass(5s);
  EXPECT_EQ(now(ada).state, State::stopped);
}

TEST_F(RedisTinytownInward, WhatRecoverBelievesIsWrittenOver) {
  const auto ada = spawn("ada").value();
  begin();
  tt_state(ada, "stopped");
  look();
  EXPECT_EQ(now(ada).state, State::idle);
  EXPECT_EQ(state_there(ada), "idle");
  EXPECT_EQ(world_.count("AgentStopped"), 0U);
}

TEST_F(RedisTinytownInward, PruneOfAStoppedAgentLosesNoneOfItsWork) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(spawn("bob"));
  assign("ada", "write it").value();
  ASSERT_TRUE(send("ada", "and that", MessageType::task));
  ASSERT_TRUE(kill("ada"));
  begin();
  ask({"DEL", keys_.agent(ada.id)});
  ask({"DEL", keys_.inbox(ada.id)});
  look();
  EXPECT_TRUE(now(ada).pruned);
  EXPECT_EQ(origin_of("AgentPruned"), "tinytown");
  EXPECT_THAT(pending(), UnorderedElementsAre("write it", "and that"));
}

TEST_F(RedisTinytownInward, PruneOfALivingAgentIsWrittenOver) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  ASSERT_TRUE(kill("bob"));
  ASSERT_TRUE(send("ada", "fyi"));
  begin();
  for (const auto& key : {keys_.agent(ada.id), keys_.inbox(ada.id), keys_.agent(bob.id)})
    ask({"DEL", key});
  look();
  look();
  EXPECT_FALSE(now(ada).pruned);
  EXPECT_FALSE(now(bob).pruned) << "everything went: that is no pruning";
  EXPECT_EQ(state_there(ada), "idle");
  EXPECT_EQ(state_there(bob), "stopped");
  EXPECT_THAT(texts_in(keys_.inbox(ada.id)), ElementsAre("fyi"));
}

TEST_F(RedisTinytownInward, ResetEmptiesTheMirrorNotTheTown) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  ASSERT_TRUE(kill("bob"));
  const auto task = assign("ada", "write it").value();
  const auto later = add_to_backlog("later");
  begin();
  for (const auto& key : all_keys()) {
    if (key.starts_with(keys_.prefix())) ask({"DEL", key});
  }
  ASSERT_TRUE(until([&] { return world_.count("MirrorRewritten") == 1; }));
  follow();
  look();
  EXPECT_EQ(world_.count("MirrorRewritten"), 1U);
  EXPECT_FALSE(now(bob).pruned);
  EXPECT_EQ(now(task.id).state, TaskState::assigned);
  EXPECT_EQ(now(later).state, TaskState::pending);
  EXPECT_EQ(state_there(ada), "idle");
  EXPECT_EQ(state_there(bob), "stopped");
}

TEST_F(RedisTinytownInward, W05_ALoopOnOneOfOursParksItAndTakesNothingFromUs) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(send("ada", "do it", MessageType::task));
  begin();
  ask({"LPOP", keys_.inbox(ada.id)});
  rewrite(keys_.agent(ada.id),
          {{"state", "working"}, {"last_heartbeat", "2026-11-21T09:53:41.069275081+00:00"}});
  look();
  ASSERT_TRUE(now(ada).parked);
  EXPECT_EQ(now(ada).parked->code, kLoopCode);
  EXPECT_EQ(origin_of("AgentParked"), "tinytown");
  EXPECT_EQ(ask({"GET", keys_.stop(ada.id)}).text, "reeve");
  EXPECT_THAT(texts("ada"), ElementsAre("do it"));
  look();
  EXPECT_EQ(world_.count("AgentParked"), 1U);
  EXPECT_EQ(now(ada).state, State::idle);

  // It has read the flag and leaves.
  ask({"DEL", keys_.stop(ada.id)});
  tt_state(ada, "stopped");
  look();
  look();
  EXPECT_FALSE(now(ada).parked);
  EXPECT_EQ(now(ada).state, State::idle);
  EXPECT_EQ(state_there(ada), "idle");
  EXPECT_THAT(texts_in(keys_.inbox(ada.id)), ElementsAre("do it"));
}

TEST_F(RedisTinytownInward, AnAgentOfTinytownsIsAdoptedOnlyWhenAsked) {
  begin();
  const AgentId zed(world_.env.uuid4());
  const auto fresh = hash_text(moment_of(world_.env.now()));
  ask({"HSET", keys_.agent(zed), "id", zed.str(), "name", "zed", "state", "idle", "cli", "worker",
       "last_heartbeat", fresh});
  tt_send(zed, MessageType::task, "do it");
  look();
  EXPECT_EQ(world_.count("AgentSpawned"), 0U);

  const auto adopt = [&](const std::string& name, bool force = false) {
    api::AdoptRequest request;
    request.agent = name;
    request.force = force;
    return world_.await(inward_->adopt(Caller{}, request));
  };
  EXPECT_EQ(town::code_of(adopt("nobody")), Errc::not_found);
  EXPECT_EQ(town::code_of(adopt("zed")), Errc::conflict) << "its loop";
  tt_kill(Agent{.id = zed});
  const auto adopted = adopt("Zed");
  ASSERT_TRUE(adopted) << adopted.error().message();
  EXPECT_EQ(adopted->id, zed);
  look();
  EXPECT_THAT(texts("zed"), ElementsAre("do it"));
  EXPECT_EQ(hash(keys_.agent(zed))["reeve_owner"], world_.store.log().id.str());
  EXPECT_EQ(hash(keys_.agent(zed))["state"], "idle");
  pass(10s);
  EXPECT_EQ(now(*adopted).state, State::idle) << "the flag that killed its loop went";
  EXPECT_EQ(town::code_of(adopt("zed")), Errc::not_found) << "ours already";
}

}  // namespace
}  // namespace reeve::doors::tinytown
