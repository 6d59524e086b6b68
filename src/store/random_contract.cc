// Every store does the same as the one in memory: commits at random, many at a time, and all that
// can be asked afterwards.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <random>

#include "base/limits.h"
#include "store/contract_backends.h"
#include "store/memory/memory_store.h"

namespace reeve::store {
namespace {

using namespace std::chrono_literals;

constexpr std::array<const char*, 3> kMarks{"open", "tag:x y", "agent:1"};
constexpr std::array<const char*, 2> kKinds{"agent", "task"};
constexpr std::size_t kIds = 6;

class EventsStoresAgree : public OnEachBackend {
 protected:
  EventsStoresAgree() : model_(make_memory(env_, loop_.get_executor())) {
    for (auto& run : runs_) run = RunId(env_.uuid4());
  }
  ~EventsStoresAgree() override { run(model_->close()); }

  // --- At random ---------------------------------------------------------------------------------

  std::size_t below(std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_);
  }
  bool one_in(std::size_t n) { return below(n) == 0; }
  DocKey key() { return {kKinds.at(below(kKinds.size())), std::to_string(below(kIds))}; }
  std::string body() { return R"({"n":)" + std::to_string(++bodies_) + "}"; }
  std::vector<std::string> marks() {
    std::vector<std::string> some;
    // Most of the time what most have: such a document is written without a look at it.
    if (!one_in(4)) return {"open"};
    for (const auto* mark : kMarks) {
      if (one_in(2)) some.emplace_back(mark);
    }
    return some;
  }
  Precondition condition() {
    switch (below(6)) {
      case 0: return DocAbsent{key()};
      case 1: return RunAt{.run = runs_.at(below(runs_.size())), .epoch = below(3)};
      case 2: return QueueHolds{.queue = "q", .item = item(), .lease = one_in(2) ? "" : "holder"};
      default: {
        // Most of the time it holds, unless a commit of the same moment comes first.
        auto doc = run(model_->get(key())).value();
        if (!doc) return DocAbsent{key()};
        return DocAt{doc->key, one_in(6) ? doc->version + 1 : doc->version};
      }
    }
  }
  std::string item() { return "item" + std::to_string(below(5)); }
  Write write() {
    switch (below(12)) {
      case 0: return RemoveDoc{key()};
      case 1:
        return QueuePush{.queue = "q",
                         .item = item(),
                         .priority = static_cast<int>(below(3)) - 1,
                         .not_before = env_.now() + Duration(below(2)),
                         .attempt = static_cast<int>(below(3))};
      case 2: return QueueTake{.queue = "q", .item = item(), .lease = "holder"};
      case 3: return QueueAck{.queue = "q", .item = item()};
      case 4: return QueueReturn{.queue = "q", .item = item(), .attempt = 1, .not_before = {}};
      case 5:
        return SetRunEpoch{.run = runs_.at(below(runs_.size())),
                           .epoch = one_in(3) ? std::nullopt : std::optional(below(3))};
      default: return PutDoc{.key = key(), .body = body(), .marks = marks()};
    }
  }
  using OnEachBackend::event;
  NewEvent event() {
    const auto size = one_in(20) ? below(20'000) : below(300);
    return event(one_in(2) ? "Note" : "Spoken",
                 {"agent:" + std::to_string(below(3)), "mission:" + std::to_string(below(2))},
                 R"({"text":")" + std::string(size, 'x') + "\"}");
  }
  /// Of a document that nobody else touches: what a store may know without looking.
  Commit calm_commit() {
    Commit commit;
    commit.writes = {PutDoc{.key = {"agent", "0"}, .body = body(), .marks = {"open"}}};
    if (one_in(2)) {
      const auto doc = run(model_->get({"agent", "0"})).value();
      if (doc) commit.require = {DocAt{doc->key, doc->version}};
    }
    for (auto n = below(3); n > 0; --n) commit.events.push_back(event());
    return commit;
  }
  Commit commit() {
    if (calm_) return calm_commit();
    Commit commit;
    if (one_in(8)) {
      commit.key = IdempotencyKey{
          .writer = "w", .key = std::to_string(below(10)), .digest = std::to_string(below(8) / 7)};
      commit.answer = "answer " + std::to_string(++bodies_);
    }
    const bool simple = one_in(2);
    if (!simple && one_in(2)) commit.require.push_back(condition());
    for (auto n = simple ? 1 : below(4); n > 0; --n)
      commit.writes.push_back(simple ? PutDoc{.key = key(), .body = body(), .marks = {"open"}}
                                     : write());
    for (auto n = one_in(40) ? 60 : below(4); n > 0; --n) commit.events.push_back(event());
    return commit;
  }

  // --- Both --------------------------------------------------------------------------------------

  static Async<> one(Store& store, Commit commit, std::optional<Result<Committed>>& to) {
    to = co_await store.commit(std::move(commit));
  }
  void commit_at_once(std::size_t n) {
    std::vector<std::optional<Result<Committed>>> expected(n);
    std::vector<std::optional<Result<Committed>>> actual(n);
    aio::TaskGroup group(loop_.get_executor());
    std::vector<Commit> commits;
    for (std::size_t i = 0; i < n; ++i) commits.push_back(commit());
    for (std::size_t i = 0; i < n; ++i) {
      group.spawn("model", one(*model_, commits[i], expected[i]));
      group.spawn("store", one(*store_, std::move(commits[i]), actual[i]));
    }
    run(group.join());
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_EQ(actual[i]->has_value(), expected[i]->has_value())
          << "commit " << i << " of " << n << ": "
          << (*actual[i] ? (*expected[i]).error().message() : (*actual[i]).error().message());
      if (*expected[i]) {
        EXPECT_EQ((*actual[i])->first, (*expected[i])->first);
        EXPECT_EQ((*actual[i])->last, (*expected[i])->last);
        EXPECT_EQ((*actual[i])->repeated, (*expected[i])->repeated);
        EXPECT_EQ((*actual[i])->answer, (*expected[i])->answer);
      } else {
        EXPECT_EQ(actual[i]->error().code(), expected[i]->error().code());
        EXPECT_EQ(actual[i]->error().message(), expected[i]->error().message());
      }
    }
  }

  static std::string text_of(const Doc& doc) {
    return doc.key.kind + "/" + doc.key.id + " v" + std::to_string(doc.version) + " #" +
           std::to_string(doc.rank) + " " + doc.body;
  }
  static std::string text_of(const QueueItem& item) {
    return item.item + " " + std::to_string(item.priority) + " " + std::to_string(item.attempt) +
           " " + std::to_string(to_ms(item.not_before)) + " " + item.lease;
  }
  static std::string text_of(const EventPtr& event) {
    return std::to_string(event->position.value) + " " + event->id.str() + " " + event->payload;
  }
  template <class T>
  static std::vector<std::string> texts(const std::vector<T>& values) {
    std::vector<std::string> out;
    for (const auto& value : values) out.push_back(text_of(value));
    return out;
  }
  std::vector<std::string> events_of(Store& store, const EventFilter& filter) {
    std::vector<std::string> out;
    for (auto at = store.log().mark(); at < store.log().head;) {
      auto page = run(store.read(at, filter, 1 + below(50))).value();
      if (page.scanned == at) break;
      for (const auto& event : page.events) out.push_back(text_of(event));
      at = page.scanned;
    }
    return out;
  }
  std::vector<std::string> state_of(Store& store) {
    std::vector<std::string> out;
    const auto add = [&](const auto& values) {
      for (const auto& value : texts(values)) out.push_back(value);
      out.emplace_back("--");
    };
    for (const auto* kind : kKinds) {
      add(run(store.list({.kind = kind, .mark = "", .limit = 100})).value());
      for (const auto* mark : kMarks) {
        add(run(store.list({.kind = kind, .mark = mark, .limit = 100})).value());
        out.push_back(std::to_string(run(store.count(kind, mark)).value()));
      }
    }
    add(run(store.items("q", 100)).value());
    add(run(store.ready("q", env_.now(), 100)).value());
    for (const auto& one : runs_)
      out.push_back(std::to_string(run(store.run_epoch(one)).value().value_or(99)));
    const auto log = store.log();
    out.push_back(std::to_string(log.head.value) + " " + std::to_string(log.oldest.value) + " " +
                  std::to_string(log.bytes));
    return out;
  }
  void compare() {
    ASSERT_EQ(state_of(*store_), state_of(*model_));
    const std::vector<EventFilter> filters{{},
                                           {.scopes = {Scope::trusted("agent:1")}, .kinds = {}},
                                           {.scopes = {}, .kinds = {"Note"}}};
    for (const auto& filter : filters) {
      ASSERT_EQ(events_of(*store_, filter), events_of(*model_, filter));
      ASSERT_EQ(texts(run(store_->latest(filter, 20)).value()),
                texts(run(model_->latest(filter, 20)).value()));
    }
  }

  /// Retention removes what is old, and payloads of some that are left.
  void forget_some() {
    const auto log = model_->log();
    const auto length = log.head.value - log.mark().value;
    if (length < 10) return;
    Truncation truncation;
    truncation.from = log.mark();
    truncation.upto = {log.mark().value + 1 + below(std::min<std::size_t>(length - 1, 400))};
    truncation.changed = {{{"agent", "1"}, body(), 0}};
    truncation.events = {event()};
    const auto expected = run(model_->truncate(truncation));
    const auto actual = run(store_->truncate(truncation));
    ASSERT_TRUE(expected);
    ASSERT_TRUE(actual) << actual.error().message();
    EXPECT_EQ(actual->first, expected->first);
    std::vector<Position> some;
    for (int i = 0; i < 20; ++i)
      some.push_back({model_->log().oldest.value +
                      below(model_->log().head.value - model_->log().mark().value)});
    const auto dropped = run(model_->prune(some));
    const auto here = run(store_->prune(some));
    ASSERT_TRUE(here) << here.error().message();
    EXPECT_EQ(here->events, dropped->events);
    EXPECT_EQ(here->bytes, dropped->bytes);
  }

  /// Another one, and what it finds is found again: REEVE_RANDOM_SEED.
  static std::uint64_t seed() {
    const char* given = std::getenv("REEVE_RANDOM_SEED");
    return given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
  }
  std::mt19937_64 random_{seed()};
  std::uint64_t bodies_ = 0;
  bool calm_ = false;
  std::array<RunId, 3> runs_;
  std::unique_ptr<Store> model_;
};

TEST_P(EventsStoresAgree, WhateverIsCommittedAtOnce) {
  for (int round = 0; round < 40; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    commit_at_once(1 + below(one_in(3) ? 40 : 4));
    calm_ = true;
    for (auto n = below(5); n > 0; --n) commit_at_once(1);
    calm_ = false;
    if (round % 6 == 5) compare();
    if (round % 12 == 11) forget_some();
    if (round % 20 == 19) {
      compare();
      reopen();
    }
    if (HasFatalFailure()) return;
  }
  compare();
  // The feed was told of each event once, in order.
  std::vector<std::uint64_t> all(model_->log().head.value);
  std::ranges::generate(all, [n = std::uint64_t{0}]() mutable { return ++n; });
  EXPECT_EQ(positions_of(fed_), all);
}

INSTANTIATE_TEST_SUITE_P(Events, EventsStoresAgree, ::testing::ValuesIn(backends()), name_of);

}  // namespace
}  // namespace reeve::store
