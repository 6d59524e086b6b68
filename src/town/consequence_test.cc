#include "town/consequence.h"

#include <gtest/gtest.h>

#include "proc/dialect/failure.h"

namespace reeve::town {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kLeast = 0;

TEST(TownLoopPauses, DoubleUpToTheirLimit) {
  const Pauses pauses{.first_backoff = 2s, .last_backoff = 60s};
  EXPECT_EQ(backoff(pauses, 1), 2s);
  EXPECT_EQ(backoff(pauses, 2), 4s);
  EXPECT_EQ(backoff(pauses, 3), 8s);
  EXPECT_EQ(backoff(pauses, 6), 60s);
  EXPECT_EQ(backoff(pauses, 1'000'000), 60s);
}

TEST(TownLoopPauses, JitterShortensByAQuarterAtMost) {
  EXPECT_EQ(with_jitter(2s, 0), 2s);
  EXPECT_EQ(with_jitter(2s, 500), 1500ms);
  EXPECT_EQ(with_jitter(2s, 501), 2s);
  for (std::uint64_t random = 0; random < 5000; ++random) {
    ASSERT_LE(with_jitter(2s, random), 2s);
    ASSERT_GE(with_jitter(2s, random), 1500ms);
  }
  EXPECT_EQ(with_jitter(0s, 7), 0s);
}

/// One round's end, and what it means.
class TownLoopConsequence : public ::testing::Test {
 protected:
  TownLoopConsequence() {
    agent_.id = AgentId(Uuid{{1}});
    agent_.name = "ada";
    agent_.cli = "claude";
    agent_.state = AgentState::working;
  }
  Consequence after(std::string code, bool started = true, Ending ending = Ending::error,
                    std::uint64_t random = kLeast) {
    end_.code = std::move(code);
    end_.error = end_.code.empty() ? "" : "the text";
    return consequence(pauses_, agent_, ending, started, end_, now_, random);
  }
  /// "" nothing; else the fact's kind, and what it says.
  template <class F>
  static const F* only(const Consequence& meant) {
    return meant.facts.empty() ? nullptr : std::get_if<F>(&meant.facts.front());
  }

  Pauses pauses_;
  Agent agent_;
  fact::RunEnd end_;
  Time now_ = from_ms(1'795'300'000'000);
};

TEST_F(TownLoopConsequence, IsThisForEveryCode) {
  struct Row {
    std::string code;
    bool started;
    bool counted;
    std::string fact;
  };
  std::vector<Row> rows{
      {"rate_limited", true, false, "AgentParked"},
      {"authentication_failed", true, false, "AgentFailed"},
      {"budget", true, false, "AgentFailed"},
      {"spawn_failed", false, false, "AgentFailed"},
      {"not_started", false, false, ""},
      {"invalid_argument", false, true, ""},
      {"too_large", false, true, ""},
      {"unavailable", false, false, "AgentParked"},
      {"storage_full", false, false, "AgentParked"},
      {"read_only", false, false, "AgentParked"},
      {"denied", false, false, "AgentParked"},
      {"unavailable", true, true, ""},
      {"internal", true, true, ""},
  };
  using proc::Failure;
  for (const auto failure :
       {Failure::lost_result, Failure::context_too_long, Failure::max_turns, Failure::interrupted,
        Failure::exit_status, Failure::signal, Failure::output_limit, Failure::silence,
        Failure::deadline, Failure::session_not_found, Failure::server_error,
        Failure::permission_denied, Failure::refused, Failure::error})
    rows.push_back({std::string(enum_name(failure)), true, true, ""});
  for (const auto& row : rows) {
    SCOPED_TRACE(row.code);
    const auto meant = after(row.code, row.started);
    EXPECT_EQ(meant.counted, row.counted);
    EXPECT_EQ(meant.facts.empty() ? "" : kind_of(meant.facts.front()), row.fact);
  }
}

TEST_F(TownLoopConsequence, ACancelAndASuccessAreNobodysFault) {
  for (const auto ending : {Ending::cancelled, Ending::completed}) {
    const auto meant = after("", true, ending);
    EXPECT_FALSE(meant.counted);
    EXPECT_TRUE(meant.facts.empty());
  }
}

TEST_F(TownLoopConsequence, ARateLimitParksUntilItsReset) {
  end_.retry_at = now_ + 3h;
  const auto meant = after("rate_limited");
  const auto* parked = only<fact::AgentParked>(meant);
  ASSERT_TRUE(parked);
  EXPECT_EQ(parked->until, now_ + 3h);
  EXPECT_EQ(parked->code, "rate_limited");
  EXPECT_TRUE(parked->reason.contains("the text"));
  const auto later = after("rate_limited", true, Ending::error, 10'000);
  EXPECT_EQ(only<fact::AgentParked>(later)->until, now_ + 3h + 10s);
}

TEST_F(TownLoopConsequence, ARateLimitWithoutAResetParksLongerEachTime) {
  for (const auto& [failures, pause] :
       {std::pair(0, 1min), {1, 2min}, {2, 4min}, {4, 16min}, {5, 30min}, {1000, 30min}}) {
    agent_.failures_in_a_row = failures;
    for (const auto reset : {std::optional<Time>(), std::optional(now_ - 1s), std::optional(now_),
                             std::optional(now_ + std::chrono::days(400))}) {
      end_.retry_at = reset;
      const auto meant = after("rate_limited");
      ASSERT_TRUE(only<fact::AgentParked>(meant)) << failures;
      EXPECT_EQ(only<fact::AgentParked>(meant)->until, now_ + pause);
    }
  }
}

TEST_F(TownLoopConsequence, TheBreakerOpensAfterSoManyFailures) {
  agent_.failures_in_a_row = 3;
  EXPECT_TRUE(after("exit_status").facts.empty());
  agent_.failures_in_a_row = 4;
  const auto meant = after("exit_status");
  EXPECT_TRUE(meant.counted);
  const auto* failed = only<fact::AgentFailed>(meant);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->code, "exit_status");
  EXPECT_TRUE(failed->reason.contains("5 failed rounds in a row"));
  EXPECT_TRUE(failed->reason.contains("reeve restart ada"));
  EXPECT_TRUE(only<fact::AgentFailed>(after("storage_full", false)));
  EXPECT_FALSE(only<fact::AgentFailed>(after("not_started", false)));
  agent_.limits.failures = 0;
  agent_.failures_in_a_row = 1000;
  EXPECT_TRUE(after("exit_status").facts.empty()) << "there is no breaker";
}

TEST_F(TownLoopConsequence, WhatIsUsedUpStopsTheAgentWhateverBecameOfTheRound) {
  agent_.limits.rounds = 3;
  agent_.spent.rounds = 1;
  EXPECT_TRUE(after("", true, Ending::completed).facts.empty());
  agent_.spent.rounds = 2;
  for (const auto ending : {Ending::completed, Ending::cancelled, Ending::error}) {
    const auto meant = after(ending == Ending::error ? "exit_status" : "", true, ending);
    ASSERT_EQ(meant.facts.size(), 2U);
    EXPECT_EQ(std::get<fact::AgentStopped>(meant.facts[0]).reason, "has used its 3 rounds");
    EXPECT_EQ(std::get<fact::AgentNeedsAttention>(meant.facts[1]).reason,
              "has used its 3 rounds: reeve restart ada --rounds 3");
  }
  EXPECT_TRUE(only<fact::AgentStopped>(after("rate_limited")));
}

TEST_F(TownLoopConsequence, TokensAndCostAreCountedWithTheRound) {
  agent_.limits.tokens = 1000;
  agent_.spent.tokens = 900;
  end_.usage.input_tokens = 60;
  end_.usage.output_tokens = 39;
  EXPECT_TRUE(after("", true, Ending::completed).facts.empty());
  end_.usage.output_tokens = 40;
  EXPECT_TRUE(only<fact::AgentStopped>(after("", true, Ending::completed)));
  agent_.limits.tokens.reset();
  agent_.limits.cost_usd = 1.5;
  agent_.spent.cost_usd = 1;
  end_.cost_usd = 0.5;
  const auto meant = after("", true, Ending::completed);
  ASSERT_TRUE(only<fact::AgentStopped>(meant));
  EXPECT_EQ(only<fact::AgentStopped>(meant)->reason, "has used 1.50 of its 1.50 USD");
}

TEST_F(TownLoopConsequence, ARoundStoppedForItsAgentsOwnBudgetIsNotTheMessagesFault) {
  agent_.limits.tokens = 100;
  end_.usage.input_tokens = 200;
  const auto meant = after("budget");
  EXPECT_FALSE(meant.counted);
  ASSERT_TRUE(only<fact::AgentStopped>(meant)) << "not in need of being mended";
  EXPECT_EQ(only<fact::AgentStopped>(meant)->reason, "has used 200 of its 100 tokens");
}

TEST_F(TownLoopConsequence, WhatSomebodyDecidedMeanwhileStands) {
  agent_.failures_in_a_row = 100;
  agent_.limits.rounds = 1;
  for (const auto state :
       {AgentState::paused, AgentState::draining, AgentState::stopped, AgentState::error}) {
    agent_.state = state;
    for (const auto* code : {"exit_status", "spawn_failed", "rate_limited"})
      EXPECT_TRUE(after(code).facts.empty()) << enum_name(state) << " " << code;
  }
  agent_.state = AgentState::working;
  agent_.stopping = "killed";
  EXPECT_TRUE(after("spawn_failed").facts.empty());
}

TEST_F(TownLoopConsequence, IdlenessIsCountedFromWhenItWasLastActive) {
  agent_.state = AgentState::idle;
  agent_.last_active_at = now_ - 60s;
  EXPECT_EQ(idle_until(agent_), std::nullopt);
  EXPECT_TRUE(decide_idle(agent_, now_).empty());
  agent_.limits.idle_ms = 60'001ms;
  EXPECT_EQ(idle_until(agent_), now_ + 1ms);
  EXPECT_TRUE(decide_idle(agent_, now_).empty());
  EXPECT_EQ(decide_idle(agent_, now_ + 1ms).size(), 1U);
  agent_.limits.idle_ms = 0ms;
  EXPECT_EQ(idle_until(agent_), std::nullopt) << "no limit";
}

}  // namespace
}  // namespace reeve::town
