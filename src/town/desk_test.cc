// emit to an agent: from the request to the round that answers it.

#include "town/desk.h"

#include <gtest/gtest.h>

#include "town/testing.h"

namespace reeve::town {
namespace {

class EventsDesk : public DaemonTest {
 protected:
  EventsDesk() {
    invocation_.set_desk(desk_);
    ada_ = spawn("ada", Completes::success, "claude");
    world_.quiet();
  }
  ~EventsDesk() override { world_.await(invocation_.close()); }

  Result<run::RunHandle> emit(EmitRequest request, run::Control control = {}, bool events = false) {
    return world_.await(invocation_.emit(std::move(request), std::move(control), events));
  }
  static EmitRequest ask(std::string text) {
    EmitRequest request;
    request.agent = "ada";
    request.input.emplace_back(TextPart{std::move(text)});
    return request;
  }
  std::vector<std::string> events_of(run::RunHandle handle) {
    std::vector<std::string> kinds;
    for (;;) {
      const auto frames = world_.await(handle.events()->next());
      if (!frames || frames->empty()) return kinds;
      for (const auto& frame : *frames) {
        if (const auto* event = std::get_if<EventPtr>(&frame)) kinds.push_back((*event)->kind);
        if (const auto* delta = std::get_if<DeltaPtr>(&frame))
          kinds.push_back("~" + (*delta)->kind);
      }
    }
  }

  llm::Registry providers_;
  tool::Registry tools_;
  run::Invocation invocation_{world_.env, world_.loop.get_executor(), world_.log, providers_,
                              tools_,     run::Invocation::Options()};
  Desk desk_{ground_};
  Agent ada_;
};

INSTANTIATE_TEST_SUITE_P(, EventsDesk, ::testing::Values(Backend::memory, Backend::sqlite),
                         run::testing::name_of);

TEST_P(EventsDesk, TheRoundThatTakesTheMessageIsTheRun) {
  auto handle = emit(ask("which branch?"), {}, true).value();
  EXPECT_TRUE(handle.run().is_nil());
  EXPECT_EQ(handle.asked().id, handle.asked().message->str());
  ASSERT_TRUE(until_rounds(1));
  world_.machine.out(run::testing::claude_init("s1") + run::testing::claude_delta("ma"));
  world_.quiet();
  end_round(0, run::testing::claude_message("m1", "main") + run::testing::claude_result("main"));
  const auto result = world_.await(handle.result()).value();
  EXPECT_EQ(result.state, RunState::completed);
  EXPECT_EQ(result.text, "main");
  EXPECT_EQ(result.run, handle.run());
  EXPECT_TRUE(handle.is_finished());
  const auto kinds = events_of(handle);
  ASSERT_GE(kinds.size(), 3U);
  EXPECT_EQ(kinds.front(), "RunStarted");
  EXPECT_EQ(std::ranges::count(kinds, "~TextDelta"), 1);
  EXPECT_EQ(std::ranges::count(kinds, "RunCompleted"), 1);
}

TEST_P(EventsDesk, ItsEventsAreThoseOfItsRoundsOnly) {
  auto first = emit(ask("one"), {}, true).value();
  ASSERT_TRUE(until_rounds(1));
  auto second = emit(ask("two"), {}, true).value();  // while the first round goes on
  end_round(0, run::testing::claude_result("1"));
  ASSERT_TRUE(until_rounds(2));
  end_round(0, run::testing::claude_result("2"));
  EXPECT_EQ(world_.await(first.result()).value().text, "1");
  EXPECT_EQ(world_.await(second.result()).value().text, "2");
  for (const auto& handle : {first, second}) {
    const auto kinds = events_of(handle);
    EXPECT_EQ(std::ranges::count(kinds, "RunStarted"), 1);
    EXPECT_EQ(std::ranges::count(kinds, "RunCompleted"), 1);
  }
}

TEST_P(EventsDesk, AFailedRoundIsTriedAgainAndTheLastOneCounts) {
  auto handle = emit(ask("try"), {}, true).value();
  ASSERT_TRUE(until_rounds(1));
  end_round(1);
  EXPECT_FALSE(handle.is_finished());
  world_.env.advance(1h);
  ASSERT_TRUE(until_rounds(2));
  end_round(0, run::testing::claude_result("better"));
  EXPECT_EQ(world_.await(handle.result()).value().text, "better");
  EXPECT_EQ(std::ranges::count(events_of(handle), "RunFailed"), 1);
}

TEST_P(EventsDesk, WhatIsTriedTooOftenFails) {
  auto handle = emit(ask("try"), {}, true).value();
  for (std::size_t round = 1; round <= 3; ++round) {
    ASSERT_TRUE(until_rounds(round));
    end_round(1);
    world_.env.advance(1h);
  }
  const auto result = world_.await(handle.result()).value();
  EXPECT_EQ(result.state, RunState::failed);
  EXPECT_EQ(std::ranges::count(events_of(handle), "RunFailed"), 3);
}

TEST_P(EventsDesk, TakenBackBeforeARoundItNeverBegins) {
  auto busy = emit(ask("first")).value();
  ASSERT_TRUE(until_rounds(1));
  auto handle = emit(ask("second"), {}, true).value();
  handle.cancel("not needed");
  const auto result = world_.await(handle.result());
  EXPECT_EQ(code_of(result), Errc::cancelled);
  EXPECT_TRUE(result.error().message().contains("not needed")) << result.error().message();
  EXPECT_TRUE(events_of(handle).empty());
  end_round(0, run::testing::claude_result("done"));
  world_.env.advance(1h);
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 1U);
  EXPECT_EQ(world_.get<Message>(*handle.asked().message).state, MessageState::handled);
  EXPECT_EQ(world_.get<Message>(*handle.asked().message).withdrawn, "not needed");
}

TEST_P(EventsDesk, ACancelStopsItsRoundAndNoOtherBegins) {
  run::Control control;
  auto handle = emit(ask("long"), control, true).value();
  ASSERT_TRUE(until_rounds(1));
  control.cancel("enough");
  world_.quiet();
  ASSERT_TRUE(world_.until_event("RunStopRequested"));
  end_round(143);
  const auto result = world_.await(handle.result()).value();
  EXPECT_EQ(result.state, RunState::cancelled);
  EXPECT_EQ(events_of(handle).back(), "RunCancelled");
  world_.env.advance(1h);
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 1U);
}

TEST_P(EventsDesk, ATimeoutEndsItToo) {
  run::Control control;
  control.set_timeout(1s);
  auto handle = emit(ask("long"), control).value();
  ASSERT_TRUE(until_rounds(1));
  world_.env.advance(2s);
  ASSERT_TRUE(world_.until_event("RunStopRequested"));
  end_round(143);
  const auto result = world_.await(handle.result()).value();
  EXPECT_EQ(result.state, RunState::cancelled);
  EXPECT_EQ(result.reason, "timeout") << "exit status 5";
}

TEST_P(EventsDesk, ATimeoutEndsWhatHasNotBegunToo) {
  auto busy = emit(ask("first")).value();
  ASSERT_TRUE(until_rounds(1));
  run::Control control;
  control.set_timeout(1s);
  auto handle = emit(ask("second"), control).value();
  world_.env.advance(2s);
  ASSERT_TRUE(world_.until_event("MessageWithdrawn"));
  EXPECT_EQ(code_of(world_.await(handle.result())), Errc::timeout);
  end_round(0, run::testing::claude_result("done"));
  EXPECT_EQ(world_.await(busy.result()).value().text, "done");
}

TEST_P(EventsDesk, G9ARepeatedRequestIsTheSameMessage) {
  auto request = ask("once");
  request.client_request_id = "r-1";
  auto first = emit(request).value();
  auto again = emit(request).value();
  EXPECT_EQ(first.asked().id, again.asked().id);
  ASSERT_TRUE(until_rounds(1));
  end_round(0, run::testing::claude_result("done"));
  EXPECT_EQ(world_.count("MessageSent"), 1U);
  EXPECT_EQ(world_.await(again.result()).value().text, "done");
  auto late = emit(request, {}, true).value();
  EXPECT_EQ(world_.await(late.result()).value().text, "done");
  request.input.emplace_back(TextPart{"more"});
  EXPECT_EQ(code_of(emit(request)), Errc::conflict);
}

TEST_P(EventsDesk, ItIsFoundByItsMessageAndByItsRun) {
  auto handle = emit(ask("find me")).value();
  const auto by_message = world_.await(invocation_.find_asked(handle.asked().id, true)).value();
  ASSERT_TRUE(until_rounds(1));
  end_round(0, run::testing::claude_result("here"));
  auto copy = by_message;
  EXPECT_EQ(world_.await(copy.result()).value().text, "here");
  EXPECT_EQ(events_of(by_message).back(), "RunCompleted");
  auto by_run = world_.await(invocation_.find_asked(copy.run().str(), true)).value();
  EXPECT_EQ(world_.await(by_run.result()).value().text, "here");
  EXPECT_EQ(events_of(by_run).front(), "RunStarted");
  EXPECT_EQ(code_of(world_.await(invocation_.find_asked(ada_.id.str()))), Errc::not_found);
}

TEST_P(EventsDesk, WhatHasEndedIsFoundWithItsRunAtOnce) {
  auto handle = emit(ask("find me")).value();
  const auto id = handle.asked().id;
  ASSERT_TRUE(until_rounds(1));
  end_round(0, run::testing::claude_result("here"));
  const auto run = world_.await(handle.result()).value().run;
  const auto found = world_.await(invocation_.find_asked(id)).value();
  EXPECT_EQ(found.asked().run, run) << "run show";
}

TEST_P(EventsDesk, AStoppedAgentEndsTheWait) {
  auto handle = emit(ask("never")).value();
  ASSERT_TRUE(until_rounds(1));
  kill(ada_);
  ASSERT_TRUE(world_.until_event("RunStopRequested"));
  end_round(143);
  EXPECT_EQ(world_.await(handle.result()).value().state, RunState::cancelled);
  EXPECT_EQ(code_of(emit(ask("too late"))), Errc::conflict);
}

TEST_P(EventsDesk, WhatAnAgentHasItselfCannotBeAskedFor) {
  const auto refused = [&](auto change) {
    auto request = ask("x");
    change(request);
    return code_of(emit(std::move(request)));
  };
  EXPECT_EQ(refused([](auto& r) { r.model = "m"; }), Errc::invalid_argument);
  EXPECT_EQ(refused([](auto& r) { r.system = "s"; }), Errc::invalid_argument);
  EXPECT_EQ(refused([](auto& r) { r.tools.emplace(); }), Errc::invalid_argument);
  EXPECT_EQ(refused([](auto& r) { r.sampling.seed = 1; }), Errc::invalid_argument);
  EXPECT_EQ(refused([](auto& r) { r.metadata = json::object(); }), Errc::invalid_argument);
  EXPECT_EQ(refused([](auto& r) { r.input = {ImagePart{.url = "http://x/"}}; }),
            Errc::invalid_argument);
  EXPECT_EQ(refused([](auto& r) { r.agent = "nobody"; }), Errc::not_found);
  EXPECT_EQ(world_.count("MessageSent"), 0U);
}

TEST_P(EventsDesk, AnyRoundCanBeStoppedByItsRun) {
  api::SendRequest letter;
  letter.to = "ada";
  letter.text = "hello";
  ASSERT_TRUE(world_.await(town::send(ground_, Caller{}, std::move(letter))));
  ASSERT_TRUE(until_rounds(1));
  auto handle = world_.await(invocation_.find(world_.machine.run_at())).value();
  handle.cancel("enough");
  ASSERT_TRUE(world_.until_event("RunStopRequested"));
  end_round(143);
  EXPECT_EQ(world_.await(handle.result()).value().state, RunState::cancelled);
  world_.env.advance(1h);
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 1U);
}

}  // namespace
}  // namespace reeve::town
