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

TEST(AgentEvent, AnUnknownTypeIsKeptVerbatim) {
  AgentEvent event;
  ASSERT_TRUE(from_json(parse_json(R"({"type":"FromTheFuture","x":1})").value(), event));
  EXPECT_EQ(std::get<RawLine>(event).line, R"({"type":"FromTheFuture","x":1})");
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
