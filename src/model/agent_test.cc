#include "model/agent.h"

#include <gtest/gtest.h>

namespace reeve {
namespace {

TEST(AgentName, FollowsAGrammar) {
  for (const char* good : {"ada", "Ada-2", "a.b_c", "7", "x"})
    EXPECT_TRUE(check_name(good)) << good;
  for (const char* bad :
       {"", "-a", ".a", "a b", "a/b", "a*", "$(x)", "a\n", "Supervisor", "conductor", "town"}) {
    EXPECT_EQ(check_name(bad).error().code(), Errc::invalid_argument) << bad;
  }
  EXPECT_FALSE(check_name(std::string(65, 'a')));
}

TEST(AgentState, AnEndedAgentOnlyStartsAgain) {
  EXPECT_TRUE(may_become(AgentState::stopped, AgentState::idle));
  EXPECT_FALSE(may_become(AgentState::stopped, AgentState::working));
  EXPECT_FALSE(may_become(AgentState::draining, AgentState::idle));
  EXPECT_FALSE(takes_work(AgentState::draining));
  EXPECT_TRUE(takes_work(AgentState::paused));
}

}  // namespace
}  // namespace reeve
