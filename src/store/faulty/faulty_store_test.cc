// The bad days of a FaultyStore; that it keeps a store's promises on good ones, the contract suite
// shows (contract_backends.h).

#include "store/faulty/faulty_store.h"

#include <gtest/gtest.h>

#include "aio/task_group.h"
#include "aio/testing.h"
#include "store/memory/memory_store.h"
#include "store/testing.h"

namespace reeve::store {
namespace {

using namespace std::chrono_literals;

class FaultyStoreTest : public ::testing::Test {
 protected:
  Commit said(const std::string& kind) {
    Commit commit;
    commit.events.push_back(make_event(env_, kind));
    return commit;
  }
  Result<Committed> commit(Commit commit) { return env_.run(store_.commit(std::move(commit))); }
  std::size_t events() { return env_.run(store_.read({}, {}, 100)).value().events.size(); }
  void faults(Faults faults) { store_.set_faults(faults); }

  static Async<> commit_into(FaultyStore& store, Commit commit,
                             std::optional<Result<Committed>>& answer) {
    answer.emplace(co_await store.commit(std::move(commit)));
  }
  /// A commit that is under way.
  void start(Commit commit, std::optional<Result<Committed>>& answer) {
    group_.spawn("commit", commit_into(store_, std::move(commit), answer));
    env_.loop.restart();
    env_.loop.poll();
  }

  aio::testing::VirtualEnv env_;
  FaultyStore store_{env_, env_.loop.get_executor(), make_memory(env_, env_.loop.get_executor()), 7,
                     Faults()};
  aio::TaskGroup group_{env_.loop.get_executor()};
};

TEST_F(FaultyStoreTest, ARefusedCommitHasNotHappened) {
  faults({.unavailable = 1000});
  EXPECT_EQ(code_of(commit(said("A"))), Errc::unavailable);
  faults({.full = 1000});
  EXPECT_EQ(code_of(commit(said("B"))), Errc::storage_full);
  faults({.unknown_lost = 1000});
  EXPECT_EQ(code_of(commit(said("C"))), Errc::unknown_outcome);
  faults({});
  EXPECT_EQ(events(), 0U);
  EXPECT_EQ(store_.counts().refused, 2U);
}

TEST_F(FaultyStoreTest, G9ACommitOfUnknownOutcomeThatHappenedIsFoundByItsKey) {
  auto once = said("Once");
  once.key = IdempotencyKey{"test", "1", "digest"};
  std::vector<EventPtr> fed;
  store_.set_feed(
      [&](const std::vector<EventPtr>& told) { fed.insert(fed.end(), told.begin(), told.end()); });
  faults({.unknown_done = 1000});
  EXPECT_EQ(code_of(commit(once)), Errc::unknown_outcome);
  EXPECT_EQ(fed.size(), 1U) << "it is in the log: followers are told";
  faults({});
  EXPECT_TRUE(commit(once).value().repeated);
  EXPECT_EQ(events(), 1U);
}

TEST_F(FaultyStoreTest, ReadsFailToo) {
  faults({.unreadable = 1000});
  EXPECT_EQ(code_of(env_.run(store_.get({"kind", "id"}))), Errc::unavailable);
  EXPECT_EQ(code_of(env_.run(store_.read({}, {}, 1))), Errc::unavailable);
  EXPECT_EQ(store_.counts().unreadable, 2U);
}

TEST_F(FaultyStoreTest, ACrashLosesWhatWasNotAcknowledgedAndFencesWhoIsLeft) {
  ASSERT_TRUE(commit(said("Kept")));
  faults({.usual_time = 10s});
  std::optional<Result<Committed>> lost;
  start(said("Lost"), lost);
  EXPECT_FALSE(lost);
  store_.crash();
  env_.run(group_.join());
  ASSERT_TRUE(lost);
  EXPECT_EQ(code_of(*lost), Errc::fenced);
  EXPECT_EQ(code_of(commit(said("Late"))), Errc::fenced);
  EXPECT_EQ(code_of(env_.run(store_.get({"kind", "id"}))), Errc::fenced);
  store_.restart();
  faults({});
  EXPECT_EQ(events(), 1U);
  EXPECT_EQ(store_.log().head, Position{1});
  EXPECT_EQ(commit(said("Next"))->last, Position{2});
}

TEST_F(FaultyStoreTest, G3WhatHappenedButWasNotAnsweredBeforeTheCrashIsThereAfterIt) {
  std::vector<EventPtr> fed;
  store_.set_feed(
      [&](const std::vector<EventPtr>& told) { fed.insert(fed.end(), told.begin(), told.end()); });
  faults({.usual_time = 10s});
  std::optional<Result<Committed>> unanswered;
  start(said("Unanswered"), unanswered);
  ASSERT_TRUE(env_.pass()) << "it goes down";
  env_.loop.restart();
  env_.loop.poll();
  store_.crash();
  env_.run(group_.join());
  EXPECT_EQ(code_of(*unanswered), Errc::fenced);
  EXPECT_TRUE(fed.empty());
  EXPECT_EQ(store_.log().head, Position{0});
  store_.restart();
  EXPECT_EQ(store_.log().head, Position{1});
  EXPECT_EQ(events(), 1U);
}

TEST_F(FaultyStoreTest, SlowCommitsAreAnsweredInTheirOrder) {
  faults({.slow = 500, .usual_time = 1ms, .slow_time = 10s});
  std::vector<Position> answered;
  const auto one = [](FaultyStore& store, Commit commit, std::vector<Position>& into) -> Async<> {
    const auto done = co_await store.commit(std::move(commit));
    into.push_back(done->last);
  };
  for (int i = 0; i < 50; ++i) group_.spawn("commit", one(store_, said("A"), answered));
  env_.run(group_.join());
  ASSERT_EQ(answered.size(), 50U);
  for (std::size_t i = 0; i < answered.size(); ++i) EXPECT_EQ(answered[i].value, i + 1);
}

}  // namespace
}  // namespace reeve::store
