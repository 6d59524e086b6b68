// The library as its users see it: the public headers and libreeve.so, nothing else.
#include <gtest/gtest.h>

#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "reeve/reeve.hpp"

namespace {

using namespace std::chrono_literals;
using reeve::Code;
using reeve::Control;
using reeve::EmitRequest;
using reeve::Event;
using reeve::EventFilter;
using reeve::From;
using reeve::OnOptions;
using reeve::Session;
using reeve::Town;

constexpr auto kPatience = 20s;

/// Something that one thread waits for and others let go.
class Gate {
 public:
  void open() {
    {
      const std::scoped_lock lock(mutex_);
      open_ = true;
    }
    changed_.notify_all();
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

/// What handlers have seen.
class Seen {
 public:
  void add(std::string what) {
    {
      const std::scoped_lock lock(mutex_);
      all_.push_back(std::move(what));
    }
    changed_.notify_all();
  }
  bool wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return all_.size() >= count; });
  }
  std::vector<std::string> all() {
    const std::scoped_lock lock(mutex_);
    return all_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> all_;
};

class Folder {
 public:
  Folder() {
    std::string name = "/tmp/reeve-library-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

constexpr const char* kHello = R"({"turns":[[{"text":"hello there","pieces":2}]]})";
constexpr const char* kHang = R"({"turns":[[{"text":"I begin"},{"hang":true}]]})";

Town open_town(const std::string& folder = {}) {
  reeve::OpenOptions options;
  options.folder = folder;
  options.store_durability = "os";
  auto town = Town::open(options).value();
  town.add_scripted_provider("hello", kHello).value();
  return town;
}

/// Runs that are over when this returns.
void do_runs(Town& town, int count) {
  for (int i = 0; i < count; ++i) {
    auto run = town.emit(EmitRequest::ask("hello", "hi")).value();
    ASSERT_TRUE(run.wait());
  }
}

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

constexpr const char* kSession = "6b1f1a2e-6a4f-4a53-9a44-3d1c63a1c001";

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

// --- on ------------------------------------------------------------------------------------------

TEST(EventsLibraryOn, OnlyMatchingEventsAreHandled) {
  auto town = open_town();
  Seen seen;
  OnOptions options;
  options.filter.kinds = {"RunCompleted"};
  auto listener =
      town.on(options, [&](const Event& event, Session&, Control&) { seen.add(event.kind); })
          .value();
  do_runs(town, 2);
  ASSERT_TRUE(listener.close());
  EXPECT_EQ(seen.all(), (std::vector<std::string>{"RunCompleted", "RunCompleted"}));
  EXPECT_EQ(listener.handled(), 2U);
}

TEST(EventsLibraryOn, APredicateDecidesLast) {
  auto town = open_town();
  Seen seen;
  OnOptions options;
  options.from = From::beginning();
  options.filter.predicate = [](const Event& event) { return event.kind.starts_with("RunC"); };
  auto listener =
      town.on(options, [&](const Event& event, Session&, Control&) { seen.add(event.kind); })
          .value();
  do_runs(town, 1);
  ASSERT_TRUE(listener.close());
  EXPECT_EQ(seen.all(), std::vector<std::string>{"RunCompleted"});
}

TEST(EventsLibraryOn, TheLimitBoundsHandlersAndLosesNothing) {
  for (const std::size_t limit : {1U, 3U}) {
    auto town = open_town();
    Gate gate;
    std::atomic<std::size_t> now = 0, most = 0;
    Seen begun;
    OnOptions options;
    options.filter.kinds = {"RunCompleted"};
    options.batch = 1;
    Control control;
    control.set_concurrency_limit(limit);
    auto listener = town.on(
                            options,
                            [&](const Event& event, Session&, Control&) {
                              const auto here = ++now;
                              auto before = most.load();
                              while (before < here && !most.compare_exchange_weak(before, here)) {
                              }
                              begun.add(event.run);
                              EXPECT_TRUE(gate.wait());
                              --now;
                            },
                            control)
                        .value();
    do_runs(town, 21);
    ASSERT_TRUE(begun.wait_for(limit));
    EXPECT_EQ(now.load(), limit);
    gate.open();
    ASSERT_TRUE(listener.close());
    EXPECT_EQ(most.load(), limit);
    EXPECT_EQ(listener.handled(), 21U);
    auto runs = begun.all();
    std::sort(runs.begin(), runs.end());
    EXPECT_EQ(std::unique(runs.begin(), runs.end()) - runs.begin(), 21);
  }
}

TEST(EventsLibraryOn, EventsOfARunComeInOrderHoweverManyHandlersThereAre) {
  auto town = open_town();
  std::mutex mutex;
  std::map<std::string, std::vector<std::uint64_t>> positions;
  OnOptions options;
  options.concurrency = 8;
  options.batch = 2;
  auto listener = town.on(options,
                          [&](const Event& event, Session&, Control&) {
                            const std::scoped_lock lock(mutex);
                            positions[event.run].push_back(event.position);
                          })
                      .value();
  std::vector<reeve::Run> runs;
  for (int i = 0; i < 16; ++i) {
    runs.push_back(town.emit(EmitRequest::ask("hello", "hi")).value());
  }
  for (auto& run : runs) ASSERT_TRUE(run.wait());
  ASSERT_TRUE(listener.close());
  std::size_t total = 0;
  for (const auto& run : runs) {
    const auto& seen = positions[run.id()];
    EXPECT_GE(seen.size(), 2U);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
    total += seen.size();
  }
  EXPECT_GT(total, 32U);
}

TEST(EventsLibraryOn, OneAtATimeEventsComeInTheOrderOfTheLog) {
  auto town = open_town();
  std::vector<std::uint64_t> positions;
  auto listener = town.on({}, [&](const Event& event, Session&,
                                  Control&) { positions.push_back(event.position); })
                      .value();
  std::vector<reeve::Run> runs;
  for (int i = 0; i < 16; ++i) runs.push_back(town.emit(EmitRequest::ask("hello", "hi")).value());
  for (auto& run : runs) ASSERT_TRUE(run.wait());
  ASSERT_TRUE(listener.close());
  ASSERT_FALSE(positions.empty());
  for (std::size_t i = 1; i < positions.size(); ++i) EXPECT_EQ(positions[i], positions[i - 1] + 1);
}

TEST(EventsLibraryOn, StoppingEndsItAndNothingMoreIsHandled) {
  auto town = open_town();
  Seen seen;
  OnOptions options;
  options.filter.kinds = {"RunCompleted"};
  auto listener =
      town.on(options, [&](const Event& event, Session&, Control&) { seen.add(event.kind); })
          .value();
  do_runs(town, 1);
  ASSERT_TRUE(seen.wait_for(1));
  EXPECT_FALSE(listener.is_finished());
  listener.stop();
  EXPECT_TRUE(listener.is_finished());
  do_runs(town, 3);
  EXPECT_EQ(seen.all().size(), 1U);
}

TEST(EventsLibraryOn, CancellingItsControlEndsIt) {
  auto town = open_town();
  Control control;
  auto listener = town.on({}, [](const Event&, Session&, Control&) {}, control).value();
  control.cancel();
  EXPECT_TRUE(listener.close());
  EXPECT_TRUE(listener.is_finished());
}

TEST(EventsLibraryOn, DroppingItWaitsForTheHandlerThatRuns) {
  auto town = open_town();
  Gate begun;
  std::atomic<bool> over = false;
  {
    OnOptions options;
    options.filter.kinds = {"RunStarted"};
    auto listener = town.on(options,
                            [&](const Event&, Session&, Control&) {
                              begun.open();
                              std::this_thread::sleep_for(30ms);  // the handler's work
                              over = true;
                            })
                        .value();
    do_runs(town, 1);
    ASSERT_TRUE(begun.wait());
  }
  EXPECT_TRUE(over);
}

TEST(EventsLibraryOn, AListenerMayStopItselfWithinItsHandler) {
  auto town = open_town();
  Gate stopped;
  std::mutex mutex;
  reeve::Listener listener;
  {
    const std::scoped_lock lock(mutex);
    listener = town.on({},
                       [&](const Event&, Session&, Control&) {
                         const std::scoped_lock inside(mutex);
                         listener.stop();
                         stopped.open();
                       })
                   .value();
  }
  do_runs(town, 1);
  ASSERT_TRUE(stopped.wait());
  EXPECT_TRUE(listener.close());
  EXPECT_EQ(listener.handled(), 1U);
}

TEST(EventsLibraryOn, AHandlerThatThrowsIsCountedToldOfAndTheNextEventComes) {
  auto town = open_town();
  Seen told, handled;
  OnOptions options;
  options.filter.kinds = {"RunStarted", "RunCompleted"};
  options.on_error = [&](const reeve::Error& error, const Event& event) {
    told.add(event.kind + ": " + error.message);
    throw std::runtime_error("so does this");
  };
  auto listener = town.on(options,
                          [&](const Event& event, Session&, Control&) {
                            if (event.kind == "RunStarted") throw std::runtime_error("no");
                            handled.add(event.kind);
                          })
                      .value();
  do_runs(town, 2);
  ASSERT_TRUE(listener.close());
  EXPECT_EQ(listener.failed(), 2U);
  EXPECT_EQ(listener.handled(), 2U);
  EXPECT_EQ(told.all(), (std::vector<std::string>{"RunStarted: no", "RunStarted: no"}));
}

TEST(EventsLibraryOn, AHandlerHasTheSessionAndMayCancelTheRun) {
  auto town = open_town();
  town.add_scripted_provider("hang", kHang).value();
  town.shared().set_data(std::make_shared<std::string>("said too much"));
  OnOptions options;
  options.deltas = true;
  options.filter.kinds = {"TextDelta"};
  auto listener = town.on(options,
                          [](const Event& event, Session& session, Control& control) {
                            session.set("stopped", "\"" + event.kind + "\"").value();
                            control.cancel(*control.data<std::string>());
                          })
                      .value();
  auto run = town.emit(EmitRequest::ask("hang", "hi")).value();
  const auto result = run.wait().value();
  EXPECT_EQ(result.state, reeve::RunState::cancelled);
  EXPECT_EQ(result.error, "said too much");
  ASSERT_TRUE(listener.close());
  EXPECT_EQ(town.session(result.session).get("stopped").value(), R"("TextDelta")");
}

TEST(EventsLibraryOn, AHandlerMayAskAndWait) {
  auto town = open_town();
  town.add_scripted_provider("other", kHello).value();
  Seen answers;
  OnOptions options;
  options.filter.kinds = {"RunCompleted"};
  options.filter.predicate = [](const Event& event) {
    return event.payload.find("hello there") != std::string::npos;
  };
  std::atomic<bool> asked = false;
  auto listener = town.on(options,
                          [&](const Event&, Session&, Control&) {
                            if (asked.exchange(true)) return;
                            const auto run =
                                town.emit(EmitRequest::ask("other", "and you?")).value();
                            answers.add(run.wait().value().text);
                          })
                      .value();
  do_runs(town, 1);
  ASSERT_TRUE(answers.wait_for(1));
  EXPECT_TRUE(listener.close());
}

TEST(EventsLibraryOn, SlowReadersAreToldOfAGapOrDisconnected) {
  for (const auto slow : {OnOptions::Slow::gap, OnOptions::Slow::disconnect}) {
    auto town = open_town();
    std::string words;
    for (int i = 0; i < 500; ++i) words += "word ";
    town.add_scripted_provider("long", R"({"turns":[[{"text":")" + words + R"(","pieces":500}]]})")
        .value();
    Gate gate;
    OnOptions options;
    options.deltas = true;
    options.slow = slow;
    options.delta_capacity = 4;
    options.batch = 1;
    std::atomic<std::uint64_t> dropped = 0, got = 0;
    auto listener = town.on(options,
                            [&](const Event& event, Session&, Control&) {
                              EXPECT_TRUE(gate.wait());
                              dropped += event.dropped;
                              if (event.sort == Event::Sort::delta) ++got;
                            })
                        .value();
    auto run = town.emit(EmitRequest::ask("long", "hi")).value();
    std::uint64_t told = 0;
    for (const auto& event : run.events()) {
      if (event.sort == Event::Sort::delta) ++told;
      EXPECT_NE(event.sort, Event::Sort::gap);
    }
    gate.open();
    const auto closed = listener.close();
    EXPECT_GT(listener.missed(), 0U);
    if (slow == OnOptions::Slow::gap) {
      EXPECT_TRUE(closed);
      EXPECT_EQ(dropped.load(), listener.missed());
      EXPECT_GE(told, 500U);
      EXPECT_EQ(got.load() + dropped.load(), told);
    } else {
      ASSERT_FALSE(closed);
      EXPECT_EQ(closed.error().code, Code::unavailable);
      EXPECT_EQ(listener.error()->code, Code::unavailable);
    }
  }
}

TEST(EventsLibraryOn, ABlockingListenerGetsEveryDelta) {
  // A script says all at once; the program's own model speaks on a thread of its own.
  for (const std::string model : {"script", "function"}) {
    auto town = open_town();
    std::string words;
    for (int i = 0; i < 2000; ++i) words += "word ";
    town.add_scripted_provider("script",
                               R"({"turns":[[{"text":")" + words + R"(","pieces":2000}]]})")
        .value();
    town.add_provider("function", "m",
                      [](const reeve::ModelRequest&,
                         reeve::Stream& stream) -> reeve::Result<reeve::ModelAnswer> {
                        for (int i = 0; i < 2000; ++i) stream.text("word ");
                        return reeve::ModelAnswer{};
                      })
        .value();
    OnOptions options;
    options.deltas = true;
    options.slow = OnOptions::Slow::block;
    options.delta_capacity = 4;  // far less than there is
    options.batch = 1;
    options.filter.kinds = {"TextDelta", "Gap"};
    Gate begun, gate;
    auto listener = town.on(options,
                            [&](const Event&, Session&, Control&) {
                              begun.open();
                              EXPECT_TRUE(gate.wait());
                            })
                        .value();
    auto run = town.emit(EmitRequest::ask(model, "hi")).value();
    ASSERT_TRUE(begun.wait());
    EXPECT_FALSE(run.is_finished()) << "it waits for its listener";
    gate.open();
    ASSERT_TRUE(run.wait());
    ASSERT_TRUE(listener.close());
    EXPECT_EQ(listener.missed(), 0U);
    EXPECT_EQ(listener.handled(), 2000U);
  }
}

TEST(EventsLibraryOn, ACursorGoesOnAfterARestartWithNothingLostOrTwice) {
  const Folder folder;
  std::vector<std::uint64_t> positions;
  std::string cursor;
  {
    auto town = open_town(folder.path());
    OnOptions options;
    options.from = From::beginning();
    auto listener = town.on(options, [&](const Event& event, Session&,
                                         Control&) { positions.push_back(event.position); })
                        .value();
    do_runs(town, 2);
    ASSERT_TRUE(listener.close());
    cursor = listener.cursor();
    do_runs(town, 2);  // while nobody listens
  }
  auto town = open_town(folder.path());
  OnOptions options;
  options.from = From::after(cursor);
  auto listener = town.on(options, [&](const Event& event, Session&,
                                       Control&) { positions.push_back(event.position); })
                      .value();
  do_runs(town, 1);
  ASSERT_TRUE(listener.close());
  EXPECT_EQ(listener.cursor(), town.cursor().value());
  ASSERT_GT(positions.size(), 10U);
  for (std::size_t i = 0; i < positions.size(); ++i) EXPECT_EQ(positions[i], i + 1);
}

TEST(EventsLibraryOn, ACursorOfAnotherLogIsRefused) {
  auto town = open_town();
  auto other = open_town();
  OnOptions options;
  options.from = From::after(other.cursor().value());
  EXPECT_EQ(town.on(options, [](const Event&, Session&, Control&) {}).error().code,
            Code::cursor_foreign);
  options.from = From::after("what");
  EXPECT_EQ(town.on(options, [](const Event&, Session&, Control&) {}).error().code,
            Code::invalid_argument);
}

// --- The town ------------------------------------------------------------------------------------

TEST(EventsLibraryTown, EventsAreReadPageByPage) {
  auto town = open_town();
  do_runs(town, 5);
  std::vector<std::uint64_t> positions;
  std::string cursor;
  for (bool at_end = false; !at_end;) {
    auto page = town.events(cursor, {}, 7).value();
    EXPECT_LE(page.events.size(), 7U);
    for (const auto& event : page.events) positions.push_back(event.position);
    cursor = page.cursor;
    at_end = page.at_end;
  }
  EXPECT_EQ(cursor, town.cursor().value());
  ASSERT_GT(positions.size(), 20U);
  for (std::size_t i = 0; i < positions.size(); ++i) EXPECT_EQ(positions[i], i + 1);
  EXPECT_TRUE(town.events(cursor).value().events.empty());
}

TEST(EventsLibraryTown, AFolderThatIsNotThereIsMade) {
  const Folder folder;
  auto town = open_town(folder.path() + "/deep/down");
  EXPECT_TRUE(std::filesystem::exists(folder.path() + "/deep/down/.reeve/town.db"));
}

TEST(EventsLibraryTown, AFolderBelongsToOneAtATime) {
  const Folder folder;
  auto town = open_town(folder.path());
  reeve::OpenOptions options;
  options.folder = folder.path();
  EXPECT_EQ(Town::open(options).error().code, Code::conflict);
}

TEST(EventsLibraryTown, ClosingEndsWhatGoesOnAndHandlesSayThatItIsClosed) {
  auto town = open_town();
  town.add_scripted_provider("hang", kHang).value();
  auto run = town.emit(EmitRequest::ask("hang", "hi")).value();
  auto unread = town.emit(EmitRequest::ask("hang", "hi")).value();
  auto listener = town.on({},
                          [&](const Event&, Session&, Control&) {
                            static_cast<void>(run.wait());  // a handler that waits holds nobody up
                          })
                      .value();
  std::thread reader([&] {
    for (;;) {
      const auto event = unread.next_event();
      if (!event || !*event) return;
    }
  });
  auto session = town.session(kSession);
  town.close();
  reader.join();
  EXPECT_EQ(run.wait().value().state, reeve::RunState::cancelled);
  EXPECT_TRUE(listener.is_finished());
  EXPECT_EQ(town.emit(EmitRequest::ask("hello", "hi")).error().code, Code::unavailable);
  EXPECT_EQ(session.set("key", "1").error().code, Code::unavailable);
  EXPECT_EQ(town.cursor().error().code, Code::unavailable);
  EXPECT_EQ(run.next_event().error().code, Code::unavailable);
}

TEST(EventsLibraryTown, ManyThreadsAskAtTheSameTime) {
  auto town = open_town();
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 20; ++j) {
        auto run = town.emit(EmitRequest::ask("hello", "hi")).value();
        if (j % 2 == 0) {
          for (const auto& event : run.events()) static_cast<void>(event);
        }
        if (run.wait().value().text == "hello there") ++good;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good.load(), 160);
}

}  // namespace
