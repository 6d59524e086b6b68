#include "event/behest_json.h"

#include <gtest/gtest.h>

#include <set>

#include "event/testing.h"

namespace reeve {
namespace {

behest::Context context() {
  return {.run = a_context().run,
          .session = a_context().thread,
          .time = parse_rfc3339("2026-04-22T10:11:12.123Z").value()};
}

std::string projected(const AgentEvent& event) {
  const auto out = behest::project(event, context());
  return out ? canonical_json(*out) : "nothing";
}
std::string projected_chat(const AgentEvent& event) {
  const auto out = behest::project_chat(event);
  return out ? canonical_json(*out) : "nothing";
}
AgentEvent read(std::string_view text) {
  auto event = behest::read(parse_json(text).value());
  EXPECT_TRUE(event) << event.error().message();
  return event ? *event : AgentEvent();
}
AgentEvent read_chat(std::string_view text) {
  auto event = behest::read_chat(parse_json(text).value());
  EXPECT_TRUE(event) << event.error().message();
  return event ? *event : AgentEvent();
}

/// What every event of an agent has; with more digits of the second than we keep.
#define HEAD \
  R"("run_id":"11111111-2222-4333-8444-555555555555","timestamp":"2026-04-22T10:11:12.123456789Z")"

constexpr std::array kTexts{
    R"({"RunStarted":{)" HEAD
    R"(,"session_id":"0190a5b0-1c2d-7e3f-8a4b-000000000002","provider":"openai","model":"m1"}})",
    R"({"ContextBuilt":{)" HEAD R"(,"message_count":12}})",
    R"({"ModelStarted":{)" HEAD R"(,"provider":"openai","model":"m1","iteration":1}})",
    R"({"TextDelta":{)" HEAD R"(,"delta":"hi"}})",
    R"({"ToolCallStarted":{)" HEAD R"(,"call_id":"c1","tool_name":"ls"}})",
    R"({"ToolCallDelta":{)" HEAD R"(,"call_id":"c1","delta":"{\"p"}})",
    R"({"ToolCallCompleted":{)" HEAD
    R"(,"call":{"id":"c1","name":"ls","arguments":{"path":"."}}}})",
    R"({"ToolExecutionStarted":{)" HEAD R"(,"call_id":"c1","tool_name":"ls"}})",
    R"({"ToolExecutionFinished":{)" HEAD
    R"(,"call_id":"c1","tool_name":"ls","result":{"Success":{"output":["a"]}},"duration_ms":5}})",
    R"({"ToolExecutionFinished":{)" HEAD
    R"(,"call_id":"c1","tool_name":"ls","result":{"Failure":{"error":"no"}},"duration_ms":5}})",
    R"({"AssistantMessageCommitted":{)" HEAD R"(,"message_id":"m1"}})",
    R"({"ToolMessageCommitted":{)" HEAD R"(,"message_id":"m2"}})",
    R"({"UsageRecorded":{)" HEAD
    R"(,"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3,"cache_creation_input_tokens":4,"cache_read_input_tokens":5,"cached_input_tokens":6}}})",
    R"({"UsageRecorded":{)" HEAD
    R"(,"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3,"cache_creation_input_tokens":null,"cache_read_input_tokens":null,"cached_input_tokens":6}}})",
    R"({"CacheMetrics":{)" HEAD
    R"(,"cache_creation_input_tokens":1,"cache_read_input_tokens":0,"cached_input_tokens":3}})",
    R"({"RunCompleted":{)" HEAD R"(,"finish_reason":"stop","iterations":2}})",
    R"({"RunCompleted":{)" HEAD R"(,"finish_reason":{"unknown":"end_turn"},"iterations":2}})",
    R"({"RunCompleted":{)" HEAD R"(,"finish_reason":{"unknown":"stop"},"iterations":2}})",
    R"({"RunFailed":{)" HEAD R"(,"error":"too many iterations"}})",
    R"({"RunFailed":{)" HEAD R"(,"error":""}})",
    R"({"RunCancelled":{)" HEAD R"(}})",
    R"({"DoomLoopDetected":{)" HEAD R"(,"description":"ls, 5 times"}})",
    R"({"CompactionCircuitOpened":{)" HEAD R"(,"consecutive_failures":3}})"};

constexpr std::array kChatTexts{
    R"({"type":"started","provider":"openai","model":"m1"})",
    R"({"type":"text_delta","delta":"hi"})",
    R"({"type":"tool_call_started","id":"c1","name":"ls"})",
    R"({"type":"tool_call_arguments_delta","id":"c1","delta":"{\"p"})",
    R"({"type":"tool_call_completed","call":{"id":"c1","name":"ls","arguments":{"path":"."}}})",
    R"({"type":"finished","finish_reason":"tool_calls","usage":null})",
    R"({"type":"finished","finish_reason":{"unknown":"x"},"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3,"cache_creation_input_tokens":null,"cache_read_input_tokens":4,"cached_input_tokens":null}})"};

TEST(EventsProjection, BehestsEventsComeBackExactly) {
  std::set<std::string> names;
  for (const auto* text : kTexts) {
    const auto event = read(text);
    EXPECT_FALSE(std::holds_alternative<UnknownEvent>(event)) << text;
    EXPECT_EQ(projected(event), canonical_json(parse_json(text).value())) << type_name(event);
    AgentEvent again;
    ASSERT_TRUE(from_json(parse_json(write_json(to_json(event))).value(), again));
    EXPECT_EQ(projected(again), canonical_json(parse_json(text).value())) << "through our own";
    names.emplace(parse_json(text).value().as_object().begin()->key());
  }
  EXPECT_EQ(names.size(), 18U);
}

TEST(EventsProjection, BehestsChatEventsComeBackExactly) {
  std::set<std::string> types;
  for (const auto* text : kChatTexts) {
    EXPECT_EQ(projected_chat(read_chat(text)), canonical_json(parse_json(text).value()));
    types.emplace(parse_json(text).value().at("type").as_string());
  }
  EXPECT_EQ(types.size(), 6U);
}

TEST(EventsProjection, WhatWeDoNotKnowOfBehestIsKept) {
  for (const char* text :
       {R"({"TextDelta":{)" HEAD R"(,"delta":"hi","seen":[1]}})",
        R"({"FromTheFuture":{)" HEAD R"(,"x":1}})",
        R"({"ToolExecutionFinished":{)" HEAD
        R"(,"call_id":"c1","tool_name":"ls","result":{"Deferred":{}},"duration_ms":5}})"}) {
    EXPECT_EQ(projected(read(text)), canonical_json(parse_json(text).value()));
  }
  for (const char* text :
       {R"({"type":"text_delta","delta":"hi","seen":1})", R"({"type":"refusal","x":1})"}) {
    EXPECT_EQ(projected_chat(read_chat(text)), canonical_json(parse_json(text).value()));
  }
}

TEST(EventsProjection, OursAsBehestWritesThem) {
  EXPECT_EQ(
      projected(TextDelta{.delta = "hi"}),
      R"({"TextDelta":{"delta":"hi","run_id":"0190a5b0-1c2d-7e3f-8a4b-000000000001","timestamp":"2026-04-22T10:11:12.123Z"}})");
  EXPECT_EQ(
      projected(RunStarted{}),
      R"({"RunStarted":{"model":"","provider":"","run_id":"0190a5b0-1c2d-7e3f-8a4b-000000000001",)"
      R"("session_id":"0190a5b0-1c2d-7e3f-8a4b-000000000002","timestamp":"2026-04-22T10:11:12.123Z"}})");
  const auto members = [](const AgentEvent& event) {
    auto out = behest::project(event, context()).value();
    auto& inner = out.begin()->value().as_object();
    for (const char* name : {"run_id", "timestamp"}) inner.erase(name);
    return canonical_json(out);
  };
  RunFinished end;
  end.steps = 2;
  EXPECT_EQ(members(end), R"({"RunCompleted":{"finish_reason":"stop","iterations":2}})");
  end.ending = Ending::stopped;
  end.code = "max_rounds";
  EXPECT_EQ(members(end), R"({"RunFailed":{"error":"max_rounds"}})");
  end.ending = Ending::blocked;
  end.code = "";
  EXPECT_EQ(members(end), R"({"RunFailed":{"error":"blocked"}})");
  ToolCallDone done;
  done.id = "c1";
  done.name = "ls";
  done.outcome = ToolOutcome::failed;
  done.result = {{"exit", 1}};
  EXPECT_EQ(
      members(done),
      R"({"ToolExecutionFinished":{"call_id":"c1","duration_ms":0,"result":{"Failure":{"error":"{\"exit\":1}"}},"tool_name":"ls"}})");
  UsageRecorded usage;
  usage.usage = {.input_tokens = 3, .output_tokens = 4, .cache_read_tokens = 1};
  EXPECT_EQ(
      members(usage),
      R"({"UsageRecorded":{"usage":{"cache_creation_input_tokens":null,"cache_read_input_tokens":1,"cached_input_tokens":null,"input_tokens":3,"output_tokens":4,"total_tokens":7}}})");
}

TEST(EventsProjection, WhatBehestHasNotProjectsToNothing) {
  std::set<std::string_view> nothing;
  std::set<std::string_view> chat;
  for (const auto* sample : kEachEvent) {
    const auto event = event_of(sample);
    if (projected(event) == "nothing") nothing.insert(type_name(event));
    if (projected_chat(event) != "nothing") chat.insert(type_name(event));
  }
  // ToolCallDone: the sample is suspended, which behest does not know. ErrorRaised: behest's
  // RunFailed is the end of a run, which is RunFinished here.
  EXPECT_EQ(nothing,
            (std::set<std::string_view>{
                "SessionStarted",   "StepStarted",        "StepEnded",        "InferenceComplete",
                "ReasoningDelta",   "ReasoningEncrypted", "ToolOutputDelta",  "ToolCallDone",
                "ToolCallResumed",  "ToolCallCancelled",  "PermissionDenied", "StreamReset",
                "MessagesSnapshot", "ActivitySnapshot",   "ActivityDelta",    "StateSnapshot",
                "StateDelta",       "RateLimited",        "ErrorRaised",      "Notice",
                "RawLine",          "UnknownEvent"}));
  EXPECT_EQ(chat,
            (std::set<std::string_view>{"ModelStarted", "TextDelta", "ToolCallStarted",
                                        "ToolCallDelta", "ToolCallReady", "InferenceComplete"}));
  RunFinished waits;
  waits.ending = Ending::suspended;
  EXPECT_EQ(projected(waits), "nothing");
}

TEST(EventsProjection, RefusesWhatIsNoEventOfBehest) {
  const auto refused = [](std::string_view text) {
    const auto event = behest::read(parse_json(text).value());
    return event ? std::string("taken") : event.error().message();
  };
  for (const char* bad : {"7", "{}", R"({"TextDelta":1})", R"({"A":{},"B":{}})"})
    EXPECT_EQ(refused(bad), "expected an object with one member, named after the event's type");
  EXPECT_EQ(refused(R"({"TextDelta":{}})"), "TextDelta.delta: is missing");
  EXPECT_EQ(refused(R"({"ToolCallCompleted":{"call":{"id":7}}})"),
            "ToolCallCompleted.call.id: expected a text");
  EXPECT_FALSE(behest::read_chat(parse_json(R"({"type":"text_delta"})").value()));
  EXPECT_FALSE(behest::read_chat(parse_json("[]").value()));
}

}  // namespace
}  // namespace reeve
