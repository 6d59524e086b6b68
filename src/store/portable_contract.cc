// What moving a town promises, checked for every pair of backends (portable_backends.h).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <tuple>

#include "base/limits.h"
#include "store/portable_backends.h"
#include "store/testing.h"

namespace reeve::store::portable {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

class StoreMoves : public ::testing::TestWithParam<std::tuple<SideKind, SideKind>> {
 protected:
  void SetUp() override {
    from_ = std::get<0>(GetParam()).make(ground_, "from");
    to_ = std::get<1>(GetParam()).make(ground_, "to");
  }
  void TearDown() override {
    if (from_) from_->close();
    if (to_) to_->close();
  }

  template <class T>
  T run(Async<T> work) {
    return aio::run(ground_.loop, std::move(work));
  }
  Committed commit(Store& store, Commit commit) {
    auto done = run(store.commit(std::move(commit)));
    EXPECT_TRUE(done) << done.error().message();
    return done.value_or(Committed());
  }
  NewEvent event(std::string kind, std::vector<std::string> scopes = {},
                 std::string payload = "{}") {
    return make_event(ground_.env, std::move(kind), std::move(scopes), std::move(payload));
  }
  Tally tally(Source& source) {
    auto tally = run(count(source));
    EXPECT_TRUE(tally) << tally.error().message();
    return tally.value_or(Tally());
  }

  /// Something of everything.
  void fill(Store& store) {
    Commit first;
    first.key = IdempotencyKey{"ada", "k1", "d1"};
    first.answer = R"({"id":"t1"})";
    for (int i = 0; i < 1500; ++i) {
      const auto id = std::to_string(i);
      first.writes.emplace_back(PutDoc{{"task", id}, R"({"n":)" + id + "}", {"open", "tag:x y"}});
    }
    for (int i = 0; i < 20; ++i)
      first.writes.emplace_back(PutDoc{{"agent", std::to_string(i)}, "{}", {}});
    for (int i = 0; i < 30; ++i)
      first.writes.emplace_back(
          QueuePush{"inbox:" + std::to_string(i % 3), "m" + std::to_string(i), i % 5 - 2});
    first.writes.emplace_back(SetRunEpoch{run_, 7});
    first.events = {event("TaskCreated", {"task:0"})};
    commit(store, std::move(first));

    Commit second;
    second.writes = {PutDoc{{"task", "3"}, R"({"n":"ö\n"})", {"done"}},
                     RemoveDoc{{"task", "4"}},
                     RemoveDoc{{"agent", "19"}},
                     QueueTake{"inbox:0", "m0", "run-1"},
                     QueueTake{"inbox:1", "m1", "run-2"},
                     QueueReturn{"inbox:1", "m1", 2, ground_.env.now() + 1h},
                     QueueAck{"inbox:2", "m2"}};
    auto odd = event("Odd", {"agent:1", "run:2"}, R"({"text":"ö\n \u0000"})");
    odd.fidelity = Fidelity::observed;
    odd.visibility = Visibility::sensitive;
    odd.schema = 3;
    odd.correlation = "c";
    odd.causation = "d";
    second.events = {std::move(odd)};
    commit(store, std::move(second));

    for (int i = 0; i < 3; ++i) {
      Commit many;
      for (int j = 0; j < 700; ++j)
        many.events.push_back(event("RawLine", {"agent:" + std::to_string(j % 7)},
                                    R"({"line":")" + std::string(20, 'x') + "\"}"));
      commit(store, std::move(many));
    }
    EXPECT_TRUE(run(store.acquire("town", "somebody", 15s)));
    EXPECT_TRUE(run(store.acquire("other", "somebody", 15s)));
    Truncation truncation{.from = {}, .upto = {100}, .changed = {}, .events = {}};
    truncation.changed = {{{"task", "0"}, R"({"then":1})", 0}, {{"agent", "1"}, "{}", 0}};
    truncation.events = {event("LogTruncated")};
    EXPECT_TRUE(run(store.truncate(std::move(truncation))));
    EXPECT_TRUE(run(store.prune({{101}, {500}, {501}, {2102}})));
  }

  Result<Tally> move() {
    auto source = from_->source();
    auto target = to_->target();
    auto copied = run(copy(*source, *target));
    if (!copied) return copied;
    auto written = run(target->written());
    EXPECT_TRUE(written) << written.error().message();
    EXPECT_EQ((*written)->summary().log, source->summary().log);
    const auto there = tally(**written);
    EXPECT_EQ(there, *copied);
    EXPECT_EQ(there.digest((*written)->summary()), copied->digest(source->summary()));
    written->reset();
    const auto finished = run(target->finish());
    EXPECT_TRUE(finished) << finished.error().message();
    return copied;
  }

  Ground ground_;
  RunId run_{ground_.env.uuid4()};
  std::unique_ptr<Side> from_;
  std::unique_ptr<Side> to_;
};

TEST_P(StoreMoves, EverythingIsThereAndGoesOn) {
  fill(from_->store());
  const auto log = from_->store().log();
  const auto all = run(from_->store().read({1500}, {}, 1000)).value().events;
  const auto docs = run(from_->store().list({.kind = "task", .mark = "tag:x y", .limit = 1000}));
  const auto queue = run(from_->store().items("inbox:0", 100)).value();
  from_->close();
  const auto copied = move();
  ASSERT_TRUE(copied) << copied.error().message();
  EXPECT_EQ(copied->rows(0), 1500u + 20 - 2);
  EXPECT_EQ(copied->rows(1), 29u);
  EXPECT_EQ(copied->rows(6), log.head.value - 100);

  auto& store = to_->store();
  EXPECT_EQ(store.log().id, log.id);
  EXPECT_EQ(store.log().head, log.head);
  EXPECT_EQ(store.log().oldest, log.oldest);
  EXPECT_EQ(store.log().bytes, log.bytes);
  // Cursors go on; older ones are told.
  const auto again = run(store.read({1500}, {}, 1000)).value().events;
  ASSERT_EQ(again.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(event_json(*again[i]), event_json(*all[i]));
  EXPECT_EQ(code_of(run(store.read({50}, {}, 10))), Errc::cursor_expired);
  EventFilter scope;
  scope.scopes = {Scope::trusted("agent:3")};
  EXPECT_EQ(run(store.read({100}, scope, 1000)).value().events.size(), 286u);
  // Documents: versions, ranks, marks.
  const auto kept = run(store.list({.kind = "task", .mark = "tag:x y", .limit = 1000})).value();
  ASSERT_EQ(kept.size(), docs->size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    EXPECT_EQ(kept[i].key, (*docs)[i].key);
    EXPECT_EQ(kept[i].rank, (*docs)[i].rank);
  }
  EXPECT_EQ(run(store.count("task", "done")).value(), 1u);
  EXPECT_EQ(run(store.count("task", "")).value(), 1499u);
  const auto third = run(store.get({"task", "3"})).value();
  ASSERT_TRUE(third);
  EXPECT_EQ(third->version, 2u);
  EXPECT_EQ(third->body, R"({"n":"ö\n"})");
  // Queues: order, attempts, who holds what.
  const auto waiting = run(store.items("inbox:0", 100)).value();
  ASSERT_EQ(waiting.size(), queue.size());
  for (std::size_t i = 0; i < queue.size(); ++i) {
    EXPECT_EQ(waiting[i].item, queue[i].item);
    EXPECT_EQ(waiting[i].lease, queue[i].lease);
    EXPECT_EQ(waiting[i].order, queue[i].order);
  }
  const auto back = run(store.items("inbox:1", 100)).value();
  const auto returned = std::ranges::find(back, "m1", &QueueItem::item);
  ASSERT_NE(returned, back.end());
  EXPECT_EQ(returned->attempt, 2);
  EXPECT_EQ(returned->not_before, ground_.env.now() + 1h);
  // The snapshot, and what is no document.
  const auto snapshot = run(store.snapshot(0, 100)).value();
  ASSERT_EQ(snapshot.docs.size(), 2u);
  EXPECT_EQ(snapshot.at, Position{100});
  EXPECT_EQ(snapshot.docs[0].body, R"({"then":1})");
  EXPECT_EQ(run(store.run_epoch(run_)).value(), 7u);
  const auto lease = run(store.acquire("other", "another", 15s));
  ASSERT_TRUE(lease) << lease.error().message();
  EXPECT_EQ(lease->epoch, 2u);

  // It goes on: a request of before is not done twice, positions and ranks are the next ones.
  Commit repeated;
  repeated.key = IdempotencyKey{"ada", "k1", "d1"};
  repeated.events = {event("Never")};
  const auto known = commit(store, std::move(repeated));
  EXPECT_TRUE(known.repeated);
  EXPECT_EQ(known.answer, R"({"id":"t1"})");
  EXPECT_EQ(known.first, Position{1});
  Commit fresh;
  fresh.require = {DocAt{{"task", "3"}, 2}, RunAt{run_, 7}, QueueHolds{"inbox:0", "m0", "run-1"}};
  fresh.writes = {PutDoc{{"task", "new"}, "{}", {"tag:x y"}}, QueuePush{"inbox:0", "last", -2}};
  fresh.events = {event("Fresh", {"agent:3"})};
  const auto done = commit(store, std::move(fresh));
  EXPECT_EQ(done.first, next(log.head));
  EXPECT_EQ(run(store.items("inbox:0", 100)).value().back().item, "last");
  const auto newest =
      run(store.list({.kind = "task", .mark = "", .descending = true, .limit = 1})).value();
  EXPECT_EQ(newest.front().key.id, "new");
  EXPECT_EQ(run(store.read(log.head, {}, 10)).value().events.front()->kind, "Fresh");
}

TEST_P(StoreMoves, AnEmptyLogMoves) {
  const auto log = from_->store().log();
  from_->close();
  const auto copied = move();
  ASSERT_TRUE(copied) << copied.error().message();
  EXPECT_EQ(to_->store().log().id, log.id);
  EXPECT_EQ(to_->store().log().head, Position());
  Commit first;
  first.events = {event("First")};
  EXPECT_EQ(commit(to_->store(), std::move(first)).first, Position{1});
}

TEST_P(StoreMoves, WhatWasCutOffIsNoTownAndIsBegunAnew) {
  fill(from_->store());
  from_->close();
  {
    auto source = from_->source();
    auto target = to_->target();
    ASSERT_TRUE(run(target->begin(source->summary())));
    for (int i = 0; i < 2; ++i) {
      auto rows = run(source->next());
      ASSERT_TRUE(rows);
      ASSERT_TRUE(run(target->put(std::move(*rows))));
    }
  }
  EXPECT_FALSE(to_->has_town());
  const auto copied = move();
  ASSERT_TRUE(copied) << copied.error().message();
  EXPECT_EQ(run(to_->store().count("task", "")).value(), 1499u);
}

TEST_P(StoreMoves, AnotherRowAnotherDigest) {
  fill(from_->store());
  from_->close();
  auto source = from_->source();
  const auto before = tally(*source).digest(source->summary());
  source.reset();
  Commit one;
  one.writes = {PutDoc{{"task", "7"}, R"({"n":7.0})", {"open", "tag:x y"}}};
  commit(from_->store(), std::move(one));
  from_->close();
  source = from_->source();
  EXPECT_NE(tally(*source).digest(source->summary()), before);
}

std::string name_of_pair(const ::testing::TestParamInfo<std::tuple<SideKind, SideKind>>& info) {
  return std::get<0>(info.param).name + "_to_" + std::get<1>(info.param).name;
}
using Pairs = std::vector<std::tuple<SideKind, SideKind>>;

INSTANTIATE_TEST_SUITE_P(Every, StoreMoves,
                         ::testing::Combine(::testing::Values(memory_side(), sqlite_side()),
                                            ::testing::Values(memory_side(), sqlite_side())),
                         name_of_pair);

Pairs with_redis() {
  if (!net::testing::has_redis()) return {};
  return {{memory_side(), redis_side()},
          {redis_side(), memory_side()},
          {sqlite_side(), redis_side()},
          {redis_side(), sqlite_side()},
          {redis_side(), redis_side()}};
}
INSTANTIATE_TEST_SUITE_P(Redis, StoreMoves, ::testing::ValuesIn(with_redis()), name_of_pair);

Pairs with_cluster() {
  if (!net::testing::has_redis()) return {};
  return {{sqlite_side(), cluster_side()}, {cluster_side(), sqlite_side()}};
}
INSTANTIATE_TEST_SUITE_P(RedisCluster, StoreMoves, ::testing::ValuesIn(with_cluster()),
                         name_of_pair);

}  // namespace
}  // namespace reeve::store::portable
