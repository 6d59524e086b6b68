// on of the library.
#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
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
using reeve::From;
using reeve::OnOptions;
using reeve::Session;

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

}  // namespace
