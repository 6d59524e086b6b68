// A model that says more than somebody can follow, or than the log should have to take at once.

#include <gtest/gtest.h>

#include "llm/scripted.h"
#include "run/invocation.h"
#include "run/listener.h"
#include "run/testing.h"

namespace reeve::run {
namespace {

using namespace std::chrono_literals;
using testing::World;

constexpr std::uint64_t kDeltas = 100'000;
constexpr std::size_t kCapacity = 64;

class EventsBackPressure : public ::testing::Test {
 protected:
  EventsBackPressure()
      : invocation_(world_.env, world_.loop.get_executor(), world_.log, providers_, tools_,
                    Invocation::Options()),
        listening_(world_.env, world_.loop.get_executor(), world_.log),
        gate_(world_.loop.get_executor()) {}
  ~EventsBackPressure() override {
    open_ = true;
    gate_.notify();
    world_.await(invocation_.close());
    world_.await(listening_.close());
  }

  ListenOptions options(SlowPolicy policy) {
    ListenOptions made;
    made.policy = policy;
    made.delta_capacity = kCapacity;
    made.queue = kCapacity;
    made.patience = 1h;
    return made;
  }
  /// Ten turns of the loop for what a model says in one.
  Handler slow() {
    return [this](Heard heard, const Control&) { return note(*this, std::move(heard)); };
  }
  static Async<> note(EventsBackPressure& test, Heard heard) {
    while (!test.open_) co_await test.gate_.wait();
    if (const auto* gap = std::get_if<Gap>(&heard.frame)) {
      test.told_ += gap->dropped;
    } else if (const auto* delta = std::get_if<DeltaPtr>(&heard.frame)) {
      ++test.received_;
      if ((*delta)->kind == "TextDelta") ++test.texts_;
      EXPECT_GE((*delta)->number, test.next_);
      test.next_ = (*delta)->number + 1;
    } else {
      test.kinds_.push_back(heard.kind);
    }
    test.most_ = std::max(test.most_, test.held());
    for (int turn = 0; turn < 10; ++turn) co_await aio::yield();
  }
  /// Deltas that lie somewhere between the model and the handler.
  std::uint64_t held() {
    const auto& counters = world_.log.counters();
    return counters.deltas - counters.deltas_dropped - received_;
  }
  void open_gate() {
    open_ = true;
    gate_.notify();
  }

  static llm::Script saying(std::uint64_t pieces) {
    llm::act::Say say;
    say.pieces.assign(pieces, "x");
    llm::Script script;
    script.turns.emplace_back().emplace_back(std::move(say));
    return script;
  }
  /// Of which no two pieces can be joined.
  static llm::Script pondering(int times, Duration first = {}) {
    llm::Script script;
    auto& turn = script.turns.emplace_back();
    if (first > Duration()) turn.emplace_back(llm::act::Wait{first});
    for (int i = 0; i < times; ++i) {
      turn.emplace_back(llm::act::Think{"hm"});
      turn.emplace_back(llm::act::Say{{"x"}});
    }
    return script;
  }
  RunHandle ask(const llm::Script& script, Durability durability = Durability::compacted) {
    providers_.put(std::make_shared<llm::ScriptedProvider>("model", world_.env, script));
    auto request = EmitRequest::ask("model", "", "go on");
    request.durability = durability;
    return world_.await(invocation_.emit(std::move(request))).value();
  }
  RunResult result(RunHandle& run) { return world_.await(run.result()).value(); }

  World world_;
  llm::Registry providers_;
  tool::Registry tools_;
  Invocation invocation_;
  Listening listening_;
  aio::Signal gate_;
  bool open_ = true;
  std::uint64_t received_ = 0;
  std::uint64_t texts_ = 0;
  std::uint64_t told_ = 0;
  std::uint64_t next_ = 0;
  std::uint64_t most_ = 0;
  std::vector<std::string> kinds_;
};

// --- behest's acceptance test 1, with a model's run
// -----------------------------------------------

TEST_F(EventsBackPressure, Acceptance1_AModelsRunWaitsForAListenerThatBlocksAndNothingIsLost) {
  const auto listener = listening_.on(options(SlowPolicy::block), slow());
  auto run = ask(saying(kDeltas));
  EXPECT_EQ(result(run).state, RunState::completed);
  EXPECT_GT(received_, kDeltas - 4 * kCapacity) << "the model was never far ahead";
  world_.await(listener->close());
  EXPECT_EQ(texts_, kDeltas);
  EXPECT_EQ(told_, 0U);
  EXPECT_EQ(listener->counts().missed, 0U);
  EXPECT_LE(most_, 4 * kCapacity);
  EXPECT_EQ(kinds_.back(), "RunCompleted");
}

TEST_F(EventsBackPressure, Acceptance1_AListenerWithGapsIsToldOfEveryDeltaOfAModelsRun) {
  const auto listener = listening_.on(options(SlowPolicy::gap), slow());
  auto run = ask(saying(kDeltas));
  EXPECT_EQ(result(run).text.size(), kDeltas);
  world_.await(listener->close());
  EXPECT_EQ(received_ + told_, world_.log.counters().deltas);
  EXPECT_GT(told_, kDeltas / 2);
  EXPECT_EQ(listener->counts().missed, told_);
  EXPECT_LE(most_, 4 * kCapacity);
  EXPECT_EQ(kinds_.back(), "RunCompleted");
}

TEST_F(EventsBackPressure, Acceptance1_AListenerThatIsDisconnectedIsToldWhereToGoOn) {
  const auto listener = listening_.on(options(SlowPolicy::disconnect), slow());
  auto run = ask(saying(kDeltas));
  EXPECT_EQ(result(run).state, RunState::completed);
  world_.quiet();
  ASSERT_TRUE(listener->error());
  EXPECT_EQ(listener->error()->code(), Errc::unavailable);
  EXPECT_TRUE(listener->is_finished());
  EXPECT_LE(most_, 4 * kCapacity);
  ListenOptions again;
  again.from = log::From::after(listener->position());
  world_.await(listening_.on(again, slow())->close());
  EXPECT_EQ(kinds_, world_.kinds()) << "no event is lost, none heard twice";
}

TEST_F(EventsBackPressure, ABlockedModelIsFreedWhenPatienceEnds) {
  auto wanted = options(SlowPolicy::block);
  wanted.patience = 2s;
  open_ = false;
  const auto listener = listening_.on(wanted, slow());
  auto run = ask(saying(1'000));
  world_.quiet();
  EXPECT_FALSE(run.is_finished());
  EXPECT_LE(held(), 4 * kCapacity);
  world_.env.advance(2s);
  EXPECT_EQ(result(run).text.size(), 1'000U);
  open_gate();
  world_.await(listener->close());
  EXPECT_GT(told_, 0U);
  EXPECT_EQ(received_ + told_, world_.log.counters().deltas);
}

TEST_F(EventsBackPressure, G7_ACancelEndsAModelThatIsBlocked) {
  open_ = false;
  const auto listener = listening_.on(options(SlowPolicy::block), slow());
  auto run = ask(saying(1'000));
  world_.quiet();
  EXPECT_FALSE(run.is_finished());
  run.cancel("enough");
  const auto done = result(run);
  EXPECT_EQ(done.state, RunState::cancelled);
  EXPECT_LT(text_of(done.messages.back()).size(), 1'000U);
  EXPECT_EQ(world_.count("RunCancelled"), 1U);
}

// --- What the run itself holds
// --------------------------------------------------------------------

TEST_F(EventsBackPressure, WhatAModelSaysIsCommittedWhileItSpeaks) {
  constexpr int kTimes = 6'000;  // together more than one commit may hold
  auto run = ask(pondering(kTimes), Durability::full_fidelity);
  const auto done = result(run);
  EXPECT_EQ(done.state, RunState::completed) << done.error;
  EXPECT_EQ(world_.count("TextDeltaObserved"), std::size_t{kTimes});
  EXPECT_EQ(world_.count("ReasoningDeltaObserved"), std::size_t{kTimes});
  EXPECT_EQ(world_.count("CaptureFailed"), 0U);
  EXPECT_LT(world_.store.largest, 600U);
  std::uint64_t next = 0;
  for (const auto& event : world_.store.events) {
    const auto payload = parse_json(event->payload).value();
    const auto* deltas = payload.as_object().if_contains("deltas");
    if (deltas == nullptr) continue;
    const auto from = deltas->at("from").to_number<std::uint64_t>();
    EXPECT_GE(from, next) << "each once, in order";
    next = deltas->at("to").to_number<std::uint64_t>() + 1;
  }
}

TEST_F(EventsBackPressure, G9_ACommitInTheMiddleOfAnAnswerOfUnknownOutcomeIsMadeOnce) {
  for (const bool applied : {false, true}) {
    auto run = ask(pondering(1'000, 1s), Durability::full_fidelity);
    world_.quiet();
    const auto before = world_.count("TextDeltaObserved");
    world_.store.next = {{Errc::unknown_outcome, applied}};
    world_.env.advance(1s);
    ASSERT_TRUE(world_.until([&] {
      world_.env.advance(100ms);  // the pause before it is tried again
      return run.is_finished();
    }));
    EXPECT_EQ(result(run).state, RunState::completed);
    EXPECT_EQ(world_.count("TextDeltaObserved") - before, 1'000U) << applied;
  }
}

}  // namespace
}  // namespace reeve::run
