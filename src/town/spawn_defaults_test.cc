// What a new agent gets that its request does not say, and what is looked at before it is spawned.

#include "town/testing.h"

namespace reeve::town {
namespace {

class TownSpawning : public ServicesTest {
 protected:
  Result<api::SpawnReply> spawn_as(api::SpawnRequest request, Caller caller = {}) {
    request.name = "ada";
    request.cli = "worker";
    return world_.await(town::spawn(ground_, std::move(caller), std::move(request)));
  }
};

TEST_F(TownSpawning, TheTownsLimitsHoldWhereTheRequestIsSilent) {
  ground_.limits.silence_ms = 5min;
  ground_.limits.rounds = 9;
  ground_.limits.cost_usd = 2;
  ground_.claims = true;
  api::SpawnRequest request;
  request.limits.rounds = 0;          // no limit, whatever the town says
  request.limits.silence_ms = 10min;  // what would hold without the town's word
  const auto agent = spawn_as(request);
  ASSERT_TRUE(agent) << agent.error().message();
  EXPECT_EQ(agent->limits.silence_ms, 10min);
  EXPECT_EQ(agent->limits.rounds, std::nullopt);
  EXPECT_EQ(agent->limits.cost_usd, 2.0);
  EXPECT_EQ(agent->limits.failures, 5);
  EXPECT_TRUE(agent->claims);
}

TEST_F(TownSpawning, ARequestMayRefuseWhatTheTownWouldHaveItDo) {
  ground_.claims = true;
  ground_.limits.stop_on_silence = true;
  api::SpawnRequest request;
  request.claims = false;
  request.limits.stop_on_silence = false;
  const auto agent = spawn_as(request);
  EXPECT_FALSE(agent->claims);
  EXPECT_FALSE(agent->limits.stop_on_silence);
}

TEST_F(TownSpawning, ALimitThatIsNoneIsRefused) {
  for (const auto& limits : {api::LimitsRequest{.silence_ms = 0ms},
                             {.failures = 0},
                             {.rounds = -1},
                             {.cost_usd = -0.5},
                             {.idle_ms = -1ms}}) {
    api::SpawnRequest request;
    request.limits = limits;
    EXPECT_EQ(code_of(spawn_as(request)), Errc::invalid_argument);
  }
  EXPECT_TRUE(spawn_as({}));
}

TEST_F(TownSpawning, ACliThatIsNotReadyIsRefusedBeforeTheFirstRound) {
  std::vector<std::string> asked;
  ground_.preflight = [&](const std::string& cli, const std::vector<std::string>& args,
                          const std::map<std::string, std::string>& variables)
      -> Result<std::optional<std::string>> {
    asked = {cli, args.at(0), variables.at("KEY")};
    return fail(Errc::unavailable, "worker is not installed");
  };
  api::SpawnRequest request;
  request.args = {"--fast"};
  request.env = {{"KEY", "value"}};
  EXPECT_EQ(code_of(spawn_as(request)), Errc::unavailable);
  EXPECT_EQ(asked, (std::vector<std::string>{"worker", "--fast", "value"}));
  EXPECT_TRUE(world_.await(list_agents(ground_))->agents.empty());
  // Whoever knows better says so.
  asked.clear();
  request.unchecked = true;
  EXPECT_TRUE(spawn_as(request));
  EXPECT_TRUE(asked.empty());
}

TEST_F(TownSpawning, WhatMayBeMissingIsNotedInTheAnswer) {
  bool ready = true;
  ground_.preflight = [&](const auto&, const auto&,
                          const auto&) -> Result<std::optional<std::string>> {
    if (!ready) return fail(Errc::unavailable, "it went away");
    return "no login was seen";
  };
  const auto first = spawn_as({}, keyed("spawn"));
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(first->note, "no login was seen");
  // A repetition is answered as the request was, whatever has become of the CLI (G9).
  ready = false;
  const auto again = spawn_as({}, keyed("spawn"));
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(again->id, first->id);
  EXPECT_EQ(again->note, first->note);
}

}  // namespace
}  // namespace reeve::town
