#include "model/frame.h"

#include <gtest/gtest.h>

namespace reeve {
namespace {

TEST(Frame, WireFormIsFixed) {  // a change here is a change of format: docs/formats/following.md
  Delta delta;
  delta.epoch = 2;
  delta.number = 9;
  delta.kind = "TextDelta";
  delta.payload = R"({"type":"TextDelta","delta":"hi"})";
  EXPECT_EQ(
      frame_json(std::make_shared<const Delta>(delta)),
      R"({"run":"00000000-0000-0000-0000-000000000000","epoch":2,"number":9,"kind":"TextDelta",)"
      R"("time":"1970-01-01T00:00:00.000Z","scopes":[],"payload":{"type":"TextDelta","delta":"hi"}})");
  EXPECT_EQ(frame_json(Progress{Position{7}}), R"({"position":7})");
  EXPECT_EQ(frame_name(Frame(Gap{})), "gap");
}

TEST(Frame, OnlyEventsAndProgressCarryAPosition) {
  EXPECT_EQ(frame_position(Progress{Position{7}}), Position{7});
  EXPECT_FALSE(frame_position(Gap{}));
  EXPECT_FALSE(frame_position(std::make_shared<const Delta>()));
}

}  // namespace
}  // namespace reeve
