// What a step of a conversation commits: its messages, the documents and the events, on what was
// expected of them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "log/durable_sink.h"
#include "run/testing.h"

namespace reeve::run {
namespace {

using testing::Backend;
using ::testing::HasSubstr;
using testing::World;

class EventsCheckpoint : public ::testing::TestWithParam<Backend> {
 protected:
  EventsCheckpoint() {
    thread_.id = ThreadId(world_.env.uuid4());
    thread_.created_at = thread_.updated_at = world_.env.now();
    run_.id = RunId(world_.env.uuid4());
    run_.thread = thread_.id;
    run_.provider = "model";
  }
  /// Version 1 of the thread's document, without messages.
  Result<store::Committed> begin() {
    return world_.commit({fact::ThreadStarted{thread_}, fact::RunStarted{run_}});
  }
  fact::MessagesAppended said(std::uint64_t from, std::vector<std::string> texts) {
    fact::MessagesAppended appended{thread_.id, run_.id, from, {}};
    for (auto& text : texts) appended.messages.push_back(ChatMessage::user(std::move(text)));
    return appended;
  }
  /// With what its writer takes the thread for.
  Result<store::Committed> append_at(std::uint64_t version, std::uint64_t messages,
                                     fact::MessagesAppended appended) {
    auto known = thread_;
    known.messages = messages;
    const auto work = [](World& world, std::uint64_t at, reeve::Thread thread,
                         fact::MessagesAppended what) -> Async<Result<store::Committed>> {
      Draft draft(world.env, world.store, Caller{});
      draft.adopt<reeve::Thread>(at, thread, thread.id);
      if (auto added = co_await draft.add(std::move(what)); !added) co_return fail(added.error());
      co_return co_await draft.commit();
    };
    return world_.await(work(world_, version, std::move(known), std::move(appended)));
  }
  std::uint64_t version() {
    return world_.await(world_.store.get(key_of<reeve::Thread>(thread_.id))).value()->version;
  }
  std::string text(std::uint64_t number) {
    return text_of(world_.get<reeve::ThreadMessage>({thread_.id, number}).message);
  }

  World world_{GetParam()};
  reeve::Thread thread_;
  reeve::Run run_;
};
INSTANTIATE_TEST_SUITE_P(, EventsCheckpoint, ::testing::Values(Backend::memory, Backend::sqlite),
                         testing::name_of);

TEST_P(EventsCheckpoint, CommitEmptyPlanPersistsCheckpoint) {
  ASSERT_TRUE(begin());
  EXPECT_EQ(world_.get<reeve::Run>(run_.id).state, RunState::running);
  EXPECT_EQ(world_.get<reeve::Thread>(thread_.id).messages, 0U);
  EXPECT_EQ(world_.count("MessagesAppended"), 0U);
}

TEST_P(EventsCheckpoint, CommitAppendPlanAdvancesCommittedMessages) {
  ASSERT_TRUE(begin());
  ASSERT_TRUE(append_at(1, 0, said(1, {"a", "b"})));
  ASSERT_TRUE(append_at(2, 2, said(3, {"c"})));
  EXPECT_EQ(world_.get<reeve::Thread>(thread_.id).messages, 3U);
  EXPECT_EQ(text(1) + text(2) + text(3), "abc");
  EXPECT_EQ(version(), 3U);
}

TEST_P(EventsCheckpoint, AppendPlanStaleVersionYieldsMessageConflictThatDisplaysExpectedAndActual) {
  ASSERT_TRUE(begin());
  ASSERT_TRUE(append_at(1, 0, said(1, {"a"})));
  const auto stale = append_at(1, 0, said(1, {"b"}));
  EXPECT_EQ(store::code_of(stale), Errc::conflict);
  EXPECT_THAT(stale.error().message(),
              HasSubstr("thread " + thread_.id.str() + " has changed: it is at version 2, not 1"));
  EXPECT_EQ(world_.get<reeve::Thread>(thread_.id).messages, 1U);
  EXPECT_EQ(text(1), "a");
  EXPECT_EQ(world_.count("MessagesAppended"), 1U);
}

// Nobody appends without saying where: a number that is taken is refused, whatever was looked at.
TEST_P(EventsCheckpoint, UnguardedAppendOfNonEmptyMessagesIsRejected) {
  ASSERT_TRUE(begin());
  ASSERT_TRUE(append_at(1, 0, said(1, {"a"})));
  EXPECT_EQ(store::code_of(world_.commit({said(1, {"b"})})), Errc::conflict);
  EXPECT_EQ(text(1), "a");
  ASSERT_TRUE(world_.commit({said(2, {"b"})}));
}

TEST_P(EventsCheckpoint, StateOnlyCheckpointAcceptsNoneVersion) {
  ASSERT_TRUE(begin());
  const auto work = [](World& world, RunId run, auto meanwhile) -> Async<Result<store::Committed>> {
    Draft draft(world.env, world.store, Caller{});
    EXPECT_TRUE(co_await draft.add(fact::RunStopRequested{run, std::nullopt, "enough"}));
    Draft other(world.env, world.store, Caller{});
    EXPECT_TRUE(co_await other.add(std::move(meanwhile)));
    EXPECT_TRUE(co_await other.commit());
    co_return co_await draft.commit();
  };
  const auto done = world_.await(work(world_, run_.id, said(1, {"a"})));
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(world_.get<reeve::Run>(run_.id).stopping, "enough");
  EXPECT_EQ(world_.get<reeve::Thread>(thread_.id).messages, 1U);
}

TEST_P(EventsCheckpoint, CommitPersistsAndLoadsThreadStateAndWithoutItLeavesItUntouched) {
  ASSERT_TRUE(begin());
  fact::RunCompleted end;
  end.run = run_.id;
  end.thread = thread_.id;
  end.session = "s1";
  ASSERT_TRUE(world_.commit({end}));
  EXPECT_EQ(world_.get<reeve::Thread>(thread_.id).session, "s1");
  EXPECT_EQ(world_.get<reeve::Thread>(thread_.id).runs, 1);
  const auto before = version();
  ASSERT_TRUE(world_.commit({fact::RunStopRequested{run_.id, std::nullopt, "late"}}));
  EXPECT_EQ(version(), before);
  EXPECT_EQ(world_.get<reeve::Thread>(thread_.id).session, "s1");
}

TEST_P(EventsCheckpoint, G2_CommitWithDraftsAppendsAndPersists) {
  ASSERT_TRUE(begin());
  log::SinkOptions options;
  options.context.run = run_.id;
  options.context.thread = thread_.id;
  options.context.origin = "provider:model";
  log::DurableSink sink(world_.env, world_.log, std::move(options));
  ASSERT_TRUE(sink.emit(AssistantMessage{.text = std::string(40'000, 'x')}));
  const auto work = [](World& world, log::DurableSink& from, std::uint64_t epoch, reeve::Run run,
                       fact::MessagesAppended said) -> Async<Result<store::Committed>> {
    Draft draft(world.env, world.store, Caller{});
    EXPECT_TRUE(co_await draft.add(std::move(said)));
    draft.add_staged(from.staged());
    draft.require(store::RunAt{run.id, epoch});
    draft.write(store::SetRunEpoch{run.id, 1});
    co_return co_await draft.commit();
  };
  const auto before = world_.log.head();
  EXPECT_EQ(store::code_of(world_.await(work(world_, sink, 7, run_, said(1, {"a"})))),
            Errc::fenced);
  EXPECT_EQ(world_.log.head(), before);
  EXPECT_EQ(world_.get<reeve::Thread>(thread_.id).messages, 0U);
  EXPECT_EQ(world_.await(world_.store.count(log::kBlobKind, "")).value(), 0U);
  store::Commit leased;
  leased.writes = {store::SetRunEpoch{run_.id, 7}};
  ASSERT_TRUE(world_.await(world_.store.commit(std::move(leased))));
  ASSERT_TRUE(world_.await(work(world_, sink, 7, run_, said(1, {"a"}))));
  EXPECT_EQ(world_.count("MessagesAppended"), 1U);
  EXPECT_EQ(world_.count("AssistantMessage"), 1U);
  EXPECT_EQ(world_.get<reeve::Thread>(thread_.id).messages, 1U);
  EXPECT_EQ(world_.await(world_.store.count(log::kBlobKind, "")).value(), 1U);
}

}  // namespace
}  // namespace reeve::run
