#include "run/runs.h"

#include "run/runs_test_support.h"

namespace reeve::run {
namespace {

using testing::Backend;
using testing::claude_delta;
using testing::claude_init;
using testing::claude_message;
using testing::claude_result;
using testing::World;

class RunsTest : public testing::RunsFixture {};
INSTANTIATE_TEST_SUITE_P(, RunsTest, ::testing::Values(Backend::memory, Backend::sqlite),
                         testing::name_of);

// --- Beginning -----------------------------------------------------------------------------------

TEST_P(RunsTest, ARoundIsCommittedBeforeItsProcessBeginsAndKnowsWhoItIs) {
  const auto ada = world_.agent("ada", "worker --fast");
  begin_start(ada);
  ASSERT_TRUE(until_held());
  EXPECT_EQ(world_.count("RunStarted"), 1U);
  EXPECT_EQ(world_.machine.started(), 0U);
  ASSERT_TRUE(release());

  const auto& process = world_.machine.process();
  EXPECT_EQ(process.spec.argv, (std::vector<std::string>{"worker", "--fast"}));
  EXPECT_EQ(process.stdin_text, "do it");
  EXPECT_EQ(process.spec.env.at("REEVE_AGENT"), "ada");
  EXPECT_EQ(process.spec.env.at("REEVE_AGENT_ID"), ada.id.str());
  const auto token = parse_round_token(process.spec.env.at("REEVE_TOKEN"));
  ASSERT_TRUE(token);
  EXPECT_EQ(token->run, process.spec.run);
  EXPECT_EQ(world_.await(world_.store.run_epoch(token->run)).value(), token->epoch);
  EXPECT_EQ(witness_.starts, std::vector{process.spec.run});
}

TEST_P(RunsTest, AnAgentThatIsNotFreeGetsNoSecondRun) {
  const auto ada = world_.agent("ada");
  start(ada);
  EXPECT_EQ(store::code_of(try_start(ada)), Errc::conflict);
  EXPECT_EQ(world_.count("RunStarted"), 1U);
}

TEST(RoundToken, IsReadBackAndNothingElse) {
  const RunId run(Uuid::parse("0190a5b0-1c2d-4e3f-8a4b-5c6d7e8f9012").value());
  const auto token = round_token(run, 7);
  EXPECT_EQ(parse_round_token(token)->run, run);
  EXPECT_EQ(parse_round_token(token)->epoch, 7U);
  for (const auto& bad :
       std::vector<std::string>{"", ".", "x.1", token + "x", run.str(), run.str() + ".",
                                run.str() + ".-1", run.str() + ".99999999999999999999"}) {
    EXPECT_EQ(store::code_of(parse_round_token(bad)), Errc::invalid_argument) << bad;
  }
}

// --- Stopping ------------------------------------------------------------------------------------

TEST_P(RunsTest, AStopThatIsRequestedWhileTheRoundStartsIsNotForgotten) {
  const auto ada = world_.agent("ada");
  begin_start(ada);
  ASSERT_TRUE(until_held());
  const auto run = *world_.get<Agent>(ada.id).current_run;
  request_stop(run, ada);
  world_.settle();
  ASSERT_TRUE(release());
  ASSERT_EQ(world_.machine.process().stops.size(), 1U);
  ASSERT_TRUE(finish());
  EXPECT_EQ(world_.count("RunCancelled"), 1U);
}

TEST_P(RunsTest, StopAllEndsWhatRunsAndWhatIsJustStarting) {
  const auto ada = world_.agent("ada");
  const auto bob = world_.agent("bob");
  start(ada);
  begin_start(bob);
  // As early as can be: nothing of bob's round is committed yet.
  ASSERT_TRUE(world_.await(runs_->stop_all("the daemon stops")));
  bool idle = false;
  const auto wait = [](Runs& runs, bool* done) -> Async<> {
    co_await runs.wait_idle();
    *done = true;
  };
  group_.spawn("wait", wait(*runs_, &idle));
  world_.settle();
  EXPECT_FALSE(idle);
  world_.machine.release();
  ASSERT_TRUE(world_.until([&] {
    for (std::size_t i = 0; i < world_.machine.started(); ++i) {
      auto& process = world_.machine.process(static_cast<int>(i));
      if (!process.stops.empty() && !proc::is_over(process.state.phase))
        world_.machine.exit(0, static_cast<int>(i));
    }
    return idle;
  }));
  world_.await(group_.join());
  EXPECT_EQ(world_.count("RunStarted"), terminal_events());
  EXPECT_EQ(world_.count("RunCompleted"), 0U);
  EXPECT_EQ(store::code_of(try_start(world_.get<Agent>(ada.id))), Errc::unavailable);
}

// --- A later daemon (G5, G12) --------------------------------------------------------------------

TEST_P(RunsTest, G12_ALaterDaemonGoesOnWhereTheEarlierOneWas) {
  const auto ada = world_.agent("ada", "claude");
  const auto run = start(ada);
  world_.machine.out(claude_init("s-1") + claude_message("m1", "one") + claude_delta("tw"));
  ASSERT_TRUE(world_.until_event("AssistantMessage"));
  stop_daemon();
  world_.machine.out(claude_message("m2", "two"));
  EXPECT_EQ(restart(), 1U);
  ASSERT_TRUE(world_.until_event("AssistantMessage", 2));
  ASSERT_TRUE(finish(claude_message("m3", "three") + claude_result("three")));

  EXPECT_EQ(messages(), (std::vector<std::string>{"one", "two", "three"}));
  EXPECT_EQ(world_.count("SessionStarted"), 1U);
  EXPECT_EQ(world_.count("RunCompleted"), 1U);
  EXPECT_EQ(world_.get<reeve::Run>(run).text, "three");
  EXPECT_EQ(world_.machine.process().attached, 1);
  // The delta of the first daemon's time is superseded by the second one's message.
  const auto second = parse_json(world_.events("AssistantMessage")[1]->payload).value();
  EXPECT_TRUE(second.as_object().contains("supersedes"));
}

TEST_P(RunsTest, G7_ARoundThatEndedWhileNoDaemonRanHasItsEnd) {
  const auto ada = world_.agent("ada", "claude");
  start(ada);
  stop_daemon();
  world_.machine.out(claude_message("m1", "one") + claude_result("one"));
  world_.machine.exit(0);
  EXPECT_EQ(restart(), 1U);
  ASSERT_TRUE(until_over());
  EXPECT_EQ(world_.count("RunCompleted"), 1U);
  EXPECT_EQ(restart(), 0U);
  EXPECT_EQ(terminal_events(), 1U);
}

TEST_P(RunsTest, G7_ARunThatWasCommittedButNeverLaunchedFails) {
  const auto ada = world_.agent("ada");
  begin_start(ada);
  ASSERT_TRUE(until_held());
  const auto run = *world_.get<Agent>(ada.id).current_run;
  go_down();

  EXPECT_EQ(restart(), 0U);
  EXPECT_EQ(terminal_events(), 1U);
  EXPECT_EQ(world_.get<reeve::Run>(run).code, "not_started");
  EXPECT_EQ(witness_.started.back(), false);
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::idle);
  EXPECT_EQ(restart(), 0U);
  EXPECT_EQ(terminal_events(), 1U);
}

TEST_P(RunsTest, AStopThatWasRequestedBeforeARestartIsCarriedOut) {
  const auto ada = world_.agent("ada");
  const auto run = start(ada);
  stop_daemon();
  request_stop(run, ada);
  EXPECT_TRUE(world_.machine.process().stops.empty());
  restart();
  ASSERT_EQ(world_.machine.process().stops.size(), 1U);
  ASSERT_TRUE(finish());
  EXPECT_EQ(world_.count("RunCancelled"), 1U);
}

TEST_P(RunsTest, G8_AnExecutorThatWasFencedOffWritesNothingMore) {
  const auto ada = world_.agent("ada", "claude");
  const auto run = start(ada);
  world_.machine.out(claude_message("m1", "one"));
  ASSERT_TRUE(world_.until_event("AssistantMessage"));
  const auto fence = [](World& world, RunId id) -> Async<Result<store::Committed>> {
    store::Commit commit;
    commit.writes.emplace_back(store::SetRunEpoch{id, 2});
    co_return co_await world.store.commit(std::move(commit));
  };
  ASSERT_TRUE(world_.await(fence(world_, run)));
  world_.machine.out(claude_message("m2", "two") + claude_result("two"));
  world_.machine.exit(0);
  ASSERT_TRUE(world_.until([&] { return runs_->running() == 0; }));
  EXPECT_EQ(messages(), std::vector<std::string>{"one"});
  EXPECT_EQ(terminal_events(), 0U);
}

}  // namespace
}  // namespace reeve::run
