// Runs over a store that fails, and with a daemon that dies.
#include "run/runs.h"
#include "run/runs_test_support.h"

namespace reeve::run {
namespace {

using namespace std::chrono_literals;
using testing::Backend;
using testing::claude_delta;
using testing::claude_init;
using testing::claude_message;
using testing::claude_result;

/// Without a tail: what is followed is read from the store.
class RunsTroubleTest : public testing::RunsFixture {
 protected:
  RunsTroubleTest() : RunsFixture({.tail_bytes = 0}) {}
};
INSTANTIATE_TEST_SUITE_P(, RunsTroubleTest, ::testing::Values(Backend::memory, Backend::sqlite),
                         testing::name_of);

TEST_P(RunsTroubleTest, WhatCannotBeKeptNowIsKeptLaterAndOnce) {
  start(world_.agent("ada", "claude"));
  world_.settle();
  world_.store.next = {{Errc::storage_full, false},
                       {Errc::unknown_outcome, false},
                       {Errc::read_only, false},
                       {Errc::unknown_outcome, true},   // it happened
                       {Errc::unknown_outcome, true}};  // the next one too
  world_.machine.out(claude_init("s-1") + claude_delta("on") + claude_message("m1", "one"));
  world_.machine.out(claude_message("m2", "two") + claude_result("two"));
  world_.machine.exit(0);
  ASSERT_TRUE(until_over_with_time());
  EXPECT_EQ(terminal_events(), 1U);
  EXPECT_TRUE(world_.store.next.empty());
  EXPECT_EQ(messages(), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(world_.count("SessionStarted"), 1U);
  EXPECT_EQ(world_.count("RunCompleted"), 1U);
  EXPECT_EQ(world_.count("UsageRecorded"), 1U);
}

TEST_P(RunsTroubleTest, G7_AnEndThatCannotBeKeptNowIsKeptLaterAndOnce) {
  start(world_.agent("ada"));
  world_.machine.refuse.reset();
  world_.settle();
  world_.store.next = {{Errc::storage_full, false}, {Errc::storage_full, false}};
  world_.machine.exit(0);
  world_.settle();
  for (const bool applied : {false, true})
    world_.store.next.push_back({Errc::unknown_outcome, applied});
  ASSERT_TRUE(until_over_with_time());
  EXPECT_EQ(terminal_events(), 1U);
}

TEST_P(RunsTroubleTest, AnEndThatLosesEveryRaceTakesItsTime) {
  start(world_.agent("ada"));
  witness_.impossible = true;
  world_.machine.exit(0);
  ASSERT_TRUE(world_.until([&] { return witness_.endings.size() == kAttempts; }));
  world_.quiet();  // it waits, it does not spin
  EXPECT_LT(world_.store.commits, 100);
  witness_.impossible = false;
  world_.env.advance(1s);
  ASSERT_TRUE(until_over());
  EXPECT_EQ(terminal_events(), 1U);
}

TEST_P(RunsTroubleTest, G7_AStartOfUnknownOutcomeThatHappenedGoesOn) {
  const auto ada = world_.agent("ada", "claude");
  world_.store.next = {{Errc::unknown_outcome, true}};
  const auto run = try_start(ada);
  ASSERT_TRUE(run) << run.error().message();
  EXPECT_EQ(world_.machine.started(), 1U);
  EXPECT_EQ(world_.get<Agent>(ada.id).current_run, *run);
  ASSERT_TRUE(finish(claude_result("done")));
  EXPECT_EQ(world_.count("RunCompleted"), 1U);
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::idle);
}

TEST_P(RunsTroubleTest, G7_AStartOfUnknownOutcomeThatDidNotHappenIsAnError) {
  const auto ada = world_.agent("ada", "claude");
  world_.store.next = {{Errc::unknown_outcome, false}};
  EXPECT_EQ(store::code_of(try_start(ada)), Errc::unknown_outcome);
  EXPECT_EQ(world_.machine.started(), 0U);
  EXPECT_EQ(runs_->running(), 0U);
  EXPECT_EQ(world_.count("RunStarted"), 0U);
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::idle);
  ASSERT_TRUE(try_start(ada)) << "and nothing of it is in the way";
  ASSERT_TRUE(finish(claude_result("done")));
}

TEST_P(RunsTroubleTest, ARunThatCannotBeEndedNowDoesNotKeepTheDaemonFromComingUp) {
  const auto ada = world_.agent("ada");
  begin_start(ada);
  ASSERT_TRUE(until_held());
  go_down();
  witness_.impossible = true;
  EXPECT_EQ(restart(), 0U);
  EXPECT_EQ(terminal_events(), 0U);
  EXPECT_EQ(runs_->running(), 1U);
  witness_.impossible = false;
  ASSERT_TRUE(until_over_with_time());
  EXPECT_EQ(terminal_events(), 1U);
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::idle);
}

TEST_P(RunsTroubleTest, EventsThatTheStoreRefusesDoNotHoldUpTheRound) {
  start(world_.agent("ada", "claude"));
  world_.settle();
  world_.store.next = {{Errc::too_large, false}};
  world_.machine.out(claude_message("m1", "one"));
  ASSERT_TRUE(world_.until_event("CaptureFailed"));
  ASSERT_TRUE(finish(claude_message("m2", "two") + claude_result("two")));
  EXPECT_EQ(world_.count("RunCompleted"), 1U);
  EXPECT_EQ(world_.payload("CaptureFailed").at("code"), "too_large");
  EXPECT_EQ(world_.log.counters().capture_failures, 1U);
  EXPECT_EQ(messages(), std::vector<std::string>{"two"});
}

TEST_P(RunsTroubleTest, ARequestToStopIsHeardOnceTheLogCanBeReadAgain) {
  const auto ada = world_.agent("ada");
  const auto run = start(ada);
  world_.store.unreadable = true;
  request_stop(run, ada);
  world_.quiet();
  EXPECT_TRUE(world_.machine.process().stops.empty());
  world_.store.unreadable = false;
  world_.env.advance(1s);
  EXPECT_TRUE(world_.until([&] { return world_.machine.process().stops.size() == 1; }));
}

/// The daemon dies with its nth commit, which happened or did not; a later one goes on. Whatever n
/// is, every line is told once, and the run has one end.
TEST_P(RunsTroubleTest, G5_G7_G12_ADaemonThatDiesAtAnyCommitLosesAndRepeatsNothing) {
  std::vector<std::string> expected;
  for (int i = 0; i < 8; ++i) expected.push_back("text " + std::to_string(i));
  std::size_t runs = 0;
  for (const bool applied : {false, true}) {
    for (int dies_at = 1; dies_at <= 11; ++dies_at) {
      SCOPED_TRACE("commit " + std::to_string(dies_at) + (applied ? " applied" : " not applied"));
      const auto before = messages().size();
      const auto sessions = world_.count("SessionStarted");
      const auto ada = world_.agent("ada-" + std::to_string(runs), "claude");
      start(ada);
      world_.settle();
      world_.store.commits_left = dies_at;
      world_.store.last_applied = applied;
      world_.machine.out(claude_init("s-1"));
      for (const auto& text : expected) {
        world_.settle();
        world_.machine.out(claude_delta(text) + claude_message("m-" + text, text));
      }
      world_.settle();
      world_.machine.out(claude_result("done"));
      world_.machine.exit(0);
      world_.until([&] {
        world_.settle();
        return world_.store.down || runs_->running() == 0;
      });
      stop_daemon();
      world_.store.down = false;
      world_.store.commits_left.reset();
      restart();
      ++runs;
      ASSERT_TRUE(until_over(runs));
      auto told = messages();
      told.erase(told.begin(), told.begin() + static_cast<std::ptrdiff_t>(before));
      EXPECT_EQ(told, expected);
      EXPECT_EQ(world_.count("RunCompleted"), runs);
      EXPECT_EQ(terminal_events(), runs);
      EXPECT_EQ(world_.count("SessionStarted"), sessions + 1);
      EXPECT_EQ(world_.get<Agent>(ada.id).usage.input_tokens, 40);
    }
  }
}

}  // namespace
}  // namespace reeve::run
