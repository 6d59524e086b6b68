// What every Store promises of retention (G11), checked against every backend there is.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "base/limits.h"
#include "store/contract_backends.h"

namespace reeve::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EventsRetention : public OnEachBackend {
 public:
  /// `number` events of alternating kinds A and B about agent:a and agent:b.
  void append(std::size_t number) {
    Commit commit;
    for (std::size_t i = 0; i < number; ++i)
      commit.events.push_back(i % 2 == 0 ? event("A", {"agent:a"}) : event("B", {"agent:b"}));
    ASSERT_TRUE(run(store_->commit(std::move(commit))));
  }
  static Truncation to(std::uint64_t from, std::uint64_t upto) {
    return {.from = {from}, .upto = {upto}, .changed = {}, .events = {}};
  }
  Result<Committed> truncate(Truncation truncation) {
    return run(store_->truncate(std::move(truncation)));
  }
  Result<EventPage> read(std::uint64_t after, EventFilter filter = {}, std::size_t limit = 100) {
    return run(store_->read(Position{after}, std::move(filter), limit));
  }
  std::vector<std::uint64_t> positions(std::uint64_t after, EventFilter filter = {}) {
    return positions_of(read(after, std::move(filter)).value().events);
  }
  std::vector<std::uint64_t> newest(EventFilter filter, std::size_t limit = 100) {
    return positions_of(run(store_->latest(std::move(filter), limit)).value());
  }
  static EventFilter scope(std::string text) {
    EventFilter filter;
    filter.scopes = {Scope::trusted(std::move(text))};
    return filter;
  }
  static EventFilter kind(std::string text) {
    EventFilter filter;
    filter.kinds = {std::move(text)};
    return filter;
  }
  static SnapshotDoc doc(std::string id, std::string body) {
    return {.key = {"task", std::move(id)}, .body = std::move(body)};
  }
  /// "id=body" of every document of the snapshot, page by page.
  std::vector<std::string> snapshot(std::size_t page_size = 100) {
    std::vector<std::string> out;
    for (std::uint64_t after = 0;;) {
      const auto page = run(store_->snapshot(after, page_size)).value();
      EXPECT_EQ(page.at, store_->log().mark());
      if (page.docs.empty()) return out;
      for (const auto& one : page.docs) {
        EXPECT_GT(one.rank, after);
        after = one.rank;
        out.push_back(one.key.id + "=" + one.body);
      }
    }
  }
  template <class T>
  void start(Async<T> work, std::optional<T>& out) {
    const auto wait = [](Async<T> task, std::optional<T>& into) -> Async<> {
      into = co_await std::move(task);
    };
    started_.spawn("work", wait(std::move(work), out));
  }

  aio::TaskGroup started_{loop_.get_executor()};
};

INSTANTIATE_TEST_SUITE_P(, EventsRetention, ::testing::ValuesIn(backends()), name_of);

TEST_P(EventsRetention, G11WhatIsRemovedIsGoneAndTheRestStaysWithASnapshotOfTheDocumentsThere) {
  append(10);
  EXPECT_EQ(store_->log().oldest.value, 1U);
  EXPECT_THAT(snapshot(), IsEmpty());
  auto first = to(0, 4);
  first.changed = {doc("t", "four"), doc("u", "four")};
  ASSERT_TRUE(truncate(std::move(first)));
  for (int look = 0; look < 2; ++look) {
    EXPECT_EQ(store_->log().oldest.value, 5U);
    EXPECT_EQ(store_->log().head.value, 10U);
    EXPECT_THAT(positions(4), ElementsAre(5, 6, 7, 8, 9, 10));
    EXPECT_THAT(positions(4, scope("agent:b")), ElementsAre(6, 8, 10));
    EXPECT_THAT(positions(6, kind("A")), ElementsAre(7, 9));
    EXPECT_THAT(snapshot(), ElementsAre("t=four", "u=four"));
    reopen();
  }
  // The next step replaces what changed; the documents' places stay.
  auto second = to(4, 7);
  second.changed = {doc("v", "seven"), doc("t", "seven")};
  ASSERT_TRUE(truncate(std::move(second)));
  EXPECT_THAT(snapshot(1), ElementsAre("t=seven", "u=four", "v=seven"));
  EXPECT_THAT(positions(7), ElementsAre(8, 9, 10));
  // The live documents are none of its business.
  EXPECT_FALSE(run(store_->get(DocKey{"task", "t"})).value());
}

TEST_P(EventsRetention, G11AReaderBelowTheMarkIsToldTheOldestCursor) {
  append(10);
  ASSERT_TRUE(truncate(to(0, 4)));
  const auto oldest = Cursor{store_->log().id, {4}}.str();
  for (const auto& filter : {EventFilter(), scope("agent:a"), scope("agent:none"), kind("A")}) {
    for (const std::uint64_t after : {0U, 3U}) {
      const auto refused = read(after, filter);
      ASSERT_EQ(code_of(refused), Errc::cursor_expired) << after;
      EXPECT_THAT(refused.error().message(), HasSubstr("up to position 4"));
      EXPECT_THAT(refused.error().message(), HasSubstr(oldest));
    }
    EXPECT_TRUE(read(4, filter));
  }
}

TEST_P(EventsRetention, G11AReaderIsToldInTheMiddleOfItsPagesToo) {
  append(10);
  const auto first = read(0, scope("agent:a"), 2).value();
  EXPECT_THAT(positions_of(first.events), ElementsAre(1, 3));
  ASSERT_TRUE(truncate(to(0, 3)));  // it stands right at the mark: nothing is missed
  const auto second = read(first.scanned.value, scope("agent:a"), 2).value();
  EXPECT_THAT(positions_of(second.events), ElementsAre(5, 7));
  ASSERT_TRUE(truncate(to(3, 8)));
  EXPECT_EQ(code_of(read(second.scanned.value, scope("agent:a"), 2)), Errc::cursor_expired);
}

TEST_P(EventsRetention, G11AReadThatIsUnderWayWhileEventsGoSeesAllOrIsTold) {
  append(400);
  std::vector<std::optional<Result<EventPage>>> pages(40);
  std::vector<std::optional<Result<Committed>>> cuts(40);
  for (std::size_t i = 0; i < pages.size(); ++i) {
    start(store_->read(Position{i * 5}, i % 2 == 0 ? EventFilter() : scope("agent:a"), 1'000),
          pages[i]);
    start(store_->truncate(to(i * 10, i * 10 + 10)), cuts[i]);
  }
  run(started_.join());
  for (std::size_t i = 0; i < pages.size(); ++i) {
    ASSERT_TRUE(*cuts[i]);
    if (!*pages[i]) {
      EXPECT_EQ(code_of(*pages[i]), Errc::cursor_expired);
      continue;
    }
    std::vector<std::uint64_t> wanted;
    for (auto at = i * 5 + 1; at <= 400; ++at) {
      if (i % 2 == 0 || at % 2 == 1) wanted.push_back(at);
    }
    EXPECT_EQ(positions_of((*pages[i])->events), wanted) << i;
  }
  EXPECT_EQ(store_->log().oldest.value, 401U);
}

TEST_P(EventsRetention, G11TheNewestEventsStopAtTheMark) {
  append(10);
  ASSERT_TRUE(truncate(to(0, 6)));
  for (int look = 0; look < 2; ++look) {
    EXPECT_THAT(newest({}), ElementsAre(7, 8, 9, 10));
    EXPECT_THAT(newest({}, 2), ElementsAre(9, 10));
    EXPECT_THAT(newest(scope("agent:a")), ElementsAre(7, 9));
    EXPECT_THAT(newest(scope("town"), 3), ElementsAre(8, 9, 10));
    EXPECT_THAT(newest(kind("B")), ElementsAre(8, 10));
    EXPECT_THAT(newest(scope("agent:none")), IsEmpty());
    reopen();
  }
}

TEST_P(EventsRetention, G11PositionsGoOnWhereNothingIsLeft) {
  append(6);
  const auto log = store_->log().id;
  ASSERT_TRUE(truncate(to(0, 6)));
  for (int look = 0; look < 2; ++look) {
    EXPECT_EQ(store_->log().head.value, 6U);
    EXPECT_EQ(store_->log().oldest.value, 7U);
    EXPECT_EQ(store_->log().bytes, 0U);
    EXPECT_THAT(newest({}), IsEmpty());
    EXPECT_THAT(positions(6), IsEmpty());
    EXPECT_EQ(code_of(read(5)), Errc::cursor_expired);
    reopen();
  }
  append(2);
  EXPECT_THAT(positions(6), ElementsAre(7, 8));
  reopen();
  EXPECT_THAT(positions(6, scope("agent:a")), ElementsAre(7));
  EXPECT_EQ(store_->log().head.value, 8U);
  EXPECT_EQ(store_->log().id, log);
}

TEST_P(EventsRetention, G11WhatTellsOfItIsCommittedWithIt) {
  append(3);
  auto cut = to(0, 2);
  cut.events = {event("LogTruncated"), event("More", {"agent:a"})};
  const auto done = truncate(std::move(cut)).value();
  EXPECT_EQ(done.first.value, 4U);
  EXPECT_EQ(done.last.value, 5U);
  EXPECT_THAT(positions_of(fed_), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(positions(2), ElementsAre(3, 4, 5));
  EXPECT_THAT(positions(2, scope("agent:a")), ElementsAre(3, 5));
}

TEST_P(EventsRetention, G11ATruncationThatDoesNotFitChangesNothing) {
  append(9);
  ASSERT_TRUE(truncate(to(0, 2)));
  const auto refused = [&](Truncation cut, Errc code) {
    cut.changed.push_back(doc("t", "never"));
    cut.events.push_back(event("Never"));
    EXPECT_EQ(code_of(truncate(std::move(cut))), code);
  };
  refused(to(0, 4), Errc::conflict);  // the mark has moved on
  refused(to(3, 4), Errc::conflict);
  refused(to(2, 2), Errc::invalid_argument);
  refused(to(2, 1), Errc::invalid_argument);
  refused(to(2, 10), Errc::invalid_argument);
  auto blank = to(2, 4);
  blank.changed = {doc("", "{}")};
  refused(std::move(blank), Errc::invalid_argument);
  auto huge = to(2, 4);
  huge.changed = {doc("t", std::string(limits::kDocument + 1, ' '))};
  refused(std::move(huge), Errc::too_large);
  auto nameless = to(2, 4);
  nameless.events = {NewEvent()};
  refused(std::move(nameless), Errc::invalid_argument);
  EXPECT_THAT(positions(2), ElementsAre(3, 4, 5, 6, 7, 8, 9));
  EXPECT_THAT(snapshot(), IsEmpty());
  EXPECT_EQ(fed_.size(), 9U);
  append(limits::kRetentionStep);
  refused(to(2, 2 + limits::kRetentionStep + 1), Errc::too_large);
  EXPECT_TRUE(truncate(to(2, 2 + limits::kRetentionStep)));
}

TEST_P(EventsRetention, G11OfTwoAtOnceOneWins) {
  append(9);
  std::optional<Result<Committed>> first, second;
  start(store_->truncate(to(0, 3)), first);
  start(store_->truncate(to(0, 5)), second);
  run(started_.join());
  EXPECT_TRUE(*first);
  EXPECT_EQ(code_of(*second), Errc::conflict);
  EXPECT_EQ(store_->log().oldest.value, 4U);
}

TEST_P(EventsRetention, TheSnapshotIsAskedForByName) {
  append(2);
  auto cut = to(0, 1);
  cut.changed = {doc("t", "1"), doc("u", "2"), {.key = {"agent", "t"}, .body = "3"}};
  ASSERT_TRUE(truncate(std::move(cut)));
  std::vector<DocKey> keys{{"agent", "t"}, {"task", "none"}, {"task", "t"}};
  const auto page = run(store_->snapshot_of(std::move(keys))).value();
  EXPECT_EQ(page.at.value, 1U);
  ASSERT_EQ(page.docs.size(), 2U);
  EXPECT_EQ(page.docs[0].body, "3");
  EXPECT_EQ(page.docs[1].body, "1");
}

TEST_P(EventsRetention, APageOfLargeThingsIsShorter) {
  const std::string large(limits::kPageBytes / 2, 'x');
  Commit commit;
  for (int i = 0; i < 4; ++i) commit.events.push_back(event("A", {"agent:a"}, large));
  ASSERT_TRUE(run(store_->commit(std::move(commit))));
  append(1);
  for (const auto& filter : {EventFilter(), scope("agent:a")}) {
    const auto page = read(0, filter).value();
    EXPECT_THAT(positions_of(page.events), ElementsAre(1, 2));
    EXPECT_EQ(page.scanned.value, 2U);
    EXPECT_THAT(positions(2, filter), ElementsAre(3, 4));
    EXPECT_THAT(positions(4, filter), ElementsAre(5));
  }
  auto cut = to(0, 1);
  for (int i = 0; i < 5; ++i) cut.changed.push_back(doc("t" + std::to_string(i), large));
  ASSERT_TRUE(truncate(std::move(cut)));
  EXPECT_EQ(run(store_->snapshot(0, 100)).value().docs.size(), 2U);
  EXPECT_EQ(snapshot().size(), 5U);
}

// --- Pruning -------------------------------------------------------------------------------------

TEST_P(EventsRetention, PruningDropsThePayloadAndNothingElse) {
  auto said = event("AssistantMessage", {"agent:a", "run:r"}, R"({"text":"a long text"})");
  said.fidelity = Fidelity::committed;
  said.correlation = "c";
  Commit commit;
  commit.events = {said, event("AssistantMessage", {}, "{}"), event("TaskCreated", {}, "1")};
  ASSERT_TRUE(run(store_->commit(std::move(commit))));
  const auto pruned = run(store_->prune({{1}, {2}, {77}})).value();
  EXPECT_EQ(pruned.events, 2U);
  EXPECT_EQ(pruned.bytes, 24U);
  auto wanted = said;
  wanted.payload = R"({"pruned":true})";
  for (int look = 0; look < 2; ++look) {
    const auto page = read(0).value();
    ASSERT_EQ(page.events.size(), 3U);
    EXPECT_EQ(event_json(*page.events[0]), event_json(Event(Position{1}, wanted)));
    EXPECT_EQ(page.events[2]->payload, "1");
    EXPECT_THAT(positions(0, scope("run:r")), ElementsAre(1));
    reopen();
  }
  EXPECT_EQ(run(store_->prune({{1}, {2}})).value().events, 0U);  // they are already
  ASSERT_TRUE(truncate(to(0, 1)));
  EXPECT_EQ(run(store_->prune({{1}})).value().events, 0U);
}

TEST_P(EventsRetention, AFactKeepsItsPayload) {
  Commit commit;
  commit.events = {event("AssistantMessage", {}, "1"), event("TaskCreated", {}, "2")};
  ASSERT_TRUE(run(store_->commit(std::move(commit))));
  const auto refused = run(store_->prune({{1}, {2}}));
  ASSERT_EQ(code_of(refused), Errc::invalid_argument);
  EXPECT_THAT(refused.error().message(), HasSubstr("event 2 is a TaskCreated"));
  const auto page = read(0).value();
  EXPECT_EQ(page.events[0]->payload, "1");
  EXPECT_EQ(page.events[1]->payload, "2");
  EXPECT_EQ(code_of(run(store_->prune(std::vector<Position>(limits::kRetentionStep + 1)))),
            Errc::too_large);
}

// --- The size ------------------------------------------------------------------------------------

TEST_P(EventsRetention, TheSizeIsThatOfTheEventsThatAreLeft) {
  const auto check = [&] {
    std::uint64_t bytes = 0;
    for (auto at = store_->log().mark(); at < store_->log().head;) {
      const auto page = read(at.value, {}, 1'000).value();
      for (const auto& one : page.events) bytes += stored_bytes(*one);
      at = page.scanned;
    }
    EXPECT_EQ(store_->log().bytes, bytes);
  };
  EXPECT_EQ(store_->log().bytes, 0U);
  Commit commit;
  for (std::size_t i = 0; i < 200; ++i) {
    commit.events.push_back(event("Note", {"agent:a", "task:" + std::to_string(i)},
                                  "\"" + std::string(i * 3, 'x') + "\""));
  }
  commit.events.push_back(event("Bare"));
  ASSERT_TRUE(run(store_->commit(std::move(commit))));
  check();
  auto cut = to(0, 100);
  cut.events = {event("Told", {"agent:b"})};
  ASSERT_TRUE(truncate(std::move(cut)));
  check();
  ASSERT_TRUE(run(store_->prune({{110}, {111}, {112}})));
  check();
  reopen();
  check();
  append(10);
  reopen();
  check();
  // A commit that fails counts for nothing.
  Commit never;
  never.require = {DocAt{.key = {"a", "b"}, .version = 1}};
  never.events = {event("Never")};
  EXPECT_FALSE(run(store_->commit(std::move(never))));
  EXPECT_FALSE(truncate(to(7, 9)));
  check();
}

// --- The model -----------------------------------------------------------------------------------

TEST_P(EventsRetention, G11BehavesLikeAListThatLosesItsBeginning) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto below = [&](std::uint64_t n) { return random() % n; };
  std::vector<EventPtr> all;  // ever
  std::map<std::string, std::string> docs;
  std::uint64_t mark = 0;
  for (int round = 0; round < 150; ++round) {
    if (below(3) > 0) append(1 + below(12));
    all.insert(all.end(), fed_.begin(), fed_.end());
    fed_.clear();
    if (mark < all.size() && below(2) == 0) {
      auto cut = to(mark, mark + 1 + below(std::min<std::uint64_t>(all.size() - mark, 20)));
      for (auto n = below(4); n > 0; --n) {
        const auto id = "t" + std::to_string(below(6));
        if (std::ranges::any_of(cut.changed, [&](const auto& one) { return one.key.id == id; }))
          continue;
        docs[id] = std::to_string(round);
        cut.changed.push_back(doc(id, docs[id]));
      }
      mark = cut.upto.value;
      ASSERT_TRUE(truncate(std::move(cut)));
    }
    if (below(20) == 0) reopen();

    EXPECT_EQ(store_->log().mark().value, mark);
    EXPECT_EQ(store_->log().head.value, all.size());
    const auto filter = below(3) == 0   ? EventFilter()
                        : below(2) == 0 ? scope("agent:a")
                                        : kind("B");
    const auto after = below(all.size() + 1);
    const auto page = read(after, filter, 1'000);
    if (after < mark) {
      EXPECT_EQ(code_of(page), Errc::cursor_expired);
    } else {
      std::vector<std::uint64_t> wanted;
      for (auto at = after; at < all.size(); ++at) {
        if (filter.matches(*all[at])) wanted.push_back(at + 1);
      }
      EXPECT_EQ(positions_of(page.value().events), wanted);
    }
    std::vector<std::uint64_t> last;
    for (auto at = all.size(); at > mark && last.size() < 3; --at) {
      if (filter.matches(*all[at - 1])) last.insert(last.begin(), at);
    }
    EXPECT_EQ(newest(filter, 3), last);
    auto kept = snapshot(2);
    std::ranges::sort(kept);
    std::vector<std::string> wanted;
    for (const auto& [id, body] : docs) wanted.push_back(id + "=" + body);
    EXPECT_EQ(kept, wanted);
    if (::testing::Test::HasFailure()) break;
  }
}

}  // namespace
}  // namespace reeve::store
