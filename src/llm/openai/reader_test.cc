#include "llm/openai/reader.h"

#include <gtest/gtest.h>

#include <random>

#include "base/limits.h"
#include "llm/openai/testing.h"

namespace reeve::llm::openai {
namespace {

using testing::Reading;
using testing::told;
using testing::transcript;
using testing::transcripts;

/// A stream of these chunks' `choices[0]`, with its end.
std::string stream_of(std::initializer_list<std::string_view> choices) {
  std::string out;
  for (const auto choice : choices) out += R"(data: {"choices":[)" + std::string(choice) + "]}\n\n";
  return out + "data: [DONE]\n\n";
}

TEST(LlmOpenAiReader, TextWithWhatTheLastPieceSaysAndTheUsageBehindIt) {
  Reading reading;
  const auto answer = reading.read(transcript("text")).value();
  EXPECT_EQ(text_of(answer.message), "Grüß dich, 世界 🐸!");
  EXPECT_EQ(reading.heard.text(), "Grüß dich, 世界 🐸!");
  EXPECT_EQ(answer.finish_reason, FinishReason::stop);
  EXPECT_EQ(answer.model, "gpt-test-2");
  const Usage usage{.input_tokens = 412,
                    .output_tokens = 37,
                    .total_tokens = 449,
                    .cache_read_tokens = 384,
                    .cache_write_tokens = {},
                    .reasoning_tokens = 12};
  EXPECT_EQ(answer.usage, usage);
}

TEST(LlmOpenAiReader, ParallelCallsArePutTogetherByIndex) {
  Reading reading;
  const auto answer = reading.read(transcript("parallel-tools")).value();
  EXPECT_EQ(text_of(answer.message), "I will look at both.");
  EXPECT_EQ(answer.finish_reason, FinishReason::tool_calls);
  const std::vector<ToolCall> calls{
      {"call_a1", "read_file", json::object{{"path", "a b.txt"}}, ""},
      {"call_b2", "list_files", json::object{{"folder", "src/ü"}}, ""}};
  EXPECT_EQ(answer.message.tool_calls, calls);
  EXPECT_EQ(
      reading.heard.names(),
      (std::vector<std::string>{"TextDelta", "TextDelta", "ToolCallStarted", "ToolCallStarted",
                                "ToolCallDelta", "ToolCallDelta", "ToolCallDelta", "ToolCallDelta",
                                "ToolCallReady", "ToolCallReady"}));
  std::map<std::string, std::string> arguments;
  for (const auto& delta : reading.heard.all<ToolCallDelta>())
    arguments[delta.id] += delta.args_delta;
  EXPECT_EQ(arguments["call_a1"], R"({"path":"a b.txt"})");
  EXPECT_EQ(arguments["call_b2"], R"({"folder":"src/ü"})");
}

TEST(LlmOpenAiReader, ReasoningUnderBothItsNames) {
  Reading first;
  const auto thought = first.read(transcript("reasoning")).value();
  EXPECT_EQ(thought.message.reasoning, "The user greets me.");
  EXPECT_EQ(text_of(thought.message), "Hello.");
  EXPECT_EQ(first.heard.all<ReasoningDelta>().size(), 2u);
  EXPECT_EQ(thought.usage->cache_read_tokens, 4);

  Reading second;
  const auto escaped = second.read(transcript("reasoning-escaped")).value();
  EXPECT_EQ(escaped.message.reasoning, "Überlegung 🤔");
  EXPECT_EQ(text_of(escaped.message), "Ja – 🐸");
  EXPECT_FALSE(escaped.usage) << "not reported is not zero";
}

TEST(LlmOpenAiReader, ARefusalIsNoText) {
  Reading reading;
  const auto answer = reading.read(transcript("refusal")).value();
  EXPECT_EQ(answer.message.refusal, "I cannot help with that.");
  EXPECT_TRUE(answer.message.parts.empty());
}

TEST(LlmOpenAiReader, WhatServersMakeOfCalls) {
  Reading gateway;
  const auto whole = gateway.read(transcript("whole-calls-no-index")).value();
  ASSERT_EQ(whole.message.tool_calls.size(), 2u);
  EXPECT_EQ(whole.message.tool_calls[1].id, "function-call-2");
  EXPECT_EQ(whole.message.tool_calls[1].arguments, (json::object{{"path", "b"}}));
  EXPECT_EQ(whole.finish_reason, FinishReason::tool_calls) << "the calls decide";
  EXPECT_EQ(whole.finish_word, "stop");

  Reading local;
  const auto zero = local.read(transcript("every-index-zero")).value();
  ASSERT_EQ(zero.message.tool_calls.size(), 2u);
  EXPECT_EQ(zero.message.tool_calls[0].arguments, (json::object{{"path", "a"}}));
  EXPECT_EQ(zero.message.tool_calls[1].name, "list_files");
}

TEST(LlmOpenAiReader, WhatIsOddButLegalIsPassedOver) {
  Reading reading;
  const auto answer = reading.read(transcript("odd-but-legal")).value();
  EXPECT_EQ(text_of(answer.message), "one two");
  EXPECT_EQ(answer.finish_reason, FinishReason::content_filter);
}

// Each is a result that the model can act on; none ends the run.
TEST(LlmOpenAiReader, CallsThatCannotBeRunSayWhy) {
  Reading reading;
  const auto answer = reading.read(transcript("bad-calls")).value();
  const auto& calls = answer.message.tool_calls;
  ASSERT_EQ(calls.size(), 4u);
  EXPECT_NE(calls[0].problem.find("must be a JSON object"), std::string::npos);
  EXPECT_NE(calls[0].problem.find(R"({"path": "a)"), std::string::npos);
  EXPECT_EQ(calls[0].arguments, R"({"path": "a)");
  EXPECT_EQ(calls[1].arguments, json::object()) << "no arguments are an empty object";
  EXPECT_TRUE(calls[1].problem.empty());
  EXPECT_EQ(calls[2].id, "c1-2");
  EXPECT_NE(calls[2].problem.find("same id (c1)"), std::string::npos);
  EXPECT_EQ(calls[3].id, "made_1");
  EXPECT_NE(calls[3].problem.find("another kind of JSON"), std::string::npos);
  // What was told of each has the id that its result will name.
  std::vector<std::string> started;
  for (const auto& one : reading.heard.all<ToolCallStarted>()) started.push_back(one.id);
  EXPECT_EQ(started, (std::vector<std::string>{"c1", "c2", "c1-2", "made_1"}));
}

TEST(LlmOpenAiReader, ACallWithoutANameIsKeptBackUntilTheEnd) {
  const std::string end = R"({"delta":{},"finish_reason":"tool_calls"})";
  Reading reading;
  const auto answer =
      reading
          .read(stream_of(
              {R"({"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"arguments":"{}"}}]}})",
               end}))
          .value();
  ASSERT_EQ(answer.message.tool_calls.size(), 1u);
  EXPECT_EQ(answer.message.tool_calls[0].problem, "it names no tool.");

  Reading late;
  const auto named =
      late
          .read(stream_of(
              {R"({"delta":{"tool_calls":[{"index":0,"id":"c1","function":{"arguments":"{\"a\":"}}]}})",
               R"({"delta":{"tool_calls":[{"index":0,"function":{"name":"now","arguments":"1}"}}]}})",
               end}))
          .value();
  EXPECT_EQ(named.message.tool_calls[0], (ToolCall{"c1", "now", json::object{{"a", 1}}, ""}));
  EXPECT_EQ(late.heard.names(),
            (std::vector<std::string>{"ToolCallStarted", "ToolCallDelta", "ToolCallReady"}));
}

// --- 10.2, rows 7 and 8: however the bytes come
// ---------------------------------------------------

TEST(LlmOpenAiReader, BytesSplitAnywhereGiveTheSameEvents) {
  for (const auto& [name, bytes] : transcripts()) {
    Reading whole;
    const auto answer = told(whole.read(bytes));
    const auto events = whole.heard.told();
    for (std::size_t at = 1; at < bytes.size(); ++at) {
      Reading parts;
      ASSERT_TRUE(parts.reader.feed(std::string_view(bytes).substr(0, at)));
      ASSERT_EQ(told(parts.read(std::string_view(bytes).substr(at))), answer) << name << " " << at;
      ASSERT_EQ(parts.heard.told(), events) << name << " " << at;
    }
    for (const auto step : {1UZ, 2UZ, 3UZ, 7UZ}) {
      Reading parts;
      ASSERT_EQ(told(parts.read(bytes, step)), answer) << name << " by " << step;
      ASSERT_EQ(parts.heard.told(), events) << name << " by " << step;
    }
  }
}

TEST(LlmOpenAiReader, AStreamThatIsCutAnywhereIsAnErrorAndNeverAnAnswer) {
  for (const auto& [name, bytes] : transcripts()) {
    ASSERT_TRUE(Reading().read(bytes)) << name;
    const auto end = bytes.find_last_not_of("\r\n") + 1;
    for (std::size_t at = 0; at <= end; ++at) {
      Reading cut;
      const auto answer = cut.read(std::string_view(bytes).substr(0, at));
      ASSERT_FALSE(answer) << name << " cut at " << at;
      ASSERT_EQ(answer.error().trouble, Trouble::truncated_stream) << name << " cut at " << at;
      ASSERT_TRUE(cut.heard.all<ToolCallReady>().empty()) << "nothing of it may be run";
    }
  }
}

TEST(LlmOpenAiReader, AnEndWithoutAReasonIsACutToo) {
  EXPECT_EQ(Reading().read("data: [DONE]\n\n").error().trouble, Trouble::truncated_stream);
  EXPECT_EQ(Reading().read(stream_of({R"({"delta":{"content":"half"}})"})).error().trouble,
            Trouble::truncated_stream);
  EXPECT_EQ(Reading()
                .read(stream_of({R"({"delta":{"content":"half"},"finish_reason":"error"})"}))
                .error()
                .trouble,
            Trouble::truncated_stream);
}

TEST(LlmOpenAiReader, BlanksBeforeEverythingBelongToIt) {
  const auto bytes = transcript("text");
  for (const auto* blanks : {"\n\n", "\r\n", " ", " \n\t\n"}) {
    Reading whole;
    const auto answer = told(whole.read(std::string(blanks) + bytes));
    EXPECT_EQ(told(Reading().read(std::string(blanks) + bytes, 1)), answer)
        << "\"" << blanks << "\"";
  }
}

TEST(LlmOpenAiReader, WhatFollowsTheEndIsNotLookedAt) {
  Reading reading;
  const auto bytes = transcript("text");
  EXPECT_TRUE(reading.reader.feed(bytes + "data: {broken\n\n"));
  EXPECT_TRUE(reading.reader.done());
  EXPECT_TRUE(reading.reader.feed("data: {broken\n\n"));
  EXPECT_EQ(text_of(reading.reader.finish()->message), "Grüß dich, 世界 🐸!");
}

// --- errors inside
// ---------------------------------------------------------------------------------

TEST(LlmOpenAiReader, AnErrorInTheMiddleIsThatError) {
  const auto trouble = [](std::string_view line) {
    Reading reading;
    const auto text = stream_of({R"({"delta":{"content":"half"}})"});
    const auto before = text.substr(0, text.find("data: [DONE]"));
    return reading.read(before + std::string(line) + "\n\ndata: [DONE]\n\n").error();
  };
  const auto overloaded =
      trouble(R"(data: {"error":{"message":"try later","type":"server_error"}})");
  EXPECT_EQ(overloaded.trouble, Trouble::overloaded);
  EXPECT_NE(overloaded.message().find("try later"), std::string::npos);
  EXPECT_EQ(trouble(R"(data: {"error":{"message":"slow down","code":429}})").trouble,
            Trouble::rate_limited);
  EXPECT_EQ(trouble(R"(data: {"error":"something"})").trouble, Trouble::overloaded);
  EXPECT_EQ(trouble("event: error\ndata: {\"message\":\"x\",\"code\":\"context_length_exceeded\"}")
                .trouble,
            Trouble::context_too_long);
  EXPECT_EQ(trouble("data: {broken").trouble, Trouble::malformed);
  EXPECT_EQ(trouble("data: [1]").trouble, Trouble::malformed);
}

TEST(LlmOpenAiReader, AnErrorIsFinal) {
  Reading reading;
  EXPECT_FALSE(reading.reader.feed("data: {broken\n\n"));
  EXPECT_FALSE(reading.reader.feed(transcript("text")));
  EXPECT_EQ(reading.reader.finish().error().trouble, Trouble::malformed);
  EXPECT_TRUE(reading.heard.events.empty());
}

// --- an answer in one piece
// ------------------------------------------------------------------------

TEST(LlmOpenAiReader, APlainJsonAnswerIsReadToo) {
  const std::string body = R"({"id":"chatcmpl-1","object":"chat.completion","model":"m",
      "choices":[{"index":0,"message":{"role":"assistant","content":"Look.","refusal":null,
      "tool_calls":[{"id":"c1","type":"function","function":{"name":"now","arguments":"{}"}},
                    {"id":"c2","type":"function","function":{"name":"now","arguments":"{}"}}]},
      "finish_reason":"tool_calls","logprobs":null}],
      "usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}})";
  Reading reading;
  const auto answer = reading.read(body, 5).value();
  EXPECT_EQ(text_of(answer.message), "Look.");
  ASSERT_EQ(answer.message.tool_calls.size(), 2u);
  EXPECT_EQ(answer.message.tool_calls[1].id, "c2");
  EXPECT_EQ(answer.usage->total_tokens, 3);
  EXPECT_EQ(reading.heard.text(), "Look.");
  for (std::size_t at = 0; at < body.size(); ++at) {
    ASSERT_EQ(Reading().read(std::string_view(body).substr(0, at)).error().trouble,
              Trouble::truncated_stream)
        << at;
  }
}

TEST(LlmOpenAiReader, AnErrorWithAGoodStatusIsAnError) {
  EXPECT_EQ(
      Reading().read(R"({"error":{"message":"no","code":"model_not_found"}})").error().trouble,
      Trouble::no_such_model);
}

// --- limits
// ----------------------------------------------------------------------------------------

TEST(LlmOpenAiReader, AnAnswerHasALimit) {
  const std::string text(1 << 20, 'x');
  Reading reading;
  const auto piece = "data: {\"choices\":[{\"delta\":{\"content\":\"" + text + "\"}}]}\n\n";
  for (std::size_t i = 0; i < limits::kModelAnswer >> 20; ++i)
    ASSERT_TRUE(reading.reader.feed(piece));
  EXPECT_EQ(reading.reader.feed(piece).error().trouble, Trouble::answer_too_large);

  Reading arguments;
  const auto call =
      "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\","
      "\"function\":{\"name\":\"n\",\"arguments\":\"" +
      text + "\"}}]}}]}\n\n";
  bool refused = false;
  for (std::size_t i = 0; i <= limits::kModelAnswer >> 20 && !refused; ++i)
    refused = !arguments.reader.feed(call);
  EXPECT_TRUE(refused);

  Reading line;
  std::expected<void, ProviderError> fed;
  EXPECT_TRUE(line.reader.feed("data: "));
  for (std::size_t i = 0; i <= (limits::kModelMessage >> 20) && fed; ++i)
    fed = line.reader.feed(text);
  EXPECT_EQ(fed.error().trouble, Trouble::answer_too_large);

  Reading plain;
  fed = {};
  EXPECT_TRUE(plain.reader.feed("{"));
  for (std::size_t i = 0; i <= (limits::kModelAnswer >> 20) && fed; ++i)
    fed = plain.reader.feed(text);
  EXPECT_EQ(fed.error().trouble, Trouble::answer_too_large);
}

TEST(LlmOpenAiReader, SoHaveItsCalls) {
  std::string bytes;
  const auto call = [](std::size_t n) {
    return "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":" + std::to_string(n) +
           ",\"id\":\"c" + std::to_string(n) + "\",\"function\":{\"name\":\"n\"}}]}}]}\n\n";
  };
  for (std::size_t n = 0; n < limits::kOpenCalls; ++n) bytes += call(n);
  Reading reading;
  ASSERT_TRUE(reading.reader.feed(bytes));
  EXPECT_EQ(reading.reader.feed(call(limits::kOpenCalls)).error().trouble,
            Trouble::answer_too_large);
}

// Mutations of good streams, too: nothing throws, and what is told of is told of whole.
TEST(LlmOpenAiReader, GarbledBytesNeverThrow) {
  std::mt19937 random(7);
  const auto pick = [&](std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random);
  };
  for (const auto& [name, bytes] : transcripts()) {
    for (int i = 0; i < 300; ++i) {
      auto garbled = bytes;
      for (auto n = pick(4) + 1; n > 0; --n) {
        const auto at = pick(garbled.size());
        switch (pick(3)) {
          case 0: garbled[at] = static_cast<char>(pick(256)); break;
          case 1: garbled.erase(at, pick(40)); break;
          default: garbled.insert(at, garbled.substr(pick(garbled.size()), pick(40)));
        }
      }
      Reading reading;
      const auto answer = reading.read(garbled, 1 + pick(64));
      if (!answer) continue;
      ASSERT_EQ(text_of(answer->message), reading.heard.text());
      ASSERT_EQ(answer->message.tool_calls.size(), reading.heard.all<ToolCallReady>().size());
    }
  }
}

}  // namespace
}  // namespace reeve::llm::openai
