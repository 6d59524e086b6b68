// The public values: requests, filters, results, controls, data beside a session.
#include <string>

#include "app/library/test_support.h"

namespace {

using namespace reeve::library_tests;  // NOLINT: a test's own
using namespace std::chrono_literals;
using reeve::Code;
using reeve::Control;
using reeve::EmitRequest;
using reeve::Event;
using reeve::EventFilter;
using reeve::Session;
using reeve::Town;

// --- Values --------------------------------------------------------------------------------------

TEST(EventsLibraryRequest, ItsDefaultsSayNothing) {
  const auto request = EmitRequest::ask("openai", "hi");
  EXPECT_EQ(request.provider, "openai");
  ASSERT_EQ(request.input.size(), 1U);
  EXPECT_EQ(request.input[0].text, "hi");
  EXPECT_EQ(request.metadata, "null");
  EXPECT_EQ(request.tool_choice.mode, reeve::ToolChoice::Mode::automatic);
  EXPECT_EQ(request.session, "");
  EXPECT_EQ(request.client_request_id, "");
  EXPECT_FALSE(request.durability);
  EXPECT_FALSE(request.sampling.temperature);
}

TEST(EventsLibraryRequest, WhatIsNoJsonIsRefusedBeforeAnythingBegins) {
  auto town = open_town();
  auto request = EmitRequest::ask("hello", "hi");
  request.metadata = "{oops";
  const auto run = town.emit(request);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, Code::invalid_argument);
  request.metadata = R"({"ticket":7})";
  ASSERT_TRUE(town.emit(request).value().wait());
  EventFilter filter;
  filter.kinds = {"RunStarted"};
  const auto page = town.events("", filter).value();
  ASSERT_EQ(page.events.size(), 1U);
  EXPECT_NE(page.events[0].payload.find(R"({"ticket":7})"), std::string::npos);
}

TEST(EventsLibraryFilter, EventKindMatchesTextDeltaAndRunCompletedAndNoKindMatchesAll) {
  Event text;
  text.kind = "TextDelta";
  Event end;
  end.kind = "RunCompleted";
  EventFilter any;
  EXPECT_TRUE(any.matches(text));
  EXPECT_TRUE(any.matches(end));
  EventFilter texts;
  texts.kinds = {"TextDelta"};
  EXPECT_TRUE(texts.matches(text));
  EXPECT_FALSE(texts.matches(end));
  EventFilter set;
  set.kinds = {"RunCompleted", "RunFailed"};
  EXPECT_TRUE(set.matches(end));
  EXPECT_FALSE(set.matches(text));
}

TEST(EventsLibraryFilter, AllThatIsSetMustHold) {
  Event event;
  event.kind = "RunStarted";
  event.run = "r";
  event.session = "s";
  event.scopes = {"run:r", "thread:s"};
  EventFilter filter;
  filter.run = "r";
  filter.session = "s";
  filter.scopes = {"agent:a", "run:r"};
  EXPECT_TRUE(filter.matches(event));
  filter.predicate = [](const Event& e) { return e.kind != "RunStarted"; };
  EXPECT_FALSE(filter.matches(event));
  filter.predicate = nullptr;
  filter.session = "other";
  EXPECT_FALSE(filter.matches(event));
}

TEST(EventsLibraryResult, WhatIsMissingSaysWhy) {
  const auto town = Town::open({.folder = "/proc/no/such"});
  ASSERT_FALSE(town);
  EXPECT_NE(town.error().message, "");
  reeve::Result<int> none = reeve::Error{Code::not_found, "no such number"};
  try {
    static_cast<void>(none.value());
    FAIL();
  } catch (const reeve::Failure& failure) {
    EXPECT_EQ(failure.code, Code::not_found);
    EXPECT_STREQ(failure.what(), "no such number");
  }
  EXPECT_EQ(reeve::name_of(Code::cursor_foreign), "cursor_foreign");
  EXPECT_EQ(reeve::name_of(Code::unsupported), "unsupported");
}

// --- Control -------------------------------------------------------------------------------------

TEST(EventsLibraryControl, CopiesShareTheCancelAndTheFirstReasonStays) {
  Control control;
  Control copy = control;
  EXPECT_FALSE(copy.is_cancelled());
  control.cancel("enough");
  copy.cancel("again");
  EXPECT_TRUE(copy.is_cancelled());
  EXPECT_EQ(control.cancel_reason(), "enough");
}

TEST(EventsLibraryControl, DataAreKeptByTypeAndSharedByCopies) {
  struct Unknown {};
  Control control;
  Control copy = control;
  control.set_data(std::make_shared<int>(7));
  control.set_data(std::make_shared<std::string>("x"));
  ASSERT_TRUE(copy.data<int>());
  EXPECT_EQ(*copy.data<int>(), 7);
  EXPECT_EQ(*copy.data<std::string>(), "x");
  EXPECT_FALSE(copy.data<Unknown>());
}

TEST(EventsLibraryControl, ALimitOfZeroIsOne) {
  Control control;
  control.set_concurrency_limit(0);
  EXPECT_EQ(control.concurrency_limit(), 1U);
}

// --- Session data --------------------------------------------------------------------------------

void round_trip(Town& town) {
  auto session = town.session(kSession);
  EXPECT_EQ(session.get("seen").value(), std::nullopt);
  ASSERT_TRUE(session.set("seen", R"({"count":3})"));
  EXPECT_EQ(session.get("seen").value(), R"({"count":3})");
  ASSERT_TRUE(session.set("seen", "4"));
  EXPECT_EQ(session.get("seen").value(), "4");
  ASSERT_TRUE(session.remove("seen"));
  ASSERT_TRUE(session.remove("seen"));
  EXPECT_EQ(session.get("seen").value(), std::nullopt);
}

TEST(EventsLibrarySession, MemoryDataRoundTripOfSetGetAndDelete) {
  auto town = open_town();
  round_trip(town);
}

TEST(EventsLibrarySession, FileDataRoundTripAndOutlastTheTown) {
  const Folder folder;
  {
    auto town = open_town(folder.path());
    round_trip(town);
    ASSERT_TRUE(town.session(kSession).set("kept", "[1,2]"));
  }
  auto town = open_town(folder.path());
  EXPECT_EQ(town.session(kSession).get("kept").value(), "[1,2]");
}

TEST(EventsLibrarySession, NoSessionIdIsAnError) {
  auto town = open_town();
  auto none = town.session("");
  EXPECT_EQ(none.set("key", "1").error().code, Code::invalid_argument);
  EXPECT_EQ(none.get("key").error().code, Code::invalid_argument);
  EXPECT_EQ(none.remove("key").error().code, Code::invalid_argument);
  EXPECT_EQ(Session().set("key", "1").error().code, Code::invalid_argument);
  EXPECT_EQ(town.session("no id").set("key", "1").error().code, Code::invalid_argument);
}

TEST(EventsLibrarySession, OnlyJsonUnderAKeyIsTaken) {
  auto town = open_town();
  auto session = town.session(kSession);
  EXPECT_EQ(session.set("key", "no json").error().code, Code::invalid_argument);
  EXPECT_EQ(session.set("", "1").error().code, Code::invalid_argument);
  EXPECT_EQ(session.set(std::string(257, 'k'), "1").error().code, Code::invalid_argument);
  EXPECT_TRUE(session.set(std::string(256, 'k'), "1"));
}

}  // namespace
