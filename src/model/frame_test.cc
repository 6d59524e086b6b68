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

TEST(Frame, IsReadBackAsItWasWritten) {
  auto event = std::make_shared<Event>();
  event->id = EventId::parse("0197f7a5-0000-7000-8000-000000000001").value();
  event->kind = "TaskCompleted";
  event->origin = "town";
  event->time = from_ms(1'234);
  event->scopes = {Scope::parse("task:0197f7a5-0000-7000-8000-000000000002").value()};
  event->payload = R"({"a":[1,2]})";
  event->position = {7};
  auto delta = std::make_shared<Delta>();
  delta->run = RunId::parse("0197f7a5-0000-7000-8000-000000000003").value();
  delta->epoch = 2;
  delta->number = 9;
  delta->kind = "TextDelta";
  delta->payload = R"({"delta":"x"})";
  const Gap gap{delta->run, 2, 10, 12, 3};
  for (const Frame& frame :
       std::vector<Frame>{EventPtr(event), DeltaPtr(delta), gap, Progress{{8}}}) {
    const auto back = read_frame(frame_name(frame), frame_json(frame));
    ASSERT_TRUE(back && *back) << frame_name(frame);
    EXPECT_EQ(frame_name(**back), frame_name(frame));
    EXPECT_EQ(frame_json(**back), frame_json(frame));
  }
  EXPECT_FALSE(read_frame("later", "{}").value());
  EXPECT_FALSE(read_frame("event", "{}"));
  EXPECT_FALSE(read_frame("event", "no JSON"));
}

}  // namespace
}  // namespace reeve
