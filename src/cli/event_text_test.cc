#include "cli/event_text.h"

#include <gtest/gtest.h>

namespace reeve::cli {
namespace {

TEST(EventText, APlaceInAValue) {
  const auto value = parse_json(R"({"a":{"b":"x","n":7,"none":null}})").value();
  EXPECT_EQ(text_at(value, "a.b"), "x");
  EXPECT_EQ(text_at(value, "a.n"), "7");
  EXPECT_EQ(text_at(value, "a.none"), "");
  EXPECT_EQ(text_at(value, "a.b.c"), "");
  EXPECT_EQ(text_at(value, "nothing"), "");
}

TEST(EventText, APayloadThatRetentionRemovedIsSaidSo) {
  const auto pruned = parse_json(kPrunedPayload).value();
  EXPECT_EQ(gist("RawLine", pruned), "(its payload was removed by retention)");
  EXPECT_EQ(gist("ToolCallReady", pruned), gist("RawLine", pruned));
  EXPECT_EQ(gist("NewKind", pruned), gist("RawLine", pruned));
  EXPECT_EQ(gist("RawLine", parse_json(R"({"line":"x"})").value()), "x");
  EXPECT_EQ(gist("RawLine", parse_json(R"({"line":"x","pruned":true})").value()), "x");
  EXPECT_EQ(gist("RawLine", json::value()), "");
}

}  // namespace
}  // namespace reeve::cli
