// Tasks and the rounds that carry them: put aside, waited for, called off, claimed.

#include <gtest/gtest.h>

#include "town/task_test_support.h"

namespace reeve::town {
namespace {

class TownLoopTasks : public TaskRounds {};

INSTANTIATE_TEST_SUITE_P(, TownLoopTasks, ::testing::Values(Backend::memory, Backend::sqlite),
                         run::testing::name_of);

TEST_P(TownLoopTasks, TransitionsOfALifecycleWithAgent) {
  const auto task = add({.text = "paint"});
  EXPECT_EQ(state_of(task), TaskState::pending);
  const auto ada = spawn("ada");
  supervisor_->hold();
  ASSERT_TRUE(world_.await(
      claim_task(ground_, Caller{}, task.id.str(), std::optional<std::string>("ada"))));
  EXPECT_EQ(state_of(task), TaskState::assigned);
  stop_daemon();
  start_daemon();
  ASSERT_TRUE(until_rounds(1));
  EXPECT_EQ(state_of(task), TaskState::running);
  EXPECT_EQ(now(ada).current_task, task.id);
  EXPECT_EQ(now(task).attempts, 1);
  end_round(0, "painted");
  EXPECT_EQ(state_of(task), TaskState::completed);
  EXPECT_TRUE(now(task).started_at && now(task).ended_at);
  EXPECT_EQ(now(ada).tasks_completed, 1);
}

TEST_P(TownLoopTasks, WorkflowWithTwoInboxMessages) {
  const auto ada = spawn("ada");
  supervisor_->hold();
  const auto first = assign(ada, "door");
  const auto second = assign(ada, "roof");
  EXPECT_EQ(queue(inbox_queue(ada.id)).size(), 2U);
  stop_daemon();
  start_daemon();
  for (const auto& task : {first, second}) {
    ASSERT_TRUE(until_rounds(task.id == first.id ? 1 : 2));
    EXPECT_EQ(now(ada).current_task, task.id);
    end_round(0);
    EXPECT_EQ(state_of(task), TaskState::completed);
  }
  EXPECT_TRUE(queue(inbox_queue(ada.id)).empty());
}

// --- A task in hand, and the next one

TEST_P(TownLoopTasks, W24_AnUnfinishedTaskIsPutAsideForTheNextOneAndComesBack) {
  const auto ada = spawn("ada");
  const auto first = assign(ada, "paint the door");
  const auto second = assign(ada, "paint the roof");
  ASSERT_TRUE(until_rounds(1));
  report(first, Report::progress, "one side", inside(ada));
  end_round(0);
  ASSERT_TRUE(until_rounds(2));
  EXPECT_EQ(now(ada).current_task, second.id);
  EXPECT_EQ(state_of(first), TaskState::assigned);
  EXPECT_TRUE(prompt().contains("roof"));
  EXPECT_EQ(world_.fact<fact::TaskReturned>("TaskReturned").task, first.id);
  end_round(0, "the roof is red");
  world_.env.advance(2s);
  ASSERT_TRUE(until_rounds(3)) << "the first one again";
  EXPECT_EQ(state_of(second), TaskState::completed);
  EXPECT_TRUE(prompt().contains("paint the door"));
  EXPECT_TRUE(prompt().contains("You reported before: one side"));
  end_round(0, "both sides");
  EXPECT_EQ(state_of(first), TaskState::completed);
  expect_no_more_rounds_than(3);
}

TEST_P(TownLoopTasks, TwoUnfinishedTasksTakeTurnsWithPausesThatGrow) {
  const auto ada = spawn("ada", Completes::report);
  const auto first = assign(ada, "door");
  const auto second = assign(ada, "roof");
  ASSERT_TRUE(until_rounds(1));
  end_round(0);
  ASSERT_TRUE(until_rounds(2)) << "the other one waits for no pause";
  EXPECT_EQ(now(ada).current_task, second.id);
  end_round(0);
  std::size_t rounds = 2;
  for (const auto pause : {2s, 4s, 8s}) {
    pass(pause - 500ms, 500ms);
    EXPECT_EQ(world_.machine.started(), rounds) << "each time twice as long";
    world_.env.advance(500ms);
    for (const auto& task : {first, second}) {
      ASSERT_TRUE(until_rounds(++rounds));
      EXPECT_EQ(now(ada).current_task, task.id);
      end_round(0);
    }
  }
  report(second, Report::complete, "");
  pass(16s);
  ASSERT_TRUE(until_rounds(rounds + 1));
  EXPECT_EQ(now(ada).current_task, first.id);
  report(first, Report::complete, "", inside(ada));
  end_round(0);
  expect_no_more_rounds_than(rounds + 1);
}

TEST_P(TownLoopTasks, AnAgentTakesAnotherOfItsTasksInHand) {
  const auto ada = spawn("ada");
  const auto first = assign(ada, "door");
  const auto second = assign(ada, "roof");
  ASSERT_TRUE(until_rounds(1));
  const auto bob = spawn("bob");
  EXPECT_EQ(code_of(start(second, inside(bob))), Errc::denied);
  ASSERT_TRUE(start(second, inside(ada)));
  EXPECT_EQ(now(ada).current_task, second.id);
  EXPECT_EQ(state_of(first), TaskState::assigned);
  EXPECT_EQ(now(second).run, world_.machine.run_at());
  end_round(0, "the roof is red");
  EXPECT_EQ(now(second).result, "the roof is red\n") << "what it worked on last is done";
  ASSERT_TRUE(until_rounds(2));
  EXPECT_EQ(now(ada).current_task, first.id);
  end_round(0, "the door is red");
  EXPECT_EQ(now(first).result, "the door is red\n");
  expect_no_more_rounds_than(2);
}

TEST_P(TownLoopTasks, ATaskThatWasStartedInARoundThatFailsIsTriedAgain) {
  const auto ada = spawn("ada");
  const auto first = assign(ada, "door");
  const auto second = assign(ada, "roof");
  ASSERT_TRUE(until_rounds(1));
  ASSERT_TRUE(start(second, inside(ada)));
  ASSERT_TRUE(start(first, inside(ada)));  // and back again
  ASSERT_TRUE(start(second, inside(ada)));
  EXPECT_EQ(code_of(start(reeve::Task(first), Caller{})), Errc::denied);
  end_round(1);
  std::size_t rounds = 1;
  for (; state_of(first) != TaskState::completed || state_of(second) != TaskState::completed;) {
    world_.env.advance(60s);
    ASSERT_TRUE(until_rounds(++rounds));
    end_round(0, "done");
    ASSERT_LT(rounds, 5U);
  }
  EXPECT_EQ(rounds, 3U);
}

// --- Tasks that come after others

TEST_P(TownLoopTasks, ATaskWaitsInTheInboxUntilWhatItComesAfterIsCompleted) {
  const auto ada = spawn("ada");
  const auto bob = spawn("bob");
  const auto first = assign(ada, "build");
  const auto second = give(bob, {.text = "test", .after = {first.id.str()}});
  ASSERT_TRUE(until_rounds(1));
  EXPECT_EQ(world_.machine.process().spec.env.at("REEVE_AGENT"), "ada");
  expect_no_more_rounds_than(1);
  EXPECT_EQ(state_of(second), TaskState::assigned);
  // Other work is not held up by it.
  const auto other = assign(bob, "sweep");
  ASSERT_TRUE(until_rounds(2));
  EXPECT_EQ(now(bob).current_task, other.id);
  world_.machine.exit(0, 1);
  ASSERT_TRUE(world_.until([&] { return runs_->running() == 1; }));
  world_.machine.exit(0, 0);
  ASSERT_TRUE(until_rounds(3)) << "bob is woken by the completion of ada's";
  EXPECT_EQ(now(bob).current_task, second.id);
  end_round(0);
}

TEST_P(TownLoopTasks, AFailedTaskKeepsWhatComesAfterWaitingAndARetryHealsIt) {
  const auto ada = spawn("ada");
  const auto bob = spawn("bob");
  const auto first = assign(ada, "build");
  const auto second = give(bob, {.text = "test", .after = {first.id.str()}});
  ASSERT_TRUE(until_rounds(1));
  report(first, Report::fail, "no compiler", inside(ada));
  end_round(0);
  expect_no_more_rounds_than(1);
  const auto view = world_.await(show_task(ground_, second.id.str())).value();
  ASSERT_EQ(view.waits_for.size(), 1U);
  EXPECT_EQ(view.waits_for[0].state, TaskState::failed);
  ASSERT_TRUE(retry(first));
  ASSERT_TRUE(until_rounds(2));
  end_round(0);
  ASSERT_TRUE(until_rounds(3));
  EXPECT_EQ(now(bob).current_task, second.id);
  end_round(0);
}

TEST_P(TownLoopTasks, ATaskThatWaitsForOthersIsNotStartedInARoundEither) {
  const auto ada = spawn("ada");
  const auto first = assign(ada, "build");
  const auto second = give(ada, {.text = "test", .after = {first.id.str()}});
  ASSERT_TRUE(until_rounds(1));
  EXPECT_EQ(code_of(start(second, inside(ada))), Errc::conflict);
  end_round(0);
  ASSERT_TRUE(until_rounds(2));
  EXPECT_EQ(now(ada).current_task, second.id);
  end_round(0);
}

// --- Called off and taken back while they are worked on

TEST_P(TownLoopTasks, W58_ACancelledTaskStopsTheRoundThatCarriesItAndIsNotDoneLater) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  const auto waiting = assign(ada, "sweep");
  ASSERT_TRUE(until_rounds(1));
  ASSERT_TRUE(cancel(task));
  ASSERT_TRUE(until_stopping());
  end_round(0, "painted after all");
  EXPECT_EQ(state_of(task), TaskState::cancelled);
  EXPECT_EQ(world_.count("RunCancelled"), 1U);
  EXPECT_EQ(world_.count("TaskCompleted"), 0U);
  ASSERT_TRUE(until_rounds(2));
  EXPECT_EQ(now(ada).current_task, waiting.id);
  end_round(0);
  expect_no_more_rounds_than(2);
}

TEST_P(TownLoopTasks, ATaskInHandWithoutARoundIsCancelled) {
  const auto ada = spawn("ada", Completes::report);
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  end_round(0);
  ASSERT_TRUE(cancel(task));
  EXPECT_EQ(now(ada).current_task, std::nullopt);
  expect_no_more_rounds_than(1);
}

TEST_P(TownLoopTasks, RequeueFromRunningStopsTheRoundAndAnotherAgentGoesOn) {
  const auto ada = spawn("ada");
  const auto bob = spawn("bob");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  ASSERT_TRUE(requeue(task));
  ASSERT_TRUE(until_stopping());
  ASSERT_TRUE(world_.await(
      claim_task(ground_, Caller{}, task.id.str(), std::optional<std::string>("bob"))));
  ASSERT_TRUE(until_rounds(2));
  EXPECT_EQ(now(bob).current_task, task.id);
  world_.machine.exit(0, 0);
  ASSERT_TRUE(world_.until([&] { return runs_->running() == 1; }));
  world_.quiet();
  EXPECT_EQ(state_of(task), TaskState::running) << "the old round has no say in it";
  EXPECT_EQ(now(task).agent, bob.id);
  end_round(0, "painted");
  EXPECT_EQ(now(task).result, "painted\n");
  expect_no_more_rounds_than(2);
}

TEST_P(TownLoopTasks, AnAgentThatGivesItsTaskBackEndsItsRoundInPeace) {
  const auto ada = claimer("ada");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  ASSERT_TRUE(requeue(task, inside(ada)));
  world_.quiet();
  EXPECT_TRUE(world_.machine.process().stops.empty());
  end_round(0, "not for me");
  EXPECT_EQ(state_of(task), TaskState::pending);
  EXPECT_EQ(world_.count("RunCompleted"), 1U);
  expect_no_more_rounds_than(1);  // nor does it claim again what it gave back
}

// --- Told of the end

TEST_P(TownLoopTasks, WhoeverGaveATaskIsToldOfItsEndByItsRoundOrItsDeadLetter) {
  const auto ada = spawn("ada");
  give(ada, {.text = "paint", .notify = true});
  ASSERT_TRUE(until_rounds(1));
  end_round(0, "painted");
  auto mail = world_.await(inbox(ground_, "supervisor")).value().messages;
  ASSERT_EQ(mail.size(), 1U);
  EXPECT_EQ(mail[0].type, MessageType::task_done);
  EXPECT_TRUE(mail[0].text.contains("painted"));
  give(ada, {.text = "sweep", .notify = true});
  for (std::size_t round = 2; round <= 4; ++round) {
    ASSERT_TRUE(until_rounds(round));
    end_round(1);
    world_.env.advance(60s);
  }
  mail = world_.await(inbox(ground_, "supervisor")).value().messages;
  ASSERT_EQ(mail.size(), 2U);
  EXPECT_EQ(mail[1].type, MessageType::task_failed);
}

TEST_P(TownLoopTasks, TheNewsOfATaskIsReadByTheAgentThatGaveItAndBringsNoTask) {
  const auto ada = spawn("ada");
  const auto bob = spawn("bob");
  assign(ada, "lead");
  ASSERT_TRUE(until_rounds(1));
  const auto task = give(bob, {.text = "sweep", .notify = true}, inside(ada));
  world_.machine.exit(0);
  ASSERT_TRUE(world_.until([&] { return world_.machine.started() == 2; }));
  world_.quiet();
  end_round(0, "swept");
  ASSERT_TRUE(until_rounds(3));
  EXPECT_TRUE(prompt().contains("bob says that a task is done")) << prompt();
  EXPECT_FALSE(prompt().contains("# Your task"));
  EXPECT_EQ(now(task).attempts, 1);
  end_round(0);
  expect_no_more_rounds_than(3);
}

TEST_P(TownLoopTasks, ADeadLetterOfARetriedTaskIsCleared) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  for (std::size_t round = 1; round <= 3; ++round) {
    ASSERT_TRUE(until_rounds(round));
    end_round(1);
    world_.env.advance(60s);
    world_.quiet();
  }
  ASSERT_EQ(state_of(task), TaskState::failed);
  ASSERT_EQ(queue(dead_queue(ada.id)).size(), 1U);
  ASSERT_TRUE(retry(task));
  EXPECT_TRUE(queue(dead_queue(ada.id)).empty());
  ASSERT_TRUE(until_rounds(4));
  end_round(0, "painted");
  EXPECT_EQ(state_of(task), TaskState::completed);
  EXPECT_EQ(now(task).attempts, 4);
}

// --- Idle agents claim

TEST_P(TownLoopTasks, W23_AnIdleAgentClaimsFromTheBacklogByItself) {
  const auto ada = claimer("ada");
  const auto bob = spawn("bob");  // does not claim
  world_.quiet();
  const auto task = add({.text = "paint"});
  ASSERT_TRUE(until_rounds(1)) << "woken by the task";
  EXPECT_EQ(now(task).agent, ada.id);
  const auto next = add({.text = "sweep"});
  world_.quiet();
  EXPECT_EQ(state_of(next), TaskState::pending) << "it has something to do";
  end_round(0);
  ASSERT_TRUE(until_rounds(2)) << "woken by becoming idle";
  EXPECT_EQ(now(next).agent, ada.id);
  end_round(0);
  expect_no_more_rounds_than(2);
  EXPECT_EQ(now(bob).rounds_completed, 0);
}

TEST_P(TownLoopTasks, AnAgentClaimsWhatSuitsItsRoleAndWaitsForNothing) {
  const auto backend = claimer("backend");
  const auto ui = add({.text = "mend it", .tags = {"ui"}});
  const auto api = add({.text = "mend the API", .after = {ui.id.str()}});
  expect_no_more_rounds_than(0);
  report(ui, Report::complete, "I did it");
  ASSERT_TRUE(until_rounds(1)) << "what waited for nothing any more wakes whoever claims";
  EXPECT_EQ(now(api).agent, backend.id);
  end_round(0);
}

TEST_P(TownLoopTasks, AnAgentWhoseTaskFailsForNowClaimsNoOther) {
  const auto ada = claimer("ada");
  assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  end_round(1);
  const auto other = add({.text = "sweep"});
  world_.quiet();
  EXPECT_EQ(state_of(other), TaskState::pending);
  world_.env.advance(2s);
  ASSERT_TRUE(until_rounds(2));
  end_round(0);
  ASSERT_TRUE(until_rounds(3));
  EXPECT_EQ(now(other).agent, ada.id);
  end_round(0);
}

TEST_P(TownLoopTasks, OneTaskIsClaimedByOneOfManyAndALaterDaemonClaimsToo) {
  std::vector<Agent> all;
  for (const char* name : {"ada", "bob", "cyd"}) all.push_back(claimer(name));
  world_.quiet();
  stop_daemon();
  add({.text = "paint"});
  start_daemon();
  ASSERT_TRUE(until_rounds(1));
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 1U);
  EXPECT_EQ(world_.count("TaskAssigned"), 1U);
  end_round(0);
  expect_no_more_rounds_than(1);
}

TEST_P(TownLoopTasks, WhoIsWokenIsLookedUpAgainAfterTroubleWithTheStore) {
  const auto ada = claimer("ada");
  world_.quiet();
  add({.text = "paint"});
  world_.store.down = true;
  world_.settle();
  world_.store.down = false;
  world_.env.advance(2s);
  ASSERT_TRUE(until_rounds(1));
  EXPECT_TRUE(now(ada).current_task);
  end_round(0);
}

}  // namespace
}  // namespace reeve::town
