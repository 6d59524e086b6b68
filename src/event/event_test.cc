#include "event/event.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace reeve {
namespace {

Event sample() {
  NewEvent draft;
  draft.id = EventId::parse("0190a5b0-1c2d-7e3f-8a4b-5c6d7e8f9012").value();
  draft.kind = "TaskAssigned";
  draft.time = from_ms(1'776'852'672'123);
  draft.scopes = {Scope::parse("agent:a1").value(), Scope::parse("task:t1").value()};
  draft.origin = "town";
  draft.payload = R"({"task":"t1"})";
  return {Position{7}, std::move(draft)};
}

TEST(Event, WireFormIsFixed) {  // a change here is a change of format: docs/formats/events.md
  const std::string text =
      R"({"position":7,"id":"0190a5b0-1c2d-7e3f-8a4b-5c6d7e8f9012","kind":"TaskAssigned","time":"2026-04-22T10:11:12.123Z",)"
      R"("scopes":["agent:a1","task:t1"],"origin":"town","fidelity":"domain","visibility":"public","schema":1,)"
      R"("payload":{"task":"t1"}})";
  EXPECT_EQ(event_json(sample()), text);
  EXPECT_EQ(write_json(to_json(sample())), text);
  Event back;
  ASSERT_TRUE(from_json(parse_json(text).value(), back));
  EXPECT_EQ(event_json(back), text);
}

TEST(Event, WhatNoStoreMayTakeIsRefused) {
  EXPECT_TRUE(check(sample()));
  auto event = sample();
  event.kind = "";
  EXPECT_EQ(check(event).error().code(), Errc::invalid_argument);
  event = sample();
  event.scopes.push_back(event.scopes.front());
  EXPECT_EQ(check(event).error().code(), Errc::invalid_argument);
  event = sample();
  event.payload.resize(limits::kEventPayload + 1);
  EXPECT_EQ(check(event).error().code(), Errc::too_large);
}

TEST(Scope, IsOneOfSixFamilies) {
  EXPECT_TRUE(Scope::parse("town")->is_town());
  EXPECT_EQ(Scope::parse("run:r1")->family(), "run");
  EXPECT_EQ(Scope::parse("run:r1")->id(), "r1");
  for (const char* bad : {"", "agent", "agent:", "city:x", "agent:a b", "agent:a\n"})
    EXPECT_FALSE(Scope::parse(bad)) << bad;
}

TEST(Cursor, IsOpaqueTextThatComesBack) {
  const Cursor cursor{LogId::parse("0190a5b0-1c2d-7e3f-8a4b-5c6d7e8f9012").value(), Position{42}};
  EXPECT_EQ(Cursor::parse(cursor.str()).value(), cursor);
  for (const char* bad : {"", "42", "c1.x.3", "c2.0190a5b0-1c2d-7e3f-8a4b-5c6d7e8f9012.3",
                          "c1.0190a5b0-1c2d-7e3f-8a4b-5c6d7e8f9012.-3",
                          "c1.0190a5b0-1c2d-7e3f-8a4b-5c6d7e8f9012.3x"}) {
    EXPECT_FALSE(Cursor::parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace reeve
