#include "tool/schema.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace reeve::tool {
namespace {

Result<Schema> schema(std::string_view text) { return Schema::read(parse_json(text).value()); }
Status check(const Schema& by, std::string_view text) { return by.check(parse_json(text).value()); }

TEST(ToolSchema, SaysWhatIsWrongAndWhere) {
  const auto file = schema(R"({"type":"object","required":["path"],"additionalProperties":false,
      "properties":{"path":{"type":"string"},"lines":{"type":"array","items":{"type":"integer"}}}})");
  ASSERT_TRUE(file);
  EXPECT_TRUE(check(*file, R"({"path":"a","lines":[1,2]})"));
  const auto told = [&](std::string_view text) {
    const auto checked = check(*file, text);
    return checked ? std::string() : checked.error().message();
  };
  EXPECT_NE(told("{}").find("path"), std::string::npos) << told("{}");
  EXPECT_TRUE(told(R"({"path":1})").starts_with("path: ")) << told(R"({"path":1})");
  EXPECT_NE(told(R"({"path":"a","lines":[1,"x"]})").find("lines[1]: "), std::string::npos)
      << told(R"({"path":"a","lines":[1,"x"]})");
  EXPECT_NE(told(R"({"path":"a","mood":1})").find("mood"), std::string::npos);
  EXPECT_EQ(check(*file, "{}").error().code(), Errc::invalid_argument);
}

TEST(ToolSchema, WhatItTellsHasALimit) {
  const auto numbers = schema(R"({"type":"array","items":{"type":"integer"}})");
  ASSERT_TRUE(numbers);
  json::array many(10'000, json::value("no"));
  const auto told = numbers->check(many).error().message();
  EXPECT_LE(told.size(), std::size_t{2} << 10);
  EXPECT_TRUE(told.ends_with("and more")) << told;
}

TEST(ToolSchema, AnEmptyOneAllowsEverything) {
  EXPECT_TRUE(check(Schema(), "[1]"));
  EXPECT_TRUE(check(schema("{}").value(), "[1]"));
  EXPECT_TRUE(check(schema("true").value(), "1"));
  EXPECT_FALSE(check(schema("false").value(), "1"));
}

TEST(ToolSchema, ReferencesWithinItWork) {
  const auto list = schema(R"({"$ref":"#/definitions/node","definitions":{"node":{"type":"object",
      "properties":{"value":{"type":"integer"},"next":{"$ref":"#/definitions/node"}}}}})");
  ASSERT_TRUE(list) << list.error().message();
  EXPECT_TRUE(check(*list, R"({"value":1,"next":{"value":2}})"));
  EXPECT_FALSE(check(*list, R"({"value":1,"next":{"value":"x"}})"));
}

TEST(ToolSchema, WhatIsNoSchemaIsRefused) {
  for (const auto* bad : {"1", "[]", R"({"type":"thing"})", R"({"type":1})", R"({"required":"a"})",
                          R"({"properties":[]})", R"({"$ref":"https://example.org/schema.json"})",
                          R"({"$ref":"#/nowhere"})"}) {
    const auto read = schema(bad);
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().code(), Errc::invalid_argument);
    EXPECT_TRUE(read.error().message().starts_with("not a JSON Schema: "))
        << read.error().message();
  }
}

// Checking by any of these would never end.
TEST(ToolSchema, OneThatRunsInACircleIsRefused) {
  for (const auto* bad :
       {R"({"$ref":"#"})", R"({"allOf":[{"$ref":"#"}]})", R"({"not":{"anyOf":[{},{"$ref":"#"}]}})",
        R"({"properties":{"a":{"$ref":"#/definitions/b"}},
            "definitions":{"b":{"$ref":"#/definitions/c"},"c":{"oneOf":[{"$ref":"#/definitions/b"}]}}})"}) {
    ASSERT_FALSE(schema(bad)) << bad;
  }
}

// std::regex recurses for each character, and a frame that is not optimised and has ASan's guards
// around it is many times as large: there the limit itself would take more than a stack.
#if __has_feature(address_sanitizer)
constexpr std::size_t kHeld = limits::kPatternText / 16;
#else
constexpr std::size_t kHeld = limits::kPatternText;
#endif

TEST(ToolSchema, ALongTextIsNotHeldAgainstAPattern) {
  const auto words = schema(R"({"type":"object","properties":{"a":{"pattern":"^(x|y)*$"}}})");
  ASSERT_TRUE(words);
  json::object arguments{{"a", std::string(kHeld, 'x')}};
  EXPECT_TRUE(words->check(arguments));
  arguments["a"] = std::string(limits::kPatternText + 1, 'x');
  EXPECT_FALSE(words->check(arguments));
  const auto plain = schema(R"({"type":"object","properties":{"a":{"type":"string"}}})");
  arguments["a"] = std::string(10 << 20, 'x');
  EXPECT_TRUE(plain->check(arguments));
}

}  // namespace
}  // namespace reeve::tool
