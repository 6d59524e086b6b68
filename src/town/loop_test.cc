// The loop of an agent's rounds as a town sees it: what ends it, what it may use, what
// becomes of failures.
#include <gtest/gtest.h>

#include "town/loop_test_support.h"

namespace reeve::town {
namespace {

using run::testing::claude_init;
using run::testing::claude_result;

class TownLoop : public LoopTest {};

INSTANTIATE_TEST_SUITE_P(, TownLoop, ::testing::Values(Backend::memory, Backend::sqlite),
                         run::testing::name_of);

// --- Idleness ------------------------------------------------------------------------------------

TEST_P(TownLoop, IdleTimeoutParse) {
  // As a spawn's request brings it; and without one, no agent is ever stopped for it.
  const auto limits = parse_json_as<AgentLimits>(R"({"idle_ms":300000})").value();
  EXPECT_EQ(limits.idle_ms, 5min);
  EXPECT_EQ(parse_json_as<AgentLimits>("{}").value().idle_ms, std::nullopt);
  EXPECT_FALSE(parse_json_as<AgentLimits>(R"({"idle_ms":"soon"})"));
  const auto ada = spawn("ada");
  pass(24h, 1h);
  EXPECT_EQ(now(ada).state, AgentState::idle);
}

TEST_P(TownLoop, ProcessExitsCleanlyAfterIdleTimeoutThenStopped) {
  const auto ada = spawn_with("ada", {.idle_ms = 5min});
  assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  pass(10min);
  EXPECT_EQ(now(ada).state, AgentState::working) << "it has something to do";
  end_round(0);
  pass(4min);
  EXPECT_EQ(now(ada).state, AgentState::idle);
  pass(2min);
  ASSERT_TRUE(world_.until_event("AgentStopped"));
  const auto stopped = world_.fact<fact::AgentStopped>("AgentStopped");
  EXPECT_EQ(stopped.from, AgentState::idle);
  EXPECT_EQ(stopped.reason, "had nothing to do for 300 s");
  EXPECT_EQ(now(ada).state, AgentState::stopped);
  EXPECT_EQ(now(ada).attention, std::nullopt) << "nobody has to look";
}

TEST_P(TownLoop, StaleTerminalCurrentTaskDoesNotBlockTheTimeout) {
  const auto ada = spawn_with("ada", {.idle_ms = 5min});
  const auto bob = spawn("bob");
  const auto over = assign(bob, "a task that is over");
  ASSERT_TRUE(until_rounds(1));
  end_round(0);
  // An older town may have such a thing.
  ASSERT_TRUE(world_.commit({fact::TaskStarted{over.id, ada.id, RunId(world_.env.uuid4())},
                             fact::TaskCompleted{over.id, bob.id, {}, "done"}}));
  ASSERT_EQ(now(ada).current_task, over.id);
  pass(6min);
  EXPECT_EQ(now(ada).state, AgentState::stopped);
}

TEST_P(TownLoop, W24_ATaskThatWaitsForAnAnswerHoldsTheTimeoutUpUntilItIsOver) {
  const auto ada = spawn_with("ada", {.idle_ms = 5min});
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  send("supervisor", "which colour?", MessageType::query, inside(ada));
  end_round(0, "I asked");
  pass(20min);
  EXPECT_EQ(now(ada).state, AgentState::idle);
  report(task, Report::complete, "never mind");
  pass(6min);
  EXPECT_EQ(now(ada).state, AgentState::stopped);
}

TEST_P(TownLoop, ATaskThatComesAfterAnotherHoldsTheTimeoutUp) {
  const auto ada = spawn_with("ada", {.idle_ms = 5min});
  const auto bob = spawn("bob");
  const auto first = assign(bob, "build");
  ASSERT_TRUE(until_rounds(1));
  api::AssignRequest request;
  request.text = "test";
  request.after = {first.id.str()};
  const auto second = world_.await(town::assign(ground_, Caller{}, "ada", request)).value();
  pass(20min);
  EXPECT_EQ(now(ada).state, AgentState::idle);
  end_round(0);
  ASSERT_TRUE(until_rounds(2));
  EXPECT_EQ(now(ada).current_task, second.id);
  end_round(0);
  pass(6min);
  EXPECT_EQ(now(ada).state, AgentState::stopped);
}

TEST_P(TownLoop, WhatPausesHoldsTheTimeoutUp) {
  const auto ada = spawn_with("ada", {.idle_ms = 1s});
  assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  end_round(1);
  pass(1400ms, 100ms);
  EXPECT_EQ(now(ada).state, AgentState::idle);
  pass(600ms, 100ms);
  EXPECT_TRUE(until_rounds(2));
}

TEST_P(TownLoop, W13_RestartAndResumeCountIdlenessAnew) {
  const auto ada = spawn_with("ada", {.idle_ms = 5min});
  pass(6min);
  ASSERT_EQ(now(ada).state, AgentState::stopped);
  pass(60min);
  restart(ada);
  pass(4min);
  EXPECT_EQ(now(ada).state, AgentState::idle);
  interrupt(ada);
  pass(60min);
  EXPECT_EQ(now(ada).state, AgentState::paused);
  resume(ada);
  pass(4min);
  EXPECT_EQ(now(ada).state, AgentState::idle);
  // Also of one that was only parked.
  ASSERT_TRUE(world_.commit({fact::AgentParked{ada.id, "rate_limited", "x", world_.env.now()}}));
  resume(ada);
  pass(4min);
  EXPECT_EQ(now(ada).state, AgentState::idle);
  pass(2min);
  EXPECT_EQ(now(ada).state, AgentState::stopped);
}

TEST_P(TownLoop, WorkThatComesWithTheStopForIdlenessIsDone) {
  const auto ada = spawn_with("ada", {.idle_ms = 5min});
  pass(4min);
  // Both at once: whoever is first, the task has its round.
  aio::TaskGroup group(world_.loop.get_executor());
  const auto ask = [](Ground ground, bool& taken) -> Async<> {
    api::AssignRequest request;
    request.text = "paint";
    taken = (co_await town::assign(ground, Caller{}, "ada", std::move(request))).has_value();
  };
  bool taken = false;
  world_.env.advance(61s);
  group.spawn("ask", ask(ground_, taken));
  world_.await(group.join());
  world_.quiet();
  if (taken) {
    EXPECT_TRUE(until_rounds(1));
  } else {
    EXPECT_EQ(now(ada).state, AgentState::stopped);
  }
}

// --- What it may use -----------------------------------------------------------------------------

TEST_P(TownLoop, AfterItsLastRoundItStopsAndSaysHowItGoesOn) {
  const auto ada = spawn_with("ada", {.rounds = 2});
  const auto first = assign(ada, "paint the door");
  const auto second = assign(ada, "paint the roof");
  const auto third = assign(ada, "paint the wall");
  ASSERT_TRUE(until_rounds(1));
  end_round(0);
  ASSERT_TRUE(until_rounds(2));
  end_round(0);
  pass(5min);
  EXPECT_EQ(world_.machine.started(), 2U);
  EXPECT_EQ(now(ada).state, AgentState::stopped);
  EXPECT_EQ(now(ada).attention, "has used its 2 rounds: reeve restart ada --rounds 2");
  EXPECT_EQ(world_.fact<fact::AgentStopped>("AgentStopped").reason, "has used its 2 rounds");
  EXPECT_EQ(state_of(second), TaskState::completed);
  EXPECT_EQ(state_of(third), TaskState::assigned);
  restart(ada, 1);
  ASSERT_TRUE(until_rounds(3));
  EXPECT_EQ(now(ada).attention, std::nullopt);
  end_round(0);
  EXPECT_EQ(state_of(third), TaskState::completed);
  EXPECT_EQ(now(ada).attention, "has used its 1 rounds: reeve restart ada --rounds 1");
  EXPECT_EQ(now(ada).rounds_completed, 3) << "no lifetime counter begins anew";
}

TEST_P(TownLoop, AnAgentThatIsResumedWithNothingLeftIsStoppedThen) {
  const auto ada = spawn_with("ada", {.rounds = 1});
  assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  interrupt(ada);
  ASSERT_TRUE(world_.until([&] { return !world_.machine.process().stops.empty(); }));
  end_round(0);
  EXPECT_EQ(now(ada).state, AgentState::paused) << "what a person decided stands";
  resume(ada);
  ASSERT_TRUE(world_.until([&] { return now(ada).state == AgentState::stopped; }));
  EXPECT_EQ(world_.machine.started(), 1U);
  EXPECT_TRUE(now(ada).attention);
}

TEST_P(TownLoop, ItStopsWhenItsTokensAreUsedUp) {
  const auto ada = spawn_with("ada", {.tokens = 42}, "claude");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  world_.machine.out(claude_init("s-1") + claude_result("painted", 40, 2));
  end_round(0);
  EXPECT_EQ(state_of(task), TaskState::completed);
  EXPECT_EQ(now(ada).state, AgentState::stopped);
  EXPECT_EQ(world_.fact<fact::AgentStopped>("AgentStopped").reason, "has used 42 of its 42 tokens");
}

TEST_P(TownLoop, ItStopsWhenItsMoneyIsSpent) {
  const auto ada = spawn_with("ada", {.cost_usd = 0.75}, "claude");
  assign(ada, "paint the door");
  ASSERT_TRUE(until_rounds(1));
  world_.machine.out(claude_init("s-1") + claude_result("painted"));  // 0.5 USD each
  end_round(0);
  EXPECT_EQ(now(ada).state, AgentState::idle);
  assign(ada, "paint the roof");
  ASSERT_TRUE(until_rounds(2));
  world_.machine.out(claude_init("s-1") + claude_result("painted"));
  end_round(0);
  EXPECT_EQ(now(ada).state, AgentState::stopped);
  EXPECT_EQ(now(ada).attention,
            "has used 1.00 of its 0.75 USD: reeve restart ada gives it as much again");
}

TEST_P(TownLoop, ARoundThatUsesMoreThanIsLeftIsStopped) {
  const auto ada = spawn_with("ada", {.tokens = 100}, "opencode");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  const auto step = [](int tokens) {
    return R"({"type":"step_finish","sessionID":"ses_1","part":{"id":"p","type":"step-finish",)"
           R"("reason":"tool-calls","cost":0,"tokens":{"total":)" +
           std::to_string(tokens) + R"(,"input":)" + std::to_string(tokens) +
           R"(,"output":0,"reasoning":0,"cache":{"write":0,"read":0}}}})" + "\n";
  };
  world_.machine.out(step(100));
  world_.quiet();
  EXPECT_TRUE(world_.machine.process().stops.empty()) << "that is what it may use";
  world_.machine.out(step(1));
  ASSERT_TRUE(world_.until([&] { return !world_.machine.process().stops.empty(); }));
  EXPECT_EQ(world_.machine.process().stops[0].reason, "budget");
  world_.machine.out(step(1));
  world_.quiet();
  EXPECT_EQ(world_.machine.process().stops.size(), 1U);
  end_round(143);
  EXPECT_EQ(world_.fact<fact::RunFailed>("RunFailed").code, "budget");
  EXPECT_EQ(now(ada).state, AgentState::stopped);
  EXPECT_EQ(world_.fact<fact::AgentStopped>("AgentStopped").reason,
            "has used 102 of its 100 tokens");
  ASSERT_EQ(queue(inbox_queue(ada.id)).size(), 1U);
  EXPECT_EQ(queue(inbox_queue(ada.id))[0].attempt, 0);
  EXPECT_EQ(state_of(task), TaskState::assigned);
}

TEST_P(TownLoop, ALaterDaemonStopsARoundThatUsesTooMuch) {
  spawn_with("ada", {.tokens = 10}, "opencode");
  send("ada", "paint", MessageType::task);
  ASSERT_TRUE(until_rounds(1));
  world_.machine.process().stop_fails = Error(Errc::storage_full, "the disk is full");
  world_.machine.out(
      R"({"type":"step_finish","sessionID":"s","part":{"type":"step-finish","reason":"tool-calls",)"
      R"("cost":0,"tokens":{"input":11,"output":0,"reasoning":0,"cache":{"write":0,"read":0}}}})"
      "\n");
  world_.quiet();
  stop_daemon();
  world_.machine.process().stop_fails.reset();
  start_daemon();
  ASSERT_TRUE(world_.until([&] { return !world_.machine.process().stops.empty(); }));
  EXPECT_EQ(world_.machine.process().stops[0].reason, "budget");
}

TEST_P(TownLoop, ARoundThatHasSaidItsLastWordIsNotStoppedForIt) {
  const auto ada = spawn_with("ada", {.tokens = 10}, "claude");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  world_.machine.out(claude_init("s-1") + claude_result("painted", 40, 2));
  world_.quiet();
  EXPECT_TRUE(world_.machine.process().stops.empty());
  end_round(0);
  EXPECT_EQ(state_of(task), TaskState::completed);
  EXPECT_EQ(now(ada).state, AgentState::stopped);
}

// --- Failures ------------------------------------------------------------------------------------

TEST_P(TownLoop, W10_AFailingCliIsPausedLongerEachTimeAndThenNeedsAPerson) {
  const auto ada = spawn_with("ada", {.rounds = 1000});
  for (int i = 0; i < 3; ++i) assign(ada, "paint " + std::to_string(i));
  std::size_t rounds = 0;
  const auto begun = world_.env.now();
  for (rounds = 1; now(ada).state != AgentState::error && rounds < 50; ++rounds) {
    ASSERT_TRUE(until_rounds(rounds));
    end_round(1);
    for (int i = 0; i < 70 && world_.machine.started() == rounds; ++i) pass(1s, 1s);
  }
  EXPECT_EQ(rounds, 6U) << "five rounds in all";
  const auto agent = now(ada);
  EXPECT_EQ(agent.state, AgentState::error);
  EXPECT_TRUE(agent.attention->contains("5 failed rounds in a row")) << *agent.attention;
  EXPECT_GT(world_.env.now() - begun, 5s);
  pass(24h, 1h);
  EXPECT_EQ(world_.machine.started(), 5U);
  EXPECT_LT(now(ada).spent.rounds, 10);
}

TEST_P(TownLoop, AnAgentInErrorKeepsItsTasksForTheRestart) {
  const auto ada = spawn("ada", Completes::success);
  const auto first = assign(ada, "paint the door");
  const auto second = assign(ada, "paint the roof");
  ASSERT_TRUE(until_rounds(1));
  world_.machine.process().state.claim->child.reset();
  proc::Exit exit;
  exit.spawn_error = proc::SpawnError{"denied", "worker may not be run"};
  world_.machine.end(exit);
  ASSERT_TRUE(world_.until_event("AgentFailed"));
  world_.quiet();
  EXPECT_EQ(queue(inbox_queue(ada.id)).size(), 2U);
  EXPECT_EQ(state_of(first), TaskState::assigned);
  EXPECT_EQ(world_.await(wait_agent(ground_, "ada")).value().state, "error");
  api::AssignRequest more;
  more.text = "more";
  EXPECT_EQ(code_of(world_.await(town::assign(ground_, Caller{}, "ada", more))), Errc::conflict);
  restart(ada);
  ASSERT_TRUE(until_rounds(2));
  end_round(0);
  ASSERT_TRUE(until_rounds(3));
  end_round(0);
  EXPECT_EQ(state_of(first), TaskState::completed);
  EXPECT_EQ(state_of(second), TaskState::completed);
}

TEST_P(TownLoop, AMachineThatCannotStartARoundIsNotTheMessagesFault) {
  const auto ada = spawn("ada");
  world_.machine.refuse = Error(Errc::storage_full, "the disk is full");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(world_.until_event("AgentParked"));
  world_.quiet();
  EXPECT_EQ(now(ada).parked->code, "storage_full");
  EXPECT_TRUE(now(ada).attention->contains("the disk is full"));
  EXPECT_EQ(queue(inbox_queue(ada.id))[0].attempt, 0);
  world_.machine.refuse.reset();
  pass(61s, 1s);
  ASSERT_TRUE(until_rounds(1));
  end_round(0);
  EXPECT_EQ(state_of(task), TaskState::completed);
  EXPECT_EQ(now(ada).attention, std::nullopt);
}

TEST_P(TownLoop, W48_APromptThatNoLaunchCanCarryIsADeadLetterNotALoop) {
  const auto ada = spawn_with("ada", {}, "copilot");  // its prompt goes on its command line
  const auto task = assign(ada, std::string("paint\0 it", 9));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(world_.until_event("RunFailed", static_cast<std::size_t>(i) + 1));
    world_.quiet();
    pass(61s, 1s);
  }
  EXPECT_EQ(world_.machine.started(), 0U);
  EXPECT_EQ(world_.fact<fact::RunFailed>("RunFailed").code, "invalid_argument");
  EXPECT_EQ(state_of(task), TaskState::failed);
  EXPECT_EQ(queue(dead_queue(ada.id)).size(), 1U);
  EXPECT_EQ(now(ada).state, AgentState::idle) << "the next task may be better";
}

}  // namespace
}  // namespace reeve::town
