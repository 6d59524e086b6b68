// emit of the library.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

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

// --- emit ----------------------------------------------------------------------------------------

TEST(EventsLibraryEmit, GivesEventsFromStartToEndAndAResult) {
  auto town = open_town();
  auto run = town.emit(EmitRequest::ask("hello", "hi")).value();
  std::string told;
  std::vector<std::string> durable;
  for (const auto& event : run.events()) {
    if (event.kind == "TextDelta") told += event.payload;
    if (event.sort == Event::Sort::durable) durable.push_back(event.kind);
    EXPECT_EQ(event.run, run.id());
  }
  EXPECT_NE(told.find("hello"), std::string::npos);
  ASSERT_GE(durable.size(), 2U);
  EXPECT_EQ(durable.front(), "RunStarted");
  EXPECT_EQ(durable.back(), "RunCompleted");
  EXPECT_FALSE(run.next_event().value());
  const auto result = run.wait().value();
  EXPECT_EQ(result.state, reeve::RunState::completed);
  EXPECT_EQ(result.text, "hello there");
  EXPECT_EQ(result.reason, "stop");
  ASSERT_EQ(result.messages.size(), 2U);
  EXPECT_EQ(result.messages[0].role, "user");
  EXPECT_EQ(result.messages[1].text, "hello there");
  EXPECT_TRUE(run.is_finished());
  EXPECT_EQ(run.session(), result.session);
}

TEST(EventsLibraryEmit, AToolIsCalledOnAThreadOfItsOwnAndAnswersTheModel) {
  auto town = open_town();
  town.add_scripted_provider("caller",
                             R"({"turns":[[{"call":{"name":"add","arguments":{"a":2,"b":3}}}],
                                          [{"text":"done"}]]})")
      .value();
  reeve::ToolSpec spec;
  spec.name = "add";
  spec.input_schema = R"({"type":"object","required":["a","b"]})";
  std::string arguments;
  std::thread::id where;
  town.add_tool(spec,
                [&](const reeve::ToolCall& call) -> reeve::Result<reeve::ToolAnswer> {
                  arguments = call.arguments;
                  where = std::this_thread::get_id();
                  call.output("adding");
                  return reeve::ToolAnswer::json(R"({"sum":5})");
                })
      .value();
  EXPECT_EQ(
      town.add_tool(spec, [](const reeve::ToolCall&) { return reeve::ToolAnswer(); }).error().code,
      Code::conflict);
  const auto result = town.emit(EmitRequest::ask("caller", "2 + 3?")).value().wait().value();
  EXPECT_EQ(result.text, "done");
  EXPECT_EQ(arguments, R"({"a":2,"b":3})");
  EXPECT_NE(where, std::this_thread::get_id());
  ASSERT_EQ(result.messages.size(), 4U);
  EXPECT_EQ(result.messages[2].role, "tool");
  EXPECT_NE(result.messages[2].json.find("sum"), std::string::npos);
}

TEST(EventsLibraryEmit, AToolThatThrowsOrRefusesIsAFailedResultForTheModel) {
  auto town = open_town();
  town.add_scripted_provider("caller", R"({"turns":[[{"call":{"name":"refuse","arguments":{}}},
                                                     {"call":{"name":"burst","arguments":{}}}],
                                                    [{"text":"I see"}]]})")
      .value();
  town.add_tool({.name = "refuse"},
                [](const reeve::ToolCall&) -> reeve::Result<reeve::ToolAnswer> {
                  return reeve::Error{Code::denied, "not on a Sunday"};
                })
      .value();
  town.add_tool({.name = "burst"},
                [](const reeve::ToolCall&) -> reeve::Result<reeve::ToolAnswer> {
                  throw std::runtime_error("the boiler");
                })
      .value();
  const auto result = town.emit(EmitRequest::ask("caller", "go")).value().wait().value();
  EXPECT_EQ(result.text, "I see");
  ASSERT_EQ(result.messages.size(), 5U);
  EXPECT_NE(result.messages[2].json.find("not on a Sunday"), std::string::npos);
  EXPECT_NE(result.messages[3].json.find("the boiler"), std::string::npos);
}

TEST(EventsLibraryEmit, AModelOfTheProgramsOwnIsAskedWithTheConversation) {
  auto town = open_town();
  town.add_provider("echo", "echo-1",
                    [](const reeve::ModelRequest& request,
                       reeve::Stream& stream) -> reeve::Result<reeve::ModelAnswer> {
                      stream.text("you ");
                      stream.text("said");
                      reeve::ModelAnswer answer;
                      answer.text = request.model + ": " + request.messages.back().text + " of " +
                                    std::to_string(request.messages.size());
                      answer.usage.output_tokens = 3;
                      return answer;
                    })
      .value();
  auto request = EmitRequest::ask("echo", "one");
  const auto first = town.emit(request).value().wait().value();
  EXPECT_EQ(first.text, "echo-1: one of 1");
  EXPECT_EQ(first.usage.output_tokens, 3);
  request = EmitRequest::ask("echo", "two");
  request.session = first.session;
  EXPECT_EQ(town.emit(request).value().wait().value().text, "echo-1: two of 3");
}

TEST(EventsLibraryEmit, ProvidersAreConfiguredAsInTheSettings) {
  const Folder folder;
  {
    auto town = open_town(folder.path());
    EXPECT_EQ(town.emit(EmitRequest::ask("mine", "hi")).error().code, Code::not_found);
    town.configure_provider("mine", R"({"kind":"scripted","turns":["configured"]})").value();
    EXPECT_EQ(town.emit(EmitRequest::ask("mine", "hi")).value().wait().value().text, "configured");
    for (const char* wrong : {"{oops", "[]", R"({"kind":"magic"})", R"({"kind":"openai","x":1})"})
      EXPECT_EQ(town.configure_provider("mine", wrong).error().code, Code::invalid_argument);
    // A server that is not there is no error before it is asked.
    town.configure_provider(
            "away", R"({"kind":"openai","base_url":"http://127.0.0.1:1/v1","model":"m","tries":1})")
        .value();
    const auto lost = town.emit(EmitRequest::ask("away", "hi")).value().wait().value();
    EXPECT_EQ(lost.state, reeve::RunState::failed);
    EXPECT_EQ(lost.reason, "unreachable");
  }
  std::ofstream(folder.path() + "/.reeve/town.toml", std::ios::app)
      << "[providers.saved]\nkind = \"scripted\"\nturns = [\"from the settings\"]\n";
  auto town = open_town(folder.path());
  EXPECT_EQ(town.emit(EmitRequest::ask("saved", "hi")).value().wait().value().text,
            "from the settings");
}

TEST(EventsLibraryEmit, WhatIsRedactedIsNeitherKeptNorShown) {
  const Folder folder;
  const auto hide = [](const std::string&, const std::string& payload) {
    std::string kept = payload;
    for (auto at = kept.find("s3cret"); at != std::string::npos; at = kept.find("s3cret"))
      kept.replace(at, 6, "***");
    return kept;
  };
  reeve::OpenOptions options;
  options.folder = folder.path();
  options.durability = reeve::Durability::full_fidelity;
  options.redact = hide;
  std::string shown;
  {
    auto town = Town::open(options).value();
    std::string asked;
    const auto model = [&](const reeve::ModelRequest& request, reeve::Stream& stream) {
      asked = request.messages.back().text;
      stream.text("the s3cret is s3cret");
      reeve::ModelAnswer answer;
      answer.text = "the s3cret is s3cret";
      return reeve::Result<reeve::ModelAnswer>(answer);
    };
    town.add_provider("parrot", "m", model).value();
    auto run = town.emit(EmitRequest::ask("parrot", "my s3cret")).value();
    for (const auto& event : run.events()) shown += event.payload;
    EXPECT_EQ(asked, "my s3cret");
    EXPECT_EQ(run.wait().value().text, "the s3cret is s3cret");  // whoever asked is told all of it
  }
  EXPECT_EQ(shown.find("s3cret"), std::string::npos) << shown;
  EXPECT_NE(shown.find("the *** is ***"), std::string::npos) << shown;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder.path())) {
    if (!file.is_regular_file()) continue;
    std::ifstream in(file.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    EXPECT_EQ(bytes.find("s3cret"), std::string::npos) << file.path();
  }
}

TEST(EventsLibraryEmit, AModelThatFailsFailsTheRun) {
  auto town = open_town();
  town.add_provider(
          "bad", "m",
          [](const reeve::ModelRequest&, reeve::Stream&) -> reeve::Result<reeve::ModelAnswer> {
            throw std::runtime_error("oops");
          })
      .value();
  const auto result = town.emit(EmitRequest::ask("bad", "hi")).value().wait().value();
  EXPECT_EQ(result.state, reeve::RunState::failed);
  EXPECT_NE(result.error.find("oops"), std::string::npos);
}

TEST(EventsLibraryEmit, ACancelActsInsideAModelCall) {
  auto town = open_town();
  town.add_scripted_provider("hang", kHang).value();
  Control control;
  auto run = town.emit(EmitRequest::ask("hang", "hi"), control).value();
  EXPECT_EQ(run.wait_for(1ms).error().code, Code::timeout);
  EXPECT_FALSE(run.is_finished());
  control.cancel("changed my mind");
  EXPECT_EQ(run.wait().value().state, reeve::RunState::cancelled);

  auto other = town.emit(EmitRequest::ask("hang", "hi")).value();
  other.abort();
  EXPECT_EQ(other.wait().value().state, reeve::RunState::cancelled);
}

TEST(EventsLibraryEmit, ACancelBeforeTheRunMeansThatItNeverStarts) {
  auto town = open_town();
  Control control;
  control.cancel();
  const auto run = town.emit(EmitRequest::ask("hello", "hi"), control);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, Code::cancelled);
  EventFilter filter;
  filter.kinds = {"RunStarted"};
  EXPECT_TRUE(town.events("", filter).value().events.empty());
}

TEST(EventsLibraryEmit, ARunCancelledBehindAnotherHasNoEventsAndSaysSo) {
  auto town = open_town();
  town.add_scripted_provider("hang", kHang).value();
  // Only a session that is there can be busy.
  auto request = EmitRequest::ask("hello", "hi");
  request.session = town.emit(request).value().wait().value().session;
  request.provider = "hang";
  auto first = town.emit(request).value();
  auto second = town.emit(request).value();
  second.cancel("never mind");
  EXPECT_EQ(second.wait().error().code, Code::cancelled);
  EXPECT_FALSE(second.next_event().value());
  first.cancel();
  EXPECT_TRUE(first.wait());
}

TEST(EventsLibraryEmit, ATimeoutEndsIt) {
  auto town = open_town();
  town.add_scripted_provider("hang", kHang).value();
  Control control;
  control.set_timeout(20ms);
  const auto result = town.emit(EmitRequest::ask("hang", "hi"), control).value().wait().value();
  EXPECT_EQ(result.state, reeve::RunState::failed);
  EXPECT_EQ(result.reason, "timeout");
}

TEST(EventsLibraryEmit, AClosureSetsUpTheCallWithSessionAndControl) {
  auto town = open_town();
  town.shared().set_data(std::make_shared<int>(42));
  const auto session = town.emit(EmitRequest::ask("hello", "hi")).value().wait().value().session;
  ASSERT_TRUE(town.session(session).set("greeting", R"("hallo")"));
  auto run = town.emit(
                     [](Session& given, Control& control) {
                       EXPECT_EQ(*control.data<int>(), 42);
                       control.set_timeout(1h);
                       return EmitRequest::ask("hello", given.get("greeting").value().value());
                     },
                     session)
                 .value();
  const auto result = run.wait().value();
  EXPECT_EQ(result.session, session);
  EXPECT_EQ(result.messages[0].text, R"("hallo")");

  auto stopped = town.emit([](Session& given, Control& control) {
    EXPECT_EQ(given.set("key", "1").error().code, Code::invalid_argument);
    control.cancel("not today");
    return EmitRequest::ask("hello", "hi");
  });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::cancelled);
}

TEST(EventsLibraryEmit, ARepeatedRequestIsAnsweredTheFirstRunWithItsEvents) {
  auto town = open_town();
  auto request = EmitRequest::ask("hello", "hi");
  request.client_request_id = "once";
  auto first = town.emit(request).value();
  ASSERT_TRUE(first.wait());
  auto again = town.emit(request).value();
  EXPECT_EQ(again.id(), first.id());
  EXPECT_EQ(again.wait().value().text, "hello there");
  std::vector<std::string> kinds;
  for (const auto& event : again.events()) kinds.push_back(event.kind);
  EXPECT_EQ(kinds.front(), "RunStarted");
  EXPECT_EQ(kinds.back(), "RunCompleted");
  request.input[0].text = "something else";
  EXPECT_EQ(town.emit(request).error().code, Code::conflict);
}

TEST(EventsLibraryEmit, ARunIsFoundByItsIdAfterARestart) {
  const Folder folder;
  std::string id;
  {
    auto town = open_town(folder.path());
    auto run = town.emit(EmitRequest::ask("hello", "hi")).value();
    ASSERT_TRUE(run.wait());
    id = run.id();
  }
  auto town = open_town(folder.path());
  auto run = town.find_run(id).value();
  EXPECT_EQ(run.wait().value().text, "hello there");
  EXPECT_EQ(run.next_event().value()->kind, "RunStarted");
  EXPECT_EQ(town.find_run(kSession).error().code, Code::not_found);
}

TEST(EventsLibraryEmit, NextEventGivesUpInTimeAndGoesOn) {
  auto town = open_town();
  town.add_scripted_provider("hang", kHang).value();
  auto request = EmitRequest::ask("hang", "hi");
  auto run = town.emit(request).value();
  std::vector<std::string> kinds;
  while (kinds.empty() || kinds.back() != "TextDelta") {
    const auto event = run.next_event(kPatience);
    ASSERT_TRUE(event && *event);
    kinds.push_back((*event)->kind);
  }
  EXPECT_EQ(run.next_event(1ms).error().code, Code::timeout);  // the model hangs
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "TextDelta"), 1);
  run.cancel();
  std::string last;
  for (const auto& event : run.events()) last = event.kind;
  EXPECT_EQ(last, "RunCancelled");
  request.events = false;
  auto silent = town.emit(request).value();
  EXPECT_EQ(silent.next_event(1ms).error().code, Code::invalid_argument);
}

}  // namespace
