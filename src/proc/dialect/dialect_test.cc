// What no recording shows: hostile bytes, huge lines, and the lines that real CLIs write in cases
// that could not be recorded.
#include "proc/dialect/dialect.h"

#include <gtest/gtest.h>

#include <random>

#include "base/limits.h"
#include "base/utf8.h"
#include "event/event.h"
#include "proc/dialect/classify.h"
#include "proc/dialect/failure.h"

namespace reeve::proc {
namespace {

struct Round {
  explicit Round(std::string_view name) : dialect(make_dialect(name).value()) {}

  Round& out(std::string_view line) {
    dialect->line(Channel::out, line, events);
    return *this;
  }
  Round& err(std::string_view line) {
    dialect->line(Channel::err, line, events);
    return *this;
  }
  RunFinished end(int status = 0) {
    return dialect->finish({.status = status, .signal = {}, .lost = false, .stopped = ""}, events);
  }
  template <class T>
  std::vector<T> all() const {
    std::vector<T> found;
    for (const auto& event : events)
      if (const auto* typed = std::get_if<T>(&event)) found.push_back(*typed);
    return found;
  }

  std::unique_ptr<Dialect> dialect;
  std::vector<AgentEvent> events;
};

const char* const kClaudeWell =
    R"({"type":"result","subtype":"success","is_error":false,"result":"done","session_id":"s"})";

TEST(Dialect, ThereAreSeven) {
  EXPECT_EQ(dialect_names().size(), 7u);
  for (const auto name : dialect_names()) EXPECT_TRUE(make_dialect(name));
  EXPECT_EQ(make_dialect("cobol").error().code(), Errc::not_found);
}

TEST(Dialect, AnotherDialectsStateIsRefused) {
  const auto state = make_dialect("codex").value()->save();
  EXPECT_EQ(make_dialect("pi").value()->restore(state).error().code(), Errc::unsupported);
  auto newer = state;
  newer["version"] = 99;
  EXPECT_EQ(make_dialect("codex").value()->restore(newer).error().code(), Errc::unsupported);
  EXPECT_FALSE(make_dialect("codex").value()->restore({}));
  auto broken = state;
  broken["seen"] = "x";
  EXPECT_EQ(make_dialect("codex").value()->restore(broken).error().code(), Errc::invalid_argument);
}

TEST(Dialect, UnknownLinesAreKeptRaw) {
  for (const auto name : dialect_names()) {
    if (name == "text") continue;
    Round round(name);
    for (const auto* line :
         {"plain words", "{", "[1]", "{\"type\":7}", "{\"type\":\"from_the_future\"}",
          "{\"no\":\"type\"}", "\"text\"", "null"})
      round.out(line);
    EXPECT_EQ(round.all<RawLine>().size(), 8u) << name;
    EXPECT_EQ(round.end().code, "lost_result") << name;
  }
}

TEST(Dialect, ALongUnknownLineIsCutBetweenCharacters) {
  Round round("claude");
  std::string line(limits::kRawLine - 1, 'x');
  line += "\xE2\x82\xAC and more";
  round.out(line);
  const auto raw = round.all<RawLine>().at(0);
  EXPECT_TRUE(raw.cut);
  EXPECT_EQ(raw.line.size(), limits::kRawLine - 1);
  EXPECT_FALSE(Round("claude").out("short").all<RawLine>().at(0).cut);
}

TEST(Dialect, BytesThatAreNoUtf8DoNotCostTheLine) {
  Round round("claude");
  round.out(
      "{\"type\":\"assistant\",\"message\":{\"id\":\"m\",\"content\":[{\"type\":\"text\",\"text\":"
      "\"caf\xE9\"}]}}");
  EXPECT_EQ(round.all<AssistantMessage>().at(0).text, "caf\xEF\xBF\xBD");
  round.err("\xFF\x1b[31mred\x1b[0m");
  EXPECT_EQ(round.all<Notice>().at(0).text, "\xEF\xBF\xBDred");
}

TEST(Dialect, HalfACharacterDoesNotCostTheLine) {  // JavaScript cuts texts by UTF-16 units
  Round round("claude");
  round.out(
      R"({"type":"result","subtype":"success","is_error":false,"result":"smile \ud83d\ude00, cut \ud83d","session_id":"s"})");
  const auto end = round.end();
  EXPECT_EQ(end.ending, Ending::completed);
  EXPECT_EQ(end.text, "smile \xF0\x9F\x98\x80, cut \xEF\xBF\xBD");
  // A backslash that is itself escaped begins no escape.
  Round other("claude");
  other.out(
      R"({"type":"result","subtype":"success","is_error":false,"result":"\\ud83d \udc00","session_id":"s"})");
  EXPECT_EQ(other.end().text, "\\ud83d \xEF\xBF\xBD");
}

TEST(Dialect, ALineOfEightMegabytesIsOneEvent) {
  const std::string big(8 << 20, 'x');
  Round round("claude");
  round.out(
      R"({"type":"assistant","message":{"id":"m","content":[{"type":"tool_use","id":"t","name":"Bash","input":{}}]}})");
  round.out(
      R"({"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"t","content":")" +
      big + "\"}]}}");
  const auto done = round.all<ToolCallDone>().at(0);
  EXPECT_EQ(done.name, "Bash");
  EXPECT_EQ(done.result.as_string().size(), big.size());
  EXPECT_LT(write_json(round.dialect->save()).size(), 4096u);
  EXPECT_EQ(round.out(kClaudeWell).end().ending, Ending::completed);

  Round opencode("opencode");
  opencode.out(R"({"type":"text","sessionID":"s","part":{"messageID":"m","text":")" + big + "\"}}");
  EXPECT_EQ(opencode.all<AssistantMessage>().at(0).text.size(), big.size());
  EXPECT_LT(write_json(opencode.dialect->save()).size(), limits::kAnswer + 4096);
}

TEST(Dialect, WhatTheLogCouldNotTakeIsCutNotLost) {
  const std::string huge(limits::kEventPayload + 1, 'x');
  Round round("claude");
  round.out(
      R"({"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"t","content":")" +
      huge + "\"}]}}");
  round.out(
      R"({"type":"assistant","message":{"id":"m","content":[{"type":"tool_use","id":"u","name":"Write","input":{"text":")" +
      huge + "\"}}]}}");
  round.out(R"({"type":"assistant","message":{"id":"n","content":[{"type":"text","text":")" + huge +
            "\"}]}}");
  for (const auto& event : round.events)
    EXPECT_LE(write_json(to_json(event)).size(), limits::kEventPayload) << type_name(event);
  EXPECT_TRUE(round.all<ToolCallDone>().at(0).metadata.contains("cut"));
  EXPECT_EQ(round.all<ToolCallReady>().size(), 1u);
  EXPECT_EQ(round.all<AssistantMessage>().size(), 1u);
}

TEST(Dialect, RandomBytesNeverThrowAndNeverComplete) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (const auto name : dialect_names()) {
    Round round(name);
    for (int i = 0; i < 300; ++i) {
      std::string line(random() % 200, '\0');
      for (auto& byte : line) byte = static_cast<char>(random());
      if (random() % 2 == 0) line.insert(0, "{\"type\":\"result\",");
      round.dialect->line(random() % 4 == 0 ? Channel::err : Channel::out, line, round.events);
    }
    const auto end = round.end(name == "text" ? 1 : 0);
    EXPECT_NE(end.ending, Ending::completed) << name;
    round.events.emplace_back(end);
    for (const auto& event : round.events) {
      const auto text = write_json(to_json(event));
      EXPECT_TRUE(is_utf8(text));
      EXPECT_TRUE(parse_json(text));
    }
  }
}

// Well-formed lines with members of every wrong type: the shapes that a fuzzer takes long to find.
TEST(Dialect, MembersOfAnyTypeAreTaken) {
  const std::vector<std::string> types{"system",
                                       "assistant",
                                       "user",
                                       "stream_event",
                                       "rate_limit_event",
                                       "result",
                                       "init",
                                       "message",
                                       "tool_use",
                                       "tool_result",
                                       "error",
                                       "thread.started",
                                       "turn.completed",
                                       "turn.failed",
                                       "item.completed",
                                       "item.started",
                                       "step_start",
                                       "text",
                                       "reasoning",
                                       "step_finish",
                                       "session",
                                       "message_start",
                                       "message_update",
                                       "message_end",
                                       "tool_execution_end",
                                       "agent_end",
                                       "turn_end",
                                       "auto_retry_start",
                                       "auto_retry_end"};
  const std::vector<std::string> names{"subtype",
                                       "message",
                                       "content",
                                       "event",
                                       "delta",
                                       "usage",
                                       "part",
                                       "state",
                                       "item",
                                       "error",
                                       "data",
                                       "stats",
                                       "status",
                                       "role",
                                       "modelUsage",
                                       "total_cost_usd",
                                       "permission_denials",
                                       "tokens",
                                       "time",
                                       "timestamp",
                                       "assistantMessageEvent",
                                       "partial",
                                       "contentIndex",
                                       "rate_limit_info",
                                       "resetsAt",
                                       "session_id",
                                       "type",
                                       "id",
                                       "errors",
                                       "mcp_servers",
                                       "num_turns"};
  const std::vector<std::string> values{"null",
                                        "true",
                                        "-1",
                                        "1e300",
                                        "18446744073709551615",
                                        "\"x\"",
                                        "[]",
                                        "{}",
                                        "[{\"type\":\"text\",\"text\":3},7]",
                                        "{\"type\":\"text_delta\",\"role\":\"assistant\","
                                        "\"content\":[{\"type\":\"toolCall\"}],\"status\":401}"};
  for (const auto name : dialect_names()) {
    for (const auto& type : types) {
      for (const auto& member : names) {
        for (const auto& value : values) {
          if (member == "type") continue;
          Round round(name);
          round.out("{\"type\":\"" + type + "\",\"" + member + "\":" + value + "}");
          (void)round.end();
        }
      }
    }
  }
}

TEST(Claude, PartialMessagesAreDeltasAndThenOneMessage) {
  Round round("claude");
  round.out(R"({"type":"stream_event","event":{"type":"message_start","message":{"id":"m"}}})")
      .out(
          R"({"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"hm"}}})")
      .out(
          R"({"type":"assistant","message":{"id":"m","content":[{"type":"thinking","thinking":"hm"}]}})")
      .out(
          R"({"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"he"}}})")
      .out(
          R"({"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"llo"}}})")
      .out(
          R"({"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"hello"}]}})")
      .out(
          R"({"type":"stream_event","event":{"type":"content_block_start","content_block":{"type":"tool_use","id":"t","name":"Bash"}}})")
      .out(
          R"({"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{}"}}})")
      .out(kClaudeWell);
  const auto end = round.end();
  ASSERT_EQ(round.all<AssistantMessage>().size(), 1u);
  EXPECT_EQ(round.all<AssistantMessage>()[0].text, "hello");
  EXPECT_EQ(round.all<AssistantMessage>()[0].reasoning, "hm");
  EXPECT_EQ(round.all<TextDelta>().size(), 2u);
  EXPECT_EQ(round.all<ToolCallDelta>().at(0).id, "t");
  EXPECT_EQ(end.text, "done");
}

TEST(Claude, WhatARetryVoidsIsNotAnswered) {
  Round round("claude");
  round
      .out(
          R"({"type":"stream_event","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"half"}}})")
      .out(
          R"({"type":"system","subtype":"api_retry","attempt":1,"max_retries":10,"error_status":529,"error":"overloaded"})")
      .out(
          R"({"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"whole"}]}})");
  EXPECT_EQ(round.all<StreamReset>().size(), 1u);
  EXPECT_TRUE(round.all<ErrorRaised>().at(0).retrying);
  EXPECT_EQ(round.end().text, "whole");
  EXPECT_EQ(round.all<AssistantMessage>().size(), 1u);
}

TEST(Claude, SubAgentsCarryTheirCall) {
  Round round("claude");
  round
      .out(
          R"({"type":"assistant","parent_tool_use_id":"task1","message":{"id":"m","content":[{"type":"text","text":"sub"}]}})")
      .out(
          R"({"type":"assistant","parent_tool_use_id":"task1","message":{"id":"m","content":[{"type":"tool_use","id":"t","name":"Read","input":{}}]}})")
      .out(
          R"({"type":"user","parent_tool_use_id":"task1","message":{"content":[{"type":"tool_result","tool_use_id":"t","content":"ok"}]}})")
      .out(
          R"({"type":"stream_event","parent_tool_use_id":"task1","event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"no"}}})");
  EXPECT_EQ(round.all<AssistantMessage>().at(0).parent_tool_call, "task1");
  EXPECT_EQ(round.all<ToolCallDone>().at(0).metadata.at("parent_tool_call"), "task1");
  EXPECT_TRUE(round.all<TextDelta>().empty());
  EXPECT_EQ(round.end().text, "");  // a sub-agent's words are not the answer
}

TEST(Claude, RateLimitsSayWhenTheyReset) {
  Round round("claude");
  round
      .out(
          R"({"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1795225200,"rateLimitType":"five_hour"}})")
      .out(
          R"({"type":"rate_limit_event","status":"allowed_warning","resets_at":"2026-11-21T01:40:00Z","rate_limit_type":"seven_day","utilization":0.91})");
  const auto limits = round.all<RateLimited>();
  ASSERT_EQ(limits.size(), 2u);
  EXPECT_EQ(limits[0].status, "rejected");
  EXPECT_EQ(limits[0].window, "five_hour");
  EXPECT_EQ(to_rfc3339(limits[0].resets_at.value()), "2026-11-21T01:40:00.000Z");
  EXPECT_EQ(limits[1].status, "warning");
  EXPECT_EQ(limits[1].resets_at, limits[0].resets_at);
  EXPECT_EQ(limits[1].message, "91 % used");
}

TEST(Claude, InterruptedIsAFailureWithStatusZero) {
  Round round("claude");
  round.out(
      R"({"type":"result","subtype":"error_during_execution","is_error":true,"terminal_reason":"aborted_streaming","session_id":"s","errors":[]})");
  const auto end = round.end(0);
  EXPECT_EQ(end.ending, Ending::error);
  EXPECT_EQ(end.code, "interrupted");
}

TEST(Claude, SuccessWithABadStatusIsAContradiction) {
  Round round("claude");
  const auto end = round.out(kClaudeWell).end(1);
  EXPECT_EQ(end.code, "exit_status");
  EXPECT_EQ(end.text, "done");  // what was answered is kept
}

TEST(Claude, ACostIsCountedOnceOverSeveralTurns) {
  Round round("claude");
  round
      .out(
          R"({"type":"result","subtype":"success","is_error":false,"result":"a","total_cost_usd":0.5,"modelUsage":{"m":{"inputTokens":10}}})")
      .out(
          R"({"type":"result","subtype":"success","is_error":false,"result":"b","total_cost_usd":0.75,"modelUsage":{"m":{"inputTokens":14}}})");
  const auto usage = round.all<UsageRecorded>();
  ASSERT_EQ(usage.size(), 2u);
  EXPECT_DOUBLE_EQ(usage[0].cost_usd.value() + usage[1].cost_usd.value(), 0.75);
  EXPECT_EQ(usage[1].usage.input_tokens, 4);
}

TEST(Claude, ADenialIsToldOnce) {
  Round round("claude");
  round
      .out(
          R"({"type":"assistant","message":{"id":"m","content":[{"type":"tool_use","id":"t","name":"Bash","input":{}}]}})")
      .out(
          R"({"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"t","is_error":true,"content":"Claude requested permissions to use Bash, but you haven't granted it yet."}]}})")
      .out(
          R"({"type":"result","subtype":"success","is_error":false,"result":"x","permission_denials":[{"tool_name":"Bash","tool_use_id":"t"},{"tool_name":"Edit","tool_use_id":"u"}]})");
  const auto denied = round.all<PermissionDenied>();
  ASSERT_EQ(denied.size(), 2u);
  EXPECT_EQ(denied[0].tool, "Bash");
  EXPECT_EQ(denied[1].tool, "Edit");
  EXPECT_TRUE(round.all<ToolCallDone>().at(0).metadata.contains("rejected"));
}

TEST(Qwen, AnAnswerThatQuotesAnErrorIsAnAnswer) {
  const auto answer = [](std::string_view text, int tokens) {
    Round round("qwen");
    const auto quoted = write_json(json::value(text));
    round.out(R"({"type":"assistant","message":{"id":"m","content":[{"type":"text","text":)" +
              quoted + R"(}],"usage":{"output_tokens":)" + std::to_string(tokens) + "}}}");
    round.out(R"({"type":"result","subtype":"success","is_error":false,"result":)" + quoted +
              R"(,"usage":{"output_tokens":)" + std::to_string(tokens) + "}}");
    return round.end();
  };
  EXPECT_EQ(answer("The log says [API Error: 401 x]", 12).ending, Ending::completed);
  EXPECT_EQ(answer("Half an ans[API Error: terminated]", 0).code, "server_error");
  EXPECT_EQ(answer("Half an ans[API Error: terminated]", 0).text, "Half an ans");
  EXPECT_EQ(answer("[API Error: 401 invalid key]", 0).code, "authentication_failed");
}

TEST(Qwen, AnErrorAfterPaidToolsIsStillAnError) {  // the result's usage is the whole session's
  Round round("qwen");
  round
      .out(
          R"({"type":"assistant","message":{"id":"m","content":[{"type":"text","text":"Half[API Error: terminated]"}],"usage":{"input_tokens":0,"output_tokens":0}}})")
      .out(
          R"({"type":"result","subtype":"success","is_error":false,"result":"Half[API Error: terminated]","usage":{"output_tokens":90}})");
  EXPECT_EQ(round.end().code, "server_error");
}

TEST(Dialect, AResumedSessionsTotalIsNotCountedTwice) {
  const auto added = [](std::string_view dialect, std::string_view line) {
    Round round(dialect);
    round.dialect->resumes({.input_tokens = 84, .output_tokens = 16});
    const auto state = round.dialect->save();
    Round other(dialect);
    EXPECT_TRUE(other.dialect->restore(state));
    other.out(line);
    return other.all<UsageRecorded>().at(0).usage;
  };
  const auto codex = added(
      "codex", R"({"type":"turn.completed","usage":{"input_tokens":126,"output_tokens":25}})");
  EXPECT_EQ(codex.input_tokens, 42);
  EXPECT_EQ(codex.output_tokens, 9);
  EXPECT_EQ(
      added(
          "qwen",
          R"({"type":"result","subtype":"success","is_error":false,"result":"x","usage":{"input_tokens":168}})")
          .input_tokens,
      84);
  // Claude tells what the round used.
  EXPECT_EQ(
      added(
          "claude",
          R"({"type":"result","subtype":"success","is_error":false,"result":"x","usage":{"input_tokens":100}})")
          .input_tokens,
      100);
}

TEST(Codex, PlansAndFileChangesAreNotices) {
  Round round("codex");
  round
      .out(
          R"({"type":"item.updated","item":{"id":"i","type":"todo_list","items":[{"text":"look","completed":true},{"text":"fix","completed":false}]}})")
      .out(
          R"({"type":"item.completed","item":{"id":"j","type":"file_change","status":"completed","changes":[{"path":"a.cc","kind":"update"}]}})");
  const auto notices = round.all<Notice>();
  ASSERT_EQ(notices.size(), 2u);
  EXPECT_EQ(notices[0].topic, "plan");
  EXPECT_EQ(notices[0].text, "[x] look\n[ ] fix");
  EXPECT_EQ(notices[1].topic, "file_change");
  EXPECT_EQ(notices[1].text, "a.cc (update)");
}

TEST(Codex, ADeclinedCommandIsADenial) {
  Round round("codex");
  round.out(
      R"({"type":"item.completed","item":{"id":"i","type":"command_execution","command":"rm x","aggregated_output":"","exit_code":null,"status":"declined"}})");
  EXPECT_EQ(round.all<PermissionDenied>().size(), 1u);
  EXPECT_EQ(round.all<ToolCallReady>().size(), 1u);
  EXPECT_EQ(round.all<ToolCallDone>().at(0).outcome, ToolOutcome::failed);
}

TEST(Gemini, StatusesThatMeanSomethingDo) {
  const auto code = [](int status) {
    Round round("gemini");
    round.out(R"({"type":"init","session_id":"s","model":"m"})");
    return round.end(status).code;
  };
  EXPECT_EQ(code(0), "lost_result");
  EXPECT_EQ(code(1), "lost_result");
  EXPECT_EQ(code(41), "authentication_failed");
  EXPECT_EQ(code(53), "max_turns");
  EXPECT_EQ(code(145), "authentication_failed");
  EXPECT_EQ(code(173), "rate_limited");
  Round untrusted("gemini");
  EXPECT_NE(untrusted.end(55).message.find("trust"), std::string::npos);
}

TEST(OpenCode, ARateLimitResetsAfterItsHeader) {
  Round round("opencode");
  round.out(
      R"({"type":"error","timestamp":1795225935000,"sessionID":"s","error":{"name":"APIError","data":{"message":"slow","statusCode":429,"responseHeaders":{"retry-after":"60"}}}})");
  EXPECT_EQ(to_ms(round.all<RateLimited>().at(0).resets_at.value()), 1795225995000);
  EXPECT_EQ(round.end(0).code, "rate_limited");  // also with status 0
}

TEST(OpenCode, AnErrorThatWasOvercomeIsNoFailure) {
  Round round("opencode");
  round
      .out(
          R"({"type":"error","sessionID":"s","error":{"name":"ContextOverflowError","data":{"message":"too long"}}})")
      .out(R"({"type":"step_start","sessionID":"s","part":{"messageID":"m"}})")
      .out(R"({"type":"step_finish","sessionID":"s","part":{"messageID":"m","reason":"stop"}})");
  EXPECT_EQ(round.end().ending, Ending::completed);
}

TEST(Pi, ASuccessAfterARetryIsASuccess) {
  Round round("pi");
  round
      .out(
          R"({"type":"message_end","message":{"role":"assistant","content":[],"stopReason":"error","errorMessage":"429 slow"}})")
      .out(R"({"type":"agent_end","messages":[]})")
      .out(
          R"({"type":"auto_retry_start","attempt":1,"maxAttempts":3,"delayMs":2000,"errorMessage":"429 slow"})")
      .out(R"({"type":"agent_start"})")
      .out(
          R"({"type":"message_end","message":{"role":"assistant","content":[{"type":"text","text":"ok"}],"stopReason":"stop"}})")
      .out(R"({"type":"agent_end","messages":[]})");
  EXPECT_EQ(round.all<RateLimited>().at(0).status, "retrying");
  const auto end = round.end();
  EXPECT_EQ(end.ending, Ending::completed);
  EXPECT_EQ(end.text, "ok");
}

TEST(Text, TheEndOfTheOutputIsTheAnswer) {
  Round round("text");
  for (int i = 0; i < 20000; ++i) round.out("line " + std::to_string(i) + " \xE2\x82\xAC");
  const auto end = round.end();
  EXPECT_EQ(end.ending, Ending::completed);
  EXPECT_LE(end.text.size(), limits::kPlainAnswer);
  EXPECT_TRUE(is_utf8(end.text));
  EXPECT_TRUE(end.text.ends_with("line 19999 \xE2\x82\xAC\n"));
  EXPECT_EQ(round.all<TextDelta>().at(0).delta, "line 0 \xE2\x82\xAC\n");
  EXPECT_EQ(round.all<AssistantMessage>().size(), 1u);
}

TEST(Text, TheExitIsTheVerdict) {
  EXPECT_EQ(Round("text").end(0).ending, Ending::completed);
  Round failed("text");
  const auto end = failed.err("no such model").end(2);
  EXPECT_EQ(end.code, "exit_status");
  EXPECT_NE(end.message.find("no such model"), std::string::npos);
  std::vector<AgentEvent> events;
  EXPECT_EQ(make_dialect("text")
                .value()
                ->finish({.status = {}, .signal = 9, .lost = false, .stopped = ""}, events)
                .code,
            "signal");
  EXPECT_EQ(make_dialect("text")
                .value()
                ->finish({.status = {}, .signal = {}, .lost = true, .stopped = ""}, events)
                .code,
            "lost_result");
}

TEST(Classify, FindsTheStatusInAnErrorText) {
  EXPECT_EQ(http_status_in("[API Error: 401 invalid x-api-key]"), 401);
  EXPECT_EQ(http_status_in("unexpected status 429 Too Many Requests"), 429);
  EXPECT_EQ(http_status_in("[API Error: {\"error\":{\"code\":503,\"message\":\"x\"}}]"), 503);
  EXPECT_EQ(http_status_in("500 Internal server error"), 500);
  EXPECT_EQ(http_status_in("line 429 of the file"), std::nullopt);
  EXPECT_EQ(http_status_in("4291 things"), std::nullopt);
  EXPECT_EQ(http_status_in("status 200"), std::nullopt);
}

}  // namespace
}  // namespace reeve::proc
