// The loop of an agent's rounds as a town sees it: its vendor's limits, the watch over a round,
// interrupts.

#include <gtest/gtest.h>

#include "base/utf8.h"
#include "town/loop_test_support.h"

namespace reeve::town {
namespace {

using run::testing::claude_init;
using run::testing::claude_message;
using run::testing::claude_result;

class TownLoopWatch : public LoopTest {};

INSTANTIATE_TEST_SUITE_P(, TownLoopWatch, ::testing::Values(Backend::memory, Backend::sqlite),
                         run::testing::name_of);

// --- Limits of the vendor ------------------------------------------------------------------------

TEST_P(TownLoopWatch, ARateLimitParksTheAgentAndItWakesByItself) {
  const auto ada = spawn_with("ada", {}, "claude");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  const auto reset = std::chrono::floor<std::chrono::seconds>(world_.env.now()) + 3h;
  hit_the_limit(reset);
  EXPECT_EQ(world_.fact<fact::RunFailed>("RunFailed").code, "rate_limited");
  EXPECT_EQ(world_.fact<fact::RunFailed>("RunFailed").retry_at, Time(reset));
  const auto parked = now(ada).parked.value();
  EXPECT_GE(parked.until, Time(reset));
  EXPECT_LE(parked.until, Time(reset) + 10s);
  EXPECT_EQ(now(ada).state, AgentState::idle);
  EXPECT_EQ(queue(inbox_queue(ada.id))[0].attempt, 0);
  EXPECT_EQ(state_of(task), TaskState::assigned);
  send("ada", "hurry", MessageType::task);
  pass(179min);
  EXPECT_EQ(world_.machine.started(), 1U);
  EXPECT_EQ(now(ada).state, AgentState::idle) << "parked is no state";
  pass(2min, 10s);
  ASSERT_TRUE(until_rounds(2));
  EXPECT_EQ(now(ada).parked, std::nullopt);
  world_.machine.out(claude_init("s-1") + claude_result("painted"));
  end_round(0);
  EXPECT_EQ(state_of(task), TaskState::completed);
}

TEST_P(TownLoopWatch, ALaterDaemonKeepsTheParkingAndWhatTheRoundHadHeard) {
  const auto ada = spawn_with("ada", {}, "claude");
  assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  const auto reset = std::chrono::floor<std::chrono::seconds>(world_.env.now()) + 1h;
  world_.machine.out(
      claude_init("s-1") +
      R"({"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":)" +
      std::to_string(to_ms(reset) / 1000) + "}}\n");
  ASSERT_TRUE(world_.until_event("RateLimited"));
  world_.quiet();
  stop_daemon();
  start_daemon();  // in the midst of the round: what it heard is kept
  hit_the_limit({});
  EXPECT_EQ(world_.fact<fact::RunFailed>("RunFailed").retry_at, Time(reset));
  stop_daemon();
  start_daemon();
  pass(59min);
  EXPECT_EQ(world_.machine.started(), 1U);
  pass(2min, 10s);
  EXPECT_TRUE(until_rounds(2));
}

TEST_P(TownLoopWatch, WithoutAResetTheAgentIsParkedLongerEachTimeAndNeverBroken) {
  const auto ada = spawn_with("ada", {}, "claude");
  const auto task = assign(ada, "paint");
  Duration least = 45s;
  for (std::size_t round = 1; round <= 7; ++round) {
    ASSERT_TRUE(until_rounds(round));
    const auto before = world_.env.now();
    hit_the_limit({});
    ASSERT_TRUE(now(ada).parked);
    EXPECT_GE(now(ada).parked->until - before, std::min<Duration>(least, 1350s));
    EXPECT_LE(now(ada).parked->until - before, 30min);
    least *= 2;
    pass(31min);
  }
  EXPECT_EQ(now(ada).state, AgentState::working) << "a limit is no reason to give up";
  EXPECT_EQ(state_of(task), TaskState::running);
}

TEST_P(TownLoopWatch, AWarningOfALimitIsNoReset) {
  const auto ada = spawn_with("ada", {}, "claude");
  assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  const auto far = to_ms(world_.env.now() + 100h) / 1000;
  world_.machine.out(
      R"({"type":"rate_limit_event","rate_limit_info":{"status":"allowed_warning","resetsAt":)" +
      std::to_string(far) + R"(,"utilization":0.9}})" + "\n");
  hit_the_limit({});
  EXPECT_EQ(world_.fact<fact::RunFailed>("RunFailed").retry_at, std::nullopt);
  EXPECT_LE(now(ada).parked->until - world_.env.now(), 1min);
}

TEST_P(TownLoopWatch, AClockThatJumpsAheadIsNoticedWithinAMinute) {
  const auto ada = spawn("ada");
  ASSERT_TRUE(world_.commit(
      {fact::AgentParked{ada.id, "rate_limited", "x", world_.env.now() + std::chrono::days(2)}}));
  assign(ada, "paint");
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 0U);
  world_.env.jump(std::chrono::days(3));
  pass(61s, 1s);
  EXPECT_TRUE(until_rounds(1));
}

TEST_P(TownLoopWatch, AResumedAgentWaitsForNoReset) {
  const auto ada = spawn("ada");
  ASSERT_TRUE(
      world_.commit({fact::AgentParked{ada.id, "rate_limited", "x", world_.env.now() + 48h}}));
  assign(ada, "paint");
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 0U);
  resume(ada);
  EXPECT_TRUE(until_rounds(1));
}

// --- The watch over a round ----------------------------------------------------------------------

TEST_P(TownLoopWatch, W11_ARoundHasAWallClockAndASilence) {
  api::LimitsRequest limits;
  limits.round_ms = 10min;
  limits.silence_ms = 60s;
  limits.stop_on_silence = true;
  const auto ada = spawn_with("ada", limits);
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  EXPECT_EQ(world_.machine.process().spec.time_limit, 10min);
  proc::Exit exit;
  exit.signal = 15;
  exit.stopped = proc::Stopped{"time_limit", proc::StopAction::terminate};
  world_.machine.end(exit);
  ASSERT_TRUE(world_.until_event("RunFailed"));
  world_.quiet();
  EXPECT_EQ(world_.fact<fact::RunFailed>("RunFailed").code, "deadline");
  EXPECT_EQ(queue(inbox_queue(ada.id))[0].attempt, 1);

  pass(2s, 1s);
  ASSERT_TRUE(until_rounds(2));
  world_.quiet();
  world_.env.advance(61s);
  ASSERT_TRUE(world_.until([&] { return !world_.machine.process().stops.empty(); }));
  end_round(143);
  EXPECT_EQ(world_.fact<fact::RunFailed>("RunFailed").code, "silence");
  EXPECT_EQ(queue(inbox_queue(ada.id))[0].attempt, 2);
  EXPECT_EQ(state_of(task), TaskState::assigned);
}

TEST_P(TownLoopWatch, W12_ALongRoundIsHealthyAndItsSilenceIsToldWithItsLastLines) {
  const auto ada = spawn("ada");
  assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  world_.machine.out("mixing colours\n\x1b[33mOverwrite door.txt? [y/N] \x1b[0m");
  world_.quiet();
  pass(9min);
  EXPECT_EQ(world_.count("RunSilent"), 0U);
  EXPECT_EQ(now(ada).state, AgentState::working);
  pass(2min);
  ASSERT_TRUE(world_.until_event("RunSilent"));
  EXPECT_EQ(world_.fact<fact::RunSilent>("RunSilent").last_lines,
            "mixing colours\nOverwrite door.txt? [y/N] ");
  EXPECT_TRUE(now(ada).attention->ends_with("its last line: Overwrite door.txt? [y/N] "))
      << *now(ada).attention;
  EXPECT_TRUE(world_.machine.process().stops.empty()) << "it may be thinking";
  pass(60min);
  EXPECT_EQ(now(ada).state, AgentState::working);
  end_round(0);
  EXPECT_EQ(now(ada).attention, std::nullopt);
}

TEST_P(TownLoopWatch, WhatASilentRoundSaidLastIsCleanAndShort) {
  const auto ada = spawn("ada");
  assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  world_.machine.out("\xff\xfe" + std::string(100'000, 'x'));
  world_.machine.err("\x1b]0;title\a\xc3\x28 warning\n");
  world_.quiet();
  pass(11min);
  ASSERT_TRUE(world_.until_event("RunSilent"));
  const auto told = world_.fact<fact::RunSilent>("RunSilent").last_lines;
  EXPECT_LE(told.size(), 2048U);
  EXPECT_TRUE(is_utf8(told));
  EXPECT_FALSE(told.contains('\x1b'));
  EXPECT_FALSE(told.contains("title"));
  end_round(0);
}

// --- Interrupts ----------------------------------------------------------------------------------

TEST_P(TownLoopWatch, W04_AnInterruptEndsARunningRoundAndHoldsUntilTheResume) {
  const auto ada = spawn_with("ada", {}, "claude");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  world_.machine.out(claude_init("s-1") + claude_message("m1", "half of it"));
  world_.quiet();
  interrupt(ada);
  ASSERT_TRUE(world_.until([&] { return !world_.machine.process().stops.empty(); }));
  const auto& stop = world_.machine.process().stops[0];
  EXPECT_EQ(stop.urgency, proc::Urgency::gentle) << "in stages, up to the kill";
  EXPECT_EQ(now(ada).state, AgentState::paused) << "before its process is gone";
  end_round(137);
  EXPECT_EQ(world_.count("RunCancelled"), 1U);
  EXPECT_EQ(now(ada).state, AgentState::paused);
  EXPECT_EQ(now(ada).current_run, std::nullopt);
  EXPECT_EQ(queue(inbox_queue(ada.id))[0].attempt, 0);
  EXPECT_EQ(now(ada).failures_in_a_row, 0);
  // Mail does not wake it.
  send("ada", "hurry", MessageType::task);
  pass(60min);
  EXPECT_EQ(world_.machine.started(), 1U);
  EXPECT_EQ(now(ada).state, AgentState::paused);
  resume(ada);
  ASSERT_TRUE(until_rounds(2));
  const auto& argv = world_.machine.process().spec.argv;
  EXPECT_NE(std::ranges::find(argv, "s-1"), argv.end()) << "the same session of the vendor";
  world_.machine.out(claude_init("s-1") + claude_result("painted"));
  end_round(0);
  EXPECT_EQ(state_of(task), TaskState::completed);
}

TEST_P(TownLoopWatch, W04_AnInterruptThatComesWhileTheRoundBeginsIsKept) {
  const auto ada = spawn("ada");
  world_.machine.hold = true;
  assign(ada, "paint");
  ASSERT_TRUE(world_.until([&] { return world_.machine.held() == 1; }));
  interrupt(ada);
  world_.quiet();
  world_.machine.release();
  ASSERT_TRUE(world_.until(
      [&] { return world_.machine.started() == 1 && !world_.machine.process().stops.empty(); }));
  end_round(0);
  EXPECT_EQ(now(ada).state, AgentState::paused);
  EXPECT_EQ(world_.count("RunCancelled"), 1U);
}

}  // namespace
}  // namespace reeve::town
