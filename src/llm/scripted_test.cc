#include "llm/scripted.h"

#include <gtest/gtest.h>

#include <boost/system/system_error.hpp>

#include "aio/real_env.h"
#include "aio/task_group.h"
#include "llm/testing.h"

namespace reeve::llm {
namespace {

using namespace std::chrono_literals;
using aio::testing::VirtualEnv;
using testing::Heard;

Script script(std::string_view text) {
  auto read = read_script(parse_json(text).value());
  EXPECT_TRUE(read) << read.error().message();
  return read ? *std::move(read) : Script();
}

class LlmScriptedTest : public ::testing::Test {
 protected:
  ChatResult ask(ScriptedProvider& provider) {
    request_.messages = messages_;
    return env_.run(provider.chat(request_, heard_.on_event()));
  }

  VirtualEnv env_;
  std::vector<ChatMessage> messages_{ChatMessage::user("hi")};
  ChatRequest request_;
  Heard heard_;
};

TEST_F(LlmScriptedTest, SaysItsTextInPiecesAndAnswersTheWhole) {
  ScriptedProvider provider("s", env_, script(R"({"turns":[[{"text":"grüß dich","pieces":4},
      {"usage":{"input_tokens":3,"output_tokens":2}}]]})"));
  const auto answer = ask(provider).value();
  EXPECT_EQ(answer.message, ChatMessage::assistant("grüß dich"));
  EXPECT_EQ(answer.finish_reason, FinishReason::stop);
  EXPECT_EQ(answer.usage->input_tokens, 3);
  EXPECT_EQ(answer.model, "scripted");
  EXPECT_EQ(heard_.text(), "grüß dich");
  EXPECT_EQ(heard_.events.size(), 4u);
}

TEST_F(LlmScriptedTest, TakesTheTurnOfTheStepSoThatEachRunBeginsWithTheFirst) {
  ScriptedProvider provider("s", env_, script(R"({"turns":[
      [{"reasoning":"hm"},{"text":"Look."},{"call":{"name":"read","arguments":{"path":"a"}}},
       {"call":{"id":"mine","name":"read","arguments_text":"{\"path\":"}}],
      "Done."]})"));
  const auto first = ask(provider).value();
  EXPECT_EQ(first.finish_reason, FinishReason::tool_calls);
  EXPECT_EQ(first.message.reasoning, "hm");
  ASSERT_EQ(first.message.tool_calls.size(), 2u);
  EXPECT_EQ(first.message.tool_calls[0],
            (ToolCall{"call_1_1", "read", json::object{{"path", "a"}}, ""}));
  EXPECT_EQ(first.message.tool_calls[1].id, "mine");
  EXPECT_FALSE(first.message.tool_calls[1].problem.empty());
  EXPECT_EQ(heard_.names(),
            (std::vector<std::string>{"ReasoningDelta", "TextDelta", "ToolCallStarted",
                                      "ToolCallDelta", "ToolCallReady", "ToolCallStarted",
                                      "ToolCallDelta", "ToolCallReady"}));

  messages_.push_back(first.message);
  messages_.push_back(ChatMessage::tool_result("call_1_1", "text"));
  messages_.push_back(ChatMessage::tool_result("mine", "no JSON", true));
  EXPECT_EQ(text_of(ask(provider)->message), "Done.");

  messages_.push_back(ChatMessage::assistant("Done."));
  EXPECT_EQ(ask(provider).error().trouble, Trouble::bad_request) << "there is no third turn";
  messages_.push_back(ChatMessage::user("again"));
  EXPECT_EQ(text_of(ask(provider)->message), "Look.");
  EXPECT_EQ(provider.calls(), 4u);
}

TEST_F(LlmScriptedTest, OrTheTurnOfTheCall) {
  ScriptedProvider provider(
      "s", env_, script(R"({"by":"call","repeat":true,"turns":["a",{"error":{}},"c"]})"));
  EXPECT_EQ(text_of(ask(provider)->message), "a");
  EXPECT_EQ(ask(provider).error().trouble, Trouble::overloaded);
  EXPECT_EQ(text_of(ask(provider)->message), "c");
  EXPECT_EQ(text_of(ask(provider)->message), "a");
}

TEST_F(LlmScriptedTest, TakesItsTime) {
  ScriptedProvider provider("s", env_,
                            script(R"({"turns":[["a",{"wait_ms":1500},"b",{"wait_ms":500}]]})"));
  const auto began = env_.uptime();
  EXPECT_EQ(text_of(ask(provider)->message), "ab");
  EXPECT_EQ(env_.uptime() - began, 2s);
}

TEST_F(LlmScriptedTest, FailsInTheMiddleAndTakesBackWhatItSaid) {
  ScriptedProvider provider("s", env_, script(R"({"turns":[["half",
      {"error":{"trouble":"rate_limited","message":"slowly","retry_after_ms":700}}]]})"));
  const auto error = ask(provider).error();
  EXPECT_EQ(error.trouble, Trouble::rate_limited);
  EXPECT_EQ(error.message(), "slowly");
  EXPECT_EQ(error.retry_after, 700ms);
  EXPECT_EQ(heard_.text(), "half");

  ScriptedProvider second("s", env_, script(R"({"turns":[["half",{"call":{"name":"x"}},
      {"reset":"cut"},"whole",{"finish":"length"}]]})"));
  const auto answer = ask(second).value();
  EXPECT_EQ(answer.message, ChatMessage::assistant("whole"));
  EXPECT_EQ(answer.finish_reason, FinishReason::length);
  EXPECT_EQ(heard_.text(), "whole") << "what stands behind the last StreamReset";
}

Async<> ask_and_cancel(VirtualEnv& env, ScriptedProvider& provider, ChatRequest request,
                       OnEvent on_event, bool& answered) {
  aio::TaskGroup group(co_await aio::asio::this_coro::executor);
  const auto asking = [](ScriptedProvider& whom, ChatRequest what, OnEvent tell,
                         bool& done) -> Async<> {
    co_await whom.chat(what, std::move(tell));
    done = true;
  };
  group.spawn("ask", asking(provider, std::move(request), std::move(on_event), answered));
  co_await aio::sleep(env, 1s);
  group.cancel();
  co_await group.join();
}

TEST_F(LlmScriptedTest, HangsUntilItIsCancelled) {
  ScriptedProvider provider("s", env_, script(R"({"turns":[["a",{"hang":true},"b"]]})"));
  bool answered = false;
  request_.messages = messages_;
  const auto began = env_.uptime();
  env_.run(ask_and_cancel(env_, provider, request_, heard_.on_event(), answered));
  EXPECT_EQ(env_.uptime() - began, 1s);
  EXPECT_FALSE(answered);
  EXPECT_EQ(heard_.text(), "a");
}

TEST_F(LlmScriptedTest, WhoIsToldMayCancelAndIsToldNoMore) {
  ScriptedProvider provider("s", env_, script(R"({"turns":[[{"text":"abcdef","pieces":6}]]})"));
  request_.messages = messages_;
  const auto test = [](ScriptedProvider& whom, ChatRequest what) -> Async<int> {
    aio::TaskGroup group(co_await aio::asio::this_coro::executor);
    int told = 0;
    const auto asking = [](ScriptedProvider& asked, ChatRequest ask, OnEvent tell) -> Async<> {
      co_await asked.chat(ask, std::move(tell));
    };
    OnEvent tell = [&](const AgentEvent&) {
      if (++told == 2) group.cancel();
    };
    group.spawn("ask", asking(whom, std::move(what), std::move(tell)));
    co_await group.join();
    co_return told;
  };
  EXPECT_EQ(env_.run(test(provider, request_)), 2);
}

TEST(LlmScript, NamesThePlaceThatIsWrong) {
  const auto refusal = [](std::string_view text) {
    auto read = read_script(parse_json(text).value());
    return read ? std::string() : read.error().message();
  };
  EXPECT_EQ(refusal("[]"), "expected an object");
  EXPECT_EQ(refusal("{}"), "a script needs turns: a list of what it answers");
  EXPECT_EQ(refusal(R"({"turns":["a",[{"text":1}]]})"), "turns[1][0].text: expected a text");
  EXPECT_EQ(refusal(R"({"turns":["a"],"by":"mood"})"), "by: \"mood\" is none of step, call");
  EXPECT_TRUE(refusal(R"({"turns":[{"txt":"a"}]})").starts_with("turns[0]: expected one of text,"))
      << refusal(R"({"turns":[{"txt":"a"}]})");
  EXPECT_EQ(refusal(R"({"turns":[{"call":{}}]})"), "turns[0].call: a call needs its name");
}

}  // namespace
}  // namespace reeve::llm
