#include "tool/output.h"

#include <gtest/gtest.h>

#include "base/utf8.h"

namespace reeve::tool {
namespace {

TEST(ToolOutput, WhatFitsStaysAsItIs) {
  const json::value structured = json::object{{"a", 1}};
  EXPECT_EQ(fit(structured, 7).content, structured);
  EXPECT_EQ(fit(json::value("12345"), 5).content, json::value("12345"));
  EXPECT_EQ(fit(json::value("12345"), 5).cut, 0u);
  EXPECT_EQ(text_of(structured), R"({"a":1})");
  EXPECT_EQ(text_of(json::value("plain")), "plain");
  EXPECT_EQ(text_of(json::value()), "");
}

TEST(ToolOutput, WhatIsTooLongKeepsItsBeginningAndItsTrueEnd) {
  std::string text = "BEGIN";
  text.append(10'000, 'x');
  text += "END";
  const auto fitted = fit(json::value(text), 200);
  const std::string shown(fitted.content.as_string());
  EXPECT_LE(shown.size(), 200u);
  EXPECT_GT(shown.size(), 190u);
  EXPECT_TRUE(shown.starts_with("BEGINxxx"));
  EXPECT_TRUE(shown.ends_with("xxxEND"));
  const auto note = "[... " + std::to_string(fitted.cut) + " bytes left out ...]";
  const auto at = shown.find(note);
  ASSERT_NE(at, std::string::npos) << shown;
  // What is shown beside the note, and what is said to be missing, are the whole.
  EXPECT_EQ(shown.size() - note.size() - 2 + fitted.cut, text.size());
}

TEST(ToolOutput, StructuredContentIsCutAsItsText) {
  json::array many;
  for (int i = 0; i < 1000; ++i) many.emplace_back(i);
  const auto fitted = fit(many, 100);
  ASSERT_TRUE(fitted.content.is_string());
  EXPECT_TRUE(fitted.content.as_string().starts_with("[0,1,2,"));
  EXPECT_TRUE(fitted.content.as_string().ends_with(",999]"));
}

// Every limit, over text of characters of one to four bytes: valid, and never longer.
TEST(ToolOutput, IsNeverCutInsideACharacter) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x90\xB8";
  for (std::size_t limit = 0; limit <= text.size() + 1; ++limit) {
    const auto fitted = fit(json::value(text), limit);
    const std::string shown(fitted.content.as_string());
    ASSERT_LE(shown.size(), limit);
    ASSERT_TRUE(is_utf8(shown)) << limit;
    ASSERT_EQ(fitted.cut == 0, limit >= text.size()) << limit;
  }
}

TEST(ToolOutput, MalformedBytesAreReplaced) {
  const auto fitted = fit(json::value("a\xFFz"), 100);
  EXPECT_EQ(fitted.content.as_string(), "a\xEF\xBF\xBDz");
  const auto inside = fit(json::object{{"a", "\xFF"}}, 100);
  EXPECT_TRUE(is_utf8(text_of(inside.content)));
}

}  // namespace
}  // namespace reeve::tool
