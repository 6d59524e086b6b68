#include "town/messages.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "town/testing.h"

namespace reeve::town {
namespace {

TEST_F(ServicesTest, AnInboxIsShownWholeHoweverMuchWaits) {
  ASSERT_TRUE(spawn("ada"));
  for (int i = 0; i < 1'050; ++i) ASSERT_TRUE(send("ada", std::to_string(i)));
  const auto view = inbox("ada");
  EXPECT_EQ(view.messages.size(), 1'050U);
  EXPECT_EQ(view.messages.back().text, "1049");
  EXPECT_EQ(view.more, 0);
  EXPECT_EQ(world_.await(list_agents(ground_)).value().agents[0].inbox, 1'050);
}

TEST_F(ServicesTest, WhatOneAnswerCannotHoldIsCounted) {
  ASSERT_TRUE(spawn("ada"));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(send("ada", std::string(5 << 20, 'x')));
  const auto view = inbox("ada");
  EXPECT_EQ(view.messages.size(), 4U);
  EXPECT_EQ(view.more, 1);
}

TEST_F(ServicesTest, UrgentComesFirstAndEqualsInTheirOrder) {
  ASSERT_TRUE(spawn("ada"));
  ASSERT_TRUE(send("ada", "n1"));
  ASSERT_TRUE(send("ada", "n2"));
  ASSERT_TRUE(send("ada", "u1", MessageType::informational, Priority::urgent));
  ASSERT_TRUE(send("ada", "n3"));
  ASSERT_TRUE(send("ada", "u2", MessageType::informational, Priority::urgent));
  EXPECT_EQ(texts("ada"), (std::vector<std::string>{"u1", "u2", "n1", "n2", "n3"}));
}

TEST_F(ServicesTest, TheSupervisorHasAMailboxAndAgentsHaveNamesInIt) {
  const auto ada = spawn("ada").value();
  Caller from_ada;
  from_ada.agent = ada.id;
  for (const std::string to : {"supervisor", "conductor"})
    ASSERT_TRUE(send(to, "to " + to, MessageType::query, Priority::normal, from_ada));
  const auto mail = inbox("supervisor");
  EXPECT_EQ(mail.agent, "supervisor");
  ASSERT_EQ(mail.messages.size(), 2U);
  EXPECT_EQ(mail.messages[0].from, "ada");
  EXPECT_EQ(code_of(send("nobody", "hello")), Errc::not_found);
}

TEST_F(ServicesTest, AnAgentMayWriteToItself) {
  const auto ada = spawn("ada").value();
  Caller from_ada;
  from_ada.agent = ada.id;
  ASSERT_TRUE(send("ada", "remember", MessageType::informational, Priority::normal, from_ada));
  EXPECT_EQ(texts("ada"), std::vector<std::string>{"remember"});
}

}  // namespace
}  // namespace reeve::town
