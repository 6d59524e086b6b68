#include "tool/call.h"

#include <gtest/gtest.h>

#include <boost/system/system_error.hpp>

#include <latch>
#include <thread>

#include "aio/real_env.h"
#include "aio/run.h"
#include "aio/task_group.h"
#include "aio/testing.h"
#include "base/limits.h"
#include "base/utf8.h"

namespace reeve::tool {
namespace {

using namespace std::chrono_literals;
using aio::testing::VirtualEnv;

class TestTool;
using Body = std::function<Async<Output>(TestTool&, Context, json::object)>;

class TestTool final : public Tool {
 public:
  TestTool(std::string name, Body body) : body_(std::move(body)) { own.name = std::move(name); }
  [[nodiscard]] const ToolDescriptor& descriptor() const override { return own; }
  Async<Output> run(Context context, json::object arguments) override {
    return body_(*this, std::move(context), std::move(arguments));
  }

  ToolDescriptor own;
  Env* env = nullptr;
  int runs_ended = 0;

 private:
  Body body_;
};

class AtEnd {
 public:
  explicit AtEnd(int& count) : count_(count) {}
  AtEnd(const AtEnd&) = delete;
  AtEnd& operator=(const AtEnd&) = delete;
  ~AtEnd() { ++count_; }

 private:
  int& count_;
};

/// Takes an hour.
Async<Output> slowly(TestTool& tool, Context /*context*/, json::object /*arguments*/) {
  const AtEnd ended(tool.runs_ended);
  co_await aio::sleep(*tool.env, 1h);
  co_return Output();
}

Async<Output> echo(TestTool& /*tool*/, Context /*context*/, json::object arguments) {
  co_return Output{ToolOutcome::succeeded, std::move(arguments), {}};
}

std::shared_ptr<TestTool> make_tool(std::string name, Body body = echo) {
  return std::make_shared<TestTool>(std::move(name), std::move(body));
}

class ToolCallTest : public ::testing::Test {
 protected:
  /// Admits and executes a call of `tool`.
  ToolCallDone done(std::shared_ptr<Tool> tool, Context context = {}) {
    return env_.run(execute(env_, {std::move(tool), "c1", json::object()}, std::move(context)));
  }
  /// The result that a call gets without being run.
  ToolCallDone refused(const ToolCall& call) {
    auto admitted = admit(tools_, call);
    EXPECT_TRUE(std::holds_alternative<ToolCallDone>(admitted));
    return std::get<ToolCallDone>(std::move(admitted));
  }

  VirtualEnv env_;
  Registry tools_;
};

std::string code_of(const ToolCallDone& done) {
  const auto* code = done.metadata.if_contains("code");
  return code == nullptr ? "" : std::string(code->as_string());
}

// --- admit: one result message that the model can act on -----------------------------------------

TEST_F(ToolCallTest, AnUnknownToolNamesTheNearOnes) {
  EXPECT_EQ(refused({"c1", "read", {}, ""}).result,
            "There is no tool \"read\". There are no tools.");
  ASSERT_TRUE(tools_.add(make_tool("read_file")));
  ASSERT_TRUE(tools_.add(make_tool("shell")));
  const auto near = refused({"c1", "read", {}, ""});
  EXPECT_EQ(near.id, "c1");
  EXPECT_EQ(near.outcome, ToolOutcome::failed);
  EXPECT_EQ(code_of(near), "unknown_tool");
  EXPECT_EQ(near.result, "There is no tool \"read\". Did you mean read_file?");
  EXPECT_EQ(refused({"c1", "zzzzz", {}, ""}).result,
            "There is no tool \"zzzzz\". There are: read_file, shell.");
}

TEST_F(ToolCallTest, AMalformedCallIsToldWhatIsWrongWithIt) {
  ASSERT_TRUE(tools_.add(make_tool("read")));
  const auto done = refused({"c1", "read", "{\"path\":", "its arguments are not JSON"});
  EXPECT_EQ(code_of(done), "malformed_call");
  EXPECT_EQ(done.result, "This call was not run: its arguments are not JSON");
}

TEST_F(ToolCallTest, ArgumentsAreHeldAgainstTheSchema) {
  auto read = make_tool("read");
  read->own.input_schema =
      parse_json(R"({"type":"object","required":["path"],"properties":{"path":{"type":"string"}}})")
          .value();
  ASSERT_TRUE(tools_.add(read));
  const auto missing = refused({"c1", "read", json::object(), ""});
  EXPECT_EQ(code_of(missing), "invalid_arguments");
  EXPECT_NE(missing.result.as_string().find("path"), std::string::npos);
  EXPECT_EQ(refused({"c1", "read", "path", ""}).result,
            "The arguments of read must be a JSON object.");
  const auto good = admit(tools_, {"c1", "read", json::object{{"path", "a"}}, ""});
  ASSERT_TRUE(std::holds_alternative<Admitted>(good));
  EXPECT_EQ(std::get<Admitted>(good).arguments, (json::object{{"path", "a"}}));
}

TEST_F(ToolCallTest, NoArgumentsAreAnEmptyObject) {
  ASSERT_TRUE(tools_.add(make_tool("now")));
  const auto admitted = admit(tools_, {"c1", "now", nullptr, ""});
  ASSERT_TRUE(std::holds_alternative<Admitted>(admitted));
  EXPECT_TRUE(std::get<Admitted>(admitted).arguments.empty());
}

// --- ask -----------------------------------------------------------------------------------------

class FixedApprover final : public Approver {
 public:
  explicit FixedApprover(std::function<Decision(const ApprovalRequest&)> decision)
      : decision_(std::move(decision)) {}
  Async<Decision> decide(ApprovalRequest request) override { co_return decision_(request); }

 private:
  std::function<Decision(const ApprovalRequest&)> decision_;
};

TEST_F(ToolCallTest, AnApproverAllowsDeniesOrSuspends) {
  const Admitted call{make_tool("rm"), "c1", {{"path", "/"}}};
  const RunId run(env_.uuid4());
  EXPECT_EQ(env_.run(ask(allow_all(), run, call)), std::nullopt);

  FixedApprover strict([](const ApprovalRequest& request) -> Decision {
    EXPECT_EQ(request.tool.name, "rm");
    EXPECT_EQ(request.arguments.at("path"), "/");
    return Deny{"never that"};
  });
  const auto denied = env_.run(ask(strict, run, call)).value();
  EXPECT_EQ(denied.outcome, ToolOutcome::failed);
  EXPECT_EQ(denied.result, "This call was denied: never that");
  EXPECT_EQ(denied.metadata.at("rejected"), true);

  FixedApprover slow([](const ApprovalRequest&) -> Decision { return Suspend{"t7"}; });
  const auto suspended = env_.run(ask(slow, run, call)).value();
  EXPECT_EQ(suspended.outcome, ToolOutcome::suspended);
  EXPECT_EQ(suspended.metadata.at("ticket"), "t7");
}

TEST_F(ToolCallTest, AnApproverThatThrowsHasDenied) {
  FixedApprover broken(
      [](const ApprovalRequest&) -> Decision { throw std::runtime_error("no network"); });
  const Admitted call{make_tool("rm"), "c1", {}};
  const auto denied = env_.run(ask(broken, RunId(env_.uuid4()), call)).value();
  EXPECT_EQ(denied.result, "This call was denied: nobody could decide: no network");
}

// --- execute -------------------------------------------------------------------------------------

TEST_F(ToolCallTest, ItsResultIsWhatTheToolAnswered) {
  const auto got =
      done(make_tool("now", [](TestTool&, Context context, json::object) -> Async<Output> {
        co_return Output{
            ToolOutcome::succeeded, json::value(context.call_id + " at noon"), {{"cost", 1}}};
      }));
  EXPECT_EQ(got.id, "c1");
  EXPECT_EQ(got.name, "now");
  EXPECT_EQ(got.outcome, ToolOutcome::succeeded);
  EXPECT_EQ(got.result, "c1 at noon");
  EXPECT_EQ(got.metadata.at("cost"), 1);
  const auto message = result_message(got);
  EXPECT_EQ(message, ChatMessage::tool_result("c1", "c1 at noon"));
}

TEST_F(ToolCallTest, WhatItThrowsIsAFailedResult) {
  const auto got = done(make_tool("bad", [](TestTool&, Context, json::object) -> Async<Output> {
    throw std::runtime_error("out of paper");
    co_return Output();
  }));
  EXPECT_EQ(got.outcome, ToolOutcome::failed);
  EXPECT_EQ(code_of(got), "exception");
  EXPECT_EQ(got.result, "The tool failed: out of paper");
  EXPECT_TRUE(result_message(got).failed);

  const auto odd = done(make_tool("odd", [](TestTool&, Context, json::object) -> Async<Output> {
    throw 7;  // NOLINT
    co_return Output();
  }));
  EXPECT_EQ(code_of(odd), "exception");
}

TEST_F(ToolCallTest, ACancellationOfItsOwnIsAFailureToo) {
  const auto got = done(make_tool("bad", [](TestTool&, Context, json::object) -> Async<Output> {
    throw boost::system::system_error(aio::asio::error::operation_aborted);
    co_return Output();
  }));
  EXPECT_EQ(code_of(got), "exception");
}

TEST_F(ToolCallTest, OneThatTakesTooLongHasTimedOut) {
  auto slow = make_tool("slow", slowly);
  slow->env = &env_;
  slow->own.timeout = 1500ms;
  const auto got = done(slow);
  EXPECT_EQ(slow->runs_ended, 1);
  EXPECT_EQ(got.outcome, ToolOutcome::failed);
  EXPECT_EQ(got.metadata.at("timed_out"), true);
  EXPECT_EQ(got.duration_ms, 1500ms);
  EXPECT_TRUE(got.result.as_string().starts_with("The tool did not finish within 1500 ms"));
}

TEST_F(ToolCallTest, CancellingTheCallEndsTheTool) {
  auto slow = make_tool("slow", slowly);
  slow->env = &env_;
  const auto call = [](Env& env, std::shared_ptr<Tool> tool, bool& answered) -> Async<> {
    Admitted admitted{std::move(tool), "c1", {}};
    co_await execute(env, std::move(admitted), {});
    answered = true;
  };
  const auto test = [](Env& env, Async<> work) -> Async<> {
    aio::TaskGroup group(co_await aio::asio::this_coro::executor);
    group.spawn("call", std::move(work));
    co_await aio::sleep(env, 1s);
    group.cancel();
    co_await group.join();
  };
  bool answered = false;
  const auto began = env_.uptime();
  env_.run(test(env_, call(env_, slow, answered)));
  EXPECT_EQ(env_.uptime() - began, 1s);
  EXPECT_EQ(slow->runs_ended, 1);
  EXPECT_FALSE(answered);
}

TEST_F(ToolCallTest, ALongResultIsCutAndSaysHowMuch) {
  auto loud = make_tool("loud", [](TestTool&, Context, json::object) -> Async<Output> {
    co_return Output::text(std::string(1000, 'x'));
  });
  loud->own.output_limit = 100;
  const auto got = done(loud);
  EXPECT_LE(got.result.as_string().size(), 100u);
  const auto cut = got.metadata.at("cut_bytes").to_number<int>();
  EXPECT_NE(got.result.as_string().find(std::to_string(cut) + " bytes left out"),
            std::string::npos);
}

TEST_F(ToolCallTest, WhatItTellsMeanwhileIsUtf8AndHasALimit) {
  std::size_t told = 0;
  bool valid = true;
  Context context;
  context.on_output = [&](std::string_view text) {
    told += text.size();
    valid = valid && is_utf8(text);
  };
  auto loud = make_tool("loud", [](TestTool&, Context to, json::object) -> Async<Output> {
    to.on_output("a\xFF");
    std::string much;
    for (int i = 0; i < 1000; ++i) much += "\xE2\x82\xAC";
    for (int i = 0; i < 2000; ++i) to.on_output(much);
    co_return Output();
  });
  done(loud, std::move(context));
  EXPECT_TRUE(valid);
  EXPECT_LE(told, limits::kToolDeltas);
  EXPECT_GT(told, limits::kToolDeltas - 3);
}

// --- blocking functions, with real threads -------------------------------------------------------

class ToolBlockingTest : public ::testing::Test {
 protected:
  ToolCallDone done(BlockingFunction function, Context context = {}, Duration timeout = 20s) {
    ToolDescriptor descriptor;
    descriptor.name = "work";
    descriptor.timeout = timeout;
    auto tool = make_blocking_tool(env_, std::move(descriptor), std::move(function));
    return aio::run(loop_, execute(env_, {std::move(tool), "c1", {{"a", 1}}}, std::move(context)));
  }

  aio::asio::io_context loop_;
  aio::RealEnv env_{loop_};
};

TEST_F(ToolBlockingTest, RunsElsewhereAndTellsHere) {
  const auto here = std::this_thread::get_id();
  std::string told;
  Context context;
  context.idempotency_key = "k1";
  context.on_output = [&](std::string_view text) {
    EXPECT_EQ(std::this_thread::get_id(), here);
    told += text;
  };
  const auto got = done(
      [&](const json::object& arguments, const BlockingContext& in) -> Result<json::value> {
        EXPECT_NE(std::this_thread::get_id(), here);
        EXPECT_EQ(in.call_id, "c1");
        EXPECT_EQ(in.idempotency_key, "k1");
        in.output("one ");
        in.output("two");
        return arguments.at("a");
      },
      std::move(context));
  EXPECT_EQ(got.outcome, ToolOutcome::succeeded);
  EXPECT_EQ(got.result, 1);
  EXPECT_EQ(told, "one two");
}

TEST_F(ToolBlockingTest, AnErrorAndAnExceptionAreFailedResults) {
  const auto error = done([](const json::object&, const BlockingContext&) -> Result<json::value> {
    return fail(Errc::not_found, "no such file");
  });
  EXPECT_EQ(error.outcome, ToolOutcome::failed);
  EXPECT_EQ(error.result, "no such file");
  EXPECT_EQ(code_of(error), "not_found");
  const auto thrown = done([](const json::object&, const BlockingContext&) -> Result<json::value> {
    throw std::runtime_error("broken");
  });
  EXPECT_EQ(thrown.result, "The tool failed: broken");
}

TEST_F(ToolBlockingTest, ATimeoutDoesNotWaitForTheFunctionButTellsIt) {
  std::latch stopped(1);
  std::latch go_on(1);
  std::latch told_late(1);
  bool heard = false;
  Context context;
  context.on_output = [&](std::string_view) { heard = true; };
  const auto got = done(
      [&](const json::object&, const BlockingContext& in) -> Result<json::value> {
        const std::stop_callback on_stop(in.stop, [&] { stopped.count_down(); });
        go_on.wait();  // deaf: the call must not wait for this
        in.output("too late");
        told_late.count_down();
        return "too late";
      },
      std::move(context), 10ms);
  EXPECT_EQ(got.metadata.at("timed_out"), true);
  stopped.wait();
  go_on.count_down();
  told_late.wait();
  loop_.restart();
  loop_.run();  // all that was deferred
  EXPECT_FALSE(heard);
}

}  // namespace
}  // namespace reeve::tool
