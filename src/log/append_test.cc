// How a run's events come into the log: all or nothing, once, and only where what was expected
// holds. Over both stores.

#include "log/append.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/limits.h"
#include "event/testing.h"
#include "log/outbox.h"
#include "log/testing.h"
#include "store/forwarding_store.h"

namespace reeve::log {
namespace {

using store::code_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<Backend> memory_and_sqlite() {
  std::vector<Backend> both;
  for (auto& backend : backends()) {
    if (backend.name == "memory" || backend.name == "sqlite") both.push_back(std::move(backend));
  }
  return both;
}

class EventsAppend : public LogTest {
 protected:
  SinkOptions options() {
    SinkOptions made;
    made.context = a_context();
    return made;
  }
  static AgentEvent message(std::string text) { return AssistantMessage{.text = std::move(text)}; }
  /// Appends what a sink of its own is told.
  Result<store::Committed> append_of(const std::vector<AgentEvent>& events, AppendOptions how = {},
                                     const std::function<void(SinkOptions&)>& change = nullptr) {
    auto made = options();
    if (change) change(made);
    DurableSink sink(env_, *log_, std::move(made));
    for (const auto& event : events) EXPECT_TRUE(sink.emit(event));
    return run(append(*store_, sink, std::move(how)));
  }
  static AppendOptions keyed(std::string key, std::string writer = "ada") {
    AppendOptions how;
    how.writer = std::move(writer);
    how.key = std::move(key);
    return how;
  }
  std::vector<EventPtr> list(EventFilter filter = {}, Position after = {}) {
    return run(store_->read(after, std::move(filter), 100)).value().events;
  }
  std::vector<std::string> texts() {
    std::vector<std::string> texts;
    for (const auto& event : list()) {
      const auto payload = parse_json(event->payload).value();
      texts.emplace_back(payload.at("text").as_string());
    }
    return texts;
  }
  store::PutDoc doc(std::string body) { return {{"note", "n"}, std::move(body), {}}; }
  std::string body() {
    const auto found = run(store_->get({"note", "n"})).value();
    return found ? found->body : "";
  }
};
INSTANTIATE_TEST_SUITE_P(, EventsAppend, ::testing::ValuesIn(memory_and_sqlite()),
                         [](const auto& backend) { return backend.param.name; });

// --- Reading back --------------------------------------------------------------------------------

TEST_P(EventsAppend, AppendThenListPreservesScopeOrder) {
  ASSERT_TRUE(append_of({message("a"), message("b")}));
  commit({event("Other", {"agent:x"})});
  ASSERT_TRUE(append_of({message("c")}));
  const auto scope = Scope::of(a_context().run);
  EventFilter mine;
  mine.scopes = {scope};
  std::string order;
  for (const auto& event : list(mine))
    order += std::string_view(parse_json(event->payload)->at("text").as_string());
  EXPECT_EQ(order, "abc");
}

TEST_P(EventsAppend, MultiScopeAppendIsQueryableByEachScope) {
  const auto agent = Scope::parse("agent:0190a5b0-1c2d-7e3f-8a4b-0000000000aa").value();
  ASSERT_TRUE(append_of({message("a")}, {}, [&](auto& made) { made.context.scopes = {agent}; }));
  for (const auto& scope : {agent, Scope::of(a_context().run), Scope::of(a_context().thread)}) {
    EventFilter one;
    one.scopes = {scope};
    ASSERT_EQ(list(one).size(), 1U) << scope.str();
  }
}

// There is one order, so an event has one place, whatever it is about.
TEST_P(EventsAppend, PersistedEventHasOneCursorForAllItsScopes) {
  ASSERT_TRUE(append_of({message("a"), message("b")}));
  for (const auto& scope : {Scope::of(a_context().run), Scope::of(a_context().thread)}) {
    EventFilter one;
    one.scopes = {scope};
    EXPECT_THAT(store::positions_of(list(one)), ElementsAre(1, 2));
  }
}

TEST_P(EventsAppend, PersistedEventCarriesStoreAssignedFieldsAndDenormalizedIds) {
  const auto done = append_of({message("a")}, {}, [](SinkOptions& made) {
    made.context.correlation = "dispatch-1";
    made.context.causation = "command-1";
  });
  ASSERT_TRUE(done);
  EXPECT_EQ(done->first, Position{1});
  EXPECT_EQ(done->last, Position{1});
  const auto kept = list();
  const auto& event = *kept.at(0);
  EXPECT_EQ(event.position, Position{1});
  EXPECT_FALSE(event.id.is_nil());
  EXPECT_EQ(event.time, env_.now());
  EXPECT_EQ(event.origin, "agent:ada");
  EXPECT_EQ(event.fidelity, Fidelity::committed);
  EXPECT_EQ(event.visibility, Visibility::public_);
  EXPECT_EQ(event.schema, 1U);
  EXPECT_EQ(event.correlation, "dispatch-1");
  EXPECT_EQ(event.causation, "command-1");
  ASSERT_EQ(event.scopes.size(), 2U);
  EXPECT_EQ(RunId::parse(event.scopes[0].id()).value(), a_context().run);
  EXPECT_EQ(ThreadId::parse(event.scopes[1].id()).value(), a_context().thread);
}

// An event's place is its name.
TEST_P(EventsAppend, LoadEventReturnsEventByItsPosition) {
  ASSERT_TRUE(append_of({message("a"), message("b"), message("c")}));
  const auto all = list();
  const auto page = run(store_->read({1}, {}, 1)).value();
  ASSERT_EQ(page.events.size(), 1U);
  EXPECT_EQ(page.events[0]->id, all[1]->id);
}

TEST_P(EventsAppend, ListFromCursorReturnsEventsAfterCursor) {
  ASSERT_TRUE(append_of({message("a"), message("b"), message("c")}));
  const auto cursor = Cursor::parse(log_->cursor({1}).str()).value();
  EXPECT_THAT(store::positions_of(list({}, log_->position_of(cursor).value())), ElementsAre(2, 3));
}

TEST_P(EventsAppend, ListReturnsCursorExpiredForUnknownCursor) {
  ASSERT_TRUE(append_of({message("a"), message("b"), message("c")}));
  store::Truncation cut;
  cut.upto = {2};
  ASSERT_TRUE(run(store_->truncate(std::move(cut))));
  EXPECT_EQ(code_of(log_->position_of(log_->cursor({1}))), Errc::cursor_expired);
  EXPECT_EQ(code_of(run(store_->read({1}, {}, 1))), Errc::cursor_expired);
  EXPECT_TRUE(log_->position_of(log_->cursor({2})));
  // Three troubles of which the caller does three things.
  EXPECT_EQ(code_of(log_->position_of({LogId(env_.uuid4()), {3}})), Errc::cursor_foreign);
  EXPECT_EQ(code_of(log_->position_of(log_->cursor({4}))), Errc::invalid_argument);
}

// --- Idempotency (G9) ----------------------------------------------------------------------------

TEST_P(EventsAppend, AppendOptionsRequireWriterForIdempotency) {
  EXPECT_EQ(code_of(append_of({message("a")}, keyed("k", ""))), Errc::invalid_argument);
  EXPECT_EQ(code_of(append_of({message("a")}, keyed("", "ada"))), Errc::invalid_argument);
  // A store takes none either.
  auto direct = commit_of({event("A")});
  direct.key = store::IdempotencyKey{"", "k", "d"};
  EXPECT_EQ(code_of(run(store_->commit(direct))), Errc::invalid_argument);
  EXPECT_THAT(list(), IsEmpty());
}

TEST_P(EventsAppend, AppendOptionsReturnIdempotencyIdentityOfWriterAndKey) {
  ASSERT_TRUE(append_of({message("a")}, keyed("k", "ada")));
  EXPECT_FALSE(append_of({message("b")}, keyed("k", "bob"))->repeated);
  EXPECT_FALSE(append_of({message("c")}, keyed("l", "ada"))->repeated);
  EXPECT_TRUE(append_of({message("a")}, keyed("k", "ada"))->repeated);
  EXPECT_THAT(texts(), ElementsAre("a", "b", "c"));
}

TEST_P(EventsAppend, IdempotencyRetryReturnsOriginalEvent) {
  const auto first = append_of({message("a")}, keyed("k")).value();
  ASSERT_TRUE(append_of({message("between")}));
  const auto again = append_of({message("a")}, keyed("k")).value();
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.first, first.first);
  EXPECT_EQ(again.last, first.last);
  EXPECT_THAT(texts(), ElementsAre("a", "between"));
}

TEST_P(EventsAppend, IdempotencyRetryWithDifferentOriginOrSchemaVersionReturnsOriginal) {
  const auto first = append_of({message("a")}, keyed("k")).value();
  env_.advance(Duration(5));
  const auto again = append_of({message("a")}, keyed("k"), [](SinkOptions& made) {
                       made.context.origin = "agent:bob";
                     }).value();
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.first, first.first);
  EXPECT_EQ(list().at(0)->origin, "agent:ada");
}

TEST_P(EventsAppend, IdempotencyReuseWithDifferentInputConflicts) {
  ASSERT_TRUE(append_of({message("a")}, keyed("k")));
  EXPECT_EQ(code_of(append_of({message("b")}, keyed("k"))), Errc::conflict);
  EXPECT_EQ(code_of(append_of({message("a"), message("b")}, keyed("k"))), Errc::conflict);
  EXPECT_THAT(texts(), ElementsAre("a"));
}

// awaken looks at nothing else where a key is known, and so does a store of ours: the first answer
// stands, whatever has changed since.
TEST_P(EventsAppend, ARetryIsAnsweredAlsoWhereWhatItExpectedHasChanged) {
  auto how = keyed("k");
  how.require = {store::DocAbsent{{"note", "n"}}};
  how.writes = {doc("1")};
  ASSERT_TRUE(append_of({message("a")}, how));
  EXPECT_TRUE(append_of({message("a")}, how)->repeated);
  EXPECT_EQ(body(), "1");
}

NewEvent an_event() {
  NewEvent event;
  event.kind = "K";
  event.origin = "town";
  event.scopes = {Scope::parse("agent:a").value(), Scope::parse("task:t").value()};
  event.payload = R"({"a":1,"b":2})";
  return event;
}

TEST(EventsAppendDigest, IdempotencyDigestIgnoresOriginAndSchemaVersion) {
  const auto first = digest_of({an_event()});
  auto other = an_event();
  other.id = EventId(Uuid{{1}});
  other.time = from_ms(5);
  other.origin = "cli";
  other.schema = 7;
  other.fidelity = Fidelity::observed;
  other.payload = R"({"b":2,"a":1})";
  // awaken's depends on the order in which the scopes are named.
  std::swap(other.scopes[0], other.scopes[1]);
  EXPECT_EQ(digest_of({other}), first);
}

TEST(EventsAppendDigest, IdempotencyDigestDistinguishesD5Fields) {
  const auto first = digest_of({an_event()});
  const auto differs = [&](auto change) {
    auto other = an_event();
    change(other);
    return digest_of({other}) != first;
  };
  EXPECT_TRUE(differs([](NewEvent& e) { e.kind = "L"; }));
  EXPECT_TRUE(differs([](NewEvent& e) { e.scopes.pop_back(); }));
  EXPECT_TRUE(differs([](NewEvent& e) { e.payload = R"({"a":1,"b":3})"; }));
  EXPECT_TRUE(differs([](NewEvent& e) { e.visibility = Visibility::internal; }));
  EXPECT_TRUE(differs([](NewEvent& e) { e.correlation = "c"; }));
  EXPECT_TRUE(differs([](NewEvent& e) { e.causation = "c"; }));
  EXPECT_NE(digest_of({an_event(), an_event()}), first);
  EXPECT_FALSE(differs([](NewEvent&) {}));
}

// --- Expectations --------------------------------------------------------------------------------

TEST_P(EventsAppend, ExpectedPriorVersionMismatchConflictsAndSaysBoth) {
  auto put = commit_of({});
  put.writes = {doc("1"), doc("2")};
  ASSERT_TRUE(run(store_->commit(put)));
  AppendOptions how;
  how.require = {store::DocAt{{"note", "n"}, 1}};
  const auto done = append_of({message("a")}, how);
  EXPECT_EQ(code_of(done), Errc::conflict);
  EXPECT_THAT(done.error().message(), HasSubstr("note n has changed: it is at version 2, not 1"));
  EXPECT_THAT(list(), IsEmpty());
}

TEST_P(EventsAppend, ExpectedPriorVersionMatchAllowsAppend) {
  AppendOptions how;
  // awaken cannot say that nothing is there yet.
  how.require = {store::DocAbsent{{"note", "n"}}};
  how.writes = {doc("1")};
  ASSERT_TRUE(append_of({message("a")}, how));
  EXPECT_EQ(code_of(append_of({message("b")}, how)), Errc::conflict);
  how.require = {store::DocAt{{"note", "n"}, 1}};
  how.writes = {doc("2")};
  ASSERT_TRUE(append_of({message("c")}, how));
  EXPECT_THAT(texts(), ElementsAre("a", "c"));
  EXPECT_EQ(body(), "2");
}

TEST_P(EventsAppend, G8AnExecutorThatLostItsLeaseCannotAppend) {
  AppendOptions how;
  how.require = {store::RunAt{a_context().run, 1}};
  EXPECT_EQ(code_of(append_of({message("a")}, how)), Errc::fenced);
  auto began = commit_of({});
  began.writes = {store::SetRunEpoch{a_context().run, 1}};
  ASSERT_TRUE(run(store_->commit(began)));
  EXPECT_TRUE(append_of({message("a")}, how));
}

// --- From the sink into the commit ---------------------------------------------------------------

TEST_P(EventsAppend, DrainsBufferIntoPlanOnCommitAndStagedEventsRoundTrip) {
  DurableSink sink(env_, *log_, options());
  ASSERT_TRUE(sink.emit(message("a")));
  ASSERT_TRUE(sink.emit(message("b")));
  const auto staged = sink.staged().events;
  ASSERT_TRUE(run(append(*store_, sink, {})));
  EXPECT_TRUE(sink.empty());
  const auto kept = list();
  ASSERT_EQ(kept.size(), staged.size());
  for (std::size_t i = 0; i < kept.size(); ++i)
    EXPECT_EQ(event_json(*kept[i]), event_json(Event(Position{i + 1}, staged[i])));
}

TEST_P(EventsAppend, RetryAfterConflictResubmitsSameDrafts) {
  DurableSink sink(env_, *log_, options());
  ASSERT_TRUE(sink.emit(message("a")));
  const auto id = sink.staged().events.at(0).id;
  AppendOptions stale;
  stale.require = {store::DocAt{{"note", "n"}, 1}};
  for (int attempt = 0; attempt < 3; ++attempt) {
    EXPECT_EQ(code_of(run(append(*store_, sink, stale))), Errc::conflict);
    EXPECT_FALSE(sink.empty());
  }
  ASSERT_TRUE(run(append(*store_, sink, {})));
  ASSERT_EQ(list().size(), 1U);
  EXPECT_EQ(list()[0]->id, id);
}

TEST_P(EventsAppend, ClearedAfterSuccessDoesNotLeakIntoNextCommit) {
  DurableSink sink(env_, *log_, options());
  ASSERT_TRUE(sink.emit(message("a")));
  ASSERT_TRUE(run(append(*store_, sink, keyed("1"))));
  ASSERT_TRUE(sink.emit(message("b")));
  ASSERT_TRUE(run(append(*store_, sink, keyed("2"))));
  ASSERT_TRUE(run(append(*store_, sink, keyed("3"))));
  EXPECT_THAT(texts(), ElementsAre("a", "b"));
}

/// Says of a commit that nobody knows what became of it.
class Doubtful final : public store::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  enum class Doubt { none, lost, done } next = Doubt::none;

  Async<Result<store::Committed>> commit(store::Commit commit) override {
    const auto doubt = std::exchange(next, Doubt::none);
    if (doubt == Doubt::lost) co_return fail(Errc::unknown_outcome, "the test says so");
    auto done = co_await inner_->commit(std::move(commit));
    if (doubt == Doubt::done) co_return fail(Errc::unknown_outcome, "the test says so");
    co_return done;
  }
};

TEST_P(EventsAppend, G9AnAmbiguousCommitIsRetriedAndHappensOnce) {
  log_.reset();
  auto doubtful = std::make_unique<Doubtful>(std::move(store_));
  auto& doubt = doubtful->next;
  store_ = std::move(doubtful);
  log_ = std::make_unique<Log>(env_, loop_.get_executor(), *store_);
  for (const auto what : {Doubtful::Doubt::lost, Doubtful::Doubt::done}) {
    DurableSink sink(env_, *log_, options());
    ASSERT_TRUE(sink.emit(message("a")));
    const auto how = keyed(std::to_string(static_cast<int>(what)));
    doubt = what;
    EXPECT_EQ(code_of(run(append(*store_, sink, how))), Errc::unknown_outcome);
    EXPECT_FALSE(sink.empty());
    const auto again = run(append(*store_, sink, how));
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_EQ(again->repeated, what == Doubtful::Doubt::done);
    EXPECT_TRUE(sink.empty());
  }
  EXPECT_THAT(texts(), ElementsAre("a", "a"));
}

// --- All or nothing (G2) -------------------------------------------------------------------------

/// Events, an outbox row and a document in one commit.
class EventsAtomicity : public EventsAppend {
 protected:
  store::Commit all(std::vector<NewEvent> events) {
    OutboxStage stage;
    NewRow row{.lane = "lane", .key = "k", .payload = "told"};
    EXPECT_TRUE(run(outbox_.stage(stage, row)));
    auto commit = commit_of(std::move(events));
    commit.writes.emplace_back(doc("1"));
    stage.add_to(commit);
    return commit;
  }
  void expect_nothing() {
    EXPECT_THAT(list(), IsEmpty());
    EXPECT_EQ(run(outbox_.counts("lane")).value().pending, 0U);
    EXPECT_EQ(body(), "");
    EXPECT_EQ(log_->head(), Position{0});
  }
  Outbox outbox_{env_, loop_.get_executor(), *store_};
};
INSTANTIATE_TEST_SUITE_P(, EventsAtomicity, ::testing::ValuesIn(memory_and_sqlite()),
                         [](const auto& backend) { return backend.param.name; });

TEST_P(EventsAtomicity, G2HappyPathReturnsIdsAndRunsWrite) {
  const auto done = run(store_->commit(all({event("A"), event("B")}))).value();
  EXPECT_EQ(done.first, Position{1});
  EXPECT_EQ(done.last, Position{2});
  EXPECT_EQ(list().size(), 2U);
  EXPECT_EQ(run(outbox_.counts("lane")).value().pending, 1U);
  EXPECT_EQ(body(), "1");
}

TEST_P(EventsAtomicity, G2EventAppendFailureRollsBackAndSkipsWrite) {
  auto bad = event("Bad");
  bad.origin = "";
  EXPECT_EQ(code_of(run(store_->commit(all({bad})))), Errc::invalid_argument);
  expect_nothing();
}

TEST_P(EventsAtomicity, G2CommitRollsBackPartialAppendsWhenLaterDraftFails) {
  auto large = event("Large");
  large.payload = R"({"x":")" + std::string(limits::kEventPayload, 'x') + R"("})";
  EXPECT_EQ(code_of(run(store_->commit(all({event("A"), event("B"), large})))), Errc::too_large);
  expect_nothing();
}

TEST_P(EventsAtomicity, G2CommitRollsBackOnEventAppendIdempotencyConflict) {
  auto first = commit_of({});
  first.key = store::IdempotencyKey{"ada", "k", "one"};
  ASSERT_TRUE(run(store_->commit(first)));
  auto other = all({event("A")});
  other.key = store::IdempotencyKey{"ada", "k", "two"};
  EXPECT_EQ(code_of(run(store_->commit(other))), Errc::conflict);
  expect_nothing();
}

TEST_P(EventsAtomicity, G2OutboxFailureRollsBackEventsAndSkipsWrite) {
  auto late = all({event("A")});
  NewRow row{.lane = "lane", .key = "k", .payload = "told"};
  ASSERT_TRUE(run(outbox_.enqueue(row)));
  EXPECT_EQ(code_of(run(store_->commit(late))), Errc::conflict);
  EXPECT_THAT(list(), IsEmpty());
  EXPECT_EQ(body(), "");
  EXPECT_EQ(run(outbox_.counts("lane")).value().pending, 1U) << "the other's";
}

TEST_P(EventsAtomicity, G2WriteFailureRollsBackEventsAndOutbox) {
  auto bad = all({event("A")});
  bad.writes.emplace_back(store::QueueReturn{.queue = "q", .item = "none"});
  EXPECT_EQ(code_of(run(store_->commit(bad))), Errc::conflict);
  expect_nothing();
  auto stale = all({event("A")});
  stale.require.emplace_back(store::DocAt{{"note", "n"}, 1});
  EXPECT_EQ(code_of(run(store_->commit(stale))), Errc::conflict);
  expect_nothing();
}

// A store is known by its log's id: of another one no cursor is taken.
TEST_P(EventsAtomicity, ScopeIsStableForRepeatedCallsAndDiffersForDistinctStores) {
  EXPECT_EQ(store_->log().id, store_->log().id);
  const auto other = store::make_memory(env_, loop_.get_executor());
  EXPECT_NE(other->log().id, store_->log().id);
  const auto cursor = log_->cursor({});
  restart();
  EXPECT_EQ(log_->cursor({}).log, cursor.log);
  run(other->close());
}

}  // namespace
}  // namespace reeve::log
