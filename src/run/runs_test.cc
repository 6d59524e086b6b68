#include "run/runs.h"

#include <gtest/gtest.h>

#include <numeric>

#include "base/limits.h"
#include "run/testing.h"

namespace reeve::run {
namespace {

using namespace std::chrono_literals;
using testing::Backend;
using testing::claude_delta;
using testing::claude_init;
using testing::claude_message;
using testing::claude_result;
using testing::World;

/// Remembers what it was told, and adds nothing.
class Witness final : public Participant {
 public:
  Async<Status> at_start(Draft&, const reeve::Run& run) override {
    starts.push_back(run.id);
    co_return Status();
  }
  Async<Status> at_end(Draft& draft, const Run&, Ending ending, bool started,
                       fact::RunEnd& end) override {
    endings.push_back(ending);
    started_.push_back(started);
    codes.push_back(end.code);
    if (impossible) {
      const store::DocKey nothing{"_nothing", "x"};
      draft.require(store::DocAt{nothing, 1});
    }
    co_return Status();
  }
  bool impossible = false;  ///< what it adds to an end can never be committed
  std::vector<RunId> starts;
  std::vector<Ending> endings;
  std::vector<bool> started_;
  std::vector<std::string> codes;
};

class RunsTest : public ::testing::TestWithParam<Backend> {
 protected:
  RunsTest() { start_daemon(); }
  ~RunsTest() override { stop_daemon(); }

  void start_daemon() {
    Runs::Options options;
    options.rounds = world_.dir.path() / "rounds";
    options.root = world_.dir.path();
    options.town = "oak";
    options.environment = {{"PATH", "/bin"}, {"HOME", "/nowhere"}};
    runs_ = std::make_unique<Runs>(world_.env, world_.loop.get_executor(), world_.log,
                                   world_.machine, witness_, options);
    world_.await(aio::yield());  // it follows requests to stop from here on
  }
  void stop_daemon() {
    if (!runs_) return;
    world_.await(runs_->close());
    runs_.reset();
  }
  /// A new daemon over the same store and machine; answers how many runs it took up.
  std::size_t restart() {
    stop_daemon();
    start_daemon();
    return world_.await(runs_->recover()).value();
  }

  Result<RunId> try_start(const Agent& agent, std::string prompt = "do it") {
    RunRequest request;
    request.agent = agent;
    request.prompt = std::move(prompt);
    return world_.await(runs_->start(std::move(request)));
  }
  RunId start(const Agent& agent) { return try_start(agent).value(); }

  [[nodiscard]] std::size_t terminal_events() const {
    return world_.count("RunCompleted") + world_.count("RunFailed") + world_.count("RunCancelled");
  }
  bool until_over(std::size_t runs = 1) {
    return world_.until([&] { return terminal_events() >= runs && runs_->running() == 0; });
  }
  std::vector<std::string> messages() const {
    std::vector<std::string> texts;
    for (const auto& event : world_.events("AssistantMessage"))
      texts.emplace_back(parse_json(event->payload)->at("text").as_string());
    return texts;
  }
  void request_stop(const RunId& run, const Agent& agent, const std::string& reason = "enough") {
    ASSERT_TRUE(world_.commit({fact::RunStopRequested{run, agent.id, reason}}));
  }

  World world_{GetParam()};
  Witness witness_;
  std::unique_ptr<Runs> runs_;
};

INSTANTIATE_TEST_SUITE_P(, RunsTest, ::testing::Values(Backend::memory, Backend::sqlite),
                         testing::name_of);

// --- Beginning
// ------------------------------------------------------------------------------------

TEST_P(RunsTest, ARoundIsCommittedBeforeItsProcessBeginsAndKnowsWhoItIs) {
  const auto ada = world_.agent("ada", "worker --fast");
  world_.machine.hold = true;
  const auto work = [](Runs& runs, RunRequest request) -> Async<> {
    EXPECT_TRUE(co_await runs.start(std::move(request)));
  };
  RunRequest request;
  request.agent = ada;
  request.prompt = "do it";
  aio::TaskGroup group(world_.loop.get_executor());
  group.spawn("start", work(*runs_, request));
  ASSERT_TRUE(world_.until([&] { return world_.machine.held() == 1; }));
  EXPECT_EQ(world_.count("RunStarted"), 1U);
  EXPECT_EQ(world_.machine.started(), 0U);
  world_.machine.release();
  world_.await(group.join());

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

// --- Output
// ---------------------------------------------------------------------------------------

TEST_P(RunsTest, WhatARoundSaysBecomesEventsOnceAndItsEndIsOne) {
  const auto ada = world_.agent("ada", "claude");
  const auto run = start(ada);
  world_.machine.out(claude_init("s-1") + claude_message("m1", "one"));
  ASSERT_TRUE(world_.until_event("AssistantMessage"));
  world_.machine.out(claude_message("m2", "two") + claude_result("two"));
  world_.machine.exit(0);
  ASSERT_TRUE(until_over());

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

TEST_P(RunsTest, ALineThatIsLongerThanOneReadIsReadToItsEnd) {
  start(world_.agent("ada"));
  const std::string line(limits::kTailRead * 2 + 77, 'x');
  world_.machine.out(line + "\nlast\n");
  world_.machine.exit(0);
  ASSERT_TRUE(until_over());
  const auto end = world_.fact<fact::RunCompleted>("RunCompleted");
  EXPECT_TRUE(end.text.ends_with("x\nlast\n"));
}

TEST_P(RunsTest, ALongLineOfALiveRoundIsNotHeldBack) {
  start(world_.agent("ada", "claude"));
  const auto long_text = std::string(limits::kTailRead + 77, 'x');
  world_.machine.out(claude_message("m1", long_text));
  ASSERT_TRUE(world_.until_event("AssistantMessage"));
  EXPECT_EQ(messages().front().size(), long_text.size());
}

TEST_P(RunsTest, AnEventThatIsTooLargeIsCutAndTheRoundGoesOn) {
  start(world_.agent("ada", "claude"));
  const std::string huge(limits::kEventPayload + 1, 'x');
  world_.machine.out(
      R"({"type":"assistant","message":{"id":"m1","content":[{"type":"tool_use","id":"t1",)"
      R"("name":"Write","input":{"text":")" +
      huge + "\"}}]}}\n" + claude_message("m2", "small") + claude_result("small"));
  world_.machine.exit(0);
  ASSERT_TRUE(until_over());
  EXPECT_EQ(world_.count("RunCompleted"), 1U);
  const auto call = world_.payload("ToolCallReady").as_object();
  EXPECT_EQ(call.at("type"), "ToolCallReady");
  EXPECT_LE(world_.events("ToolCallReady")[0]->payload.size(), limits::kEventPayload);
  EXPECT_TRUE(call.at("arguments").as_object().contains("cut"));
  EXPECT_EQ(messages(), std::vector<std::string>{"small"});
}

TEST_P(RunsTest, ManyLinesAreCommittedInBatches) {
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

TEST_P(RunsTest, UsageIsSummedInTheRunAndInItsAgent) {
  const auto ada = world_.agent("ada", "claude");
  for (int round = 0; round < 2; ++round) {
    const auto run = start(world_.get<Agent>(ada.id));
    world_.machine.out(claude_init("s-1") + claude_result("ok", 100, 10));
    world_.machine.exit(0);
    ASSERT_TRUE(until_over(static_cast<std::size_t>(round) + 1));
    EXPECT_EQ(world_.get<reeve::Run>(run).usage.input_tokens, 100);
    EXPECT_DOUBLE_EQ(world_.get<reeve::Run>(run).cost_usd, 0.5);
  }
  EXPECT_EQ(world_.get<Agent>(ada.id).usage.input_tokens, 200);
  EXPECT_EQ(world_.get<Agent>(ada.id).usage.output_tokens, 20);
  EXPECT_DOUBLE_EQ(world_.get<Agent>(ada.id).cost_usd, 1.0);
}

TEST_P(RunsTest, TheSessionIsBoundToTheThreadAndResumedInTheNextRun) {
  const auto ada = world_.agent("ada", "codex");
  const auto first = start(ada);
  world_.machine.out(
      "{\"type\":\"thread.started\",\"thread_id\":\"t-1\"}\n"
      "{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}\n");
  world_.machine.exit(0);
  ASSERT_TRUE(until_over());
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
  world_.machine.out("{\"type\":\"thread.started\",\"thread_id\":\"t-1\"}\n");
  world_.machine.exit(0);
  ASSERT_TRUE(until_over(2));
  EXPECT_EQ(world_.count("SessionStarted"), 1U);
}

TEST_P(RunsTest, ASessionThatWeNamedIsBoundOnceTheCliHasBegunIt) {
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

TEST_P(RunsTest, ASessionThatWeNamedIsBoundWithTheSuccessOfACliThatNeverSaysIt) {
  const auto ada = world_.agent("ada", "copilot");
  const auto run = start(ada);
  const auto named = world_.get<reeve::Run>(run).session;
  ASSERT_TRUE(named);
  world_.machine.out("done\n");
  world_.machine.exit(0);
  ASSERT_TRUE(until_over());
  const auto second = start(world_.get<Agent>(ada.id));
  EXPECT_EQ(world_.get<reeve::Run>(second).session, named);
}

TEST_P(RunsTest, ASessionThatTheVendorHasForgottenIsNotResumedForEver) {
  const auto ada = world_.agent("ada", "claude");
  start(ada);
  world_.machine.out(claude_init("s-1") + claude_result("ok"));
  world_.machine.exit(0);
  ASSERT_TRUE(until_over());
  start(world_.get<Agent>(ada.id));
  world_.machine.err("No conversation found with session ID: s-1\n");
  world_.machine.exit(1);
  ASSERT_TRUE(until_over(2));
  ASSERT_EQ(world_.fact<fact::RunFailed>("RunFailed").code, "session_not_found");

  start(world_.get<Agent>(ada.id));
  EXPECT_FALSE(std::ranges::count(world_.machine.process().spec.argv, "s-1"));
}

TEST_P(RunsTest, DeltasAreSeenLiveAndTheEventNamesWhatItSupersedes) {
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

// --- Ends (G7)
// ------------------------------------------------------------------------------------

TEST_P(RunsTest, G7_AFailureIsOneTerminalEvent) {
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
  EXPECT_EQ(witness_.started_, std::vector{true});
}

TEST_P(RunsTest, G7_AStreamWithoutItsEndIsALostResult) {
  start(world_.agent("ada", "claude"));
  world_.machine.out(claude_init("s-1") + claude_message("m1", "half"));
  world_.machine.exit(0);
  ASSERT_TRUE(until_over());
  EXPECT_EQ(world_.fact<fact::RunFailed>("RunFailed").code, "lost_result");
}

TEST_P(RunsTest, G7_ALostRoundFailsWithWhatItSaid) {
  start(world_.agent("ada", "claude"));
  world_.machine.out(claude_message("m1", "last words"));
  world_.machine.lose();
  ASSERT_TRUE(until_over());
  EXPECT_EQ(terminal_events(), 1U);
  EXPECT_EQ(world_.count("RunFailed"), 1U);
  EXPECT_EQ(messages(), std::vector<std::string>{"last words"});
}

TEST_P(RunsTest, G7_ACliThatCannotBeStartedFails) {
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
  EXPECT_EQ(witness_.started_, std::vector{false});
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::idle);
}

TEST_P(RunsTest, G7_AShimThatCannotBeStartedFails) {
  world_.machine.refuse = Error(Errc::storage_full, "the disk is full");
  const auto ada = world_.agent("ada");
  const auto run = start(ada);
  ASSERT_TRUE(until_over());
  EXPECT_EQ(world_.get<reeve::Run>(run).code, "spawn_failed");
  EXPECT_EQ(world_.get<reeve::Run>(run).error, "the disk is full");
}

TEST_P(RunsTest, G7_ACommandThatIsNoneFails) {
  const auto ada = world_.agent("ada", "cat | wc");  // spawn refuses it; an older town may have it
  const auto run = start(ada);
  ASSERT_TRUE(until_over());
  EXPECT_EQ(world_.get<reeve::Run>(run).code, "spawn_failed");
  EXPECT_EQ(world_.machine.started(), 0U);
}

TEST_P(RunsTest, G7_AnExceptionInARoundIsItsEnd) {
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

TEST_P(RunsTest, G8_ACancelWinsOverALaterSuccess) {
  const auto ada = world_.agent("ada", "claude");
  const auto run = start(ada);
  request_stop(run, ada);
  ASSERT_TRUE(world_.until([&] { return world_.machine.process().stops.size() == 1; }));
  EXPECT_EQ(world_.machine.process().stops[0].reason, "enough");
  world_.machine.out(claude_message("m1", "done!") + claude_result("done!"));
  world_.machine.exit(0);
  ASSERT_TRUE(until_over());
  EXPECT_EQ(terminal_events(), 1U);
  const auto end = world_.fact<fact::RunCancelled>("RunCancelled");
  EXPECT_EQ(end.code, "cancelled");
  EXPECT_EQ(end.error, "enough");
  EXPECT_EQ(witness_.endings, std::vector{Ending::cancelled});
}

TEST_P(RunsTest, AStopThatIsRequestedWhileTheRoundStartsIsNotForgotten) {
  const auto ada = world_.agent("ada");
  world_.machine.hold = true;
  const auto work = [](Runs& runs, RunRequest request) -> Async<> {
    EXPECT_TRUE(co_await runs.start(std::move(request)));
  };
  RunRequest request;
  request.agent = ada;
  request.prompt = "do it";
  aio::TaskGroup group(world_.loop.get_executor());
  group.spawn("start", work(*runs_, request));
  ASSERT_TRUE(world_.until([&] { return world_.machine.held() == 1; }));
  const auto run = *world_.get<Agent>(ada.id).current_run;
  request_stop(run, ada);
  world_.settle();
  world_.machine.release();
  world_.await(group.join());
  ASSERT_EQ(world_.machine.process().stops.size(), 1U);
  world_.machine.exit(0);
  ASSERT_TRUE(until_over());
  EXPECT_EQ(world_.count("RunCancelled"), 1U);
}

TEST_P(RunsTest, StopAllEndsWhatRunsAndWhatIsJustStarting) {
  const auto ada = world_.agent("ada");
  const auto bob = world_.agent("bob");
  start(ada);
  world_.machine.hold = true;
  const auto work = [](Runs& runs, RunRequest request) -> Async<> {
    static_cast<void>(co_await runs.start(std::move(request)));
  };
  RunRequest request;
  request.agent = bob;
  request.prompt = "do it";
  aio::TaskGroup group(world_.loop.get_executor());
  group.spawn("start", work(*runs_, request));
  // As early as can be: nothing of bob's round is committed yet.
  ASSERT_TRUE(world_.await(runs_->stop_all("the daemon stops")));
  bool idle = false;
  const auto wait = [](Runs& runs, bool* done) -> Async<> {
    co_await runs.wait_idle();
    *done = true;
  };
  group.spawn("wait", wait(*runs_, &idle));
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
  world_.await(group.join());
  EXPECT_EQ(world_.count("RunStarted"), terminal_events());
  EXPECT_EQ(world_.count("RunCompleted"), 0U);
  EXPECT_EQ(store::code_of(try_start(world_.get<Agent>(ada.id))), Errc::unavailable);
}

TEST_P(RunsTest, SilenceIsToldOnceAndStopsTheRoundIfTheAgentSaysSo) {
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
  world_.machine.exit(0);
  ASSERT_TRUE(until_over());
  EXPECT_EQ(world_.fact<fact::RunFailed>("RunFailed").code, "silence");
}

TEST_P(RunsTest, SilenceIsToldAgainAfterTheRoundHasSpoken) {
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

TEST_P(RunsTest, AStopByOurOwnLimitIsAFailureOfThatName) {
  start(world_.agent("ada"));
  proc::Exit exit;
  exit.signal = 9;
  exit.stopped = proc::Stopped{"output_limit", proc::StopAction::kill};
  world_.machine.end(exit);
  ASSERT_TRUE(until_over());
  EXPECT_EQ(world_.fact<fact::RunFailed>("RunFailed").code, "output_limit");
}

// --- A later daemon (G5, G12)
// ---------------------------------------------------------------------

TEST_P(RunsTest, G12_ALaterDaemonGoesOnWhereTheEarlierOneWas) {
  const auto ada = world_.agent("ada", "claude");
  const auto run = start(ada);
  world_.machine.out(claude_init("s-1") + claude_message("m1", "one") + claude_delta("tw"));
  ASSERT_TRUE(world_.until_event("AssistantMessage"));
  stop_daemon();
  world_.machine.out(claude_message("m2", "two"));
  EXPECT_EQ(restart(), 1U);
  ASSERT_TRUE(world_.until_event("AssistantMessage", 2));
  world_.machine.out(claude_message("m3", "three") + claude_result("three"));
  world_.machine.exit(0);
  ASSERT_TRUE(until_over());

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
  world_.machine.hold = true;
  const auto work = [](Runs& runs, RunRequest request) -> Async<> {
    static_cast<void>(co_await runs.start(std::move(request)));
  };
  RunRequest request;
  request.agent = ada;
  request.prompt = "do it";
  aio::TaskGroup group(world_.loop.get_executor());
  group.spawn("start", work(*runs_, request));
  ASSERT_TRUE(world_.until([&] { return world_.machine.held() == 1; }));
  // The machine goes down here: what the first daemon waited for never comes.
  const auto run = *world_.get<Agent>(ada.id).current_run;
  world_.machine.refuse = Error(Errc::unavailable, "gone");
  world_.store.down = true;
  world_.machine.release();
  group.cancel();
  world_.await(group.join());
  world_.store.down = false;
  world_.machine.refuse.reset();

  EXPECT_EQ(restart(), 0U);
  EXPECT_EQ(terminal_events(), 1U);
  EXPECT_EQ(world_.get<reeve::Run>(run).code, "not_started");
  EXPECT_EQ(witness_.started_.back(), false);
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
  world_.machine.exit(0);
  ASSERT_TRUE(until_over());
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

// --- A store in trouble
// ---------------------------------------------------------------------------

TEST_P(RunsTest, WhatCannotBeKeptNowIsKeptLaterAndOnce) {
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
  ASSERT_TRUE(world_.until([&] {
    world_.settle();
    world_.env.advance(10s);  // whoever waits for the store tries again
    return terminal_events() == 1 && runs_->running() == 0;
  }));
  EXPECT_TRUE(world_.store.next.empty());
  EXPECT_EQ(messages(), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(world_.count("SessionStarted"), 1U);
  EXPECT_EQ(world_.count("RunCompleted"), 1U);
  EXPECT_EQ(world_.count("UsageRecorded"), 1U);
}

TEST_P(RunsTest, G7_AnEndThatCannotBeKeptNowIsKeptLaterAndOnce) {
  start(world_.agent("ada"));
  world_.machine.refuse.reset();
  world_.settle();
  world_.store.next = {{Errc::storage_full, false}, {Errc::storage_full, false}};
  world_.machine.exit(0);
  world_.settle();
  for (const bool applied : {false, true})
    world_.store.next.push_back({Errc::unknown_outcome, applied});
  ASSERT_TRUE(world_.until([&] {
    world_.settle();
    world_.env.advance(10s);
    return terminal_events() == 1 && runs_->running() == 0;
  }));
  EXPECT_EQ(terminal_events(), 1U);
}

TEST_P(RunsTest, AnEndThatLosesEveryRaceTakesItsTime) {
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

TEST_P(RunsTest, EventsThatTheStoreRefusesDoNotHoldUpTheRound) {
  start(world_.agent("ada", "claude"));
  world_.settle();
  world_.store.next = {{Errc::too_large, false}};
  world_.machine.out(claude_message("m1", "one"));
  ASSERT_TRUE(world_.until_event("ErrorRecorded"));
  world_.machine.out(claude_message("m2", "two") + claude_result("two"));
  world_.machine.exit(0);
  ASSERT_TRUE(until_over());
  EXPECT_EQ(world_.count("RunCompleted"), 1U);
  EXPECT_EQ(messages(), std::vector<std::string>{"two"});
}

/// The daemon dies with its nth commit, which happened or did not; a later one goes on. Whatever n
/// is, every line is told once, and the run has one end.
TEST_P(RunsTest, G5_G7_G12_ADaemonThatDiesAtAnyCommitLosesAndRepeatsNothing) {
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
