#include "town/supervisor.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "town/testing.h"

namespace reeve::town {
namespace {

class SupervisorTest : public DaemonTest {
 protected:
  using DaemonTest::DaemonTest;
};

INSTANTIATE_TEST_SUITE_P(, SupervisorTest, ::testing::Values(Backend::memory, Backend::sqlite),
                         run::testing::name_of);

TEST_P(SupervisorTest, SuccessAcknowledgesTheMessagesAndCompletesTheTask) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint the door");
  ASSERT_TRUE(until_rounds(1));
  EXPECT_EQ(state_of(task), TaskState::running);
  EXPECT_TRUE(world_.machine.process().stdin_text.contains("paint the door"));
  EXPECT_EQ(world_.machine.process().spec.env.at("REEVE_TASK"), task.id.str());
  ASSERT_EQ(queue(inbox_queue(ada.id)).size(), 1U);
  EXPECT_EQ(queue(inbox_queue(ada.id))[0].lease, world_.machine.run_at().str());

  end_round(0, "painted");
  EXPECT_EQ(state_of(task), TaskState::completed);
  EXPECT_EQ(world_.get<reeve::Task>(task.id).result, "painted\n");
  EXPECT_TRUE(queue(inbox_queue(ada.id)).empty());
  const auto agent = world_.get<Agent>(ada.id);
  EXPECT_EQ(agent.state, AgentState::idle);
  EXPECT_EQ(agent.tasks_completed, 1);
  EXPECT_EQ(agent.current_task, std::nullopt);
  // All of the end is one commit: nothing stands between its events.
  const auto kinds = world_.kinds();
  EXPECT_EQ(kinds[kinds.size() - 2], "TaskCompleted");
  EXPECT_EQ(kinds.back(), "RunCompleted");
}

TEST_P(SupervisorTest, FailureGivesBackWithOneAttemptMoreAfterAWhile) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  end_round(1);
  EXPECT_EQ(state_of(task), TaskState::assigned);
  auto waiting = queue(inbox_queue(ada.id));
  ASSERT_EQ(waiting.size(), 1U);
  EXPECT_EQ(waiting[0].attempt, 1);
  EXPECT_TRUE(waiting[0].lease.empty());
  EXPECT_GE(waiting[0].not_before, world_.env.now() + 1500ms);
  EXPECT_LE(waiting[0].not_before, world_.env.now() + 2s);
  EXPECT_EQ(world_.get<Agent>(ada.id).failures_in_a_row, 1);

  world_.env.advance(1s);
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 1U);
  world_.env.advance(1s);
  ASSERT_TRUE(until_rounds(2));
  end_round(1);
  EXPECT_GE(queue(inbox_queue(ada.id))[0].not_before, world_.env.now() + 3s);
  EXPECT_LE(queue(inbox_queue(ada.id))[0].not_before, world_.env.now() + 4s);
  world_.env.advance(4s);
  ASSERT_TRUE(until_rounds(3));
  end_round(0, "painted");
  EXPECT_EQ(state_of(task), TaskState::completed);
  EXPECT_EQ(world_.get<Agent>(ada.id).failures_in_a_row, 0);
}

TEST_P(SupervisorTest, AfterTheLastAttemptItIsADeadLetterAndSeen) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  for (std::size_t round = 1; round <= 3; ++round) {
    ASSERT_TRUE(until_rounds(round));
    world_.machine.err("out of paint\n");
    end_round(1);
    world_.env.advance(60s);
    world_.quiet();
  }
  EXPECT_EQ(world_.machine.started(), 3U);
  EXPECT_TRUE(queue(inbox_queue(ada.id)).empty());
  ASSERT_EQ(queue(dead_queue(ada.id)).size(), 1U);
  EXPECT_EQ(queue(dead_queue(ada.id))[0].attempt, 3);
  EXPECT_EQ(state_of(task), TaskState::failed);
  EXPECT_TRUE(world_.get<reeve::Task>(task.id).result->contains("out of paint"));
  EXPECT_TRUE(world_.get<Agent>(ada.id).attention->contains("failed 3 times"));
  const auto view = world_.await(inbox(ground_, "ada")).value();
  ASSERT_EQ(view.dead.size(), 1U);
  EXPECT_EQ(view.dead[0].state, MessageState::dead);
  EXPECT_EQ(world_.count("MessageDeadLettered"), 1U);
}

TEST_P(SupervisorTest, ACliThatCannotBeStartedIsNotTriedForEver) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  proc::Exit exit;
  exit.spawn_error = proc::SpawnError{"not_found", "no program worker"};
  world_.machine.process().state.claim->child.reset();
  world_.machine.end(exit);
  ASSERT_TRUE(world_.until_event("RunFailed"));
  world_.quiet();
  world_.env.advance(3600s);
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 1U);
  const auto agent = world_.get<Agent>(ada.id);
  EXPECT_EQ(agent.state, AgentState::error);
  EXPECT_TRUE(agent.attention->contains("no program worker")) << *agent.attention;
  EXPECT_TRUE(agent.attention->contains("reeve restart ada")) << *agent.attention;
  // Nothing of it is the task's fault: it is there for the restart.
  EXPECT_EQ(state_of(task), TaskState::assigned);
  ASSERT_EQ(queue(inbox_queue(ada.id)).size(), 1U);
  EXPECT_EQ(queue(inbox_queue(ada.id))[0].attempt, 0);
  ASSERT_TRUE(
      world_.commit({fact::AgentRestarted{ada.id, AgentState::error, "mended", {}, false}}));
  ASSERT_TRUE(until_rounds(2));
  end_round(0);
  EXPECT_EQ(state_of(task), TaskState::completed);
}

TEST_P(SupervisorTest, ACancelGivesBackUnchanged) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  ASSERT_TRUE(world_.commit({fact::RunStopRequested{world_.machine.run_at(), ada.id, "wait"}}));
  ASSERT_TRUE(world_.until([&] { return !world_.machine.process().stops.empty(); }));
  world_.machine.exit(0);
  ASSERT_TRUE(until_rounds(2)) << "the agent goes on with it at once";
  EXPECT_EQ(world_.count("RunCancelled"), 1U);
  EXPECT_EQ(queue(inbox_queue(ada.id))[0].attempt, 0);
  const auto messages = world_.fact<fact::MessagesReturned>("MessagesReturned");
  EXPECT_FALSE(messages.counted);
  EXPECT_EQ(state_of(task), TaskState::running);
}

TEST_P(SupervisorTest, ARoundCarriesOneTask) {
  const auto ada = spawn("ada");
  const auto first = assign(ada, "paint the door");
  const auto second = assign(ada, "paint the roof");
  ASSERT_TRUE(until_rounds(1));
  EXPECT_FALSE(world_.machine.process().stdin_text.contains("roof"));
  EXPECT_EQ(state_of(second), TaskState::assigned);
  end_round(0);
  ASSERT_TRUE(until_rounds(2));
  EXPECT_EQ(state_of(first), TaskState::completed);
  EXPECT_TRUE(world_.machine.process().stdin_text.contains("roof"));
  EXPECT_FALSE(world_.machine.process().stdin_text.contains("door"));
}

TEST_P(SupervisorTest, ATaskThatEndedWhileItWaitedCostsNoRound) {
  const auto ada = spawn("ada");
  const auto first = assign(ada, "paint the door");
  const auto second = assign(ada, "paint the roof");
  ASSERT_TRUE(until_rounds(1));
  report(second, Report::complete, "I did it myself");
  end_round(0);
  ASSERT_TRUE(world_.until_event("MessagesHandled"));
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 1U);
  EXPECT_TRUE(queue(inbox_queue(ada.id)).empty());
  const auto handled = world_.fact<fact::MessagesHandled>("MessagesHandled");
  ASSERT_EQ(handled.messages.size(), 1U);
  EXPECT_EQ(world_.get<Message>(handled.messages[0]).state, MessageState::handled);
  EXPECT_EQ(world_.get<reeve::Task>(second.id).result, "I did it myself");
  EXPECT_EQ(world_.await(wait_agent(ground_, "ada")).value().state, "idle");
}

TEST_P(SupervisorTest, WhatWaitsBesideATaskThatEndedHasItsRound) {
  const auto ada = spawn("ada");
  assign(ada, "paint the door");
  const auto second = assign(ada, "paint the roof");
  const auto third = assign(ada, "paint the wall");
  ASSERT_TRUE(until_rounds(1));
  report(second, Report::fail, "no roof");
  end_round(0);
  ASSERT_TRUE(until_rounds(2));
  EXPECT_EQ(state_of(third), TaskState::running);
  EXPECT_FALSE(world_.machine.process().stdin_text.contains("roof"));
  EXPECT_EQ(queue(inbox_queue(ada.id)).size(), 1U);
}

TEST_P(SupervisorTest, ATaskThatEndsWhileItsMessagePausesCostsNoRoundEither) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  end_round(1);
  report(task, Report::complete, "I did it myself");
  ASSERT_TRUE(world_.until([&] { return queue(inbox_queue(ada.id)).empty(); }));
  world_.env.advance(60s);
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 1U);
}

TEST_P(SupervisorTest, ATaskThatEndsJustBeforeItsRoundBeginsIsNotBegunAgain) {
  const auto ada = spawn("ada");
  world_.quiet();
  world_.store.ready_throws = true;  // the supervisor's own look comes to nothing
  const auto task = assign(ada, "paint");
  world_.quiet();
  ASSERT_EQ(world_.machine.started(), 0U);
  run::RunRequest request;
  request.agent = world_.get<Agent>(ada.id);
  request.task = task.id;
  request.prompt = "x";
  report(task, Report::complete, "done");
  EXPECT_EQ(code_of(world_.await(runs_->start(std::move(request)))), Errc::conflict);
  EXPECT_EQ(state_of(task), TaskState::completed);
}

TEST_P(SupervisorTest, ATaskBehindManyMessagesHasItsRound) {
  const auto ada = spawn("ada");
  flood(ada);
  EXPECT_EQ(world_.machine.started(), 0U);
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  EXPECT_EQ(state_of(task), TaskState::running);
  EXPECT_TRUE(world_.machine.process().stdin_text.contains("fyi"));
  end_round(1);
  // Its pause ends behind all of them, too.
  world_.env.advance(2s);
  ASSERT_TRUE(until_rounds(2));
}

TEST_P(SupervisorTest, WhatIsForKnowledgeWaitsForARound) {
  const auto ada = spawn("ada");
  send("ada", "lunch at noon", MessageType::informational);
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 0U);
  send("ada", "which branch?", MessageType::query);
  ASSERT_TRUE(until_rounds(1));
  EXPECT_TRUE(world_.machine.process().stdin_text.contains("lunch at noon"));
  EXPECT_TRUE(world_.machine.process().stdin_text.contains("which branch?"));
  end_round(0);
  EXPECT_TRUE(queue(inbox_queue(ada.id)).empty());
}

TEST_P(SupervisorTest, AReportedTaskKeepsItsReport) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  report(task, Report::complete, "painted red", inside(ada));
  end_round(0, "bye");
  EXPECT_EQ(world_.get<reeve::Task>(task.id).result, "painted red");
  EXPECT_EQ(world_.count("TaskCompleted"), 1U);
}

TEST_P(SupervisorTest, AReportedTaskIsDoneWhateverBecomesOfTheRound) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  report(task, Report::complete, "painted", inside(ada));
  end_round(1);
  EXPECT_EQ(state_of(task), TaskState::completed);
  EXPECT_TRUE(queue(inbox_queue(ada.id)).empty());
  world_.env.advance(60s);
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 1U);
}

TEST_P(SupervisorTest, ATaskGoesOnAfterARoundThatReportedProgress) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  report(task, Report::progress, "one door of two", inside(ada));
  end_round(0, "more tomorrow");
  EXPECT_EQ(state_of(task), TaskState::running);
  EXPECT_EQ(world_.get<Agent>(ada.id).current_task, task.id);
  send("ada", "go on", MessageType::task);
  ASSERT_TRUE(until_rounds(2));
  EXPECT_TRUE(world_.machine.process().stdin_text.contains("You reported before: one door of two"));
  end_round(0, "both doors");
  EXPECT_EQ(state_of(task), TaskState::completed);
}

TEST_P(SupervisorTest, ATaskGoesOnAfterARoundThatAskedSomebody) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  send("supervisor", "which colour?", MessageType::query, inside(ada));
  end_round(0, "I asked");
  EXPECT_EQ(state_of(task), TaskState::running);
  send("ada", "red", MessageType::task);
  ASSERT_TRUE(until_rounds(2));
  EXPECT_TRUE(world_.machine.process().stdin_text.contains("paint"));
  send("supervisor", "red it is", MessageType::informational, inside(ada));
  end_round(0, "painted red");
  EXPECT_EQ(state_of(task), TaskState::completed);
}

TEST_P(SupervisorTest, AnAgentThatCompletesByReportOnlyIsTakenAtItsWord) {
  const auto ada = spawn("ada", Completes::report);
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  end_round(0, "painted?");
  EXPECT_EQ(state_of(task), TaskState::running);
  report(task, Report::complete, "painted");
  EXPECT_EQ(state_of(task), TaskState::completed);
}

TEST_P(SupervisorTest, AKilledAgentStopsWhenItsRunHasEnded) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  const auto asked = kill(ada);
  EXPECT_EQ(asked.state, AgentState::working);
  EXPECT_TRUE(asked.stopping);
  ASSERT_TRUE(world_.until([&] { return !world_.machine.process().stops.empty(); }));
  end_round(0, "painted after all");
  const auto agent = world_.get<Agent>(ada.id);
  EXPECT_EQ(agent.state, AgentState::stopped);
  EXPECT_EQ(agent.stopping, std::nullopt);
  EXPECT_EQ(world_.count("RunCancelled"), 1U);
  EXPECT_EQ(world_.count("AgentStopped"), 1U);
  EXPECT_EQ(state_of(task), TaskState::assigned);
  EXPECT_EQ(queue(inbox_queue(ada.id)).size(), 1U);
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 1U);
}

TEST_P(SupervisorTest, AnAgentThatIsKilledWhileItsRoundStartsStops) {
  const auto ada = spawn("ada");
  world_.machine.hold = true;
  assign(ada, "paint");
  ASSERT_TRUE(world_.until([&] { return world_.machine.held() == 1; }));
  EXPECT_EQ(kill(ada).state, AgentState::working);
  world_.quiet();
  world_.machine.release();
  ASSERT_TRUE(world_.until(
      [&] { return world_.machine.started() == 1 && !world_.machine.process().stops.empty(); }));
  end_round(0);
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::stopped);
  EXPECT_EQ(world_.count("RunCancelled"), 1U);
}

TEST_P(SupervisorTest, AnAgentThatIsKilledWithItsAssignmentHasNoRound) {
  const auto ada = spawn("ada");
  // Both are committed before the supervisor looks: one order or the other, never a lost run.
  aio::TaskGroup group(world_.loop.get_executor());
  const auto both = [](Ground ground, std::string name) -> Async<> {
    api::AssignRequest request;
    request.text = "paint";
    static_cast<void>(co_await town::assign(ground, Caller{}, name, std::move(request)));
    static_cast<void>(co_await town::kill(ground, Caller{}, name, ""));
  };
  group.spawn("both", both(ground_, "ada"));
  world_.await(group.join());
  world_.quiet();
  if (world_.machine.started() > 0 && runs_->running() > 0) {
    ASSERT_TRUE(world_.until([&] { return !world_.machine.process().stops.empty(); }));
    end_round(0);
  }
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::stopped);
  EXPECT_EQ(world_.get<Agent>(ada.id).current_run, std::nullopt);
}

TEST_P(SupervisorTest, ALaterDaemonGoesOnWithWhatWaits) {
  const auto ada = spawn("ada");
  supervisor_->hold();
  const auto task = assign(ada, "paint");
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 0U);
  stop_daemon();
  start_daemon();
  ASSERT_TRUE(until_rounds(1));
  stop_daemon();
  world_.machine.out("painted\n");
  world_.machine.exit(0);
  start_daemon();
  ASSERT_TRUE(world_.until_event("RunCompleted"));
  EXPECT_EQ(state_of(task), TaskState::completed);
}

TEST_P(SupervisorTest, ABackOffIsKeptByALaterDaemon) {
  const auto ada = spawn("ada");
  assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  end_round(1);
  stop_daemon();
  start_daemon();
  EXPECT_EQ(world_.machine.started(), 1U);
  world_.env.advance(2s);
  ASSERT_TRUE(until_rounds(2));
}

TEST_P(SupervisorTest, HeldBackNothingBeginsNotEvenWhatWasAboutTo) {
  const auto ada = spawn("ada");
  supervisor_->hold();
  run::RunRequest request;
  request.agent = ada;
  request.prompt = "x";
  EXPECT_EQ(code_of(world_.await(runs_->start(std::move(request)))), Errc::unavailable);
}

TEST_P(SupervisorTest, ABrokenInvariantOfOneAgentIsNotTheEndOfAll) {
  const auto ada = spawn("ada");
  world_.quiet();
  world_.store.ready_throws = true;
  assign(ada, "paint");
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 0U);
  const auto bob = spawn("bob");
  assign(bob, "paint");
  ASSERT_TRUE(until_rounds(1));
  EXPECT_EQ(world_.machine.process().spec.env.at("REEVE_AGENT"), "bob");
  world_.env.advance(2s);
  ASSERT_TRUE(until_rounds(2));
}

TEST_P(SupervisorTest, AnAgentThatLostARaceGoesBehindTheOthers) {
  const auto ada = spawn("ada");
  const auto bob = spawn("bob");
  supervisor_->hold();
  assign(ada, "paint");
  assign(bob, "paint");
  stop_daemon();
  // The lower id is looked at first, and its start loses.
  world_.store.next = {{Errc::conflict, false}};
  start_daemon();
  ASSERT_TRUE(world_.until([&] { return world_.machine.started() == 2; }));
  EXPECT_TRUE(world_.store.next.empty());
  EXPECT_EQ(world_.machine.process(0).spec.env.at("REEVE_AGENT"), ada.id < bob.id ? "bob" : "ada");
  EXPECT_EQ(world_.machine.process(1).spec.env.at("REEVE_AGENT"), ada.id < bob.id ? "ada" : "bob");
}

TEST_P(SupervisorTest, AStartThatTheStoreRefusesIsTriedAgainLater) {
  const auto ada = spawn("ada");
  const auto task = [&] {
    api::AssignRequest request;
    request.text = "paint";
    return request;
  }();
  // The assignment goes in, the start's commit does not.
  aio::TaskGroup group(world_.loop.get_executor());
  const auto ask = [](Ground ground, World& world, api::AssignRequest request) -> Async<> {
    EXPECT_TRUE(co_await town::assign(ground, Caller{}, "ada", std::move(request)));
    world.store.next = {{Errc::storage_full, false}};
  };
  group.spawn("ask", ask(ground_, world_, task));
  world_.await(group.join());
  ASSERT_TRUE(world_.until([&] { return world_.store.next.empty(); }));
  world_.settle();
  EXPECT_EQ(world_.machine.started(), 0U);
  world_.env.advance(2s);
  ASSERT_TRUE(until_rounds(1));
}

/// Without a tail: what is followed is read from the store.
class SupervisorWithoutATail : public SupervisorTest {
 protected:
  SupervisorWithoutATail() : SupervisorTest({.tail_bytes = 0}) {}
};
INSTANTIATE_TEST_SUITE_P(, SupervisorWithoutATail,
                         ::testing::Values(Backend::memory, Backend::sqlite),
                         run::testing::name_of);

TEST_P(SupervisorWithoutATail, WorkBeginsOnceTheLogCanBeReadAgain) {
  const auto ada = spawn("ada");
  world_.quiet();
  world_.store.unreadable = true;
  assign(ada, "paint");
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 0U);
  world_.store.unreadable = false;
  world_.env.advance(1s);
  EXPECT_TRUE(until_rounds(1));
}

}  // namespace
}  // namespace reeve::town
