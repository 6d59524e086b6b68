// Whoever subscribes while a run goes on gets all that follows, once.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>

#include "aio/testing.h"
#include "event/testing.h"
#include "log/append.h"
#include "log/testing.h"

namespace reeve::log {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

class EventsSubscribe : public LogTest {};
INSTANTIATE_TEST_SUITE_P(, EventsSubscribe, ::testing::ValuesIn(backends()),
                         [](const auto& backend) { return backend.param.name; });

std::vector<std::string> numbers(std::uint64_t first, std::uint64_t last) {
  std::vector<std::string> texts;
  for (auto n = first; n <= last; ++n) texts.push_back(std::to_string(n));
  return texts;
}

TEST_P(EventsSubscribe, G5SubscribeFromNowNeverDuplicatesConcurrentAppends) {
  commit_many(3);
  std::vector<std::optional<Result<store::Committed>>> done(20);
  aio::TaskGroup writing(loop_.get_executor());
  const auto write = [](Async<Result<store::Committed>> work,
                        std::optional<Result<store::Committed>>& out) -> Async<> {
    out = co_await std::move(work);
  };
  for (auto& one : done)
    writing.spawn("write", write(store_->commit(commit_of({event("A"), event("B")})), one));
  const auto subscription = subscribe(From::now());  // while they are under way
  run(writing.join());
  EXPECT_THAT(read(*subscription, 40), ElementsAreArray(numbers(4, 43)));
}

TEST_P(EventsSubscribe, G5SubscribeFromCursorReplaysHistoryThenLiveTailWithoutGap) {
  commit_many(10);
  const auto subscription = subscribe(From::after({4}), {}, false, 3);
  EXPECT_THAT(read(*subscription, 3), ElementsAre("5", "6", "7"));
  commit_many(5);
  EXPECT_THAT(read(*subscription, 8), ElementsAreArray(numbers(8, 15)));
  const auto waiting = start(*subscription);
  commit_many(1);
  settle();
  ASSERT_TRUE(waiting->done());
  EXPECT_THAT(waiting->texts(), ElementsAre("16"));
}

TEST_P(EventsSubscribe, G5SubscribeFromNowReturnsHighWaterCursorAndOnlyLiveEvents) {
  commit_many(5);
  const auto subscription = subscribe(From::now());
  EXPECT_EQ(subscription->position(), Position{5});
  EXPECT_EQ(log_->position_of(log_->cursor(subscription->position())).value(), Position{5});
  commit_many(2);
  EXPECT_THAT(read(*subscription, 2), ElementsAre("6", "7"));
}

// --- A live run, and many who come in the middle of it -------------------------------------------

/// One seed's course of a live run in the memory store, on virtual time.
class LiveRun {
 public:
  LiveRun(std::uint64_t seed, std::size_t subscribers)
      : random_(seed), env_(seed), subscribers_(subscribers) {
    Log::Options options;
    // Often the tail does not reach back, so that the store is read while the run goes on.
    options.tail_events = 1 + chance(12);
    store_ = store::make_memory(env_, env_.loop.get_executor());
    log_ = std::make_unique<Log>(env_, env_.loop.get_executor(), *store_, options);
    env_.run(all());
    log_.reset();
    env_.run(store_->close());
  }

  [[nodiscard]] std::size_t joined_midway() const { return midway_; }

 private:
  std::size_t chance(std::size_t below) { return random_() % below; }
  Async<> pause(std::size_t most) {
    for (auto turns = chance(most + 1); turns > 0; --turns) co_await aio::yield();
  }

  Async<> all() {
    aio::TaskGroup group(co_await aio::asio::this_coro::executor);
    group.spawn("run", drive());
    for (std::size_t i = 0; i < subscribers_; ++i) group.spawn("subscriber", follow());
    co_await group.join();
  }

  /// Says something, keeps something, until its end.
  Async<> drive() {
    SinkOptions options;
    options.context = a_context();
    DurableSink sink(env_, *log_, std::move(options));
    EXPECT_TRUE(sink.emit(RunStarted{}));
    for (int step = 0; step < 12; ++step) {
      for (auto n = chance(6); n > 0; --n) {
        EXPECT_TRUE(sink.emit(TextDelta{.delta = "x"}));
        ++published_;
        co_await pause(2);
      }
      for (auto n = chance(4); n > 0; --n) EXPECT_TRUE(sink.emit(AssistantMessage{}));
      AppendOptions how;
      EXPECT_TRUE(co_await append(*store_, sink, std::move(how)));
      co_await pause(4);
    }
    ending_ = true;
    EXPECT_TRUE(sink.emit(RunFinished{}));
    AppendOptions how;
    EXPECT_TRUE(co_await append(*store_, sink, std::move(how)));
  }

  Async<> follow() {
    co_await pause(70);
    SubscribeOptions options;
    options.deltas = true;
    options.batch = 1 + chance(9);
    options.filter.scopes = {Scope::of(a_context().run)};
    const auto head = log_->head().value;
    const auto where = ending_ ? 0 : chance(3);  // who comes too late for the end reads it
    options.from = where == 0   ? From::beginning()
                   : where == 1 ? From::after({chance(head + 1)})
                                : From::now();
    const auto subscription = log_->subscribe(options);
    auto position = subscription->position();
    auto delta = published_;  // the number of the next one
    if (head > 0 && !ending_) ++midway_;
    for (bool over = false; !over;) {
      auto frames = co_await subscription->next();
      EXPECT_TRUE(frames);
      if (!frames) co_return;
      for (const auto& frame : *frames) {
        if (const auto* event = std::get_if<EventPtr>(&frame)) {
          EXPECT_EQ((*event)->position, next(position)) << "a hole, or a repetition";
          position = (*event)->position;
          over = (*event)->kind == "RunCompleted";
        } else if (const auto* one = std::get_if<DeltaPtr>(&frame)) {
          EXPECT_EQ((*one)->number, delta) << "a hole, or a repetition";
          delta = (*one)->number + 1;
        } else {
          EXPECT_TRUE(std::holds_alternative<Progress>(frame)) << "a gap";
        }
      }
      co_await pause(3);
    }
    EXPECT_EQ(position, log_->head());
    EXPECT_EQ(delta, published_);
  }

  std::mt19937_64 random_;
  aio::testing::VirtualEnv env_;
  std::size_t subscribers_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Log> log_;
  std::uint64_t published_ = 0;
  std::size_t midway_ = 0;
  bool ending_ = false;
};

// behest's acceptance test 2
TEST(EventsSubscribeInTheMiddle, Acceptance2_TenThousandTrialsLoseNothingAndRepeatNothing) {
  std::uint64_t seed = 0;
  for (std::size_t trials = 0; trials < 10'000 && !HasFailure();) {
    SCOPED_TRACE("seed " + std::to_string(++seed));
    trials += LiveRun(seed, 10).joined_midway();
  }
}

}  // namespace
}  // namespace reeve::log
