// What is asked of agents by HTTP.

#include <gtest/gtest.h>

#include "doors/rest/testing.h"

namespace reeve::doors {
namespace {

class TownAgentRoutes : public DoorTest {};

TEST_F(TownAgentRoutes, AnAgentIsPausedResumedClosedRestartedAndPruned) {
  spawn("ada");
  const auto state = [&](const std::string& verb, const json::value& body = json::object()) {
    const auto reply = post("/v1/agents/ada/" + verb, body);
    EXPECT_EQ(reply.status, 200) << verb << reply.text;
    return reply.status == 200 ? std::string(reply.body.at("state").as_string()) : "";
  };
  EXPECT_EQ(state("interrupt", {{"reason", "lunch"}}), "paused");
  EXPECT_EQ(post("/v1/agents/ada/restart", json::object()).code(), "conflict");
  EXPECT_EQ(state("resume"), "idle");
  EXPECT_EQ(state("close"), "stopped");
  EXPECT_EQ(post("/v1/agents/ada/resume", json::object()).status, 409);
  EXPECT_EQ(state("restart", {{"rounds", 3}, {"fresh", true}}), "idle");
  EXPECT_EQ(post("/v1/agents/ada/prune", json::object()).status, 409);
  EXPECT_EQ(state("kill"), "stopped");
  EXPECT_EQ(state("prune", {{"leftovers", "drop"}}), "stopped");
  EXPECT_EQ(get("/v1/agents/ada").status, 404);
  EXPECT_EQ(post("/v1/agents/ada/prune", {{"leftovers", "burn"}}).status, 400);
}

TEST_F(TownAgentRoutes, W19_WhatIsDoneToNobodyIsNotFound) {
  for (const std::string verb : {"kill", "interrupt", "resume", "close", "restart", "prune"})
    EXPECT_EQ(post("/v1/agents/nobody/" + verb, json::object()).code(), "not_found") << verb;
  EXPECT_EQ(get("/v1/agents/nobody/result").code(), "not_found");
}

TEST_F(TownAgentRoutes, AllAreStoppedAndPruned) {
  for (const auto* name : {"ada", "bob"}) spawn(name);
  const auto killed = post("/v1/town/kill", json::object());
  ASSERT_EQ(killed.status, 200) << killed.text;
  EXPECT_EQ(killed.body.at("agents").as_array().size(), 2U);
  EXPECT_EQ(killed.body.at("agents").at(0).at("state"), "stopped");
  const auto pruned = post("/v1/town/prune", json::object());
  EXPECT_EQ(pruned.body.at("agents").as_array().size(), 2U);
  EXPECT_EQ(get("/v1/agents").body.at("total").as_int64(), 0);
}

TEST_F(TownAgentRoutes, ListsArePages) {
  for (const auto* name : {"ada", "bob", "eve"}) spawn(name);
  EXPECT_EQ(post("/v1/agents/bob/kill", json::object()).status, 200);
  const auto first = from_json<api::AgentPage>(get("/v1/agents?limit=2").body).value();
  EXPECT_EQ(first.agents.size(), 2U);
  EXPECT_EQ(first.total, 3);
  ASSERT_TRUE(first.next);
  const auto rest =
      from_json<api::AgentPage>(get("/v1/agents?limit=2&after=" + std::to_string(*first.next)).body)
          .value();
  ASSERT_EQ(rest.agents.size(), 1U);
  EXPECT_EQ(rest.agents[0].agent.name, "eve");
  EXPECT_EQ(get("/v1/agents?open=1").body.at("total").as_int64(), 2);
  EXPECT_EQ(get("/v1/agents?state=stopped").body.at("total").as_int64(), 1);
  EXPECT_EQ(get("/v1/agents?state=sleepy").status, 400);
  EXPECT_EQ(get("/v1/agents?after=x").status, 400);
}

TEST_F(TownAgentRoutes, TheTownShowsCountsAndNoMoreAgentsThanAScreen) {
  for (int i = 0; i < 60; ++i) spawn("a" + std::to_string(i));
  EXPECT_EQ(post("/v1/agents/a59/kill", json::object()).status, 200);
  const auto town = from_json<api::TownView>(get("/v1/town").body).value();
  EXPECT_EQ(town.agents.size(), 50U);
  EXPECT_EQ(town.more_agents, 10);
  EXPECT_EQ(town.agent_counts.idle, 59);
  EXPECT_EQ(town.agent_counts.stopped, 1);
}

TEST_F(TownAgentRoutes, W17_AnAgentThatIsSpawnedByHttpHasItsRounds) {
  spawn("ada");
  assign("ada", "paint");
  ASSERT_TRUE(world_.until([&] { return world_.machine.started() == 1; }));
}

TEST_F(TownAgentRoutes, W18_WhatACommandDoesCanBeAskedForByHttp) {
  const auto has = [](std::string_view method, std::string_view pattern) {
    return std::ranges::any_of(routes(), [&](const Route& route) {
      return route.method == method && route.pattern == pattern;
    });
  };
  for (const char* verb : {"kill", "interrupt", "resume", "close", "restart", "prune"})
    EXPECT_TRUE(has("POST", std::string("/v1/agents/{agent}/") + verb)) << verb;
  for (const char* verb : {"complete", "fail", "progress", "start", "cancel", "requeue", "retry"})
    EXPECT_TRUE(has("POST", std::string("/v1/tasks/{task}/") + verb)) << verb;
  for (const char* what : {"/v1/agents", "/v1/agents/{agent}/wait", "/v1/agents/{agent}/result",
                           "/v1/tasks", "/v1/tasks/{task}", "/v1/backlog", "/v1/events"})
    EXPECT_TRUE(has("GET", what)) << what;
}

TEST_F(TownAgentRoutes, AWaitForAStateThatIsNoneIsRefused) {
  spawn("ada");
  EXPECT_EQ(get("/v1/agents/ada/wait?state=idle").body.at("state"), "idle");
  EXPECT_EQ(get("/v1/agents/ada/wait?state=sleepy").status, 400);
}

}  // namespace
}  // namespace reeve::doors
