#include "town/agents.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "aio/task_group.h"
#include "base/limits.h"
#include "town/directory.h"
#include "town/testing.h"

namespace reeve::town {
namespace {

TEST_F(ServicesTest, AnAgentHasTheTownsCliIfItNamesNone) {
  EXPECT_EQ(spawn("ada", "").value().cli, "claude");
  EXPECT_EQ(spawn("bob", "codex").value().cli, "codex");
  EXPECT_EQ(world_.get<Agent>(spawn("eve").value().id).state, AgentState::idle);
}

TEST_F(ServicesTest, ANameIsTakenOnceWhateverItsCase) {
  ASSERT_TRUE(spawn("Ada"));
  for (const std::string name : {"Ada", "ada", "ADA"}) {
    const auto again = spawn(name);
    ASSERT_EQ(code_of(again), Errc::conflict) << name;
    EXPECT_TRUE(again.error().message().contains("there is an agent " + name)) << name;
  }
  // As a command asks, which always has a key: the same clear words, and no long row of attempts.
  const auto before = world_.store.commits;
  const auto again = spawn("ada", "worker", keyed("k"));
  ASSERT_EQ(code_of(again), Errc::conflict);
  EXPECT_TRUE(again.error().message().contains("there is an agent ada")) << again.error().message();
  EXPECT_LE(world_.store.commits - before, 2);
  EXPECT_EQ(world_.count("AgentSpawned"), 1U);
}

TEST_F(ServicesTest, G9_ARepeatedSpawnAnswersTheFirstAgent) {
  const auto first = spawn("ada", "worker", keyed("k")).value();
  EXPECT_EQ(spawn("ada", "worker", keyed("k")).value().id, first.id);
  EXPECT_EQ(code_of(spawn("ada", "other", keyed("k", "another"))), Errc::conflict);
  EXPECT_EQ(world_.count("AgentSpawned"), 1U);
}

TEST_F(ServicesTest, WhatCannotBeAnAgentIsSaidAtOnce) {
  for (const std::string name : {"", "a b", "-x", "town", "Supervisor", "ä"})
    EXPECT_EQ(code_of(spawn(name)), Errc::invalid_argument) << name;
  EXPECT_EQ(code_of(spawn(std::string(limits::kName + 1, 'a'))), Errc::invalid_argument);
  EXPECT_TRUE(spawn(std::string(limits::kName, 'a')));
  for (const std::string cli : {"cat | wc -l", "a && b", "echo $HOME", "x > y", "'open"}) {
    const auto refused = spawn("ada", cli);
    EXPECT_EQ(code_of(refused), Errc::invalid_argument) << cli;
  }
}

// --- The inventory: agents, and who is meant by a name

class TownAgents : public ServicesTest {
 protected:
  Result<Agent> spawn_as(api::SpawnRequest request, Caller caller = {}) {
    if (request.cli.empty()) request.cli = "worker";
    return world_.await(town::spawn(ground_, std::move(caller), std::move(request)));
  }
  Result<Agent> find(std::string reference) {
    return world_.await(find_agent(world_.store, std::move(reference)));
  }
  /// An agent with an id of the test's choosing, and its name.
  Agent plant(const std::string& name, std::string_view id) {
    Agent agent;
    agent.id = AgentId::parse(id).value();
    agent.name = name;
    const auto work = [](World& world, Agent made) -> Async<Result<store::Committed>> {
      run::Draft draft(world.env, world.store, Caller{});
      EXPECT_TRUE(co_await draft.add(fact::AgentSpawned{made}));
      draft.write(store::PutDoc{name_key(made.name), write_json_of(made.id), {}});
      co_return co_await draft.commit();
    };
    EXPECT_TRUE(world_.await(work(world_, agent)));
    return agent;
  }
  Agent with_session(const std::string& name, const std::string& cli, const std::string& session) {
    const auto agent = spawn(name, cli).value();
    Thread thread;
    thread.id = ThreadId(world_.env.uuid4());
    thread.agent = agent.id;
    thread.session = session;
    EXPECT_TRUE(world_.commit({fact::ThreadStarted{thread}}));
    return world_.get<Agent>(agent.id);
  }
};

TEST_F(TownAgents, SpawnMakesARecordThatTakesWork) {
  const auto ada = spawn("ada").value();
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::idle);
  EXPECT_EQ(ada.spawn_mode, SpawnMode::fresh);
  EXPECT_TRUE(assign("ada", "paint"));
}

TEST_F(TownAgents, SeveralSpawnsHaveDistinctIds) {
  std::set<AgentId> ids;
  for (const auto* name : {"ada", "bob", "eve"}) ids.insert(spawn(name).value().id);
  EXPECT_EQ(ids.size(), 3U);
}

TEST_F(TownAgents, TenAgents) {
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(spawn("agent" + std::to_string(i)));
  EXPECT_EQ(world_.await(all_agents(world_.store)).value().size(), 10U);
}

TEST_F(TownAgents, AnUnknownIdIsNone) {
  EXPECT_EQ(code_of(find(world_.env.uuid4().str())), Errc::not_found);
}

TEST_F(TownAgents, AHandleWaitsNotAtAllWhileTheAgentIsIdle) {
  ASSERT_TRUE(spawn("ada"));
  EXPECT_EQ(world_.await(wait_agent(ground_, "ada")).value().state, "idle");
}

TEST_F(TownAgents, SpawnCarriesWhatItWasAskedFor) {
  const auto ada = spawn("ada").value();
  api::SpawnRequest request;
  request.name = "bob";
  request.nickname = "Builder";
  request.role = "reviewer";
  request.parent = "ada";
  request.model = "opus";
  request.env = {{"KEY", "secret"}};
  request.claims = true;
  request.limits.rounds = 3;
  request.limits.tokens = 1000;
  request.limits.cost_usd = 2.5;
  request.limits.idle_ms = Duration(5000);
  const auto bob = spawn_as(request).value();
  EXPECT_EQ(bob.nickname, "Builder");
  EXPECT_EQ(bob.parent, ada.id);
  EXPECT_TRUE(bob.claims);
  EXPECT_EQ(bob.limits.rounds, 3);
  EXPECT_EQ(bob.limits.idle_ms, Duration(5000));
  EXPECT_EQ(bob.env, std::vector<std::string>{"KEY"});
  EXPECT_FALSE(world_.payload("AgentSpawned").as_object().empty());
  EXPECT_FALSE(write_json(world_.payload("AgentSpawned")).contains("secret"));
  request.name = "eve";
  request.nickname.reset();
  request.parent = "nobody";
  EXPECT_EQ(code_of(spawn_as(request)), Errc::not_found);
  EXPECT_EQ(code_of(find("eve")), Errc::not_found) << "nothing is left of a spawn that failed";
}

TEST_F(TownAgents, TheParentIsWhoeverSpawnsFromItsRound) {
  const auto ada = spawn("ada").value();
  Caller caller;
  caller.agent = ada.id;
  api::SpawnRequest request;
  request.name = "bob";
  EXPECT_EQ(spawn_as(request, caller).value().parent, ada.id);
}

TEST_F(TownAgents, ALimitBelowNothingIsRefused) {
  for (const auto& set : std::vector<std::function<void(api::LimitsRequest&)>>{
           [](auto& limits) { limits.rounds = -1; }, [](auto& limits) { limits.tokens = -1; },
           [](auto& limits) { limits.cost_usd = -0.5; }, [](auto& limits) { limits.failures = 0; },
           [](auto& limits) { limits.round_ms = Duration(-1); },
           [](auto& limits) { limits.idle_ms = Duration(-1); }}) {
    api::SpawnRequest request;
    request.name = "ada";
    set(request.limits);
    EXPECT_EQ(code_of(spawn_as(request)), Errc::invalid_argument);
  }
}

TEST_F(TownAgents, LookupByShortIdNicknameAndDisplayLabel) {
  api::SpawnRequest request;
  request.name = "ada";
  request.nickname = "Countess";
  request.role = "reviewer";
  const auto ada = spawn_as(request).value();
  const auto bob = spawn("bob").value();
  for (const std::string& reference :
       {std::string("ada"), std::string("countess"), std::string("Countess [reviewer]"),
        std::string("COUNTESS [REVIEWER]"), ada.id.str(), ada.id.str().substr(0, 12)})
    EXPECT_EQ(find(reference).value().id, ada.id) << reference;
  EXPECT_EQ(find("bob [bob]").value().id, bob.id);
  EXPECT_EQ(code_of(find("Countess [painter]")), Errc::not_found);
  EXPECT_TRUE(find("countes").error().message().contains("did you mean Countess?"));
}

TEST_F(TownAgents, SupervisorAliasesResolveWithoutARecord) {
  for (const std::string alias : {"supervisor", "conductor", "Supervisor", "CONDUCTOR"})
    EXPECT_EQ(inbox(alias).agent, kSupervisor) << alias;
  EXPECT_EQ(inbox(supervisor_id().str()).agent, kSupervisor);
  EXPECT_TRUE(world_.await(all_agents(world_.store)).value().empty());
}

TEST_F(TownAgents, ReservedNamesAreRejected) {
  for (const std::string name : {"supervisor", "Conductor", "human", "TOWN", "all"}) {
    const auto refused = spawn(name);
    ASSERT_EQ(code_of(refused), Errc::invalid_argument) << name;
    EXPECT_TRUE(refused.error().message().contains("reserved")) << name;
    api::SpawnRequest request;
    request.name = "ada";
    request.nickname = name;
    EXPECT_EQ(code_of(spawn_as(request)), Errc::invalid_argument) << name;
  }
}

TEST_F(TownAgents, W20_ANameIsUniqueAlsoAgainstNicknamesAndShortIds) {
  api::SpawnRequest request;
  request.name = "ada";
  request.nickname = "countess";
  ASSERT_TRUE(spawn_as(request));
  EXPECT_TRUE(spawn("Countess").error().message().contains("ada goes by Countess"));
  request.name = "bob";
  EXPECT_EQ(code_of(spawn_as(request)), Errc::conflict) << "the same nickname";
  request.nickname = "Ada";
  EXPECT_EQ(code_of(spawn_as(request)), Errc::conflict) << "a nickname that is a name";
  request.nickname = "Bob";
  EXPECT_EQ(code_of(spawn_as(request)), Errc::invalid_argument);
  plant("eve", "beef0000-1c2d-4e3f-8a4b-5c6d7e8f9012");
  EXPECT_TRUE(spawn("beef").error().message().contains("the id of eve begins with beef"));
  EXPECT_TRUE(spawn("beefy"));
  EXPECT_EQ(code_of(spawn(world_.env.uuid4().str())), Errc::invalid_argument) << "an id is no name";
}

TEST_F(TownAgents, W20_AnIdThatBeginsWithANameIsDrawnAgain) {
  const auto names = names_like(AgentId::parse("beef0123-1c2d-4e3f-8a4b-5c6d7e8f9012").value());
  ASSERT_EQ(names.size(), 5U);
  EXPECT_EQ(names.front(), name_key("BEEF"));
  EXPECT_EQ(names.back(), name_key("beef0123"));
}

TEST_F(TownAgents, W21_ANameWithGlobOrShellCharactersIsRefusedWithAClearText) {
  for (const std::string name : {"a*", "a?", "[a]", "$(rm)", "a;b", "../x", "a/b", "`a`", "a'b",
                                 "a\nb", "~root", "a|b", "a&b", "a>b", "{a,b}", "a\\b"}) {
    const auto refused = spawn(name);
    ASSERT_EQ(code_of(refused), Errc::invalid_argument) << name;
    EXPECT_TRUE(refused.error().message().contains("letters, digits")) << name;
  }
}

TEST_F(TownAgents, AnAmbiguousReferenceListsTheCandidates) {
  plant("ada", "01900000-1c2d-4e3f-8a4b-5c6d7e8f9012");
  plant("bob", "0190ffff-1c2d-4e3f-8a4b-5c6d7e8f9012");
  const auto found = find("0190");
  ASSERT_EQ(code_of(found), Errc::conflict);
  EXPECT_TRUE(found.error().message().contains("ada (0190"));
  EXPECT_TRUE(found.error().message().contains("bob (0190"));
}

TEST_F(TownAgents, OfManySpawnsOfOneNameOneWins) {
  aio::TaskGroup group(world_.loop.get_executor());
  std::vector<Result<Agent>> all;
  const auto one = [](Ground ground, int number, std::vector<Result<Agent>>* out) -> Async<> {
    api::SpawnRequest request;
    request.name = number % 2 == 0 ? "ada" : "bob" + std::to_string(number);
    if (number % 2 != 0) request.nickname = "Ada";
    request.cli = "worker";
    out->push_back(co_await town::spawn(ground, Caller{}, std::move(request)));
  };
  for (int i = 0; i < 16; ++i) group.spawn("spawn", one(ground_, i, &all));
  world_.await(group.join());
  ASSERT_EQ(all.size(), 16U);
  EXPECT_EQ(std::ranges::count_if(all, [](const auto& each) { return each.has_value(); }), 1);
  for (const auto& each : all) {
    if (!each) EXPECT_EQ(each.error().code(), Errc::conflict) << each.error().message();
  }
  EXPECT_EQ(world_.count("AgentSpawned"), 1U);
}

TEST_F(TownAgents, AForkBeginsWithACopyOfASession) {
  const auto ada = with_session("ada", "claude", "s-1");
  api::SpawnRequest request;
  request.name = "eve";
  request.cli = "claude";
  request.mode = SpawnMode::forked_context;
  request.session = "ada";
  const auto eve = spawn_as(request).value();
  EXPECT_EQ(eve.spawn_mode, SpawnMode::forked_context);
  ASSERT_TRUE(eve.thread);
  EXPECT_EQ(world_.get<Thread>(*eve.thread).fork_of, "s-1");
  EXPECT_EQ(world_.get<Thread>(*eve.thread).session, std::nullopt);
  // Its parent's, where none is named; or the vendor's own id.
  request.name = "bob";
  request.session.reset();
  request.parent = "ada";
  EXPECT_EQ(world_.get<Thread>(*spawn_as(request)->thread).fork_of, "s-1");
  request.name = "cyd";
  request.session = "0190a5b0-1c2d-4e3f-8a4b-5c6d7e8f9012";
  EXPECT_EQ(world_.get<Thread>(*spawn_as(request)->thread).fork_of, *request.session);
}

TEST_F(TownAgents, AResumedAgentGoesOnWithASessionThatNobodyElseHas) {
  with_session("ada", "claude", "s-1");
  api::SpawnRequest request;
  request.name = "eve";
  request.cli = "claude";
  request.mode = SpawnMode::resumed;
  request.session = "ada";
  EXPECT_TRUE(spawn_as(request).error().message().contains("reeve kill ada"));
  ASSERT_TRUE(kill("ada"));
  EXPECT_EQ(world_.get<Thread>(*spawn_as(request)->thread).session, "s-1");
}

TEST_F(TownAgents, ASessionThatCannotBeGoneOnWithIsSaidAtOnce) {
  with_session("ada", "claude", "s-1");
  api::SpawnRequest request;
  request.name = "eve";
  request.session = "ada";
  EXPECT_EQ(code_of(spawn_as(request)), Errc::invalid_argument) << "a session without a mode";
  request.mode = SpawnMode::forked_context;
  request.cli = "codex";
  EXPECT_EQ(code_of(spawn_as(request)), Errc::conflict) << "another vendor's";
  request.session = "s-9";
  request.cli = "gemini";
  EXPECT_EQ(code_of(spawn_as(request)), Errc::unsupported);
  request.cli = "./mine.sh";
  EXPECT_EQ(code_of(spawn_as(request)), Errc::unsupported);
  request.mode = SpawnMode::resumed;
  EXPECT_EQ(code_of(spawn_as(request)), Errc::unsupported);
  request.cli = "claude";
  request.session.reset();
  EXPECT_EQ(code_of(spawn_as(request)), Errc::invalid_argument) << "whose?";
  ASSERT_TRUE(spawn("bob", "claude"));
  request.mode = SpawnMode::forked_context;
  request.session = "bob";
  EXPECT_TRUE(spawn_as(request).error().message().contains("no session yet"));
}

}  // namespace
}  // namespace reeve::town
