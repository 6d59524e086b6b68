#include "log/outbox.h"

#include <gmock/gmock.h>

#include <map>
#include <random>
#include <set>

#include "base/limits.h"
#include "log/outbox_testing.h"

namespace reeve::log {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using EventsOutbox = OutboxTest;
INSTANTIATE_TEST_SUITE_P(Stores, EventsOutbox,
                         ::testing::Values(OutboxStore::memory, OutboxStore::sqlite),
                         outbox_store_name);

NewRow new_row(std::string payload, std::string key = {}) {
  NewRow row;
  row.lane = "lane";
  row.key = std::move(key);
  row.payload = std::move(payload);
  return row;
}

TEST_P(EventsOutbox, EnqueueClaimAck) {
  const auto made = enqueue("hello", "k1");
  EXPECT_EQ(made.id, "lane/k1");
  EXPECT_EQ(made.state, OutboxState::pending);
  EXPECT_EQ(made.attempts, 0);

  const auto claims = claim();
  ASSERT_EQ(claims.size(), 1u);
  EXPECT_EQ(claims[0].payload, "hello");
  EXPECT_EQ(claims[0].row.attempts, 1);
  EXPECT_EQ(claims[0].row.lease_until, env_.now() + 30s);
  EXPECT_THAT(claim(), IsEmpty());

  EXPECT_TRUE(run(outbox_->ack(claims[0].row)));
  EXPECT_EQ(row("lane/k1").state, OutboxState::delivered);
  env_.advance(1h);
  EXPECT_THAT(claim(), IsEmpty());
}

TEST_P(EventsOutbox, ClaimsKeepToLaneTimeAndLimit) {
  enqueue("other", "", "other");
  auto later = new_row("later");
  later.available_at = env_.now() + 10s;
  ASSERT_TRUE(run(outbox_->enqueue(later)));
  for (const auto* text : {"a", "b", "c"}) enqueue(text);
  EXPECT_THAT(payloads(claim(2)), ElementsAre("a", "b"));
  EXPECT_THAT(payloads(claim(2)), ElementsAre("c"));
  EXPECT_THAT(payloads(claim(0)), IsEmpty());
  env_.advance(9'999ms);
  EXPECT_THAT(claim(), IsEmpty());
  env_.advance(1ms);
  EXPECT_THAT(payloads(claim()), ElementsAre("later"));
  EXPECT_THAT(payloads(claim(9, "other")), ElementsAre("other"));
}

TEST_P(EventsOutbox, AnExpiredClaimIsClaimedAgain) {
  enqueue("x");
  const auto first = claim();
  env_.advance(29'999ms);
  EXPECT_THAT(claim(), IsEmpty());
  env_.advance(1ms);
  const auto second = claim();
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].row.attempts, 2);
  EXPECT_NE(second[0].row.token, first[0].row.token);
}

TEST_P(EventsOutbox, LateWordsOfAnOldOwnerAreRefused) {
  enqueue("x");
  const auto old = claim().at(0).row;
  env_.advance(30s);
  const auto now = claim().at(0).row;
  EXPECT_EQ(run(outbox_->ack(old)).error().code(), Errc::fenced);
  EXPECT_EQ(run(outbox_->nack(old, "late", 1s)).error().code(), Errc::fenced);
  EXPECT_EQ(run(outbox_->bury(old, "late")).error().code(), Errc::fenced);
  EXPECT_EQ(run(outbox_->release(old)).error().code(), Errc::fenced);
  EXPECT_EQ(row(now.id).state, OutboxState::claimed);
  EXPECT_TRUE(run(outbox_->ack(now)));
  EXPECT_EQ(run(outbox_->ack(old)).error().code(), Errc::fenced);
  EXPECT_EQ(run(outbox_->nack(now, "late", 1s)).error().code(), Errc::fenced);
  EXPECT_EQ(row(now.id).state, OutboxState::delivered);
}

TEST_P(EventsOutbox, AnAckAfterTheLeaseHoldsWhereNobodyElseHasTheRow) {
  enqueue("x");
  const auto late = claim().at(0).row;
  env_.advance(1h);
  EXPECT_TRUE(run(outbox_->ack(late)));
  EXPECT_THAT(claim(), IsEmpty());
}

TEST_P(EventsOutbox, AnAckMayBeRepeated) {
  enqueue("x");
  const auto claimed = claim().at(0).row;
  EXPECT_TRUE(run(outbox_->ack(claimed)));
  EXPECT_TRUE(run(outbox_->ack(claimed)));
  EXPECT_EQ(counts().delivered, 1u);
}

TEST_P(EventsOutbox, NackGivesBackAndThenDeadLetters) {
  const auto id = enqueue("x", "k", "lane", 2).id;
  const auto back = run(outbox_->nack(claim().at(0).row, "no", 1s)).value();
  EXPECT_EQ(back.state, OutboxState::pending);
  EXPECT_EQ(back.error, "no");
  env_.advance(1s);
  const auto dead = run(outbox_->nack(claim().at(0).row, "no again", 1s)).value();
  EXPECT_EQ(dead.state, OutboxState::dead);
  EXPECT_EQ(dead.attempts, 2);
  env_.advance(1h);
  EXPECT_THAT(claim(), IsEmpty());
  const auto letters = run(outbox_->list("lane", OutboxState::dead, 0, 10)).value();
  ASSERT_EQ(letters.rows.size(), 1u);
  EXPECT_EQ(letters.rows[0].error, "no again");
  EXPECT_EQ(run(outbox_->payload(id)).value(), "x");
}

TEST_P(EventsOutbox, ARowIsClaimedAgainExactlyAtItsTime) {
  enqueue("x");
  ASSERT_TRUE(run(outbox_->nack(claim().at(0).row, "no", 1'000ms)));
  env_.advance(999ms);
  EXPECT_THAT(claim(), IsEmpty());
  env_.advance(1ms);
  EXPECT_EQ(claim().size(), 1u);
}

/// Otherwise a row that ends whoever delivers it would be claimed for ever.
TEST_P(EventsOutbox, ALeaseThatEndsAtEveryAttemptMakesADeadLetter) {
  const auto id = enqueue("poison", "k", "lane", 3).id;
  for (int attempt = 1; attempt <= 3; ++attempt) {
    EXPECT_EQ(claim().at(0).row.attempts, attempt);
    env_.advance(30s);
  }
  EXPECT_THAT(claim(), IsEmpty());
  EXPECT_EQ(row(id).state, OutboxState::dead);
  EXPECT_EQ(row(id).attempts, 3);
  EXPECT_THAT(row(id).error, ::testing::HasSubstr("lease"));
}

TEST_P(EventsOutbox, AReleaseTakesTheAttemptBack) {
  const auto id = enqueue("x", "k", "lane", 1).id;
  for (int i = 0; i < 3; ++i) {
    const auto claimed = claim().at(0).row;
    EXPECT_EQ(claimed.attempts, 1);
    EXPECT_TRUE(run(outbox_->release(claimed)));
  }
  EXPECT_EQ(row(id).state, OutboxState::pending);
}

TEST_P(EventsOutbox, TheSamePayloadIsTheRowThatIsThere) {
  const auto first = enqueue("same", "k");
  EXPECT_EQ(enqueue("same", "k").created_at, first.created_at);
  EXPECT_EQ(counts().pending, 1u);
  // In whatever state it is.
  const auto claimed = claim().at(0).row;
  EXPECT_EQ(enqueue("same", "k").state, OutboxState::claimed);
  ASSERT_TRUE(run(outbox_->ack(claimed)));
  EXPECT_EQ(enqueue("same", "k").state, OutboxState::delivered);
  EXPECT_THAT(claim(), IsEmpty());
  // A key belongs to its lane.
  EXPECT_EQ(enqueue("else", "k", "other").state, OutboxState::pending);
}

/// One rule: alone, in a commit with something else, and twice in one commit.
TEST_P(EventsOutbox, AnotherPayloadIsAConflictEverywhere) {
  enqueue("one", "k");
  EXPECT_EQ(run(outbox_->enqueue(new_row("two", "k"))).error().code(), Errc::conflict);

  OutboxStage stage;
  EXPECT_EQ(run(outbox_->stage(stage, new_row("two", "k"))).error().code(), Errc::conflict);
  EXPECT_EQ(run(outbox_->stage(stage, new_row("one", "k"))).value(), "lane/k");
  EXPECT_TRUE(stage.writes.empty());

  EXPECT_TRUE(run(outbox_->stage(stage, new_row("new", "k2"))));
  EXPECT_EQ(run(outbox_->stage(stage, new_row("newer", "k2"))).error().code(), Errc::conflict);
  const auto writes = stage.writes.size();
  EXPECT_TRUE(run(outbox_->stage(stage, new_row("new", "k2"))));
  EXPECT_EQ(stage.writes.size(), writes);
}

TEST_P(EventsOutbox, SharesItsCallersCommit) {
  const auto attempt = [&](std::uint64_t version) {
    OutboxStage stage;
    EXPECT_TRUE(run(outbox_->stage(stage, new_row("told", "k"))));
    store::Commit commit;
    stage.add_to(commit);
    commit.events.push_back(store::make_event(env_, "Happened"));
    if (version > 0) commit.require.emplace_back(store::DocAt{{"doc", "d"}, version});
    return run(outbox_->commit(std::move(commit)));
  };
  EXPECT_EQ(attempt(7).error().code(), Errc::conflict);
  EXPECT_EQ(counts().pending, 0u);
  EXPECT_EQ(store_->log().head, Position{0});
  EXPECT_TRUE(attempt(0));
  EXPECT_EQ(store_->log().head, Position{1});
  EXPECT_THAT(payloads(claim()), ElementsAre("told"));
}

TEST_P(EventsOutbox, AStagedRowThatAnotherWasFasterWithFailsItsCommit) {
  OutboxStage stage;
  ASSERT_TRUE(run(outbox_->stage(stage, new_row("x", "k"))));
  enqueue("x", "k");
  store::Commit commit;
  stage.add_to(commit);
  EXPECT_EQ(run(outbox_->commit(std::move(commit))).error().code(), Errc::conflict);
  EXPECT_EQ(counts().pending, 1u);
}

TEST_P(EventsOutbox, ManyWhoEnqueueOneKeyMakeOneRow) {
  std::vector<OutboxRow> rows;
  aio::TaskGroup group(loop_.get_executor());
  const auto one = [](Outbox& outbox, std::vector<OutboxRow>& into) -> Async<> {
    into.push_back((co_await outbox.enqueue(new_row("same", "k"))).value());
  };
  std::vector<std::unique_ptr<Outbox>> others;
  for (int i = 0; i < 8; ++i) {
    others.push_back(std::make_unique<Outbox>(env_, loop_.get_executor(), *store_));
    group.spawn("enqueue", one(*others.back(), rows));
  }
  run(group.join());
  EXPECT_EQ(rows.size(), 8u);
  EXPECT_EQ(counts().pending, 1u);
  EXPECT_EQ(claim().size(), 1u);
}

TEST_P(EventsOutbox, ARowHasOneOwnerWhenManyClaim) {
  for (int i = 0; i < 60; ++i) enqueue(std::to_string(i));
  std::multiset<std::string> seen;
  aio::TaskGroup group(loop_.get_executor());
  const auto claimer = [](Outbox& outbox, std::string owner,
                          std::multiset<std::string>& into) -> Async<> {
    ClaimOptions options;
    options.limit = 7;
    options.owner = std::move(owner);
    for (int empty = 0; empty < 10;) {
      const auto claims = (co_await outbox.claim("lane", options)).value();
      if (claims.empty()) ++empty;
      for (const auto& one : claims) into.insert(one.payload);
    }
  };
  std::vector<std::unique_ptr<Outbox>> others;
  for (int i = 0; i < 4; ++i) {
    others.push_back(std::make_unique<Outbox>(env_, loop_.get_executor(), *store_));
    group.spawn("claim", claimer(*others.back(), "owner" + std::to_string(i), seen));
  }
  run(group.join());
  EXPECT_EQ(seen.size(), 60u);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 60u);
}

TEST_P(EventsOutbox, WhoIsAloneTakesOverAtOnce) {
  enqueue("x");
  const auto before = claim(1, "lane", "before").at(0).row;
  ClaimOptions options;
  options.limit = 9;
  options.owner = "after";
  EXPECT_THAT(run(outbox_->claim("lane", options)).value(), IsEmpty());
  options.sole = true;
  const auto taken = run(outbox_->claim("lane", options)).value();
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].row.attempts, 2);
  EXPECT_THAT(run(outbox_->claim("lane", options)).value(), IsEmpty());  // its own stay its own
  EXPECT_EQ(run(outbox_->ack(before)).error().code(), Errc::fenced);
}

TEST_P(EventsOutbox, ADeadLetterIsRevivedOrDiscarded) {
  for (const auto* key : {"a", "b"}) enqueue(key, key, "lane", 1);
  for (const auto& one : claim()) ASSERT_TRUE(run(outbox_->nack(one.row, "no", 1s)));
  EXPECT_EQ(counts().dead, 2u);
  const auto revived = run(outbox_->revive("lane/a")).value();
  EXPECT_EQ(revived.state, OutboxState::pending);
  EXPECT_EQ(revived.attempts, 0);
  EXPECT_EQ(run(outbox_->revive("lane/a")).error().code(), Errc::conflict);
  EXPECT_EQ(run(outbox_->discard("lane/a")).error().code(), Errc::conflict);
  EXPECT_TRUE(run(outbox_->discard("lane/b")));
  EXPECT_EQ(run(outbox_->discard("lane/b")).error().code(), Errc::not_found);
  EXPECT_EQ(run(outbox_->payload("lane/b")).error().code(), Errc::not_found);
  EXPECT_THAT(payloads(claim()), ElementsAre("a"));
  EXPECT_EQ(counts().dead, 0u);
}

TEST_P(EventsOutbox, APayloadThatIsNotWhatWasEnqueuedIsADeadLetter) {
  const auto id = enqueue("good", "k").id;
  enqueue("fine");
  store::Commit damage;
  damage.writes.emplace_back(store::PutDoc{{"_outbox_payload", id}, "evil", {}});
  ASSERT_TRUE(run(store_->commit(std::move(damage))));
  EXPECT_THAT(payloads(claim()), ElementsAre("fine"));
  EXPECT_EQ(row(id).state, OutboxState::dead);
}

TEST_P(EventsOutbox, WhatWasDeliveredIsForgottenInTime) {
  for (const auto* key : {"a", "b", "c"}) enqueue(key, key);
  ASSERT_TRUE(run(outbox_->ack(claim(1).at(0).row)));
  const auto then = env_.now();
  env_.advance(1h);
  ASSERT_TRUE(run(outbox_->ack(claim(1).at(0).row)));
  EXPECT_EQ(run(outbox_->prune("lane", then)).value(), 1u);
  EXPECT_EQ(counts().delivered, 1u);
  EXPECT_EQ(counts().pending, 1u);
  EXPECT_EQ(run(outbox_->payload("lane/a")).error().code(), Errc::not_found);
  EXPECT_EQ(enqueue("anything", "a").state, OutboxState::pending);  // and its key with it
}

TEST_P(EventsOutbox, ALaneIsClearedWhateverIsInIt) {
  for (int i = 0; i < 5; ++i) enqueue(std::to_string(i), "k" + std::to_string(i), "lane", 1);
  const auto claims = claim(3);
  ASSERT_TRUE(run(outbox_->ack(claims[0].row)));
  ASSERT_TRUE(run(outbox_->nack(claims[1].row, "no", 1s)));
  enqueue("stays", "", "other");
  EXPECT_TRUE(run(outbox_->clear("lane")));
  const auto left = counts();
  EXPECT_EQ(left.pending + left.claimed + left.delivered + left.dead, 0u);
  EXPECT_THAT(run(store_->items("outbox:lane", 10)).value(), IsEmpty());
  EXPECT_EQ(run(outbox_->ack(claims[2].row)).error().code(), Errc::fenced);
  EXPECT_EQ(counts("other").pending, 1u);
}

TEST_P(EventsOutbox, TellsWhenToLookAgain) {
  EXPECT_EQ(run(outbox_->next_due("lane")).value(), std::nullopt);
  const auto start = env_.now();
  auto later = new_row("later");
  later.available_at = start + 10s;
  ASSERT_TRUE(run(outbox_->enqueue(later)));
  EXPECT_EQ(run(outbox_->next_due("lane")).value(), start + 10s);
  enqueue("now");
  EXPECT_EQ(run(outbox_->next_due("lane")).value(), start);
  const auto claimed = claim(1).at(0).row;
  EXPECT_EQ(run(outbox_->next_due("lane")).value(), start + 10s);
  env_.advance(10s);
  const auto both = claim(1);
  EXPECT_EQ(run(outbox_->next_due("lane")).value(), claimed.lease_until);
}

TEST_P(EventsOutbox, LastsThroughReopening) {
  if (!lasts()) GTEST_SKIP() << "memory does not promise it";
  enqueue("pending", "p");
  enqueue("claimed", "c");
  ASSERT_TRUE(run(outbox_->nack(claim(1).at(0).row, "no", 1h)));
  const auto claimed = claim(1).at(0).row;
  for (int i = 0; i < 2; ++i) reopen();  // the second time, all that it makes is there already
  EXPECT_EQ(counts().pending, 1u);
  EXPECT_EQ(row("lane/p").error, "no");
  EXPECT_TRUE(run(outbox_->ack(claimed)));
  env_.advance(1h);
  EXPECT_THAT(payloads(claim()), ElementsAre("pending"));
}

TEST_P(EventsOutbox, RefusesWhatIsNoRow) {
  const auto refused = [&](const NewRow& row) {
    const auto made = run(outbox_->enqueue(row));
    return made ? Errc::internal : made.error().code();
  };
  auto row = new_row("x");
  row.lane = std::string(limits::kOutboxName, 'l');
  row.key = std::string(limits::kOutboxName, 'k');
  row.max_attempts = limits::kOutboxAttempts;
  EXPECT_TRUE(run(outbox_->enqueue(row)));
  for (const auto& lane : {std::string(), std::string("a/b"), std::string("a b"),
                           std::string("a\nb"), std::string(limits::kOutboxName + 1, 'l')}) {
    row = new_row("x");
    row.lane = lane;
    EXPECT_EQ(refused(row), Errc::invalid_argument) << lane;
  }
  for (const auto& key :
       {std::string("a b"), std::string("a\nb"), std::string(limits::kOutboxName + 1, 'k')}) {
    EXPECT_EQ(refused(new_row("x", key)), Errc::invalid_argument) << key;
  }
  for (const int attempts : {0, -1, limits::kOutboxAttempts + 1}) {
    row = new_row("x");
    row.max_attempts = attempts;
    EXPECT_EQ(refused(row), Errc::invalid_argument) << attempts;
  }
  EXPECT_EQ(refused(new_row(std::string(limits::kDocument + 1, 'x'))), Errc::too_large);
}

/// Whatever is done, in whatever order: a row is in one state, is never claimed by two, nor more
/// often than it may be, and enqueuing all of it again changes nothing.
TEST_P(EventsOutbox, PropertyAnyOrderOfDoingsKeepsTheRowsWhole) {
  for (unsigned seed = 1; seed <= 8; ++seed) {
    std::mt19937 dice(seed);
    const auto roll = [&](unsigned n) { return static_cast<unsigned>(dice()) % n; };
    const auto lane = "lane" + std::to_string(seed);
    std::vector<OutboxRow> held;
    std::map<std::string, std::string> enqueued;
    for (int step = 0; step < 120; ++step) {
      switch (roll(7)) {
        case 0:
        case 1: {
          const auto key = "k" + std::to_string(roll(30));
          enqueue("payload of " + key, key, lane, 3);
          enqueued[key] = "payload of " + key;
          break;
        }
        case 2:
        case 3: {
          for (auto& one : claim(1 + roll(4), lane)) {
            ASSERT_LE(one.row.attempts, 3);
            std::erase_if(held, [&](const OutboxRow& old) {
              // Claimed again: the lease of the one before is over.
              EXPECT_TRUE(old.id != one.row.id || old.lease_until <= env_.now());
              return old.id == one.row.id;
            });
            held.push_back(std::move(one.row));
          }
          break;
        }
        case 4:
          if (!held.empty()) {
            const auto done = run(outbox_->ack(held.back()));
            ASSERT_TRUE(done || done.error().is(Errc::fenced));
            held.pop_back();
          }
          break;
        case 5:
          if (!held.empty()) {
            const auto done = run(outbox_->nack(held.back(), "no", std::chrono::seconds(roll(40))));
            ASSERT_TRUE(done || done.error().is(Errc::fenced));
            held.pop_back();
          }
          break;
        default: env_.advance(std::chrono::seconds(roll(20)));
      }
      const auto now = counts(lane);
      ASSERT_EQ(now.pending + now.claimed + now.delivered + now.dead, enqueued.size());
      ASSERT_EQ(run(store_->items("outbox:" + lane, 100)).value().size(),
                now.pending + now.claimed);
    }
    const auto before = counts(lane);
    for (const auto& [key, payload] : enqueued) enqueue(payload, key, lane, 3);
    const auto after = counts(lane);
    EXPECT_EQ(write_json_of(before), write_json_of(after));
  }
}

TEST_P(EventsOutbox, PropertyClaimsComeInTheOrderOfEnqueuing) {
  std::mt19937 dice(7);
  std::vector<std::string> expected;
  for (int i = 0; i < 100; ++i) {
    expected.push_back("p" + std::to_string(i));
    enqueue(expected.back(), "k" + std::to_string(dice()));
    if (dice() % 3 == 0) env_.advance(1ms);
  }
  std::vector<std::string> got;
  while (got.size() < expected.size()) {
    for (auto& one : payloads(claim(1 + dice() % 9))) got.push_back(std::move(one));
  }
  EXPECT_EQ(got, expected);
}

}  // namespace
}  // namespace reeve::log
