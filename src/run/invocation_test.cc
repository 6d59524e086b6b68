// emit: runs of model providers, from the call to the one end that each has.

#include "run/invocation.h"

#include <gtest/gtest.h>

#include "llm/scripted.h"
#include "run/testing.h"

namespace reeve::run {
namespace {

using namespace std::chrono_literals;
using testing::Backend;
using testing::World;

llm::Script script(const char* text) { return llm::read_script(parse_json(text).value()).value(); }

class EventsInvocation : public ::testing::TestWithParam<Backend> {
 protected:
  EventsInvocation() { start(); }
  ~EventsInvocation() override { end(); }

  void start() {
    invocation_ = std::make_unique<Invocation>(world_.env, world_.loop.get_executor(), world_.log,
                                               providers_, tools_, Invocation::Options());
  }
  void end() {
    if (!invocation_) return;
    world_.await(invocation_->close());
    invocation_.reset();
  }
  static Async<> emit_into(Invocation& invocation, EmitRequest request,
                           std::optional<Result<RunHandle>>& out) {
    out.emplace(co_await invocation.emit(std::move(request)));
  }
  void provide(std::string name, llm::Script what) {
    providers_.put(std::make_shared<llm::ScriptedProvider>(std::move(name), world_.env, what));
  }
  Result<RunHandle> emit(EmitRequest request, Control control = {}, bool events = false) {
    return world_.await(invocation_->emit(std::move(request), std::move(control), events));
  }
  RunResult result(RunHandle& handle) {
    auto done = world_.await(handle.result());
    EXPECT_TRUE(done) << done.error().message();
    return done ? *done : RunResult();
  }
  RunResult ask(EmitRequest request) {
    auto handle = emit(std::move(request));
    EXPECT_TRUE(handle) << handle.error().message();
    return handle ? result(*handle) : RunResult();
  }
  std::vector<std::string> kinds_of(const RunId& run) {
    std::vector<std::string> kinds;
    for (const auto& event : world_.store.events) {
      if (std::ranges::count(event->scopes, Scope::of(run)) > 0) kinds.push_back(event->kind);
    }
    return kinds;
  }
  std::size_t ends_of(const RunId& run) {
    return static_cast<std::size_t>(std::ranges::count_if(kinds_of(run), [](const auto& kind) {
      return kind == "RunCompleted" || kind == "RunFailed" || kind == "RunCancelled";
    }));
  }
  /// A tool that says what it was given, and how often it ran.
  void add_echo() {
    ToolDescriptor about;
    about.name = "echo";
    auto ran = [this](const json::object& arguments,
                      const tool::BlockingContext&) -> Result<json::value> {
      ++echoed_;
      return json::value(write_json(arguments));
    };
    ASSERT_TRUE(tools_.add(tool::make_blocking_tool(world_.env, about, ran)));
  }

  World world_{GetParam()};
  llm::Registry providers_;
  tool::Registry tools_;
  std::atomic<int> echoed_ = 0;
  std::unique_ptr<Invocation> invocation_;
};
INSTANTIATE_TEST_SUITE_P(, EventsInvocation, ::testing::Values(Backend::memory, Backend::sqlite),
                         testing::name_of);

const auto kAsk = [] { return EmitRequest::ask("model", "", "hello"); };

TEST_P(EventsInvocation, ARunGivesItsTextItsMessagesAndItsUsage) {
  provide("model", script(R"({"turns":[["good ","day",
                              {"usage":{"input_tokens":3,"output_tokens":2}}]]})"));
  const auto done = ask(kAsk());
  EXPECT_EQ(done.state, RunState::completed);
  EXPECT_EQ(done.reason, "stop");
  EXPECT_EQ(done.text, "good day");
  EXPECT_EQ(done.steps, 1);
  EXPECT_EQ(done.usage.input_tokens, 3);
  ASSERT_EQ(done.messages.size(), 2U);
  EXPECT_EQ(text_of(done.messages[0]), "hello");
  EXPECT_EQ(text_of(done.messages[1]), "good day");
  EXPECT_EQ(kinds_of(done.run),
            (std::vector<std::string>{"RunStarted", "MessagesAppended", "MessagesAppended",
                                      "InferenceComplete", "UsageRecorded", "AssistantMessage",
                                      "RunCompleted"}));
  const auto run = world_.get<reeve::Run>(done.run);
  EXPECT_EQ(run.state, RunState::completed);
  EXPECT_EQ(run.text, "good day");
  EXPECT_EQ(world_.get<reeve::Thread>(done.session).messages, 2U);
  EXPECT_EQ(world_.await(world_.store.run_epoch(done.run)).value(), std::nullopt);
}

/// A model that keeps what it was asked.
class Asked final : public llm::Provider {
 public:
  [[nodiscard]] std::string_view name() const override { return "model"; }
  [[nodiscard]] std::string_view default_model() const override { return "default"; }
  Async<llm::ChatResult> chat(const llm::ChatRequest& request, llm::OnEvent) override {
    model = request.model;
    messages.assign(request.messages.begin(), request.messages.end());
    for (const auto& tool : request.tools) tools.push_back(tool.name);
    choice = request.tool_choice;
    sampling = request.sampling;
    llm::ChatResponse answer;
    answer.message = ChatMessage::assistant("yes");
    answer.finish_reason = llm::FinishReason::stop;
    co_return answer;
  }

  std::string model;
  std::vector<ChatMessage> messages;
  std::vector<std::string> tools;
  ToolChoice choice;
  Sampling sampling;
};

// behest: emit_request_converts_to_run_request
TEST_P(EventsInvocation, EmitRequestConvertsToRunRequest) {
  add_echo();
  const auto model = std::make_shared<Asked>();
  providers_.put(model);
  const auto session = ask(kAsk()).session;
  EmitRequest request = EmitRequest::ask("model", "large", "how are you?");
  request.system = "be brief";
  request.session = session;
  request.client_request_id = "req-1";
  request.metadata = json::object{{"ticket", 7}};
  request.sampling.temperature = 0.5;
  request.sampling.stop = {"END"};
  request.durability = Durability::full_fidelity;
  const auto done = ask(request);
  EXPECT_EQ(done.session, session);
  const auto run = world_.get<reeve::Run>(done.run);
  EXPECT_FALSE(run.id.is_nil()) << "the town's to give";
  EXPECT_EQ(run.provider, "model");
  EXPECT_EQ(run.model, "large");
  EXPECT_EQ(write_json(run.metadata), R"({"ticket":7})");
  EXPECT_EQ(run.durability, Durability::full_fidelity);
  EXPECT_EQ(model->model, "large");
  EXPECT_EQ(model->choice, ToolChoice()) << "the model chooses";
  EXPECT_EQ(model->sampling, request.sampling);
  EXPECT_EQ(model->tools, (std::vector<std::string>{"echo", "echo"})) << "of two runs";
  ASSERT_EQ(model->messages.size(), 4U);
  EXPECT_EQ(model->messages[0].role, ChatRole::system);
  EXPECT_EQ(text_of(model->messages[0]), "be brief");
  EXPECT_EQ(text_of(model->messages[3]), "how are you?");
  EXPECT_EQ(ask(request).run, done.run) << "the client's id of the request";
}

// behest: emit_request_default_metadata_is_null
TEST_P(EventsInvocation, EmitRequestDefaultMetadataIsNull) {
  const auto model = std::make_shared<Asked>();
  providers_.put(model);
  EXPECT_TRUE(EmitRequest().metadata.is_null());
  const auto run = world_.get<reeve::Run>(ask(kAsk()).run);
  EXPECT_TRUE(run.metadata.is_null());
  EXPECT_EQ(run.model, "default");
  EXPECT_EQ(run.durability, Durability::compacted);
}

TEST_P(EventsInvocation, ToolCallsRunAndTheirResultsGoBackToTheModel) {
  add_echo();
  provide("model", script(R"({"turns":[[{"call":{"name":"echo","arguments":{"n":1}}},
                                        {"call":{"name":"echo","arguments":{"n":2}}},
                                        {"call":{"name":"nothing","arguments":{}}}],
                                       ["done"]]})"));
  const auto done = ask(kAsk());
  EXPECT_EQ(done.state, RunState::completed) << done.error;
  EXPECT_EQ(done.text, "done");
  EXPECT_EQ(done.steps, 2);
  EXPECT_EQ(echoed_, 2);
  ASSERT_EQ(done.messages.size(), 6U);  // input, calls, three results, answer
  EXPECT_EQ(text_of(done.messages[2]), R"({"n":1})");
  EXPECT_EQ(text_of(done.messages[3]), R"({"n":2})");
  EXPECT_TRUE(done.messages[4].failed);
  EXPECT_EQ(world_.count("ToolCallDone"), 3U);
}

TEST_P(EventsInvocation, ASessionGoesOnAlsoInALaterProcess) {
  provide("model", llm::Script::saying("yes"));
  const auto first = ask(kAsk());
  auto again = kAsk();
  again.session = first.session;
  EXPECT_EQ(ask(again).session, first.session);
  end();
  start();
  const auto third = ask(again);
  EXPECT_EQ(third.state, RunState::completed);
  EXPECT_EQ(world_.get<reeve::Thread>(first.session).messages, 6U);
  EXPECT_EQ(world_.get<reeve::Thread>(first.session).runs, 3);
  auto unknown = kAsk();
  unknown.session = ThreadId(world_.env.uuid4());
  EXPECT_EQ(emit(unknown).error().code(), Errc::not_found);
}

// behest's acceptance test 12
TEST_P(EventsInvocation, Acceptance12_TheSameMessageInTwoSessionsIsTakenTwice) {
  provide("model", llm::Script::saying("yes"));
  EXPECT_NE(ask(kAsk()).session, ask(kAsk()).session);
  EXPECT_EQ(world_.count("RunCompleted"), 2U);
}

TEST_P(EventsInvocation, RunsOfOneSessionTakeTurns) {
  provide("model", script(R"({"turns":[[{"wait_ms":1000},"a"]]})"));
  auto first = emit(kAsk()).value();
  auto request = kAsk();
  request.session = first.session();
  auto second = emit(request).value();
  Control impatient;
  auto third = emit(request, impatient).value();
  world_.quiet();
  EXPECT_EQ(world_.count("RunStarted"), 1U);
  impatient.cancel("no time");
  world_.quiet();
  EXPECT_EQ(world_.await(third.result()).error().code(), Errc::cancelled);
  world_.env.advance(1s);
  ASSERT_TRUE(world_.until([&] { return world_.count("RunStarted") == 2; }));
  EXPECT_EQ(result(first).text, "a");
  world_.quiet();
  world_.env.advance(1s);
  EXPECT_EQ(result(second).text, "a");
  EXPECT_EQ(world_.get<reeve::Thread>(first.session()).messages, 4U);
}

TEST_P(EventsInvocation, G9_ARepeatedRequestGivesTheFirstResult) {
  provide("model", llm::Script::saying("once"));
  auto request = kAsk();
  request.client_request_id = "req-1";
  const auto first = ask(request);
  const auto again = ask(request);
  EXPECT_EQ(again.run, first.run);
  EXPECT_EQ(again.text, "once");
  EXPECT_EQ(again.messages, first.messages);
  EXPECT_EQ(world_.count("RunStarted"), 1U);
  auto other = request;
  other.input = {TextPart{"something else"}};
  EXPECT_EQ(emit(other).error().code(), Errc::conflict);
  end();
  start();
  EXPECT_EQ(ask(request).run, first.run);
}

TEST_P(EventsInvocation, WhatIsAskedWrongIsRefusedBeforeAnythingBegins) {
  provide("model", llm::Script::saying("yes"));
  EXPECT_EQ(emit(EmitRequest()).error().code(), Errc::invalid_argument);
  EXPECT_EQ(emit(EmitRequest::ask("modle", "", "x")).error().code(), Errc::not_found);
  auto both = kAsk();
  both.agent = "ada";
  EXPECT_EQ(emit(both).error().code(), Errc::invalid_argument);
  auto agent = kAsk();
  agent.provider.clear();
  agent.agent = "ada";
  EXPECT_EQ(emit(agent).error().code(), Errc::unsupported);
  auto tools = kAsk();
  tools.tools = {"saw"};
  EXPECT_EQ(emit(tools).error().code(), Errc::not_found);
  EXPECT_TRUE(world_.store.events.empty());
}

// --- Ends (G7), and behest's acceptance tests 4
// ---------------------------------------------------

TEST_P(EventsInvocation, ACancelBeforeTheRunMeansThatItNeverStarts) {
  provide("model", llm::Script::saying("yes"));
  Control control;
  control.cancel();
  EXPECT_EQ(emit(kAsk(), control).error().code(), Errc::cancelled);
  const auto configured = [](Control& mine) -> Async<Result<EmitRequest>> {
    mine.cancel("changed my mind");
    co_return EmitRequest::ask("model", "", "hello");
  };
  EXPECT_EQ(world_.await(invocation_->emit(configured)).error().code(), Errc::cancelled);
  EXPECT_TRUE(world_.store.events.empty());
}

TEST_P(EventsInvocation, G7_ACancelEndsAModelCallAtOnce) {
  provide("model", script(R"({"turns":[["half an",{"hang":true}]]})"));
  Control control;
  auto handle = emit(kAsk(), control).value();
  world_.quiet();
  EXPECT_FALSE(handle.is_finished());
  control.cancel("enough");
  const auto done = result(handle);
  EXPECT_EQ(done.state, RunState::cancelled);
  EXPECT_EQ(done.error, "enough");
  EXPECT_EQ(ends_of(done.run), 1U);
  // What it had said stays in the conversation.
  ASSERT_EQ(done.messages.size(), 2U);
  EXPECT_EQ(text_of(done.messages[1]), "half an");
  EXPECT_TRUE(handle.is_finished());
  control.cancel("again");
  handle.cancel();
  world_.quiet();
  EXPECT_EQ(ends_of(done.run), 1U);
}

TEST_P(EventsInvocation, G7_AnAbortForgetsWhatWasNotCommitted) {
  provide("model", script(R"({"turns":[["half an",{"hang":true}]]})"));
  auto handle = emit(kAsk()).value();
  world_.quiet();
  handle.abort();
  const auto done = result(handle);
  EXPECT_EQ(done.state, RunState::cancelled);
  EXPECT_EQ(done.messages.size(), 1U);
  EXPECT_EQ(ends_of(done.run), 1U);
}

/// A tool that waits until it is cancelled.
class Sleeper final : public tool::Tool {
 public:
  explicit Sleeper(Env& env) : env_(env) { about_.name = "sleep"; }
  [[nodiscard]] const ToolDescriptor& descriptor() const override { return about_; }
  tool::Async<tool::Output> run(tool::Context, json::object) override {
    ++running;
    const struct Ended {
      int& count;
      ~Ended() { --count; }
    } ended{running};
    most = std::max(most, running);
    co_await aio::sleep(env_, std::chrono::seconds(10));
    co_return tool::Output::text("slept");
  }
  int running = 0;
  int most = 0;

 private:
  Env& env_;
  ToolDescriptor about_;
};

TEST_P(EventsInvocation, Acceptance4_ADeadlineShorterThanTheToolEndsTheRunAndTheTool) {
  const auto sleeper = std::make_shared<Sleeper>(world_.env);
  ASSERT_TRUE(tools_.add(sleeper));
  provide("model", script(R"({"turns":[[{"call":{"name":"sleep","arguments":{}}}],["x"]]})"));
  Control control;
  control.set_timeout(Duration(3000));
  auto handle = emit(kAsk(), control).value();
  ASSERT_TRUE(world_.until([&] { return sleeper->running == 1; }));
  world_.env.advance(3s);
  const auto done = result(handle);
  EXPECT_EQ(done.state, RunState::failed);
  EXPECT_EQ(done.reason, "timeout");
  EXPECT_EQ(sleeper->running, 0);
  EXPECT_EQ(ends_of(done.run), 1U);
  // The conversation is one that a model takes: the call has a result.
  ASSERT_EQ(done.messages.size(), 3U);
  EXPECT_EQ(done.messages[2].role, ChatRole::tool);
  EXPECT_TRUE(done.messages[2].failed);
}

TEST_P(EventsInvocation, TheConcurrencyLimitHoldsForTheCallsOfAStep) {
  const auto sleeper = std::make_shared<Sleeper>(world_.env);
  ASSERT_TRUE(tools_.add(sleeper));
  const auto* calls = R"({"turns":[[{"call":{"name":"sleep","arguments":{}}},
    {"call":{"name":"sleep","arguments":{}}},{"call":{"name":"sleep","arguments":{}}},
    {"call":{"name":"sleep","arguments":{}}}],["x"]]})";
  provide("model", script(calls));
  Control control;
  control.set_concurrency_limit(2);
  auto handle = emit(kAsk(), control).value();
  ASSERT_TRUE(world_.until([&] { return sleeper->running == 2; }));
  world_.quiet();
  EXPECT_EQ(sleeper->running, 2);
  world_.env.advance(10s);
  ASSERT_TRUE(world_.until([&] { return sleeper->running == 2; }));
  world_.quiet();
  world_.env.advance(10s);
  EXPECT_EQ(result(handle).text, "x");
  EXPECT_EQ(sleeper->most, 2);
}

TEST_P(EventsInvocation, G7_AFailingModelIsAFailedRun) {
  provide("model",
          script(R"({"turns":[["half",{"error":{"trouble":"overloaded","message":"busy"}}]]})"));
  const auto done = ask(kAsk());
  EXPECT_EQ(done.state, RunState::failed);
  EXPECT_EQ(done.reason, "overloaded");
  EXPECT_EQ(ends_of(done.run), 1U);
  EXPECT_EQ(world_.count("ErrorRecorded"), 1U);
}

TEST_P(EventsInvocation, G7_AModelThatAsksForToolsForEverIsStopped) {
  add_echo();
  provide("model",
          script(R"({"repeat":true,"turns":[[{"call":{"name":"echo","arguments":{}}}]]})"));
  auto request = kAsk();
  request.max_steps = 3;
  const auto done = ask(request);
  EXPECT_EQ(done.state, RunState::failed);
  EXPECT_EQ(done.reason, "max_steps");
  EXPECT_EQ(echoed_, 3);
  EXPECT_EQ(ends_of(done.run), 1U);
}

TEST_P(EventsInvocation, G7_ARunWhoseDaemonDiedIsEndedByTheNextOne) {
  provide("model", script(R"({"turns":[[{"hang":true}]]})"));
  auto handle = emit(kAsk()).value();
  world_.quiet();
  const auto run = handle.run();
  world_.store.down = true;  // nothing of this daemon is kept any more
  handle.abort();
  world_.quiet();
  world_.store.down = false;
  EXPECT_EQ(ends_of(run), 0U);
  Invocation next(world_.env, world_.loop.get_executor(), world_.log, providers_, tools_, {});
  EXPECT_EQ(world_.await(next.recover()).value(), 1U);
  EXPECT_EQ(world_.get<reeve::Run>(run).code, "interrupted");
  EXPECT_EQ(ends_of(run), 1U);
  world_.env.advance(20s);  // the first one tries again, and finds that it is fenced off
  world_.quiet();
  EXPECT_EQ(ends_of(run), 1U);
  world_.await(next.close());
}

TEST_P(EventsInvocation, G3_ARunWhoseEndIsLeftToTheNextProcessHasNoResult) {
  provide("model", script(R"({"turns":[[{"hang":true}]]})"));
  auto closed = emit(kAsk()).value();
  world_.quiet();
  world_.store.down = true;
  end();  // waits for no store
  const auto none = world_.await(closed.result());
  ASSERT_FALSE(none);
  EXPECT_TRUE(none.error().is(Errc::unavailable));
  world_.store.down = false;
  EXPECT_EQ(ends_of(closed.run()), 0U);
  start();
  EXPECT_EQ(world_.await(invocation_->recover()).value(), 1U);
  EXPECT_EQ(ends_of(closed.run()), 1U);

  auto lost = emit(kAsk()).value();
  world_.quiet();
  world_.store.next.assign(1, {Errc::fenced, false});
  invocation_->abandon(Error(Errc::fenced, "elm has the town"));
  const auto fenced = world_.await(lost.result());
  ASSERT_FALSE(fenced);
  EXPECT_EQ(fenced.error(), Error(Errc::fenced, "elm has the town"));
  EXPECT_EQ(ends_of(lost.run()), 0U);
}

TEST_P(EventsInvocation, G7_ACommitOfUnknownOutcomeIsMadeOnce) {
  for (const bool applied : {false, true}) {
    provide("model", llm::Script::saying("yes"));
    for (int which = 0; which < 2; ++which) {
      world_.store.next.assign(static_cast<std::size_t>(which), {Errc::unknown_outcome, applied});
      if (which == 1) std::ranges::reverse(world_.store.next);
      std::optional<Result<RunHandle>> asked;
      aio::TaskGroup group(world_.loop.get_executor());
      group.spawn("emit", emit_into(*invocation_, kAsk(), asked));
      world_.quiet();
      world_.env.advance(1s);
      ASSERT_TRUE(world_.until([&] { return asked.has_value(); }));
      ASSERT_TRUE(*asked) << asked->error().message();
      auto handle = **asked;
      world_.await(group.join());
      const auto done = result(handle);
      EXPECT_EQ(done.text, "yes");
      const auto kinds = kinds_of(done.run);
      EXPECT_EQ(std::ranges::count(kinds, "RunStarted"), 1) << applied;
      EXPECT_EQ(ends_of(done.run), 1U);
    }
  }
}

TEST_P(EventsInvocation, G9_ARequestWhoseFirstAnswerWasLostGoesOnWithItsOwnRun) {
  provide("model", llm::Script::saying("yes"));
  auto request = kAsk();
  request.client_request_id = "req-1";
  world_.store.next = {{Errc::unknown_outcome, true}};
  std::optional<Result<RunHandle>> asked;
  aio::TaskGroup group(world_.loop.get_executor());
  group.spawn("emit", emit_into(*invocation_, request, asked));
  ASSERT_TRUE(world_.until([&] {
    world_.env.advance(100ms);
    return asked.has_value();
  }));
  ASSERT_TRUE(*asked) << asked->error().message();
  EXPECT_EQ(result(**asked).text, "yes");
  EXPECT_EQ(world_.count("RunStarted"), 1U);
  EXPECT_EQ(ends_of((**asked).run()), 1U);
  EXPECT_EQ(ask(request).run, (**asked).run());
}

TEST_P(EventsInvocation, G7_ARunThatMayHaveBegunIsNotLeftAlone) {
  provide("model", llm::Script::saying("yes"));
  // It has begun, its answer is lost, and then nothing can be asked for a while.
  world_.store.commits_left = 1;
  world_.store.last_applied = true;
  std::optional<Result<RunHandle>> asked;
  aio::TaskGroup group(world_.loop.get_executor());
  group.spawn("emit", emit_into(*invocation_, kAsk(), asked));
  world_.quiet();
  world_.env.advance(1s);
  world_.quiet();
  EXPECT_FALSE(asked);
  world_.store.commits_left.reset();
  world_.store.down = false;
  ASSERT_TRUE(world_.until([&] {
    world_.env.advance(1s);
    return asked.has_value();
  }));
  ASSERT_TRUE(*asked) << asked->error().message();
  EXPECT_EQ(result(**asked).state, RunState::completed);
  EXPECT_EQ(ends_of((**asked).run()), 1U);
}

TEST_P(EventsInvocation, G7_AStopBehindACommitOfUnknownOutcomeStillEndsTheRun) {
  add_echo();
  provide("model", script(R"({"turns":[[{"wait_ms":1000},
                                        {"call":{"name":"echo","arguments":{}}}],["x"]]})"));
  for (const bool applied : {false, true}) {
    auto handle = emit(kAsk()).value();
    world_.quiet();
    // The model's answer is committed before its calls run.
    world_.store.next = {{Errc::unknown_outcome, applied}};
    world_.env.advance(1s);
    world_.quiet();
    ASSERT_TRUE(world_.store.next.empty());
    handle.cancel("enough");
    const auto done = result(handle);
    EXPECT_EQ(done.state, RunState::cancelled);
    EXPECT_EQ(ends_of(done.run), 1U);
    EXPECT_EQ(world_.get<reeve::Run>(done.run).state, RunState::cancelled);
    // The call has a result, which says why there is none: models refuse anything else.
    EXPECT_EQ(world_.get<reeve::Thread>(done.session).messages, 3U);
  }
}

TEST_P(EventsInvocation, G7_ACancelBehindACommitOfUnknownOutcomeIsAnEndAllTheSame) {
  add_echo();
  provide("model", script(R"({"turns":[[{"wait_ms":1000},{"call":{"name":"echo","arguments":{}}}],
                                       [{"hang":true}]]})"));
  for (const bool applied : {false, true}) {
    auto handle = emit(kAsk()).value();
    world_.quiet();
    world_.store.next = {{Errc::unknown_outcome, applied}};
    world_.env.advance(1s);  // the model calls, and the log does not say whether it has that
    ASSERT_TRUE(world_.until([&] { return world_.store.next.empty(); }));
    world_.quiet();
    handle.cancel("enough");
    const auto done = result(handle);
    EXPECT_EQ(done.state, RunState::cancelled);
    EXPECT_EQ(ends_of(done.run), 1U) << applied;
    EXPECT_EQ(world_.get<reeve::Run>(done.run).state, RunState::cancelled);
    EXPECT_EQ(std::ranges::count(kinds_of(done.run), "AssistantMessage"), 1) << applied;
    // What was asked, the call, and that it has no result.
    EXPECT_EQ(world_.get<reeve::Thread>(done.session).messages, 3U);
  }
}

TEST_P(EventsInvocation, G7_AStopWhileARunBeginsBehindAnotherIsNotForgotten) {
  provide("model", script(R"({"turns":[[{"hang":true}]]})"));
  auto first = emit(kAsk()).value();
  auto request = kAsk();
  request.session = first.session();
  auto second = emit(request).value();
  world_.quiet();
  // It has its turn, and cannot say yet that it has begun.
  world_.store.next = {{Errc::unknown_outcome, true}, {Errc::unknown_outcome, true}};
  first.cancel();
  world_.quiet();
  world_.env.advance(1s);
  ASSERT_TRUE(world_.until([&] { return world_.store.next.empty(); }));
  second.cancel("enough");
  world_.quiet();
  world_.env.advance(1s);
  ASSERT_TRUE(world_.until([&] { return second.is_finished(); }));
  EXPECT_EQ(result(second).state, RunState::cancelled);
  EXPECT_EQ(ends_of(second.run()), 1U);
}

TEST_P(EventsInvocation, ClosingDoesNotWaitForWhatNeverBegan) {
  provide("model", llm::Script::saying("yes"));
  world_.store.commits_left = 1;
  std::optional<Result<RunHandle>> asked;
  aio::TaskGroup group(world_.loop.get_executor());
  group.spawn("emit", emit_into(*invocation_, kAsk(), asked));
  world_.quiet();
  bool closed = false;
  const auto close = [](Invocation& invocation, bool& done) -> Async<> {
    co_await invocation.close();
    done = true;
  };
  group.spawn("close", close(*invocation_, closed));
  EXPECT_TRUE(world_.until([&] {
    world_.env.advance(1s);
    return closed;
  }));
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->error().code(), Errc::unavailable);
  invocation_.reset();
}

TEST_P(EventsInvocation, ClosingCancelsWhatRuns) {
  provide("model", script(R"({"turns":[[{"hang":true}]]})"));
  auto handle = emit(kAsk()).value();
  world_.quiet();
  end();
  EXPECT_EQ(world_.get<reeve::Run>(handle.run()).state, RunState::cancelled);
  EXPECT_EQ(ends_of(handle.run()), 1U);
}

// --- Its events ----------------------------------------------------------------------------------

TEST_P(EventsInvocation, TheHandleHasEverythingOfTheRunInOrder) {
  provide("model", script(R"({"turns":[["a","b","c"]]})"));
  auto handle = emit(kAsk(), {}, true).value();
  std::vector<std::string> seen;
  std::uint64_t last = 0;
  for (bool over = false; !over;) {
    const auto frames = world_.await(handle.events()->next()).value();
    for (const auto& frame : frames) {
      if (const auto* delta = std::get_if<DeltaPtr>(&frame)) {
        if ((*delta)->kind != "TextDelta") continue;
        seen.push_back((*delta)->payload);
        EXPECT_GT((*delta)->number, last);
        last = (*delta)->number;
      } else if (const auto* event = std::get_if<EventPtr>(&frame)) {
        seen.push_back((*event)->kind);
        over = (*event)->kind == "RunCompleted";
        if ((*event)->kind == "AssistantMessage") {
          const auto by = parse_json((*event)->payload)->at("supersedes");
          EXPECT_EQ(by.at("from").to_number<std::uint64_t>(), 0U);
          EXPECT_GE(by.at("to").to_number<std::uint64_t>(), last);
        }
      }
    }
  }
  EXPECT_EQ(seen,
            (std::vector<std::string>{
                "RunStarted", "MessagesAppended", R"({"type":"TextDelta","delta":"a"})",
                R"({"type":"TextDelta","delta":"b"})", R"({"type":"TextDelta","delta":"c"})",
                "MessagesAppended", "InferenceComplete", "AssistantMessage", "RunCompleted"}));
}

TEST_P(EventsInvocation, EachModeKeepsWhatItPromises) {
  provide("model", script(R"({"turns":[["a","b"]]})"));
  auto request = kAsk();
  request.durability = Durability::disabled;
  const auto bare = ask(request);
  EXPECT_EQ(kinds_of(bare.run), (std::vector<std::string>{"RunStarted", "RunCompleted"}));
  EXPECT_EQ(bare.messages.size(), 2U);
  EXPECT_EQ(world_.get<reeve::Thread>(bare.session).messages, 2U);
  request.durability = Durability::full_fidelity;
  const auto all = kinds_of(ask(request).run);
  EXPECT_EQ(std::ranges::count(all, "TextDeltaObserved"), 1) << "deltas are joined";
  EXPECT_EQ(std::ranges::count(all, "StepStarted"), 1);
}

}  // namespace
}  // namespace reeve::run
