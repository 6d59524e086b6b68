// Random writers, readers, cancellations and restarts: every reader gets exactly its events, in
// order, and its deltas where they belong. A failure prints the seed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>

#include "log/testing.h"

namespace reeve::log {
namespace {

class LogStress : public LogTest {
 public:
  struct Reader {
    EventFilter filter;
    bool deltas = false;
    bool cancels = false;
    Position begin;
    std::uint64_t first_delta = 0;  // the number of the first one that is published after its start
    std::vector<Frame> frames;
  };

  std::size_t chance(std::size_t below) { return random_() % below; }
  std::string scope() { return "agent:" + std::to_string(chance(4)); }
  std::string kind() { return "Kind" + std::to_string(chance(4)); }

  NewEvent random_event() {
    std::vector<std::string> scopes;
    for (std::size_t i = chance(3); i > 0; --i) scopes.push_back("agent:" + std::to_string(2 * i));
    if (chance(3) == 0) scopes.push_back("agent:" + std::to_string(2 * chance(2) + 1));
    return event(kind(), std::move(scopes));
  }
  /// One that also wants the last event of the test.
  EventFilter random_filter() {
    EventFilter filter;
    if (chance(2) == 0) filter = make_filter({scope(), "agent:end"});
    if (chance(3) == 0) filter.kinds = {kind(), "End"};
    return filter;
  }
  SubscribeOptions random_options(const Reader& reader, From from) {
    SubscribeOptions options;
    options.from = from;
    options.filter = reader.filter;
    options.deltas = reader.deltas;
    options.delta_capacity = 1 + chance(20);
    options.batch = 1 + chance(chance(2) == 0 ? 4 : 300);
    return options;
  }

  Async<> pause(std::size_t up_to) {
    for (std::size_t turns = chance(up_to + 1); turns > 0; --turns) co_await aio::yield();
  }

  Async<> write(std::size_t commits) {
    for (std::size_t i = 0; i < commits; ++i) {
      std::vector<NewEvent> list;
      for (std::size_t e = chance(6); e > 0; --e) list.push_back(random_event());
      auto commit = commit_of(std::move(list));
      const auto done = co_await store_->commit(std::move(commit));
      EXPECT_TRUE(done);
      co_await pause(5);
    }
  }
  Async<> stream(std::size_t deltas) {
    for (std::size_t i = 0; i < deltas; ++i) {
      heads_.push_back(log_->head());
      ++published_;
      publish(published_, {"agent:" + std::to_string(published_ % 4), "agent:end"});
      co_await pause(3);
    }
  }

  /// Follows until the last event, with pauses, and with new subscriptions where there is no delta
  /// to lose.
  Async<> follow(Reader& reader, From from) {
    co_await pause(200);
    if (from.where == From::Where::after) from.position = {chance(log_->head().value + 1)};
    reader.first_delta = published_ + 1;
    auto subscription = log_->subscribe(random_options(reader, from));
    reader.begin = subscription->position();
    std::size_t in_vain = 0;
    for (;;) {
      co_await pause(chance(10) == 0 ? 300 : 3);
      std::optional<Result<std::vector<Frame>>> got;
      if (reader.cancels) {
        aio::TaskGroup group(loop_.get_executor());
        group.spawn("next", take(*subscription, got));
        // Who always cancelled before a server can answer would never get anything.
        co_await pause(std::size_t(6) << std::min<std::size_t>(in_vain, 10));
        group.cancel();
        co_await group.join();
        if (!got) {
          ++in_vain;
          continue;
        }
      } else {
        got = co_await subscription->next();
      }
      EXPECT_TRUE(*got);
      for (auto& frame : **got) reader.frames.push_back(std::move(frame));
      const auto* last = std::get_if<EventPtr>(&reader.frames.back());
      if (last != nullptr && (*last)->kind == "End") co_return;
      if (!reader.deltas && chance(10) == 0) {
        const auto place = subscription->position();
        subscription.reset();
        subscription = log_->subscribe(random_options(reader, From::after(place)));
      }
    }
  }
  static Async<> take(Subscription& from, std::optional<Result<std::vector<Frame>>>& into) {
    into = co_await from.next();
  }

  void check_events(const Reader& reader, const std::vector<EventPtr>& all) {
    std::vector<std::string> expected;
    for (const auto& event : all) {
      if (event->position > reader.begin && reader.filter.matches(*event))
        expected.push_back(event->id.str());
    }
    std::vector<std::string> got;
    for (const auto& frame : reader.frames) {
      if (const auto* event = std::get_if<EventPtr>(&frame)) got.push_back((*event)->id.str());
    }
    EXPECT_EQ(got, expected);
  }
  void check_deltas(const Reader& reader, const std::vector<EventPtr>& all) {
    std::set<std::uint64_t> wanted;
    for (auto n = reader.first_delta; n <= published_ && reader.deltas; ++n) {
      const auto probe = delta(run_id_, n, {"agent:" + std::to_string(n % 4), "agent:end"});
      NewEvent same;
      same.scopes = *probe.scopes;
      if (make_filter_of_scopes(reader).matches(same)) wanted.insert(n);
    }
    Position at = reader.begin;
    for (const auto& frame : reader.frames) {
      if (const auto position = frame_position(frame)) {
        EXPECT_GE(*position, at);
        at = *position;
      } else if (const auto* delta = std::get_if<DeltaPtr>(&frame)) {
        ASSERT_FALSE(wanted.empty());
        EXPECT_EQ((*delta)->number, *wanted.begin()) << "in order, and none without a gap";
        wanted.erase(wanted.begin());
        const auto place = heads_[(*delta)->number - 1];
        EXPECT_LE(at, std::max(place, reader.begin)) << "never behind a later event";
        for (auto p = std::max(at, reader.begin).value; p < place.value; ++p)
          EXPECT_FALSE(reader.filter.matches(*all[p])) << "never before an earlier event";
      } else {
        const auto& gap = std::get<Gap>(frame);
        const auto end = wanted.upper_bound(gap.to);
        ASSERT_NE(end, wanted.begin());
        EXPECT_EQ(gap.from, *wanted.begin());
        EXPECT_EQ(gap.to, *std::prev(end));
        EXPECT_EQ(gap.dropped, std::distance(wanted.begin(), end));
        wanted.erase(wanted.begin(), end);
      }
    }
    EXPECT_THAT(wanted, ::testing::IsEmpty()) << "each is delivered or in a gap";
  }
  static EventFilter make_filter_of_scopes(const Reader& reader) {
    EventFilter filter;
    filter.scopes = reader.filter.scopes;
    return filter;
  }
  std::vector<EventPtr> everything() {
    std::vector<EventPtr> all;
    while (all.size() < log_->head().value) {
      auto page = run(store_->read({all.size()}, {}, 1'000)).value();
      for (auto& event : page.events) all.push_back(std::move(event));
    }
    return all;
  }

  std::uint32_t seed_ = std::random_device{}();
  std::mt19937 random_{seed_};
  std::vector<Position> heads_;  // of each delta
  std::uint64_t published_ = 0;
};

TEST_P(LogStress, G5EveryReaderGetsExactlyItsEventsInOrderWhereverItBegins) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  for (std::size_t i = chance(100); i > 0; --i) commit({random_event()});
  if (chance(2) == 0) restart();

  std::vector<Reader> readers(16);
  aio::TaskGroup reading(loop_.get_executor());
  for (std::size_t i = 0; i < readers.size(); ++i) {
    auto& reader = readers[i];
    reader.filter = random_filter();
    reader.deltas = i % 2 == 0;
    reader.cancels = chance(3) == 0;
    auto from = From::after({});
    if (i % 4 == 1) from = From::now();
    if (i % 4 == 2) from = From::beginning();
    reading.spawn("reader", follow(reader, from));
  }
  aio::TaskGroup writing(loop_.get_executor());
  for (int i = 0; i < 4; ++i) writing.spawn("writer", write(60));
  writing.spawn("streamer", stream(150));
  run(writing.join());
  commit({event("End", {"agent:end"})});
  run(reading.join());

  const auto all = everything();
  ASSERT_EQ(all.size(), log_->head().value);
  for (std::size_t i = 0; i < readers.size(); ++i) {
    SCOPED_TRACE("reader " + std::to_string(i));
    check_events(readers[i], all);
    check_deltas(readers[i], all);
  }
}

TEST_P(LogStress, G5RestartsBetweenAndWithinBatchesLoseAndRepeatNothing) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  Reader reader;
  reader.filter = random_filter();
  Position saved;
  for (int life = 0; life < 12; ++life) {
    {
      aio::TaskGroup writing(loop_.get_executor());
      for (int i = 0; i < 2; ++i) writing.spawn("writer", write(chance(15)));
      const auto subscription = log_->subscribe(random_options(reader, From::after(saved)));
      for (std::size_t batches = chance(6); batches > 0; --batches) {
        const auto waiting = start(*subscription);
        stop(*waiting);
        if (!waiting->done()) break;
        // The client saves each frame's effect together with its place, and may die in between.
        for (auto& frame : waiting->answer->value()) {
          if (chance(20) == 0) break;
          const auto position = frame_position(frame);
          if (!position) continue;
          saved = *position;
          reader.frames.push_back(std::move(frame));
        }
        if (saved != subscription->position()) break;
      }
      run(writing.join());
    }
    restart();
  }
  commit({event("End", {"agent:end"})});
  const auto subscription = log_->subscribe(random_options(reader, From::after(saved)));
  for (bool ended = false; !ended;) {
    for (auto& frame : next(*subscription)) {
      const auto* event = std::get_if<EventPtr>(&frame);
      ended = ended || (event != nullptr && (*event)->kind == "End");
      reader.frames.push_back(std::move(frame));
    }
  }
  check_events(reader, everything());
}

INSTANTIATE_TEST_SUITE_P(Events, LogStress, ::testing::ValuesIn(backends()),
                         [](const auto& backend) { return backend.param.name; });

}  // namespace
}  // namespace reeve::log
