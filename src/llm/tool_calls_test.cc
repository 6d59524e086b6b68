#include "llm/tool_calls.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/utf8.h"

namespace reeve::llm {
namespace {

ToolCall read(std::string_view text) {
  ToolCall call{"c1", "read", {}, ""};
  read_arguments(text, call);
  return call;
}

TEST(LlmToolCalls, NothingIsNoArguments) {
  for (const auto* text : {"", "  \n"}) {
    EXPECT_EQ(read(text).arguments, json::object());
    EXPECT_TRUE(read(text).problem.empty());
  }
}

TEST(LlmToolCalls, WhatIsNoObjectIsAProblemThatQuotesIt) {
  const std::vector<std::string> bad{
      R"({"a":)", "null",    "[1]",  "\"x\"",
      "{} {}",    "{'a':1}", "\xFF", std::string(limits::kJsonDepth + 1, '[')};
  for (const auto& text : bad) {
    const auto call = read(text);
    EXPECT_FALSE(call.problem.empty()) << text;
    EXPECT_TRUE(is_utf8(call.problem));
    ASSERT_TRUE(call.arguments.is_string());
    EXPECT_TRUE(is_utf8(call.arguments.as_string()));
  }
  EXPECT_LT(read(std::string(1 << 20, 'x')).problem.size(), 600u);
}

TEST(LlmToolCalls, WhatTheModelIsRemindedOfIsAlwaysAnObject) {
  EXPECT_EQ(arguments_text(read(R"({"a":1})")), R"({"a":1})");
  EXPECT_EQ(arguments_text(ToolCall{}), "{}");
  EXPECT_EQ(arguments_text(read(R"({"a":)")), R"({"malformed_arguments":"{\"a\":"})");
}

TEST(LlmToolCalls, EqualIdsAreToldApart) {
  std::vector<ToolCall> calls{{"a", "x", {}, ""}, {"a-2", "x", {}, ""}};
  ToolCall third{"a", "x", {}, ""};
  tell_apart(calls, third);
  EXPECT_EQ(third.id, "a-3");
  EXPECT_FALSE(third.problem.empty());
  ToolCall other{"b", "x", {}, ""};
  tell_apart(calls, other);
  EXPECT_EQ(other.id, "b");
  EXPECT_TRUE(other.problem.empty());
}

}  // namespace
}  // namespace reeve::llm
