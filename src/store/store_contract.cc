// What every Store promises, checked against every backend there is. A new backend is finished when
// it is one more line in contract_backends.h. Tests are named after the guarantee they show.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <set>

#include "base/limits.h"
#include "store/contract_backends.h"
#include "store/memory/tables.h"
#include "store/testing.h"

namespace reeve::store {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StoreContract : public OnEachBackend {
 public:
  Result<Committed> commit(Commit commit) { return run(store_->commit(std::move(commit))); }

  Commit events(std::vector<NewEvent> list) {
    Commit commit;
    commit.events = std::move(list);
    return commit;
  }
  Commit writes(std::vector<Write> list, std::vector<Precondition> require = {}) {
    Commit commit;
    commit.require = std::move(require);
    commit.writes = std::move(list);
    return commit;
  }
  Commit put(const std::string& kind, const std::string& id, const std::string& body,
             std::vector<std::string> marks = {}) {
    return writes({PutDoc{.key = {kind, id}, .body = body, .marks = std::move(marks)}});
  }
  std::optional<Doc> get(const std::string& kind, const std::string& id) {
    return run(store_->get(DocKey{kind, id})).value();
  }
  std::vector<std::string> list(DocQuery query) {
    std::vector<std::string> ids;
    for (const auto& doc : run(store_->list(std::move(query))).value()) ids.push_back(doc.key.id);
    return ids;
  }
  std::uint64_t count(const std::string& kind, const std::string& mark) {
    return run(store_->count(kind, mark)).value();
  }
  std::vector<std::string> ready(const std::string& queue, std::size_t limit = 100) {
    return names(run(store_->ready(queue, env_.now(), limit)).value());
  }
  std::vector<std::string> items(const std::string& queue, std::size_t limit = 100) {
    return names(run(store_->items(queue, limit)).value());
  }
  static std::vector<std::string> names(const std::vector<QueueItem>& items) {
    std::vector<std::string> names;
    for (const auto& item : items) names.push_back(item.item);
    return names;
  }
  EventPage read(std::uint64_t after, EventFilter filter = {}, std::size_t limit = 100) {
    return run(store_->read(Position{after}, std::move(filter), limit)).value();
  }
  static EventFilter filter(std::vector<std::string> scopes, std::vector<std::string> kinds = {}) {
    EventFilter filter;
    for (auto& scope : scopes) filter.scopes.push_back(Scope::trusted(std::move(scope)));
    filter.kinds = std::move(kinds);
    return filter;
  }
  static IdempotencyKey key(std::string name, std::string digest = "d") {
    return {.writer = "ada", .key = std::move(name), .digest = std::move(digest)};
  }
  /// Starts `work` without waiting for it.
  template <class T>
  void start(Async<T> work, std::optional<T>& out) {
    const auto wait = [](Async<T> task, std::optional<T>& to) -> Async<> {
      to = co_await std::move(task);
    };
    started_.spawn("commit", wait(std::move(work), out));
  }
  void join() { run(started_.join()); }

  aio::TaskGroup started_{loop_.get_executor()};
};

// --- G2: all or nothing --------------------------------------------------------------------------

TEST_P(StoreContract, G2CommitWritesDocumentsQueuesEpochsAndEventsTogether) {
  const RunId run_id(env_.uuid4());
  Commit all;
  all.writes = {PutDoc{.key = {"task", "t1"}, .body = R"({"a":1})", .marks = {"open"}},
                QueuePush{.queue = "inbox:ada", .item = "m1"},
                SetRunEpoch{.run = run_id, .epoch = 3}};
  all.events = {event("TaskCreated", {"task:t1"}), event("MessageSent")};
  const auto done = commit(all).value();
  EXPECT_EQ(done.first.value, 1u);
  EXPECT_EQ(done.last.value, 2u);
  EXPECT_FALSE(done.repeated);
  EXPECT_EQ(get("task", "t1")->body, R"({"a":1})");
  EXPECT_EQ(get("task", "t1")->version, 1u);
  EXPECT_THAT(ready("inbox:ada"), ElementsAre("m1"));
  EXPECT_EQ(run(store_->run_epoch(run_id)).value(), 3u);
  EXPECT_THAT(positions_of(read(0).events), ElementsAre(1, 2));
  EXPECT_EQ(store_->log().head.value, 2u);
}

TEST_P(StoreContract, G2OneFailingPreconditionAmongManyWritesNothing) {
  ASSERT_TRUE(commit(put("task", "t1", "{}")));
  Commit all = writes(
      {PutDoc{.key = {"task", "t1"}, .body = "changed", .marks = {"open"}},
       PutDoc{.key = {"task", "t2"}, .body = "new", .marks = {}}, RemoveDoc{.key = {"task", "t1"}},
       QueuePush{.queue = "q", .item = "i"}, SetRunEpoch{.run = RunId(env_.uuid4()), .epoch = 1}},
      {DocAt{.key = {"task", "t1"}, .version = 1}, DocAbsent{.key = {"task", "t2"}},
       DocAt{.key = {"task", "t3"}, .version = 1}});
  all.events = {event("Never")};
  all.key = key("k");
  const auto done = commit(all);
  EXPECT_EQ(code_of(done), Errc::conflict);
  EXPECT_THAT(done.error().message(), HasSubstr("t3"));
  EXPECT_EQ(get("task", "t1")->body, "{}");
  EXPECT_FALSE(get("task", "t2"));
  EXPECT_THAT(items("q"), IsEmpty());
  EXPECT_THAT(read(0).events, IsEmpty());
  EXPECT_THAT(fed_, IsEmpty());
  // The key was not used up either.
  ASSERT_TRUE(commit(put("task", "t3", "{}")));
  EXPECT_TRUE(commit(all));
}

TEST_P(StoreContract, G2DocumentAtVersionHoldsAndRefuses) {
  ASSERT_TRUE(commit(put("task", "t", "1")));
  const auto at = [&](std::uint64_t version) {
    return writes({PutDoc{.key = {"task", "t"}, .body = "2", .marks = {}}},
                  {DocAt{.key = {"task", "t"}, .version = version}});
  };
  EXPECT_EQ(code_of(commit(at(2))), Errc::conflict);
  EXPECT_TRUE(commit(at(1)));
  EXPECT_EQ(get("task", "t")->version, 2u);
  EXPECT_EQ(code_of(commit(at(1))), Errc::conflict);
  const auto absent = commit(writes({}, {DocAt{.key = {"task", "none"}, .version = 1}}));
  EXPECT_EQ(code_of(absent), Errc::conflict);
}

TEST_P(StoreContract, G2DocumentAbsentHoldsAndRefuses) {
  const auto claim = writes({PutDoc{.key = {"agent_name", "ada"}, .body = "{}", .marks = {}}},
                            {DocAbsent{.key = {"agent_name", "ada"}}});
  EXPECT_TRUE(commit(claim));
  EXPECT_EQ(code_of(commit(claim)), Errc::conflict);
  ASSERT_TRUE(commit(writes({RemoveDoc{.key = {"agent_name", "ada"}}})));
  EXPECT_TRUE(commit(claim));
  EXPECT_EQ(get("agent_name", "ada")->version, 1u);
}

TEST_P(StoreContract, G2QueueHoldsHoldsAndRefuses) {
  const auto holds = [&](std::string item, std::string lease) {
    return commit(
        writes({}, {QueueHolds{.queue = "q", .item = std::move(item), .lease = std::move(lease)}}));
  };
  EXPECT_EQ(code_of(holds("i", "")), Errc::conflict);
  ASSERT_TRUE(commit(writes({QueuePush{.queue = "q", .item = "i"}})));
  EXPECT_TRUE(holds("i", ""));
  EXPECT_EQ(code_of(holds("i", "run1")), Errc::conflict);
  ASSERT_TRUE(commit(writes({QueueTake{.queue = "q", .item = "i", .lease = "run1"}})));
  EXPECT_EQ(code_of(holds("i", "")), Errc::conflict);
  EXPECT_TRUE(holds("i", "run1"));
  EXPECT_EQ(code_of(holds("i", "run2")), Errc::conflict);
}

TEST_P(StoreContract, G2AQueueWriteThatCannotBeWritesNothing) {
  const auto take = commit(writes({PutDoc{.key = {"task", "t"}, .body = "{}", .marks = {}},
                                   QueueTake{.queue = "q", .item = "none", .lease = "run1"}}));
  EXPECT_EQ(code_of(take), Errc::conflict);
  EXPECT_FALSE(get("task", "t"));
  const auto back = commit(writes({PutDoc{.key = {"task", "t"}, .body = "{}", .marks = {}},
                                   QueueReturn{.queue = "q", .item = "none"}}));
  EXPECT_EQ(code_of(back), Errc::conflict);
  EXPECT_FALSE(get("task", "t"));
  // Earlier writes of the same commit count.
  EXPECT_TRUE(commit(writes({QueuePush{.queue = "q", .item = "i"},
                             QueueTake{.queue = "q", .item = "i", .lease = "run1"}})));
  EXPECT_EQ(code_of(commit(writes(
                {QueueAck{.queue = "q", .item = "i"}, QueueReturn{.queue = "q", .item = "i"}}))),
            Errc::conflict);
  EXPECT_THAT(items("q"), ElementsAre("i"));
}

TEST_P(StoreContract, G2WritesOfOneCommitAreAppliedInOrder) {
  ASSERT_TRUE(commit(writes({PutDoc{.key = {"task", "t"}, .body = "1", .marks = {"a"}},
                             PutDoc{.key = {"task", "t"}, .body = "2", .marks = {"b"}},
                             RemoveDoc{.key = {"task", "gone"}},
                             PutDoc{.key = {"task", "gone"}, .body = "1", .marks = {"a"}},
                             RemoveDoc{.key = {"task", "gone"}}})));
  EXPECT_EQ(get("task", "t")->version, 2u);
  EXPECT_EQ(get("task", "t")->body, "2");
  EXPECT_FALSE(get("task", "gone"));
  EXPECT_EQ(count("task", "a"), 0u);
  EXPECT_EQ(count("task", "b"), 1u);
  EXPECT_EQ(count("task", ""), 1u);
}

TEST_P(StoreContract, ImpossibleCommitsAreRefused) {
  EXPECT_EQ(code_of(commit(put("", "x", "{}"))), Errc::invalid_argument);
  EXPECT_EQ(code_of(commit(put("task", "x", "{}", {"a", "a"}))), Errc::invalid_argument);
  EXPECT_EQ(code_of(commit(put("task", "x", "{}", {"a\nb"}))), Errc::invalid_argument);
  EXPECT_EQ(code_of(commit(put("task", "x", std::string(limits::kDocument + 1, ' ')))),
            Errc::too_large);
  EXPECT_EQ(code_of(commit(events({NewEvent()}))), Errc::invalid_argument);
  EXPECT_EQ(code_of(commit(events({event("Bad", {"agent:a b"})}))), Errc::invalid_argument);
  const auto too_many = std::vector<NewEvent>(limits::kCommitEvents + 1, event("Many"));
  EXPECT_EQ(code_of(commit(events(too_many))), Errc::too_large);
  const auto lease = commit(writes({QueueTake{.queue = "q", .item = "i", .lease = ""}}));
  EXPECT_EQ(code_of(lease), Errc::invalid_argument);
  EventFilter wide;
  wide.kinds.resize(limits::kFilterTerms + 1);
  EXPECT_EQ(code_of(run(store_->read(Position{}, wide, 10))), Errc::invalid_argument);
  EXPECT_EQ(store_->log().head.value, 0u);
}

// --- G4: one order -------------------------------------------------------------------------------

TEST_P(StoreContract, G4PositionsAreDenseAndCommitsTakeEffectInTheOrderOfTheCalls) {
  constexpr std::size_t kCommits = 1'000;
  std::vector<std::optional<Result<Committed>>> done(kCommits);
  for (std::size_t i = 0; i < kCommits; ++i) {
    std::vector<NewEvent> list;
    for (std::size_t e = 0; e < i % 4; ++e)
      list.push_back(event("Counted", {"agent:" + std::to_string(i % 7)}, std::to_string(i)));
    start(store_->commit(events(std::move(list))), done[i]);
  }
  join();
  std::uint64_t head = 0;
  for (std::size_t i = 0; i < kCommits; ++i) {
    ASSERT_TRUE(done[i] && *done[i]);
    EXPECT_EQ((*done[i])->first.value, head + 1);
    head += i % 4;
    EXPECT_EQ((*done[i])->last.value, head);
  }
  EXPECT_EQ(store_->log().head.value, head);
  ASSERT_EQ(fed_.size(), head);
  for (std::uint64_t i = 0; i < head; ++i) ASSERT_EQ(fed_[i]->position.value, i + 1);
  const auto page = read(0, {}, limits::kPage);
  ASSERT_EQ(page.events.size(), std::min<std::size_t>(head, limits::kPage));
  for (std::size_t i = 0; i < page.events.size(); ++i)
    EXPECT_EQ(page.events[i]->payload, fed_[i]->payload);
}

TEST_P(StoreContract, G4AFilteredReaderTellsNothingForMeFromNotThereYet) {
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(commit(events({event("A", {"agent:a"}), event("B", {"agent:b"})})));
  auto page = read(0, filter({"agent:a"}), 2);
  EXPECT_THAT(positions_of(page.events), ElementsAre(1, 3));
  EXPECT_EQ(page.scanned.value, 3u);
  page = read(page.scanned.value, filter({"agent:a"}), 100);
  EXPECT_THAT(positions_of(page.events), ElementsAre(5, 7, 9));
  EXPECT_EQ(page.scanned.value, 10u);  // the last one is not for it, and it knows
  page = read(0, filter({"agent:nobody"}));
  EXPECT_THAT(page.events, IsEmpty());
  EXPECT_EQ(page.scanned.value, 10u);
  page = read(10);
  EXPECT_THAT(page.events, IsEmpty());
  EXPECT_EQ(page.scanned.value, 10u);
  page = read(25, filter({"agent:a"}));  // a place that is not there yet
  EXPECT_THAT(page.events, IsEmpty());
  EXPECT_EQ(page.scanned.value, 25u);
}

TEST_P(StoreContract, G4ScopesAndKindsAreAlternativesAndBothMustHold) {
  ASSERT_TRUE(
      commit(events({event("A", {"agent:a", "mission:m"}), event("B", {"agent:b"}),
                     event("A", {"agent:b", "mission:m"}), event("C"), event("B", {"agent:a"})})));
  const auto positions = [&](const EventFilter& wanted) {
    return positions_of(read(0, wanted).events);
  };
  EXPECT_THAT(positions(filter({})), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(positions(filter({"town"})), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(positions(filter({"agent:a", "town"})), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(positions(filter({"agent:a"})), ElementsAre(1, 5));
  EXPECT_THAT(positions(filter({"agent:a", "mission:m"})), ElementsAre(1, 3, 5));
  EXPECT_THAT(positions(filter({"agent:b"}, {"A"})), ElementsAre(3));
  EXPECT_THAT(positions(filter({}, {"C", "B"})), ElementsAre(2, 4, 5));
  EXPECT_THAT(positions(filter({"agent:a"}, {"C"})), ElementsAre());
  const auto latest = [&](const EventFilter& wanted, std::size_t limit) {
    return positions_of(run(store_->latest(wanted, limit)).value());
  };
  EXPECT_THAT(latest({}, 2), ElementsAre(4, 5));
  EXPECT_THAT(latest(filter({"mission:m"}), 10), ElementsAre(1, 3));
  EXPECT_THAT(latest(filter({"agent:a", "agent:b"}), 2), ElementsAre(3, 5));
  EXPECT_THAT(latest(filter({}, {"A"}), 1), ElementsAre(3));
  EXPECT_THAT(latest(filter({"agent:nobody"}), 1), ElementsAre());
}

TEST_P(StoreContract, G4OneReadingLooksAtABoundedNumberOfRows) {
  std::vector<NewEvent> many(limits::kCommitEvents, event("Noise", {"agent:a"}));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(commit(events(many)));
  ASSERT_TRUE(commit(events({event("Rare", {"agent:a"})})));
  for (const auto& wanted : {filter({}, {"Rare"}), filter({"agent:a"}, {"Rare"})}) {
    const auto first = read(0, wanted);
    EXPECT_THAT(first.events, IsEmpty());
    EXPECT_EQ(first.scanned.value, limits::kScanRows);
    const auto second = read(first.scanned.value, wanted);
    ASSERT_EQ(second.events.size(), 1u);
    EXPECT_EQ(second.events[0]->kind, "Rare");
    EXPECT_EQ(second.scanned, store_->log().head);
  }
}

TEST_P(StoreContract, AnEventComesBackAsItWas) {
  auto full = event("Full", {"agent:a", "task:t"}, R"({"text":"zwölf \u0000 \n"})");
  full.fidelity = Fidelity::control;
  full.visibility = Visibility::sensitive;
  full.schema = 7;
  full.correlation = "c";
  full.causation = "the command";
  auto plain = event("Plain");
  plain.fidelity = Fidelity::observed;
  ASSERT_TRUE(commit(events({full, plain})));
  const auto page = read(0);
  ASSERT_EQ(page.events.size(), 2u);
  EXPECT_EQ(event_json(*page.events[0]), event_json(Event(Position{1}, full)));
  EXPECT_EQ(event_json(*page.events[1]), event_json(Event(Position{2}, plain)));
  EXPECT_EQ(event_json(*fed_[0]), event_json(*page.events[0]));
}

// --- The feed ------------------------------------------------------------------------------------

TEST_P(StoreContract, G3TheFeedIsToldInOrderBeforeTheAnswerAndReadsSeeWhatWasAnswered) {
  const auto writer = [](StoreContract& self, int id) -> Async<> {
    for (int i = 0; i < 20; ++i) {
      auto wanted = self.events({self.event("Said", {"agent:" + std::to_string(id)})});
      const auto done = co_await self.store_->commit(std::move(wanted));
      EXPECT_TRUE(done);
      if (!done) co_return;
      EXPECT_GE(self.fed_.size(), done->last.value);
      EXPECT_GE(self.store_->log().head, done->last);
      EventFilter mine = filter({"agent:" + std::to_string(id)});
      const auto page = co_await self.store_->latest(std::move(mine), 1);
      EXPECT_TRUE(page);
      if (!page || page->size() != 1) co_return;
      EXPECT_EQ(page->front()->position, done->last);
    }
  };
  for (int id = 0; id < 20; ++id) started_.spawn("writer", writer(*this, id));
  join();
  ASSERT_EQ(fed_.size(), 400u);
  for (std::size_t i = 0; i < fed_.size(); ++i) EXPECT_EQ(fed_[i]->position.value, i + 1);
}

// --- G8: fencing ---------------------------------------------------------------------------------

TEST_P(StoreContract, G8ARunCommitNeedsTheRunsEpoch) {
  const RunId id(env_.uuid4());
  const auto at = [&](std::uint64_t epoch) {
    auto wanted = events({event("Step")});
    wanted.require = {RunAt{.run = id, .epoch = epoch}};
    return commit(wanted);
  };
  EXPECT_EQ(code_of(at(1)), Errc::fenced);
  ASSERT_TRUE(commit(writes({SetRunEpoch{.run = id, .epoch = 1}})));
  EXPECT_TRUE(at(1));
  EXPECT_EQ(code_of(at(2)), Errc::fenced);
  ASSERT_TRUE(commit(writes({SetRunEpoch{.run = id, .epoch = 2}})));
  EXPECT_EQ(code_of(at(1)), Errc::fenced);
  EXPECT_TRUE(at(2));
  ASSERT_TRUE(commit(writes({SetRunEpoch{.run = id, .epoch = std::nullopt}})));
  EXPECT_EQ(code_of(at(2)), Errc::fenced);
  EXPECT_FALSE(run(store_->run_epoch(id)).value());
  EXPECT_EQ(fed_.size(), 2u);
}

TEST_P(StoreContract, G8OnlyOneOfTwoThatRaceForAnEpochWins) {
  const RunId id(env_.uuid4());
  ASSERT_TRUE(commit(writes({SetRunEpoch{.run = id, .epoch = 1}})));
  std::optional<Result<Committed>> first, second;
  const auto take = [&](std::uint64_t to) {
    return writes({SetRunEpoch{.run = id, .epoch = to}}, {RunAt{.run = id, .epoch = 1}});
  };
  start(store_->commit(take(2)), first);
  start(store_->commit(take(3)), second);
  join();
  EXPECT_TRUE(*first);
  EXPECT_EQ(code_of(*second), Errc::fenced);
  EXPECT_EQ(run(store_->run_epoch(id)).value(), 2u);
}

TEST_P(StoreContract, G8LeasesFenceOffWhoeverHeldThemBefore) {
  const auto held = [&](const Lease& lease) {
    return commit(
        writes({}, {LeaseHeld{.name = lease.name, .holder = lease.holder, .epoch = lease.epoch}}));
  };
  const auto a = run(store_->acquire("town", "a", 10s)).value();
  EXPECT_EQ(a.epoch, 1u);
  EXPECT_EQ(a.until, env_.now() + 10s);
  EXPECT_TRUE(held(a));
  const auto refused = run(store_->acquire("town", "b", 10s));
  EXPECT_EQ(code_of(refused), Errc::conflict);
  EXPECT_THAT(refused.error().message(), HasSubstr("held by a until"));

  env_.advance(9s);
  const auto longer = run(store_->acquire("town", "a", 10s)).value();
  EXPECT_EQ(longer.epoch, 1u);
  env_.advance(9s);
  EXPECT_TRUE(held(a));
  env_.advance(1s);
  EXPECT_EQ(code_of(held(a)), Errc::fenced);  // it ran out

  const auto b = run(store_->acquire("town", "b", 10s)).value();
  EXPECT_EQ(b.epoch, 2u);
  EXPECT_EQ(code_of(held(a)), Errc::fenced);
  EXPECT_TRUE(held(b));
  EXPECT_TRUE(run(store_->release(a)));  // not held: nothing happens
  EXPECT_TRUE(held(b));
  EXPECT_TRUE(run(store_->release(b)));
  EXPECT_EQ(code_of(held(b)), Errc::fenced);
  EXPECT_EQ(run(store_->acquire("town", "a", 10s)).value().epoch, 3u);
  EXPECT_EQ(code_of(run(store_->acquire("", "a", 1s))), Errc::invalid_argument);
}

// --- G9: idempotency -----------------------------------------------------------------------------

TEST_P(StoreContract, G9AKnownKeyAnswersAsTheFirstTimeAndWritesNothing) {
  Commit wanted = events({event("Once"), event("Once")});
  wanted.key = key("k");
  wanted.answer = R"({"id":1})";
  wanted.require = {DocAbsent{.key = {"task", "t"}}};
  wanted.writes = {PutDoc{.key = {"task", "t"}, .body = "{}", .marks = {}}};
  const auto first = commit(wanted).value();
  ASSERT_TRUE(commit(events({event("Between")})));
  wanted.answer = "another";
  const auto second = commit(wanted).value();
  EXPECT_TRUE(second.repeated);
  EXPECT_EQ(second.first, first.first);
  EXPECT_EQ(second.last, first.last);
  EXPECT_EQ(second.answer, R"({"id":1})");
  EXPECT_EQ(get("task", "t")->version, 1u);
  EXPECT_EQ(fed_.size(), 3u);

  wanted.key->digest = "other";
  EXPECT_EQ(code_of(commit(wanted)), Errc::conflict);
  wanted.key = key("k");
  wanted.key->writer = "bob";                          // another writer's key never meets this one
  EXPECT_EQ(code_of(commit(wanted)), Errc::conflict);  // by its precondition
  wanted.require.clear();
  EXPECT_FALSE(commit(wanted).value().repeated);
}

TEST_P(StoreContract, G9ARepeatWhileTheFirstIsInFlightHasNoSecondEffect) {
  Commit wanted = events({event("Once")});
  wanted.key = key("k");
  wanted.answer = "first";
  std::vector<std::optional<Result<Committed>>> done(50);
  for (auto& one : done) start(store_->commit(wanted), one);
  std::optional<Result<Committed>> other;
  auto different = wanted;
  different.key->digest = "other";
  start(store_->commit(different), other);
  join();
  int fresh = 0;
  for (const auto& one : done) {
    ASSERT_TRUE(*one);
    fresh += (*one)->repeated ? 0 : 1;
    EXPECT_EQ((*one)->first.value, 1u);
    EXPECT_EQ((*one)->answer, "first");
  }
  EXPECT_EQ(fresh, 1);
  EXPECT_EQ(code_of(*other), Errc::conflict);
  EXPECT_EQ(fed_.size(), 1u);
}

TEST_P(StoreContract, G9KeysAreForgottenAfterTheirTime) {
  Commit wanted = events({event("Once")});
  wanted.key = key("k");
  ASSERT_TRUE(commit(wanted));
  env_.advance(std::chrono::duration_cast<Duration>(limits::kIdempotencyTtl) - 1ms);
  EXPECT_TRUE(commit(wanted).value().repeated);
  env_.advance(1ms);
  wanted.key->digest = "other";
  EXPECT_FALSE(commit(wanted).value().repeated);
  EXPECT_TRUE(commit(wanted).value().repeated);
}

// --- Documents, marks, lists ---------------------------------------------------------------------

TEST_P(StoreContract, ListsArePagedByRankInBothDirections) {
  for (int i = 0; i < 10; ++i)
    ASSERT_TRUE(commit(put("task", "t" + std::to_string(9 - i), "{}", {i % 2 ? "odd" : "even"})));
  ASSERT_TRUE(commit(put("agent", "a", "{}", {"odd"})));
  ASSERT_TRUE(commit(put("task", "t9", "{}", {"even"})));  // written again: its rank stays

  DocQuery query{.kind = "task", .limit = 3};
  EXPECT_THAT(list(query), ElementsAre("t9", "t8", "t7"));
  query.after_rank = get("task", "t7")->rank;
  EXPECT_THAT(list(query), ElementsAre("t6", "t5", "t4"));
  query.descending = true;
  EXPECT_THAT(list(query), ElementsAre("t8", "t9"));
  query.after_rank = 0;
  EXPECT_THAT(list(query), ElementsAre("t0", "t1", "t2"));
  query = {.kind = "task", .mark = "odd"};
  EXPECT_THAT(list(query), ElementsAre("t8", "t6", "t4", "t2", "t0"));
  query.mark = "none";
  EXPECT_THAT(list(query), IsEmpty());

  // A document that comes back is a new one: it stands at the end.
  ASSERT_TRUE(commit(writes({RemoveDoc{.key = {"task", "t0"}}})));
  ASSERT_TRUE(commit(put("task", "t0", "{}", {"odd"})));
  ASSERT_TRUE(commit(writes({RemoveDoc{.key = {"task", "t9"}}})));
  query = {.kind = "task"};
  EXPECT_THAT(list(query), ElementsAre("t8", "t7", "t6", "t5", "t4", "t3", "t2", "t1", "t0"));
}

TEST_P(StoreContract, MarksReplaceThoseOfTheLastWriteAndAreCounted) {
  ASSERT_TRUE(commit(put("task", "t", "{}", {"open", "agent:a"})));
  ASSERT_TRUE(commit(put("task", "u", "{}", {"open"})));
  EXPECT_EQ(count("task", "open"), 2u);
  EXPECT_EQ(count("task", "agent:a"), 1u);
  EXPECT_EQ(count("task", ""), 2u);
  ASSERT_TRUE(commit(put("task", "t", "{}", {"closed", "agent:a"})));
  EXPECT_EQ(count("task", "open"), 1u);
  EXPECT_EQ(count("task", "closed"), 1u);
  EXPECT_EQ(count("task", "agent:a"), 1u);
  EXPECT_THAT(list({.kind = "task", .mark = "open"}), ElementsAre("u"));
  ASSERT_TRUE(commit(writes({RemoveDoc{.key = {"task", "t"}}})));
  EXPECT_EQ(count("task", "closed"), 0u);
  EXPECT_EQ(count("task", "agent:a"), 0u);
  EXPECT_EQ(count("task", ""), 1u);
  EXPECT_EQ(count("nothing", ""), 0u);
}

// --- Queues --------------------------------------------------------------------------------------

TEST_P(StoreContract, QueuesServeByPriorityThenOrderOfFirstPush) {
  const auto push = [&](std::string item, int priority) {
    ASSERT_TRUE(
        commit(writes({QueuePush{.queue = "q", .item = std::move(item), .priority = priority}})));
  };
  push("b", 0);
  push("a", 0);
  push("urgent", 5);
  push("late", -1);
  push("a", 9);  // there already: changes nothing
  EXPECT_THAT(ready("q"), ElementsAre("urgent", "b", "a", "late"));
  EXPECT_THAT(ready("q", 2), ElementsAre("urgent", "b"));
  EXPECT_THAT(ready("other"), IsEmpty());
  ASSERT_TRUE(commit(writes({QueueTake{.queue = "q", .item = "b", .lease = "run"}})));
  EXPECT_THAT(ready("q"), ElementsAre("urgent", "a", "late"));
  EXPECT_THAT(items("q"), ElementsAre("urgent", "b", "a", "late"));
  EXPECT_EQ(run(store_->items("q", 2)).value()[1].lease, "run");
  ASSERT_TRUE(commit(
      writes({QueueAck{.queue = "q", .item = "urgent"}, QueueAck{.queue = "q", .item = "none"}})));
  EXPECT_THAT(items("q"), ElementsAre("b", "a", "late"));
}

TEST_P(StoreContract, QueuesAreReadPageByPage) {
  Commit commit;
  std::vector<std::string> expected;
  for (const int priority : {3, 0, -1}) {
    for (int i = 0; i < 5; ++i) {
      const auto item = std::to_string(priority) + "." + std::to_string(i);
      commit.writes.emplace_back(QueuePush{.queue = "q", .item = item, .priority = priority});
      expected.push_back(item);
    }
  }
  // The order of pushing is not that of serving.
  std::ranges::reverse(commit.writes);
  std::ranges::for_each(std::array{0, 5, 10}, [&](int at) {
    std::ranges::reverse(expected.begin() + at, expected.begin() + at + 5);
  });
  ASSERT_TRUE(this->commit(std::move(commit)));
  for (const std::size_t page : {1U, 2U, 4U, 5U, 100U}) {
    std::vector<std::string> all;
    std::vector<std::string> due;
    for (QueuePlace after;;) {
      const auto items = run(store_->items("q", page, after)).value();
      if (items.empty()) break;
      for (const auto& item : items) all.push_back(item.item);
      after = items.back().place();
    }
    for (QueuePlace after;;) {
      const auto items = run(store_->ready("q", env_.now(), page, after)).value();
      if (items.empty()) break;
      for (const auto& item : items) due.push_back(item.item);
      after = items.back().place();
    }
    EXPECT_EQ(all, expected) << page;
    EXPECT_EQ(due, expected) << page;
  }
  // What is taken meanwhile moves nothing: a place is no number of items.
  const auto second = run(store_->items("q", 2)).value().at(1);
  ASSERT_TRUE(this->commit(writes({QueueTake{.queue = "q", .item = second.item, .lease = "run"}})));
  const auto behind = run(store_->ready("q", env_.now(), 1, second.place())).value();
  ASSERT_EQ(behind.size(), 1U);
  EXPECT_EQ(behind[0].item, expected[2]);
}

TEST_P(StoreContract, AReturnedItemIsServedAtItsOldPlaceWhenItsTimeHasCome) {
  ASSERT_TRUE(
      commit(writes({QueuePush{.queue = "q", .item = "a"}, QueuePush{.queue = "q", .item = "b"},
                     QueueTake{.queue = "q", .item = "a", .lease = "run"}})));
  ASSERT_TRUE(commit(writes(
      {QueueReturn{.queue = "q", .item = "a", .attempt = 2, .not_before = env_.now() + 1s}})));
  EXPECT_THAT(ready("q"), ElementsAre("b"));
  const auto all = run(store_->items("q", 10)).value();
  EXPECT_EQ(all[0].attempt, 2);
  EXPECT_EQ(all[0].not_before, env_.now() + 1s);
  EXPECT_EQ(all[0].lease, "");
  env_.advance(999ms);
  EXPECT_THAT(ready("q"), ElementsAre("b"));
  env_.advance(1ms);
  EXPECT_THAT(ready("q"), ElementsAre("a", "b"));
  const auto later = QueuePush{.queue = "q", .item = "c", .not_before = env_.now() + 1s};
  ASSERT_TRUE(commit(writes({later})));
  EXPECT_THAT(ready("q"), ElementsAre("a", "b"));
}

// --- Closing -------------------------------------------------------------------------------------

TEST_P(StoreContract, CloseLetsFinishWhatIsInFlightAndRefusesTheRest) {
  std::vector<std::optional<Result<Committed>>> done(100);
  std::optional<Result<std::optional<Doc>>> got;
  for (auto& one : done) start(store_->commit(events({event("Late")})), one);
  start(store_->get(DocKey{"a", "b"}), got);
  run(aio::yield());
  run(store_->close());
  join();
  for (const auto& one : done) EXPECT_TRUE(*one);
  EXPECT_TRUE(*got);
  EXPECT_EQ(fed_.size(), 100u);
  EXPECT_EQ(code_of(commit(events({event("TooLate")}))), Errc::unavailable);
  EXPECT_EQ(code_of(run(store_->get(DocKey{"a", "b"}))), Errc::unavailable);
  EXPECT_EQ(code_of(run(store_->read(Position{}, {}, 1))), Errc::unavailable);
  EXPECT_EQ(code_of(run(store_->acquire("l", "h", 1s))), Errc::unavailable);
  run(store_->close());
  EXPECT_EQ(store_->log().head.value, 100u);
}

// --- The model -----------------------------------------------------------------------------------

/// Random commits from small sets of names, so that they meet.
class Chance {
 public:
  Chance(std::uint32_t seed, Env& env) : random_(seed), env_(env) {
    for (auto& run : runs_) run = RunId(env.uuid4());
  }
  std::size_t below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
  }
  std::string name(std::string_view stem, std::size_t n) {
    return std::string(stem) + std::to_string(below(n));
  }
  Commit commit() {
    Commit commit;
    if (below(4) == 0)
      commit.key =
          IdempotencyKey{.writer = name("w", 2), .key = name("k", 20), .digest = name("d", 2)};
    for (auto n = below(3); n > 0; --n) commit.require.push_back(precondition());
    for (auto n = below(5); n > 0; --n) commit.writes.push_back(write());
    for (auto n = below(3); n > 0; --n) {
      std::vector<std::string> scopes{name("agent:", 3)};
      if (below(2) == 0) scopes.push_back(name("mission:", 2));
      commit.events.push_back(make_event(env_, name("Kind", 3), std::move(scopes)));
    }
    commit.answer = name("answer", 100);
    return commit;
  }
  Precondition precondition() {
    switch (below(6)) {
      case 0: return DocAt{.key = doc(), .version = 1 + below(4)};
      case 1: return DocAbsent{.key = doc()};
      case 2: return RunAt{.run = run(), .epoch = below(3)};
      case 3:
        return QueueHolds{.queue = name("q", 2),
                          .item = name("i", 4),
                          .lease = below(2) == 0 ? "" : name("r", 2)};
      default: return LeaseHeld{.name = "l0", .holder = name("h", 2), .epoch = 1 + below(3)};
    }
  }
  Write write() {
    switch (below(8)) {
      case 0:
      case 1: {
        PutDoc put{.key = doc(), .body = name("body", 100), .marks = {}};
        for (std::size_t i = 0; i < 3; ++i) {
          if (below(2) == 0) put.marks.push_back("m" + std::to_string(i));
        }
        return put;
      }
      case 2: return RemoveDoc{.key = doc()};
      case 3:
        return QueuePush{.queue = name("q", 2),
                         .item = name("i", 4),
                         .priority = static_cast<int>(below(3)),
                         .not_before = env_.now() + Duration(below(3))};
      case 4: return QueueTake{.queue = name("q", 2), .item = name("i", 4), .lease = name("r", 2)};
      case 5: return QueueAck{.queue = name("q", 2), .item = name("i", 4)};
      case 6:
        return QueueReturn{
            .queue = name("q", 2), .item = name("i", 4), .attempt = static_cast<int>(below(3))};
      default: {
        SetRunEpoch set{.run = run(), .epoch = below(3)};
        if (below(4) == 0) set.epoch.reset();
        return set;
      }
    }
  }
  DocKey doc() { return {name("kind", 2), name("id", 5)}; }
  RunId run() { return runs_[below(runs_.size())]; }
  const std::array<RunId, 3>& runs() const { return runs_; }

 private:
  std::mt19937 random_;
  Env& env_;
  std::array<RunId, 3> runs_;
};

void expect_same(const Result<Committed>& got, const Result<Committed>& wanted) {
  ASSERT_EQ(got.has_value(), wanted.has_value())
      << (got ? wanted.error().message() : got.error().message());
  if (!got) {
    EXPECT_EQ(got.error(), wanted.error());
    return;
  }
  EXPECT_EQ(got->first, wanted->first);
  EXPECT_EQ(got->last, wanted->last);
  EXPECT_EQ(got->repeated, wanted->repeated);
  EXPECT_EQ(got->answer, wanted->answer);
}

void expect_same(const std::optional<Doc>& got, const std::optional<Doc>& wanted) {
  ASSERT_EQ(got.has_value(), wanted.has_value());
  if (!got) return;
  EXPECT_EQ(got->key, wanted->key);
  EXPECT_EQ(got->version, wanted->version);
  EXPECT_EQ(got->body, wanted->body);
}

TEST_P(StoreContract, BehavesLikeTheModel) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Chance chance(seed, env_);
  Tables model;
  for (int round = 0; round < 40; ++round) {
    std::vector<std::optional<Result<Committed>>> done(chance.below(20) + 1);
    std::vector<Result<Committed>> wanted;
    for (auto& one : done) {
      auto next = chance.commit();
      wanted.push_back(model.apply(next, env_.now()));
      start(store_->commit(std::move(next)), one);
    }
    join();
    for (std::size_t i = 0; i < done.size(); ++i) expect_same(*done[i], wanted[i]);

    const auto holder = chance.name("h", 2);
    const auto lease = run(store_->acquire("l0", holder, 5ms));
    const auto model_lease = model.acquire("l0", holder, env_.now(), 5ms);
    ASSERT_EQ(lease.has_value(), model_lease.has_value());
    if (lease) {
      EXPECT_EQ(lease->epoch, model_lease->epoch);
    }
    env_.advance(Duration(chance.below(4)));

    for (const std::string kind : {"kind0", "kind1"}) {
      for (int id = 0; id < 5; ++id) {
        const DocKey name{kind, "id" + std::to_string(id)};
        expect_same(run(store_->get(name)).value(), model.get(name));
      }
      for (const std::string mark : {"", "m0", "m1", "m2"}) {
        EXPECT_EQ(count(kind, mark), model.count(kind, mark));
        DocQuery query{.kind = kind, .mark = mark, .descending = chance.below(2) == 0, .limit = 3};
        std::vector<std::string> ids;
        for (const auto& doc : model.list(query)) ids.push_back(doc.key.id);
        EXPECT_EQ(list(query), ids);
      }
    }
    for (const std::string queue : {"q0", "q1"}) {
      EXPECT_EQ(ready(queue, 3), names(model.items(queue, 3, env_.now())));
      EXPECT_EQ(items(queue), names(model.items(queue, 100, std::nullopt)));
    }
    for (const auto& id : chance.runs())
      EXPECT_EQ(run(store_->run_epoch(id)).value(), model.run_epoch(id));
    EventFilter some;
    if (chance.below(2) == 0)
      some.scopes = {Scope::trusted(chance.name("agent:", 3)),
                     Scope::trusted(chance.name("mission:", 2))};
    if (chance.below(2) == 0) some.kinds = {chance.name("Kind", 3)};
    std::vector<std::uint64_t> matching;
    for (const auto& one : model.events()) {
      if (some.matches(*one)) matching.push_back(one->position.value);
    }
    EXPECT_EQ(positions_of(read(0, some, limits::kPage).events), matching);
    if (::testing::Test::HasFailure()) break;
  }
  ASSERT_EQ(fed_.size(), model.events().size());
}

INSTANTIATE_TEST_SUITE_P(Events, StoreContract, ::testing::ValuesIn(backends()), name_of);

}  // namespace
}  // namespace reeve::store
