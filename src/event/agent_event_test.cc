#include "event/agent_event.h"

#include <gtest/gtest.h>

#include <set>

namespace reeve {
namespace {

template <std::size_t... I>
std::vector<AgentEvent> one_of_each(std::index_sequence<I...>) {
  return {AgentEvent(std::in_place_index<I>)...};
}

TEST(AgentEvent, EveryTypeHasANameAndSurvivesItsJson) {
  std::set<std::string_view> names;
  for (const auto& event :
       one_of_each(std::make_index_sequence<std::variant_size_v<AgentEvent>>())) {
    EXPECT_TRUE(names.insert(type_name(event)).second) << type_name(event);
    const auto text = write_json(to_json(event));
    AgentEvent back;
    ASSERT_TRUE(from_json(parse_json(text).value(), back)) << text;
    EXPECT_EQ(back.index(), event.index()) << text;
    EXPECT_EQ(write_json(to_json(back)), text);
  }
}

TEST(AgentEvent, WireFormIsFixed) {  // a change here is a change of format: docs/events.md
  EXPECT_EQ(write_json(to_json(AgentEvent(
                ToolCallReady{.id = "c1", .name = "Bash", .arguments = {{"command", "ls"}}}))),
            R"({"type":"ToolCallReady","id":"c1","name":"Bash","arguments":{"command":"ls"}})");
  EXPECT_EQ(
      write_json(to_json(AgentEvent(UsageRecorded{.usage = {.input_tokens = 3}, .cost_usd = {}}))),
      R"({"type":"UsageRecorded","usage":{"input_tokens":3}})");
}

std::string through(std::string_view text) {
  AgentEvent event;
  const auto read = from_json(parse_json(text).value(), event);
  return read ? write_json(to_json(event)) : read.error().message();
}

TEST(EventsJson, UnknownMembersSurvive) {
  const std::string text =
      R"({"type":"UsageRecorded","usage":{"input_tokens":3,"tier":"fast"},"cost_usd":1.5E0,"later":{"a":[1]}})";
  EXPECT_EQ(through(text), text);
  AgentEvent event;
  ASSERT_TRUE(from_json(parse_json(text).value(), event));
  EXPECT_EQ(std::get<UsageRecorded>(event).usage.input_tokens, 3);
  EXPECT_EQ(write_json(std::get<UsageRecorded>(event).more),
            R"({"usage":{"tier":"fast"},"later":{"a":[1]}})");
}

TEST(EventsJson, WhatIsKnownWinsOverWhatWasUnknown) {
  TextDelta delta{.delta = "x", .more = {{"delta", "y"}, {"type", "RunFinished"}, {"seen", 1}}};
  EXPECT_EQ(write_json(to_json(AgentEvent(delta))), R"({"type":"TextDelta","delta":"x","seen":1})");
}

TEST(EventsJson, AnUnknownTypeSurvives) {
  const std::string text = R"({"type":"FromTheFuture","x":1,"y":{"z":null}})";
  EXPECT_EQ(through(text), text);
  AgentEvent event;
  ASSERT_TRUE(from_json(parse_json(text).value(), event));
  EXPECT_EQ(std::get<UnknownEvent>(event).type, "FromTheFuture");
  EXPECT_EQ(type_name(event), "UnknownEvent");
}

TEST(EventsJson, AnUnknownEnumeratorMakesTheEventUnknown) {
  const std::string text = R"({"type":"RunFinished","ending":"paused","code":"c"})";
  EXPECT_EQ(through(text), text);
  AgentEvent event;
  ASSERT_TRUE(from_json(parse_json(text).value(), event));
  EXPECT_TRUE(std::holds_alternative<UnknownEvent>(event));
}

TEST(EventsJson, AWrongTypeIsRefusedAndLeavesTheEventAlone) {
  AgentEvent event = TextDelta{.delta = "x"};
  const auto read = from_json(parse_json(R"({"type":"RunFinished","code":7})").value(), event);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message(), "code: expected a text");
  EXPECT_TRUE(std::holds_alternative<TextDelta>(event));
  for (const char* bad : {"7", "{}", R"({"type":1})", "[]", "null"})
    EXPECT_EQ(through(bad), "expected an object with a type") << bad;
}

TEST(AgentEvent, OnlyTokenLevelEventsAreDeltas) {
  EXPECT_TRUE(is_delta(TextDelta{}));
  EXPECT_TRUE(is_delta(ToolOutputDelta{}));
  EXPECT_FALSE(is_delta(AssistantMessage{}));
  EXPECT_FALSE(is_delta(RunFinished{}));
}

TEST(Usage, AddsWhatIsThere) {
  const Usage a{.input_tokens = 1, .output_tokens = 2};
  const Usage b{.input_tokens = 10, .reasoning_tokens = 5};
  const Usage sum{.input_tokens = 11, .output_tokens = 2, .reasoning_tokens = 5};
  EXPECT_EQ(a + b, sum);
}

}  // namespace
}  // namespace reeve
