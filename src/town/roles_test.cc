#include "town/roles.h"

#include <gtest/gtest.h>

namespace reeve::town {
namespace {

reeve::Task tagged(std::vector<std::string> tags, std::string text = "do it") {
  reeve::Task task;
  task.tags = std::move(tags);
  task.text = std::move(text);
  return task;
}
reeve::Task saying(std::string text) { return tagged({}, std::move(text)); }

TEST(TownRoles, ReviewerRoleDoesNotMatchPlainImplementationTags) {
  EXPECT_FALSE(suits(Role::reviewer, tagged({"backend", "implementation"}, "add a parser")));
}

TEST(TownRoles, ReviewerMatchesReviewAndSecurity) {
  EXPECT_TRUE(suits(Role::reviewer, tagged({"review"})));
  EXPECT_TRUE(suits(Role::reviewer, tagged({"Security"})));
  EXPECT_TRUE(suits(Role::reviewer, saying("Review the parser.")));
}

TEST(TownRoles, BackendMatchesItsTags) {
  for (const char* tag : {"backend", "api", "server", "database", "data", "API"})
    EXPECT_TRUE(suits(Role::backend, tagged({"urgent", tag}))) << tag;
  EXPECT_FALSE(suits(Role::backend, tagged({"ui"})));
}

TEST(TownRoles, GeneralistMatchesAnything) {
  EXPECT_TRUE(suits(Role::general, tagged({"ui"})));
  EXPECT_TRUE(suits(Role::general, saying("whatever")));
}

TEST(TownRoles, ReservedNameDetection) {
  for (const char* name : {"supervisor", "Conductor", "human", "town", "all"})
    EXPECT_FALSE(check_name(name)) << name;
  EXPECT_TRUE(check_name("reviewer"));
}

TEST(TownRoles, OnlyWholeWordsOfATextCount) {
  EXPECT_FALSE(suits(Role::frontend, saying("build the fruit guide")));  // "ui" stands in both
  EXPECT_TRUE(suits(Role::frontend, saying("mend the UI: it is slow")));
  EXPECT_FALSE(suits(Role::tester, saying("the latest contest")));
  EXPECT_TRUE(suits(Role::devops, saying("deploy/ci is red")));
  EXPECT_FALSE(suits(Role::backend, tagged({"api-docs"}))) << "a tag is a word of its own";
}

TEST(TownRoles, WhatAnAgentIsByItsRoleOrName) {
  const auto named = [](std::string name, std::optional<std::string> role = {}) {
    Agent agent;
    agent.name = std::move(name);
    agent.role = std::move(role);
    return role_of(agent);
  };
  EXPECT_EQ(named("backend-2"), Role::backend);
  EXPECT_EQ(named("api2"), Role::backend);
  EXPECT_EQ(named("web.api"), Role::frontend) << "the first row of the table";
  EXPECT_EQ(named("QA_1"), Role::tester);
  EXPECT_EQ(named("writer"), Role::docs);
  EXPECT_EQ(named("infra"), Role::devops);
  EXPECT_EQ(named("sec"), Role::security);
  EXPECT_EQ(named("secretary"), Role::general);
  EXPECT_EQ(named("ada"), Role::general);
  EXPECT_EQ(named("ada", "Backend developer"), Role::backend);
  EXPECT_EQ(named("backend", "reviewer"), Role::reviewer) << "the role goes before the name";
}

TEST(TownRoles, WordsAreInLowerCaseAndKeepOtherAlphabets) {
  EXPECT_EQ(words_of("Fix: the API2, über-alles!"),
            (std::vector<std::string>{"fix", "the", "api2", "über", "alles"}));
  EXPECT_TRUE(words_of(" -,. ").empty());
}

}  // namespace
}  // namespace reeve::town
