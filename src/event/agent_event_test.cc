#include "event/agent_event.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "base/utf8.h"
#include "event/testing.h"

namespace reeve {
namespace {

template <std::size_t... I>
std::vector<AgentEvent> one_of_each(std::index_sequence<I...>) {
  return {AgentEvent(std::in_place_index<I>)...};
}

TEST(EventsJson, EveryTypeHasANameAndSurvivesItsJson) {
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

TEST(EventsJson, WireFormIsFixed) {  // a change here is a change of format: docs/events.md
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

TEST(EventsJson, EachTypeWithAllItsMembersSurvives) {
  std::set<std::size_t> types;
  for (const auto* sample : kEachEvent) {
    EXPECT_TRUE(same_json(parse_json(through(sample)).value(), sample)) << through(sample);
    const auto event = event_of(sample);
    types.insert(event.index());
    if (!std::holds_alternative<UnknownEvent>(event)) {
      EXPECT_TRUE(more_of(event).empty()) << sample;
    }
  }
  EXPECT_EQ(types.size(), std::variant_size_v<AgentEvent>) << "a type has no sample";
}

std::string any_text() { return to_utf8(*rc::gen::arbitrary<std::string>()); }

/// Any JSON, not deep. Fractions are of those that every reader takes for the same.
json::value any_json(int depth) {
  switch (*rc::gen::inRange(0, depth > 0 ? 7 : 5)) {
    case 0: return nullptr;
    case 1: return *rc::gen::arbitrary<bool>();
    case 2: return *rc::gen::arbitrary<std::int64_t>();
    case 3: return *rc::gen::inRange(-100'000, 100'000) / 1000.0;
    case 4: return json::value(any_text());
    case 5: {
      json::array array;
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) array.push_back(any_json(depth - 1));
      return array;
    }
    default: {
      json::object object;
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) object[any_text()] = any_json(depth - 1);
      return object;
    }
  }
}

/// Changes an event's JSON somewhere: a member gets another value of its type, or a member that
/// nobody knows is added.
void disturb(json::value& value) {
  if (value.is_string()) {
    value = any_text();
  } else if (auto* array = value.if_array()) {
    array->push_back(any_json(2));
  } else if (value.is_double()) {
    value = *rc::gen::inRange(-100'000, 100'000) / 1000.0;
  } else if (value.is_number()) {
    value = *rc::gen::arbitrary<std::int64_t>();
  } else if (value.is_bool()) {
    value = !value.get_bool();
  } else if (auto* object = value.if_object()) {
    const auto size = object->size();
    const auto at = *rc::gen::inRange<std::size_t>(0, size + 1);
    if (at == size) {
      (*object)["new " + any_text()] = any_json(3);
    } else if (auto& chosen = *(object->begin() + static_cast<std::ptrdiff_t>(at));
               chosen.key() != "type") {
      disturb(chosen.value());
    }
  }
}

RC_GTEST_PROP(EventsJson, WhateverIsReadIsWrittenAgain, ()) {
  for (const auto* sample : kEachEvent) {
    auto value = parse_json(sample).value();
    for (int i = *rc::gen::inRange(0, 6); i > 0; --i) disturb(value);
    const auto text = write_json(value);
    AgentEvent event;
    // An id or a time that is none is refused; everything else is kept.
    if (!from_json(parse_json(text).value(), event)) continue;
    RC_LOG() << text << "\n";
    RC_ASSERT(canonical_json(to_json(event)) == canonical_json(value));
    AgentEvent again;
    RC_ASSERT(from_json(parse_json(write_json(to_json(event))).value(), again).has_value());
    RC_ASSERT(write_json(to_json(again)) == write_json(to_json(event)));
  }
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

TEST(EventsJson, AMemberWithoutANameSurvivesEverywhere) {
  const std::string text = R"({"type":"UsageRecorded","usage":{"input_tokens":3,"":1},"":2})";
  EXPECT_EQ(through(text), text);
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

TEST(EventsJson, OnlyTokenLevelEventsAreDeltas) {
  EXPECT_TRUE(is_delta(TextDelta{}));
  EXPECT_TRUE(is_delta(ToolOutputDelta{}));
  EXPECT_FALSE(is_delta(AssistantMessage{}));
  EXPECT_FALSE(is_delta(RunFinished{}));
}

TEST(EventsUsage, AddsWhatIsThere) {
  const Usage a{.input_tokens = 1, .output_tokens = 2};
  const Usage b{.input_tokens = 10, .reasoning_tokens = 5};
  const Usage sum{.input_tokens = 11, .output_tokens = 2, .reasoning_tokens = 5};
  EXPECT_EQ(a + b, sum);
}

}  // namespace
}  // namespace reeve
