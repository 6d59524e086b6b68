#include "town/agents.h"

#include <gtest/gtest.h>

#include "base/limits.h"
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

TEST_F(ServicesTest, AKillStopsAnAgentWithoutARunAtOnce) {
  ASSERT_TRUE(spawn("ada"));
  const auto stopped = kill("ada", "no need").value();
  EXPECT_EQ(stopped.state, AgentState::stopped);
  EXPECT_EQ(world_.fact<fact::AgentStopped>("AgentStopped").reason, "no need");
  EXPECT_EQ(kill("ada").value().state, AgentState::stopped);
  EXPECT_EQ(world_.count("AgentStopped"), 1U);
  EXPECT_EQ(code_of(kill("nobody")), Errc::not_found);
}

TEST(DecideKill, AWorkingAgentIsAskedToStop) {
  Agent agent;
  agent.state = AgentState::working;
  agent.current_run = RunId(Uuid{{1}});
  const auto facts = decide_kill(agent, "enough");
  ASSERT_EQ(facts.size(), 2U);
  EXPECT_EQ(kind_of(facts[0]), "AgentStopRequested");
  EXPECT_EQ(std::get<fact::RunStopRequested>(facts[1]).run, *agent.current_run);
  agent.stopping = "enough";
  ASSERT_EQ(decide_kill(agent, "again").size(), 1U);
  EXPECT_EQ(kind_of(decide_kill(agent, "again")[0]), "RunStopRequested");
}

TEST_F(ServicesTest, AViewCountsWhatWaits) {
  ASSERT_TRUE(spawn("ada"));
  ASSERT_TRUE(send("ada", "one"));
  ASSERT_TRUE(send("ada", "two", MessageType::task, Priority::urgent));
  const auto agents = world_.await(list_agents(ground_)).value();
  ASSERT_EQ(agents.size(), 1U);
  EXPECT_EQ(agents[0].inbox, 2);
  EXPECT_EQ(agents[0].urgent, 1);
  EXPECT_EQ(agents[0].dead, 0);
  EXPECT_TRUE(agents[0].permissions_note);  // any command may do what it likes
}

}  // namespace
}  // namespace reeve::town
