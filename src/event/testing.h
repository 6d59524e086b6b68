#pragma once

#include <array>
#include <string_view>

#include "event/normaliser.h"

/// What the tests of this folder have in common.
namespace reeve {

/// Each type of AgentEvent with all its members, as JSON.
inline constexpr std::array kEachEvent{
    R"({"type":"RunStarted","thread":"0190a5b0-1c2d-7e3f-8a4b-000000000002","run":"0190a5b0-1c2d-7e3f-8a4b-000000000001","parent_run":"0190a5b0-1c2d-7e3f-8a4b-000000000003","provider":"openai","model":"m1"})",
    R"({"type":"RunFinished","ending":"stopped","code":"max_rounds","message":"after 3 rounds","text":"hi","steps":3})",
    R"({"type":"SessionStarted","session":"s1","model":"m1","permission_mode":"plan"})",
    R"({"type":"StepStarted","message_id":"m1"})",
    R"({"type":"StepEnded"})",
    R"({"type":"ContextBuilt","messages":12})",
    R"({"type":"ModelStarted","provider":"openai","model":"m1","iteration":1})",
    R"({"type":"InferenceComplete","model":"m1","usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3,"cache_read_tokens":4,"cache_write_tokens":5,"reasoning_tokens":6},"duration_ms":42,"finish_reason":"stop"})",
    R"({"type":"TextDelta","delta":"hi"})",
    R"({"type":"ReasoningDelta","delta":"hm"})",
    R"({"type":"ReasoningEncrypted","value":"AAAA"})",
    R"({"type":"ToolCallStarted","id":"c1","name":"ls"})",
    R"({"type":"ToolCallDelta","id":"c1","args_delta":"{\"p"})",
    R"({"type":"ToolCallReady","id":"c1","name":"ls","arguments":{"path":"."}})",
    R"({"type":"ToolExecutionStarted","id":"c1","name":"ls"})",
    R"({"type":"ToolOutputDelta","id":"c1","name":"ls","delta":"a.txt"})",
    R"({"type":"ToolCallDone","id":"c1","name":"rm","outcome":"suspended","result":null,"metadata":{"by":"gate"},"duration_ms":5,"status":"pending","suspension":{"id":"s1","action":"tool:rm","message":"may I?","parameters":{"path":"."},"response_schema":{"type":"boolean"},"pending":{"id":"c1","name":"rm","arguments":{"path":"."}},"resume_mode":"replay_tool_call"}})",
    R"({"type":"ToolCallResumed","id":"c1","result":{"ok":true},"decision":{"id":"d1","action":"resume","result":true,"reason":"fine","decided_at":"2026-04-22T10:11:12.123Z"}})",
    R"({"type":"ToolCallCancelled","id":"c1","name":"rm","reason":"stream broke"})",
    R"({"type":"PermissionDenied","id":"c1","tool":"rm","input":{"path":"."},"reason":"nobody asked"})",
    R"({"type":"StreamReset","reason":"retry"})",
    R"({"type":"AssistantMessage","message_id":"m1","text":"hi","reasoning":"hm","parent_tool_call":"c0"})",
    R"({"type":"ToolMessage","message_id":"m2","tool_call_id":"c1"})",
    R"({"type":"UsageRecorded","usage":{"input_tokens":1},"cost_usd":0.25})",
    R"({"type":"CacheMetrics","cache_creation_input_tokens":1,"cache_read_input_tokens":2,"cached_input_tokens":3})",
    R"({"type":"MessagesSnapshot","messages":[{"role":"user"}]})",
    R"({"type":"ActivitySnapshot","message_id":"m1","activity_type":"plan","content":{"a":1},"replace":true})",
    R"({"type":"ActivityDelta","message_id":"m1","activity_type":"plan","patch":[{"op":"remove","path":"/a"}]})",
    R"({"type":"StateSnapshot","snapshot":{"revision":1,"extensions":{"k":{"v":1}}}})",
    R"({"type":"StateDelta","delta":[{"op":"add","path":"/extensions/k","value":2}]})",
    R"({"type":"RateLimited","status":"rejected","window":"five_hour","resets_at":"2026-04-22T10:11:12.123Z","message":"later"})",
    R"({"type":"DoomLoopDetected","description":"the same call 5 times"})",
    R"({"type":"CompactionCircuitOpened","consecutive_failures":3})",
    R"({"type":"ErrorRaised","code":"server_error","message":"500","retrying":true})",
    R"({"type":"Notice","level":"info","topic":"plan","text":"first","detail":{"a":1}})",
    R"({"type":"RawLine","line":"?","cut":true})",
    R"({"type":"FromTheFuture","x":1})"};

inline AgentEvent event_of(std::string_view text) {
  AgentEvent event;
  const auto value = parse_json(text);
  REEVE_CHECK(value && from_json(*value, event));
  return event;
}

inline RunContext a_context() {
  RunContext context;
  context.run = RunId::parse("0190a5b0-1c2d-7e3f-8a4b-000000000001").value();
  context.thread = ThreadId::parse("0190a5b0-1c2d-7e3f-8a4b-000000000002").value();
  context.origin = "agent:ada";
  return context;
}

/// Equal as JSON: members in any order.
inline bool same_json(const json::value& a, std::string_view b) {
  return canonical_json(a) == canonical_json(parse_json(b).value());
}

}  // namespace reeve
