#include "run/draft.h"

#include <gtest/gtest.h>

#include "run/testing.h"

namespace reeve::run {
namespace {

using testing::Backend;
using testing::World;

class DraftTest : public ::testing::TestWithParam<Backend> {
 protected:
  World world_{GetParam()};

  fact::AgentSpawned spawned(const std::string& name) {
    Agent agent;
    agent.id = AgentId(world_.env.uuid4());
    agent.name = name;
    return {agent};
  }
  /// A run in progress, with its epoch.
  reeve::Run running(const Agent& agent) {
    reeve::Run run;
    run.id = RunId(world_.env.uuid4());
    run.agent = agent.id;
    run.thread = ThreadId(world_.env.uuid4());
    const auto work = [](World& world, reeve::Run begun) -> Async<Result<store::Committed>> {
      Draft draft(world.env, world.store, Caller{});
      Thread thread;
      thread.id = begun.thread;
      thread.agent = begun.agent;
      EXPECT_TRUE(co_await draft.add(fact::ThreadStarted{thread}));
      EXPECT_TRUE(co_await draft.add(fact::RunStarted{begun}));
      draft.write(store::SetRunEpoch{begun.id, begun.epoch});
      co_return co_await draft.commit();
    };
    EXPECT_TRUE(world_.await(work(world_, run)));
    return run;
  }
};

TEST_P(DraftTest, WritesWhatApplyGivesWithTheEventOfEachFact) {
  const auto ada = spawned("ada");
  ASSERT_TRUE(world_.commit({ada, fact::AgentNeedsAttention{ada.agent.id, "look"}}));

  const auto agent = world_.get<Agent>(ada.agent.id);
  EXPECT_EQ(agent.name, "ada");
  EXPECT_EQ(agent.attention, "look");
  EXPECT_EQ(world_.kinds(), (std::vector<std::string>{"AgentSpawned", "AgentNeedsAttention"}));
  EXPECT_EQ(world_.events()[0]->scopes, std::vector{Scope::of(ada.agent.id)});
  EXPECT_EQ(world_.events()[0]->origin, "town");
}

TEST_P(DraftTest, G2_TheStateIsTheFoldOfTheEvents) {
  const auto ada = spawned("ada");
  ASSERT_TRUE(world_.commit({ada}));
  const auto run = running(ada.agent);
  ASSERT_TRUE(world_.commit({fact::RunStopRequested{run.id, ada.agent.id, "enough"}}));

  std::optional<Agent> folded_agent;
  std::optional<reeve::Run> folded_run;
  for (const auto& event : world_.events()) {
    const auto fact = fact_of(*event).value();
    ASSERT_TRUE(fact);
    apply(folded_agent, *fact, event->time);
    apply(folded_run, *fact, event->time);
  }
  EXPECT_EQ(write_json_of(*folded_agent), write_json_of(world_.get<Agent>(ada.agent.id)));
  EXPECT_EQ(write_json_of(*folded_run), write_json_of(world_.get<reeve::Run>(run.id)));
}

TEST_P(DraftTest, ADocumentThatChangedInBetweenIsAConflictAndNothingIsWritten) {
  const auto ada = spawned("ada");
  ASSERT_TRUE(world_.commit({ada}));

  const auto slow = [](World& world, AgentId id) -> Async<Result<store::Committed>> {
    Draft draft(world.env, world.store, Caller{});
    EXPECT_TRUE(co_await draft.add(fact::AgentNeedsAttention{id, "slow"}));
    Draft fast(world.env, world.store, Caller{});
    EXPECT_TRUE(co_await fast.add(fact::AgentNeedsAttention{id, "fast"}));
    EXPECT_TRUE(co_await fast.commit());
    co_return co_await draft.commit();
  };
  EXPECT_EQ(store::code_of(world_.await(slow(world_, ada.agent.id))), Errc::conflict);
  EXPECT_EQ(world_.get<Agent>(ada.agent.id).attention, "fast");
  EXPECT_EQ(world_.count("AgentNeedsAttention"), 1U);
}

TEST_P(DraftTest, WhatWasOnlyLookedAtIsAConditionToo) {
  const auto ada = spawned("ada");
  const auto bob = spawned("bob");
  ASSERT_TRUE(world_.commit({ada, bob}));

  const auto slow = [](World& world, AgentId seen,
                       AgentId changed) -> Async<Result<store::Committed>> {
    Draft draft(world.env, world.store, Caller{});
    EXPECT_TRUE(co_await draft.get<Agent>(seen));
    EXPECT_TRUE(co_await draft.add(fact::AgentNeedsAttention{changed, "look"}));
    Draft fast(world.env, world.store, Caller{});
    EXPECT_TRUE(co_await fast.add(fact::AgentNeedsAttention{seen, "fast"}));
    EXPECT_TRUE(co_await fast.commit());
    co_return co_await draft.commit();
  };
  EXPECT_EQ(store::code_of(world_.await(slow(world_, ada.agent.id, bob.agent.id))), Errc::conflict);
}

TEST_P(DraftTest, TwoThatMakeTheSameDocumentMeet) {
  const auto ada = spawned("ada");
  ASSERT_TRUE(world_.commit({ada}));
  // It is there: the fact changes nothing, and the draft knows it as it stands.
  ASSERT_TRUE(world_.commit({ada}));

  const auto race = [](World& world, fact::AgentSpawned same) -> Async<Result<store::Committed>> {
    Draft first(world.env, world.store, Caller{});
    Draft second(world.env, world.store, Caller{});
    EXPECT_TRUE(co_await first.add(same));
    EXPECT_TRUE(co_await second.add(same));
    EXPECT_TRUE(co_await first.commit());
    co_return co_await second.commit();
  };
  EXPECT_EQ(store::code_of(world_.await(race(world_, spawned("bob")))), Errc::conflict);
}

TEST_P(DraftTest, G9_ARepeatedRequestHasNoSecondEffectAndTheFirstAnswer) {
  const auto ada = spawned("ada");
  ASSERT_TRUE(world_.commit({ada}));
  Caller caller;
  caller.key = store::IdempotencyKey{"supervisor", "k1", "digest"};
  const auto ask = [](World& world, Caller who, AgentId id,
                      std::string said) -> Async<Result<store::Committed>> {
    Draft draft(world.env, world.store, std::move(who));
    EXPECT_TRUE(co_await draft.add(fact::AgentNeedsAttention{id, said}));
    draft.answer(said);
    co_return co_await draft.commit();
  };
  ASSERT_TRUE(world_.await(ask(world_, caller, ada.agent.id, "once")));
  const auto again = world_.await(ask(world_, caller, ada.agent.id, "twice"));
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->answer, "once");
  EXPECT_EQ(world_.get<Agent>(ada.agent.id).attention, "once");

  caller.key->digest = "another body";
  EXPECT_EQ(store::code_of(world_.await(ask(world_, caller, ada.agent.id, "else"))),
            Errc::conflict);
}

TEST_P(DraftTest, G8_ACallerFromAFencedRoundIsRefused) {
  const auto ada = spawned("ada");
  ASSERT_TRUE(world_.commit({ada}));
  const auto run = running(ada.agent);
  Caller inside;
  inside.agent = ada.agent.id;
  inside.round = Caller::Round{run.id, run.epoch};
  const std::vector<Fact> change{fact::AgentNeedsAttention{ada.agent.id, "from inside"}};

  ASSERT_TRUE(world_.commit(change, inside));
  EXPECT_EQ(world_.events().back()->causation, run.id.str());
  auto stale = inside;
  stale.round->epoch = run.epoch + 1;
  EXPECT_EQ(store::code_of(world_.commit(change, stale)), Errc::fenced);

  const auto end = [](World& world, reeve::Run over) -> Async<Result<store::Committed>> {
    Draft draft(world.env, world.store, Caller{});
    draft.write(store::SetRunEpoch{over.id, std::nullopt});
    co_return co_await draft.commit();
  };
  ASSERT_TRUE(world_.await(end(world_, run)));
  EXPECT_EQ(store::code_of(world_.commit(change, inside)), Errc::fenced);
  EXPECT_EQ(world_.count("AgentNeedsAttention"), 1U);
}

TEST_P(DraftTest, TheTownsOwnMailboxHasNoAgentBehindIt) {
  Message message;
  message.id = MessageId(world_.env.uuid4());
  message.from = kSupervisor;
  message.to = supervisor_id();
  ASSERT_TRUE(world_.commit({fact::MessageSent{message, std::nullopt}}));
  EXPECT_EQ(store::code_of(world_.await(load<Agent>(world_.store, supervisor_id()))),
            Errc::not_found);
}

TEST_P(DraftTest, WhatIsNotThereIsNotFoundAndAFactOfItChangesNothing) {
  const auto look = [](World& world) -> Async<Result<Agent>> {
    Draft draft(world.env, world.store, Caller{});
    co_return co_await draft.get<Agent>(AgentId(world.env.uuid4()));
  };
  EXPECT_EQ(store::code_of(world_.await(look(world_))), Errc::not_found);
  const AgentId nobody(world_.env.uuid4());
  ASSERT_TRUE(world_.commit({fact::AgentNeedsAttention{nobody, "?"}}));
  EXPECT_EQ(store::code_of(world_.await(load<Agent>(world_.store, nobody))), Errc::not_found);
}

INSTANTIATE_TEST_SUITE_P(, DraftTest, ::testing::Values(Backend::memory, Backend::sqlite),
                         testing::name_of);

}  // namespace
}  // namespace reeve::run
