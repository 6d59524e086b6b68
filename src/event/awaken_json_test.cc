#include "event/awaken_json.h"

#include <gtest/gtest.h>

#include <set>

#include "event/testing.h"

namespace reeve {
namespace {

awaken::Context context() {
  return {.run = a_context().run, .thread = a_context().thread, .identity = {}};
}

std::string projected(const AgentEvent& event) {
  const auto out = awaken::project(event, context());
  return out ? canonical_json(*out) : "nothing";
}
AgentEvent read(std::string_view text) {
  auto event = awaken::read(parse_json(text).value());
  EXPECT_TRUE(event) << event.error().message();
  return event ? *event : AgentEvent();
}

/// awaken's events as it writes them: each variant, and the variants of what is in them.
constexpr std::array kTexts{
    R"({"event_type":"run_start","thread_id":"0190a5b0-1c2d-7e3f-8a4b-000000000002","run_id":"0190a5b0-1c2d-7e3f-8a4b-000000000001"})",
    R"({"event_type":"run_start","thread_id":"t-1","run_id":"r-1","parent_run_id":"r-0","identity":{"thread_id":"t-1","run_id":"r-1","agent_id":"a","origin":"user","run_mode":"resume"}})",
    R"({"event_type":"run_finish","thread_id":"t-1","run_id":"r-1","result":{"response":"hi","status":"done","status_reason":"natural"},"termination":{"type":"natural_end"}})",
    R"({"event_type":"run_finish","thread_id":"t-1","run_id":"r-1","termination":{"type":"behavior_requested"}})",
    R"({"event_type":"run_finish","thread_id":"t-1","run_id":"r-1","termination":{"type":"plugin_requested"}})",
    R"({"event_type":"run_finish","thread_id":"t-1","run_id":"r-1","termination":{"type":"stopped","value":{"code":"max_rounds","detail":"3"}}})",
    R"({"event_type":"run_finish","thread_id":"t-1","run_id":"r-1","termination":{"type":"stopped","value":{"code":""}}})",
    R"({"event_type":"run_finish","thread_id":"t-1","run_id":"r-1","termination":{"type":"cancelled"}})",
    R"({"event_type":"run_finish","thread_id":"t-1","run_id":"r-1","termination":{"type":"blocked","value":"policy"}})",
    R"({"event_type":"run_finish","thread_id":"t-1","run_id":"r-1","termination":{"type":"suspended"}})",
    R"({"event_type":"run_finish","thread_id":"t-1","run_id":"r-1","result":"text","termination":{"type":"error","value":"boom"}})",
    R"({"event_type":"text_delta","delta":"hi"})",
    R"({"event_type":"reasoning_delta","delta":"hm"})",
    R"({"event_type":"reasoning_encrypted_value","encrypted_value":"AAAA"})",
    R"({"event_type":"tool_call_start","id":"c1","name":"ls"})",
    R"({"event_type":"tool_call_delta","id":"c1","args_delta":"{\"p"})",
    R"({"event_type":"tool_call_ready","id":"c1","name":"ls","arguments":{"path":"."}})",
    R"({"event_type":"tool_call_done","id":"c1","message_id":"","result":{"tool_name":"ls","status":"success","data":["a"],"message":null},"outcome":"succeeded"})",
    R"({"event_type":"tool_call_done","id":"c1","message_id":"m1","result":{"tool_name":"ls","status":"success","data":1,"message":"fine"},"outcome":"succeeded"})",
    R"({"event_type":"tool_call_done","id":"c1","message_id":"","result":{"tool_name":"ls","status":"error","data":null,"message":"no such file","metadata":{"timed_out":true}},"outcome":"failed"})",
    R"({"event_type":"tool_call_done","id":"c1","message_id":"","result":{"tool_name":"ls","status":"error","data":"text","message":null},"outcome":"failed"})",
    R"({"event_type":"tool_call_done","id":"c1","message_id":"","result":{"tool_name":"rm","status":"pending","data":null,"message":"waits","suspension":{"suspension":{"id":"s1","action":"tool:rm","message":"may I?","parameters":{"path":"."},"response_schema":{"type":"boolean"}},"pending":{"id":"c1","name":"rm","arguments":{"path":"."}},"resume_mode":"pass_decision_to_tool"}},"outcome":"suspended"})",
    R"({"event_type":"tool_call_done","id":"c1","message_id":"","result":{"tool_name":"rm","status":"success","data":1,"message":null,"suspension":{"suspension":{"id":"s1","action":"a"},"pending":{"id":"c1","name":"rm","arguments":null},"resume_mode":"replay_tool_call"}},"outcome":"suspended"})",
    R"({"event_type":"tool_call_stream_delta","id":"c1","name":"ls","delta":"a"})",
    R"({"event_type":"tool_call_resumed","target_id":"c1","result":{"ok":true}})",
    R"({"event_type":"tool_call_cancel","id":"c1","name":"ls","reason":"stream broke"})",
    R"({"event_type":"stream_reset","reason":"retry"})",
    R"({"event_type":"step_start","message_id":""})",
    R"({"event_type":"step_end"})",
    R"({"event_type":"inference_complete","model":"m1","usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"cache_read_tokens":4,"cache_creation_tokens":5,"thinking_tokens":6},"duration_ms":42})",
    R"({"event_type":"inference_complete","model":"m1","usage":null,"duration_ms":42})",
    R"({"event_type":"messages_snapshot","messages":[{"role":"user"}]})",
    R"({"event_type":"activity_snapshot","message_id":"m1","activity_type":"tool-call-progress","content":{"status":"running"},"replace":true})",
    R"({"event_type":"activity_delta","message_id":"m1","activity_type":"x","patch":[{"op":"remove","path":"/a"}]})",
    R"({"event_type":"state_snapshot","snapshot":{"revision":1,"extensions":{}}})",
    R"({"event_type":"state_delta","delta":[{"op":"add","path":"/a","value":1}]})",
    R"({"event_type":"error","message":"boom"})",
    R"({"event_type":"error","message":"boom","code":"E1"})"};

TEST(EventsProjection, AwakensEventsComeBackExactly) {
  std::set<std::string> types;
  for (const auto* text : kTexts) {
    const auto event = read(text);
    EXPECT_FALSE(std::holds_alternative<UnknownEvent>(event)) << text;
    EXPECT_EQ(projected(event), canonical_json(parse_json(text).value())) << type_name(event);
    types.insert(std::string(parse_json(text).value().at("event_type").as_string()));
  }
  EXPECT_EQ(types.size(), 22U);
}

TEST(EventsProjection, AwakensEventsComeBackThroughOurOwnJson) {
  for (const auto* text : kTexts) {
    AgentEvent again;
    ASSERT_TRUE(from_json(parse_json(write_json(to_json(read(text)))).value(), again));
    EXPECT_EQ(projected(again), canonical_json(parse_json(text).value()));
  }
}

TEST(EventsProjection, WhatWeDoNotKnowOfAwakenIsKept) {
  for (
      const char* text :
      {R"({"event_type":"text_delta","delta":"hi","seen":[1]})",
       R"({"event_type":"tool_call_done","id":"c1","message_id":"","result":{"tool_name":"ls","status":"success","data":1,"message":null,"cost":3},"outcome":"succeeded"})",
       R"({"event_type":"from_the_future","x":{"y":1}})",
       R"({"event_type":"run_finish","thread_id":"t","run_id":"r","termination":{"type":"paused","value":1}})",
       R"({"event_type":"tool_call_done","id":"c1","message_id":"","result":{"tool_name":"ls","status":"later","data":1,"message":null},"outcome":"deferred"})"}) {
    EXPECT_EQ(projected(read(text)), canonical_json(parse_json(text).value()));
  }
  EXPECT_TRUE(std::holds_alternative<UnknownEvent>(read(R"({"event_type":"from_the_future"})")));
}

TEST(EventsProjection, AwakensEventsMeanWhatOursDo) {
  const auto end = std::get<RunFinished>(
      read(R"({"event_type":"run_finish","thread_id":"t","run_id":"r","result":{"response":"hi"},)"
           R"("termination":{"type":"stopped","value":{"code":"max_rounds","detail":"3"}}})"));
  EXPECT_EQ(end.ending, Ending::stopped);
  EXPECT_EQ(end.code, "max_rounds");
  EXPECT_EQ(end.message, "3");
  EXPECT_EQ(end.text, "hi");
  const auto failed = std::get<ToolCallDone>(read(
      R"({"event_type":"tool_call_done","id":"c1","message_id":"","result":)"
      R"({"tool_name":"ls","status":"error","data":null,"message":"no"},"outcome":"failed"})"));
  EXPECT_EQ(failed.result, json::value("no"));
  EXPECT_EQ(failed.outcome, ToolOutcome::failed);
  EXPECT_FALSE(failed.status);
  const auto waits = std::get<ToolCallDone>(read(
      R"({"event_type":"tool_call_done","id":"c1","message_id":"","result":{"tool_name":"rm","status":"pending","data":null,"message":null,)"
      R"("suspension":{"suspension":{"id":"s1","action":"tool:rm"},"pending":{"id":"c1","name":"rm","arguments":{}},"resume_mode":"replay_tool_call"}},"outcome":"suspended"})"));
  ASSERT_TRUE(waits.suspension);
  EXPECT_EQ(waits.suspension->id, "s1");
  EXPECT_EQ(waits.suspension->pending.name, "rm");
  const auto facts = standard_normaliser().normalise(a_context(), waits, {}).value().facts;
  EXPECT_EQ(facts.size(), 2U) << "asks for permission";
}

TEST(EventsProjection, OursAsAwakenWritesThem) {
  RunFinished end;
  end.text = "hi";
  EXPECT_EQ(
      projected(end),
      R"({"event_type":"run_finish","result":{"response":"hi"},"run_id":"0190a5b0-1c2d-7e3f-8a4b-000000000001",)"
      R"("termination":{"type":"natural_end"},"thread_id":"0190a5b0-1c2d-7e3f-8a4b-000000000002"})");
  ToolCallDone done;
  done.id = "c1";
  done.name = "ls";
  done.outcome = ToolOutcome::failed;
  done.result = "no such file";
  EXPECT_EQ(
      projected(done),
      R"({"event_type":"tool_call_done","id":"c1","message_id":"","outcome":"failed","result":)"
      R"({"data":null,"message":"no such file","status":"error","tool_name":"ls"}})");
  InferenceComplete inference;
  inference.model = "m1";
  inference.usage = Usage{.input_tokens = 3, .output_tokens = 1LL << 40};
  EXPECT_EQ(
      projected(inference),
      R"({"duration_ms":0,"event_type":"inference_complete","model":"m1","usage":{"prompt_tokens":3}})")
      << "awaken counts in 32 bits";
}

TEST(EventsProjection, WhatAwakenHasNotProjectsToNothing) {
  std::set<std::string_view> nothing;
  for (const auto* sample : kEachEvent) {
    const auto event = event_of(sample);
    if (projected(event) == "nothing") nothing.insert(type_name(event));
  }
  // ErrorRaised: the sample is being retried, and awaken's `error` is terminal.
  EXPECT_EQ(nothing,
            (std::set<std::string_view>{
                "SessionStarted", "ContextBuilt", "ModelStarted", "ToolExecutionStarted",
                "PermissionDenied", "AssistantMessage", "ToolMessage", "UsageRecorded",
                "CacheMetrics", "RateLimited", "DoomLoopDetected", "CompactionCircuitOpened",
                "ErrorRaised", "Notice", "RawLine", "UnknownEvent"}));
  EXPECT_NE(projected(ErrorRaised{.code = "E1", .message = "boom"}), "nothing");
}

TEST(EventsProjection, RefusesWhatIsNoEventOfAwaken) {
  const auto refused = [](std::string_view text) {
    const auto event = awaken::read(parse_json(text).value());
    return event ? std::string("taken") : event.error().message();
  };
  for (const char* bad : {"7", "{}", R"({"event_type":1})", R"({"type":"text_delta"})"})
    EXPECT_EQ(refused(bad), "expected an object with an event_type");
  EXPECT_EQ(refused(R"({"event_type":"text_delta"})"), "delta: is missing");
  EXPECT_EQ(refused(R"({"event_type":"text_delta","delta":7})"), "delta: expected a text");
  EXPECT_EQ(refused(R"({"event_type":"tool_call_done","id":"c1","result":{"tool_name":1}})"),
            "result.tool_name: expected a text");
  EXPECT_EQ(refused(R"({"event_type":"tool_call_done","id":"c1"})"), "result: is missing");
}

TEST(EventsProjection, RunIdentityLeavesOutWhatIsTheDefault) {
  awaken::RunIdentity identity;
  identity.thread_id = "t";
  identity.run_id = "r";
  identity.agent_id = "a";
  EXPECT_EQ(write_json(to_json(identity)),
            R"({"thread_id":"t","run_id":"r","agent_id":"a","origin":"user"})");
  identity.parent_run_id = "p";
  identity.origin = awaken::Origin::subagent;
  identity.run_mode = awaken::RunMode::internal_wake;
  identity.adapter = awaken::Adapter::ag_ui;
  EXPECT_EQ(
      write_json(to_json(identity)),
      R"({"thread_id":"t","run_id":"r","agent_id":"a","parent_run_id":"p","origin":"subagent","run_mode":"internal_wake","adapter":"ag_ui"})");
  EXPECT_EQ(from_json<awaken::RunIdentity>(to_json(identity)).value(), identity);
  auto with = context();
  with.identity = identity;
  const auto start = awaken::project(RunStarted{}, with).value();
  EXPECT_EQ(start.at("identity"), to_json(identity));
}

}  // namespace
}  // namespace reeve
