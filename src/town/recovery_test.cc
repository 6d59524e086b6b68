#include "town/recovery.h"

#include "town/testing.h"

namespace reeve::town {
namespace {

class TownRecoveryReport : public ServicesTest {
 protected:
  api::RecoveryReport recovered() { return world_.await(recover(ground_, {})).value(); }
};

TEST_F(TownRecoveryReport, TellsWhatTheDaemonsStartTookUp) {
  ASSERT_TRUE(world_.commit({fact::DaemonStarted{"1", 7, 1}}));
  ASSERT_TRUE(world_.commit({fact::DaemonStarted{"1", 8, 3}}));
  const auto report = recovered();
  EXPECT_EQ(report.rounds_found, 3);
  EXPECT_EQ(report.daemon_started_at, world_.env.now());
  EXPECT_EQ(report.rounds, 0);
}

TEST_F(TownRecoveryReport, TellsWhichAgentsNeedSomebodyAndWhatToDo) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  spawn("cyd").value();
  spawn("dan").value();
  ASSERT_TRUE(assign("dan", "paint"));
  ASSERT_TRUE(world_.commit(
      {fact::AgentFailed{ada.id, AgentState::idle, "not_authenticated", "claude: log in"},
       fact::AgentParked{bob.id, "rate_limited", "until noon",
                         world_.env.now() + std::chrono::hours(1)}}));
  ASSERT_TRUE(kill("cyd"));
  ASSERT_TRUE(kill("dan"));
  const auto report = recovered();
  ASSERT_EQ(report.trouble.size(), 3U);
  EXPECT_EQ(report.trouble[0].agent, "ada");
  EXPECT_EQ(report.trouble[0].reason, "claude: log in");
  EXPECT_NE(report.trouble[0].advice.find("reeve restart ada"), std::string::npos);
  EXPECT_EQ(report.trouble[1].agent, "bob");
  EXPECT_NE(report.trouble[1].advice.find("by itself"), std::string::npos);
  EXPECT_EQ(report.trouble[2].agent, "dan");
  EXPECT_NE(report.trouble[2].advice.find("reeve reclaim --from dan"), std::string::npos);
}

TEST_F(TownRecoveryReport, AttentionPausesAndDeadLettersAreTrouble) {
  Agent agent;
  agent.name = "ada";
  EXPECT_FALSE(trouble_of(agent, 3, 0, Time()));
  EXPECT_TRUE(trouble_of(agent, 0, 1, Time()));
  agent.state = AgentState::paused;
  EXPECT_FALSE(trouble_of(agent, 0, 0, Time()));
  EXPECT_EQ(trouble_of(agent, 2, 0, Time())->advice, "reeve resume ada");
  agent.state = AgentState::working;
  agent.attention = "silent for 10 min";
  EXPECT_EQ(trouble_of(agent, 0, 0, Time())->reason, "silent for 10 min");
  agent.pruned = true;
  EXPECT_FALSE(trouble_of(agent, 2, 2, Time()));
}

}  // namespace
}  // namespace reeve::town
