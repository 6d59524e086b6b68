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

TEST(EventsWire, WireFormIsFixed) {  // a change here is a change of format: docs/formats/events.md
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

/// Whether no store may take the sample with that change.
template <class Change>
bool refused(Change change) {
  NewEvent event = sample();
  change(event);
  const auto checked = check(event);
  return !checked && checked.error().is(Errc::invalid_argument);
}

TEST(EventsDraft, NeedsAKindAnOriginAnIdAndASchema) {
  EXPECT_FALSE(refused([](NewEvent&) {}));
  EXPECT_TRUE(refused([](NewEvent& e) { e.kind = ""; }));
  EXPECT_TRUE(refused([](NewEvent& e) { e.kind = " \t"; }));
  EXPECT_TRUE(refused([](NewEvent& e) { e.kind.assign(limits::kName + 1, 'K'); }));
  EXPECT_TRUE(refused([](NewEvent& e) { e.origin = " "; }));
  EXPECT_TRUE(refused([](NewEvent& e) { e.origin.assign(limits::kName + 1, 'o'); }));
  EXPECT_TRUE(refused([](NewEvent& e) { e.id = {}; }));
  EXPECT_TRUE(refused([](NewEvent& e) { e.schema = 0; }));
}

TEST(EventsDraft, RefusesBlankCorrelationAndCausation) {
  EXPECT_FALSE(refused([](NewEvent& e) { e.correlation = e.causation = "x"; }));
  for (const char* blank : {"", " ", "\t\n"}) {
    EXPECT_TRUE(refused([&](NewEvent& e) { e.correlation = blank; }));
    EXPECT_TRUE(refused([&](NewEvent& e) { e.causation = blank; }));
  }
  EXPECT_TRUE(refused([](NewEvent& e) { e.causation.emplace(limits::kStoreName + 1, 'c'); }));
}

// awaken refuses a draft without scopes and two scopes of one family. Here every event is about its
// town, and a message is about two agents.
TEST(EventsDraft, RequiresNoScopeSinceItIsAboutItsTown) {
  EXPECT_FALSE(refused([](NewEvent& e) { e.scopes.clear(); }));
}

TEST(EventsDraft, DerivesScopeIds) {
  const auto run = RunId::parse("0190a5b0-1c2d-7e3f-8a4b-5c6d7e8f9012").value();
  const auto scope = Scope::of(run);
  EXPECT_EQ(scope.family(), "run");
  EXPECT_EQ(RunId::parse(scope.id()).value(), run);
}

TEST(EventsDraft, RejectsDuplicateScopes) {
  EXPECT_FALSE(refused([](NewEvent& e) { e.scopes.push_back(Scope::parse("agent:a2").value()); }));
  EXPECT_TRUE(refused([](NewEvent& e) { e.scopes.push_back(e.scopes.front()); }));
  EXPECT_TRUE(refused([](NewEvent& e) { e.scopes.push_back(Scope::town()); }));
  EXPECT_TRUE(refused([](NewEvent& e) {
    e.scopes.clear();
    for (std::size_t i = 0; i <= limits::kEventScopes; ++i)
      e.scopes.push_back(Scope::parse("agent:a" + std::to_string(i)).value());
  }));
}

TEST(EventsDraft, RefusesAPayloadOverItsLimit) {
  NewEvent event = sample();
  event.payload = R"({"x":")" + std::string(limits::kEventPayload, 'x') + R"("})";
  EXPECT_EQ(check(event).error().code(), Errc::too_large);
}

TEST(EventsScope, IsOneOfSixFamilies) {
  EXPECT_TRUE(Scope::parse("town")->is_town());
  EXPECT_EQ(Scope::parse("run:r1")->family(), "run");
  EXPECT_EQ(Scope::parse("run:r1")->id(), "r1");
  for (const char* bad : {"", "agent", "agent:", "city:x", "agent:a b", "agent:a\n"})
    EXPECT_FALSE(Scope::parse(bad)) << bad;
}

TEST(EventsCursor, OpaqueCursorRoundtripsAndWhatIsNoneIsRefused) {
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
