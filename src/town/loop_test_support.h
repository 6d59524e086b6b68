#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "town/testing.h"

/// What the tests of an agent's loop share. Not part of the library.
namespace reeve::town {

/// An agent's rounds one after the other.
class LoopTest : public DaemonTest {
 protected:
  /// An agent with limits of its own.
  Agent spawn_with(std::string name, api::LimitsRequest limits, std::string cli = "worker") {
    api::SpawnRequest request;
    request.name = std::move(name);
    request.cli = std::move(cli);
    request.limits = limits;
    request.unchecked = true;
    return world_.await(town::spawn(ground_, Caller{}, std::move(request))).value();
  }
  Agent now(const Agent& agent) { return world_.get<Agent>(agent.id); }
  void restart(const Agent& agent, std::optional<std::int64_t> rounds = {}) {
    ASSERT_TRUE(world_.commit(
        {fact::AgentRestarted{agent.id, now(agent).state, "the test says so", rounds, false}}));
    world_.quiet();
  }
  /// What `reeve interrupt` is.
  void interrupt(const Agent& agent) {
    const auto run = now(agent).current_run;
    std::vector<Fact> facts{fact::AgentInterrupted{agent.id, now(agent).state, run, "wait"}};
    if (run) facts.emplace_back(fact::RunStopRequested{*run, agent.id, "wait"});
    ASSERT_TRUE(world_.commit(std::move(facts)));
  }
  void resume(const Agent& agent) {
    ASSERT_TRUE(world_.commit({fact::AgentResumed{agent.id, now(agent).state, "go on"}}));
    world_.quiet();
  }
  /// Lets a while go by, as a clock does.
  void pass(Duration time, Duration step = 1min) {
    for (; time > Duration::zero(); time -= step) {
      world_.env.advance(std::min(step, time));
      world_.quiet();
    }
  }
  /// The newest round says that its vendor takes no more requests.
  void hit_the_limit(std::optional<Time> reset) {
    world_.machine.out(run::testing::claude_init("s-1"));
    if (reset) {
      world_.machine.out(
          R"({"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":)" +
          std::to_string(to_ms(*reset) / 1000) + R"(,"rateLimitType":"five_hour"}})" + "\n");
    }
    world_.machine.out(
        R"({"type":"result","subtype":"success","is_error":true,"api_error_status":429,)"
        R"("result":"You've hit your session limit"})"
        "\n");
    end_round(1);
  }
};

}  // namespace reeve::town
