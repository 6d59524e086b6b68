#include "run/cli_round.h"

#include "base/limits.h"
#include "run/runs_test_support.h"

namespace reeve::run {
namespace {

using namespace std::chrono_literals;
using testing::Backend;
using testing::claude_delta;
using testing::claude_init;
using testing::claude_message;
using testing::claude_result;

class CliRoundTest : public testing::RunsFixture {};
INSTANTIATE_TEST_SUITE_P(, CliRoundTest, ::testing::Values(Backend::memory, Backend::sqlite),
                         testing::name_of);

// --- Output --------------------------------------------------------------------------------------

TEST_P(CliRoundTest, WhatARoundSaysBecomesEventsOnceAndItsEndIsOne) {
  const auto ada = world_.agent("ada", "claude");
  const auto run = start(ada);
  world_.machine.out(claude_init("s-1") + claude_message("m1", "one"));
  ASSERT_TRUE(world_.until_event("AssistantMessage"));
  ASSERT_TRUE(finish(claude_message("m2", "two") + claude_result("two")));

  EXPECT_EQ(messages(), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(terminal_events(), 1U);
  const auto end = world_.fact<fact::RunCompleted>("RunCompleted");
  EXPECT_EQ(end.run, run);
  EXPECT_EQ(end.text, "two");
  EXPECT_EQ(end.exit_status, 0);
  const auto document = world_.get<reeve::Run>(run);
  EXPECT_EQ(document.state, RunState::completed);
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::idle);
  for (const auto& event : world_.events("AssistantMessage")) {
    EXPECT_EQ(event->origin, "agent:ada");
    EXPECT_TRUE(std::ranges::count(event->scopes, Scope::of(run)));
  }
  // Nobody can write in its name any more, and nothing is left of its bookkeeping.
  EXPECT_EQ(world_.await(world_.store.run_epoch(run)).value(), std::nullopt);
  const store::DocKey progress{kRoundKind, run.str()};
  EXPECT_FALSE(world_.await(world_.store.get(progress)).value());
}

TEST_P(CliRoundTest, ALineThatIsLongerThanOneReadIsReadToItsEnd) {
  start(world_.agent("ada"));
  const std::string line(limits::kTailRead * 2 + 77, 'x');
  ASSERT_TRUE(finish(line + "\nlast\n"));
  const auto end = world_.fact<fact::RunCompleted>("RunCompleted");
  EXPECT_TRUE(end.text.ends_with("x\nlast\n"));
}

TEST_P(CliRoundTest, ALongLineOfALiveRoundIsNotHeldBack) {
  start(world_.agent("ada", "claude"));
  const auto long_text = std::string(limits::kTailRead + 77, 'x');
  world_.machine.out(claude_message("m1", long_text));
  ASSERT_TRUE(world_.until_event("AssistantMessage"));
  // What is large is kept once, by its content's hash, and the event shows how it begins.
  EXPECT_TRUE(long_text.starts_with(messages().front()));
  const auto blob = world_.payload("AssistantMessage").at("blobs").at(0);
  EXPECT_EQ(blob.at("at"), "/text");
  EXPECT_EQ(blob.at("bytes"), long_text.size());
  const store::DocKey key{log::kBlobKind, std::string(blob.at("sha256").as_string())};
  const auto kept = world_.await(world_.store.get(key)).value();
  ASSERT_TRUE(kept);
  EXPECT_EQ(parse_json(kept->body)->at("text"), json::value(long_text));
}

TEST_P(CliRoundTest, AnEventThatIsTooLargeIsCutAndTheRoundGoesOn) {
  start(world_.agent("ada", "claude"));
  const std::string huge(limits::kEventPayload + 1, 'x');
  ASSERT_TRUE(
      finish(R"({"type":"assistant","message":{"id":"m1","content":[{"type":"tool_use","id":"t1",)"
             R"("name":"Write","input":{"text":")" +
             huge + "\"}}]}}\n" + claude_message("m2", "small") + claude_result("small")));
  EXPECT_EQ(world_.count("RunCompleted"), 1U);
  const auto call = world_.payload("ToolCallReady").as_object();
  EXPECT_EQ(call.at("type"), "ToolCallReady");
  EXPECT_LE(world_.events("ToolCallReady")[0]->payload.size(), limits::kEventPayload);
  EXPECT_TRUE(call.at("arguments").as_object().contains("cut"));
  EXPECT_EQ(messages(), std::vector<std::string>{"small"});
}

TEST_P(CliRoundTest, ManyLinesAreCommittedInBatches) {
  start(world_.agent("ada", "claude"));
  constexpr int kLines = 3000;
  std::string said;
  for (int i = 0; i < kLines; ++i)
    said += claude_message("m" + std::to_string(i), "text " + std::to_string(i));
  const auto before = world_.store.commits;
  world_.machine.out(said);
  ASSERT_TRUE(world_.until_event("AssistantMessage", kLines));
  EXPECT_LT(world_.store.commits - before, kLines / 100);
  const auto all = messages();
  for (int i = 0; i < kLines; ++i)
    ASSERT_EQ(all[static_cast<std::size_t>(i)], "text " + std::to_string(i));
}

TEST_P(CliRoundTest, UsageIsSummedInTheRunAndInItsAgent) {
  const auto ada = world_.agent("ada", "claude");
  for (std::size_t round = 1; round <= 2; ++round) {
    const auto run = start(world_.get<Agent>(ada.id));
    ASSERT_TRUE(finish(claude_init("s-1") + claude_result("ok", 100, 10), round));
    EXPECT_EQ(world_.get<reeve::Run>(run).usage.input_tokens, 100);
    EXPECT_DOUBLE_EQ(world_.get<reeve::Run>(run).cost_usd, 0.5);
  }
  EXPECT_EQ(world_.get<Agent>(ada.id).usage.input_tokens, 200);
  EXPECT_EQ(world_.get<Agent>(ada.id).usage.output_tokens, 20);
  EXPECT_DOUBLE_EQ(world_.get<Agent>(ada.id).cost_usd, 1.0);
}

TEST_P(CliRoundTest, TheSessionIsBoundToTheThreadAndResumedInTheNextRun) {
  const auto ada = world_.agent("ada", "codex");
  const auto first = start(ada);
  ASSERT_TRUE(
      finish("{\"type\":\"thread.started\",\"thread_id\":\"t-1\"}\n"
             "{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}\n"));
  const auto thread = world_.get<Agent>(ada.id).thread;
  ASSERT_TRUE(thread);
  EXPECT_EQ(world_.get<Thread>(*thread).session, "t-1");
  EXPECT_EQ(world_.get<reeve::Run>(first).session, "t-1");

  start(world_.get<Agent>(ada.id));
  const auto& argv = world_.machine.process().spec.argv;
  const auto resume = std::ranges::find(argv, "resume");
  ASSERT_NE(resume, argv.end());
  EXPECT_EQ(*std::next(resume), "t-1");
  EXPECT_EQ(world_.get<Agent>(ada.id).thread, thread);
  // A session that goes on and says no model is no news.
  ASSERT_TRUE(finish("{\"type\":\"thread.started\",\"thread_id\":\"t-1\"}\n", 2));
  EXPECT_EQ(world_.count("SessionStarted"), 1U);
}

TEST_P(CliRoundTest, ASessionThatWeNamedIsBoundOnceTheCliHasBegunIt) {
  const auto ada = world_.agent("ada", "gemini");  // takes an id for a new session
  const auto run = start(ada);
  const auto named = world_.get<reeve::Run>(run).session;
  ASSERT_TRUE(named);
  ASSERT_TRUE(std::ranges::count(world_.machine.process().spec.argv, *named));
  const auto thread = world_.get<Agent>(ada.id).thread;
  EXPECT_EQ(world_.get<Thread>(*thread).session, std::nullopt);
  world_.machine.out(R"({"type":"init","session_id":")" + *named + "\"}\n");  // without a model
  ASSERT_TRUE(world_.until_event("SessionStarted"));
  EXPECT_EQ(world_.get<Thread>(*thread).session, named);
}

TEST_P(CliRoundTest, ASessionThatWeNamedIsBoundWithTheSuccessOfACliThatNeverSaysIt) {
  const auto ada = world_.agent("ada", "copilot");
  const auto run = start(ada);
  const auto named = world_.get<reeve::Run>(run).session;
  ASSERT_TRUE(named);
  ASSERT_TRUE(finish("done\n"));
  const auto second = start(world_.get<Agent>(ada.id));
  EXPECT_EQ(world_.get<reeve::Run>(second).session, named);
}

TEST_P(CliRoundTest, ASessionThatTheVendorHasForgottenIsNotResumedForEver) {
  const auto ada = world_.agent("ada", "claude");
  start(ada);
  ASSERT_TRUE(finish(claude_init("s-1") + claude_result("ok")));
  start(world_.get<Agent>(ada.id));
  world_.machine.err("No conversation found with session ID: s-1\n");
  world_.machine.exit(1);
  ASSERT_TRUE(until_over(2));
  ASSERT_EQ(world_.fact<fact::RunFailed>("RunFailed").code, "session_not_found");

  start(world_.get<Agent>(ada.id));
  EXPECT_FALSE(std::ranges::count(world_.machine.process().spec.argv, "s-1"));
}

TEST_P(CliRoundTest, DeltasAreSeenLiveAndTheEventNamesWhatItSupersedes) {
  const auto ada = world_.agent("ada", "claude");
  log::SubscribeOptions options;
  options.deltas = true;
  options.filter.kinds = {"AssistantMessage"};
  const auto live = world_.log.subscribe(options);
  const auto run = start(ada);
  const auto init = claude_init("s-1");
  const auto first = claude_delta("he");
  const auto second = claude_delta("llo");
  const auto whole = claude_message("m1", "hello");
  world_.machine.out(init + first + second + whole);
  ASSERT_TRUE(world_.until_event("AssistantMessage"));

  std::vector<DeltaPtr> deltas;
  EventPtr message;
  while (!message) {
    const auto frames = world_.await(live->next()).value();
    for (const auto& frame : frames) {
      if (const auto* delta = std::get_if<DeltaPtr>(&frame)) {
        EXPECT_FALSE(message) << "a delta behind the event that supersedes it";
        if ((*delta)->kind == "TextDelta") deltas.push_back(*delta);
      } else if (const auto* event = std::get_if<EventPtr>(&frame)) {
        message = *event;
      }
    }
  }
  ASSERT_EQ(deltas.size(), 2U);
  EXPECT_EQ(deltas[0]->run, run);
  EXPECT_EQ(deltas[0]->number, init.size());
  EXPECT_EQ(deltas[1]->number, init.size() + first.size());
  const auto supersedes = parse_json(message->payload)->at("supersedes");
  EXPECT_LE(supersedes.at("from").to_number<std::uint64_t>(), deltas[0]->number);
  EXPECT_GT(supersedes.at("to").to_number<std::uint64_t>(), deltas[1]->number);
  EXPECT_EQ(supersedes.at("epoch").to_number<std::uint64_t>(), deltas[0]->epoch);
}

// --- Ends (G7) -----------------------------------------------------------------------------------

TEST_P(CliRoundTest, G7_AFailureIsOneTerminalEvent) {
  const auto run = start(world_.agent("ada"));
  world_.machine.err("no such luck\n");
  world_.machine.exit(3);
  ASSERT_TRUE(until_over());
  EXPECT_EQ(terminal_events(), 1U);
  const auto end = world_.fact<fact::RunFailed>("RunFailed");
  EXPECT_EQ(end.code, "exit_status");
  EXPECT_EQ(end.exit_status, 3);
  EXPECT_NE(end.error.find("no such luck"), std::string::npos);
  EXPECT_EQ(world_.get<reeve::Run>(run).state, RunState::failed);
  EXPECT_EQ(witness_.started, std::vector{true});
}

TEST_P(CliRoundTest, G7_AStreamWithoutItsEndIsALostResult) {
  start(world_.agent("ada", "claude"));
  ASSERT_TRUE(finish(claude_init("s-1") + claude_message("m1", "half")));
  EXPECT_EQ(world_.fact<fact::RunFailed>("RunFailed").code, "lost_result");
}

TEST_P(CliRoundTest, G7_ALostRoundFailsWithWhatItSaid) {
  start(world_.agent("ada", "claude"));
  world_.machine.out(claude_message("m1", "last words"));
  world_.machine.lose();
  ASSERT_TRUE(until_over());
  EXPECT_EQ(terminal_events(), 1U);
  EXPECT_EQ(world_.count("RunFailed"), 1U);
  EXPECT_EQ(messages(), std::vector<std::string>{"last words"});
}

TEST_P(CliRoundTest, G7_ACliThatCannotBeStartedFails) {
  const auto ada = world_.agent("ada");
  start(ada);
  proc::Exit exit;
  exit.spawn_error = proc::SpawnError{"not_found", "no program worker"};
  world_.machine.process().state.claim->child.reset();
  world_.machine.end(exit);
  ASSERT_TRUE(until_over());
  const auto end = world_.fact<fact::RunFailed>("RunFailed");
  EXPECT_EQ(end.code, "spawn_failed");
  EXPECT_EQ(end.error, "no program worker");
  EXPECT_EQ(witness_.started, std::vector{false});
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::idle);
}

TEST_P(CliRoundTest, G7_AShimThatCannotBeStartedFails) {
  world_.machine.refuse = Error(Errc::storage_full, "the disk is full");
  const auto ada = world_.agent("ada");
  const auto run = start(ada);
  ASSERT_TRUE(until_over());
  EXPECT_EQ(world_.get<reeve::Run>(run).code, "storage_full");
  EXPECT_EQ(world_.get<reeve::Run>(run).error, "the disk is full");
}

TEST_P(CliRoundTest, G7_ACommandThatIsNoneFails) {
  const auto ada = world_.agent("ada", "cat | wc");  // spawn refuses it; an older town may have it
  const auto run = start(ada);
  ASSERT_TRUE(until_over());
  EXPECT_EQ(world_.get<reeve::Run>(run).code, "invalid_argument");
  EXPECT_EQ(world_.machine.started(), 0U);
}

TEST_P(CliRoundTest, G7_AnExceptionInARoundIsItsEnd) {
  const auto ada = world_.agent("ada");
  const auto run = start(ada);
  world_.settle();
  world_.machine.process().reading_throws = true;
  world_.machine.out("boom\n");
  ASSERT_TRUE(until_over());
  EXPECT_EQ(terminal_events(), 1U);
  EXPECT_EQ(world_.get<reeve::Run>(run).code, "internal");
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::idle);
  ASSERT_EQ(world_.machine.process().stops.size(), 1U);  // nobody listens to it any more
  EXPECT_EQ(world_.machine.process().stops[0].urgency, proc::Urgency::now);
}

TEST_P(CliRoundTest, G8_ACancelWinsOverALaterSuccess) {
  const auto ada = world_.agent("ada", "claude");
  const auto run = start(ada);
  request_stop(run, ada);
  ASSERT_TRUE(world_.until([&] { return world_.machine.process().stops.size() == 1; }));
  EXPECT_EQ(world_.machine.process().stops[0].reason, "enough");
  ASSERT_TRUE(finish(claude_message("m1", "done!") + claude_result("done!")));
  EXPECT_EQ(terminal_events(), 1U);
  const auto end = world_.fact<fact::RunCancelled>("RunCancelled");
  EXPECT_EQ(end.code, "cancelled");
  EXPECT_EQ(end.error, "enough");
  EXPECT_EQ(witness_.endings, std::vector{Ending::cancelled});
}

TEST_P(CliRoundTest, SilenceIsToldOnceAndStopsTheRoundIfTheAgentSaysSo) {
  Agent ada;
  ada.id = AgentId(world_.env.uuid4());
  ada.name = "ada";
  ada.cli = "worker";
  ada.limits.silence_ms = 60s;
  ada.limits.stop_on_silence = true;
  world_.add(ada);
  start(ada);
  world_.quiet();
  world_.env.advance(59s);
  world_.machine.out("still here\n");
  world_.quiet();
  world_.settle();
  world_.env.advance(59s);
  world_.quiet();
  EXPECT_EQ(world_.count("RunSilent"), 0U);
  world_.env.advance(2s);
  ASSERT_TRUE(world_.until_event("RunSilent"));
  ASSERT_TRUE(world_.until([&] { return !world_.machine.process().stops.empty(); }));
  EXPECT_EQ(world_.machine.process().stops[0].reason, "silence");
  EXPECT_TRUE(world_.get<Agent>(ada.id).attention);
  world_.env.advance(600s);
  world_.quiet();
  EXPECT_EQ(world_.count("RunSilent"), 1U);
  ASSERT_TRUE(finish());
  EXPECT_EQ(world_.fact<fact::RunFailed>("RunFailed").code, "silence");
}

TEST_P(CliRoundTest, SilenceIsToldAgainAfterTheRoundHasSpoken) {
  auto ada = world_.agent("ada");
  start(ada);  // the default: ten minutes, and it is not stopped
  world_.quiet();
  world_.env.advance(601s);
  ASSERT_TRUE(world_.until_event("RunSilent"));
  world_.machine.out("so\n");
  world_.quiet();
  world_.env.advance(601s);
  ASSERT_TRUE(world_.until_event("RunSilent", 2));
  EXPECT_TRUE(world_.machine.process().stops.empty());
}

TEST_P(CliRoundTest, AStopByOurOwnLimitIsAFailureOfThatName) {
  start(world_.agent("ada"));
  proc::Exit exit;
  exit.signal = 9;
  exit.stopped = proc::Stopped{"output_limit", proc::StopAction::kill};
  world_.machine.end(exit);
  ASSERT_TRUE(until_over());
  EXPECT_EQ(world_.fact<fact::RunFailed>("RunFailed").code, "output_limit");
}

}  // namespace
}  // namespace reeve::run
