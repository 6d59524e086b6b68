#include "llm/retry.h"

#include <gtest/gtest.h>

namespace reeve::llm {
namespace {

ProviderError trouble(Trouble kind, std::optional<Duration> after = {}) {
  return {kind, "x", after};
}

TEST(LlmRetry, OnlyWhatMayPassAndOnlySoOften) {
  const RetryPolicy policy{.tries = 3};
  EXPECT_TRUE(pause_before_retry(policy, trouble(Trouble::overloaded), 2, false, 0));
  EXPECT_FALSE(pause_before_retry(policy, trouble(Trouble::overloaded), 3, false, 0));
  for (const auto kind :
       {Trouble::authentication, Trouble::quota_exhausted, Trouble::bad_request,
        Trouble::context_too_long, Trouble::content_filter, Trouble::malformed,
        Trouble::misconfigured, Trouble::no_such_model, Trouble::answer_too_large})
    EXPECT_FALSE(pause_before_retry(policy, trouble(kind), 1, false, 0));
  for (const auto kind :
       {Trouble::rate_limited, Trouble::unreachable, Trouble::timed_out, Trouble::truncated_stream})
    EXPECT_TRUE(pause_before_retry(policy, trouble(kind), 1, false, 0));
}

TEST(LlmRetry, PausesDoubleWithJitterUpToALimit) {
  const RetryPolicy policy{.tries = 20, .first = Duration(100), .last = Duration(1000)};
  const auto range = [&](int tried) {
    Duration least{1'000'000};
    Duration most{0};
    for (std::uint64_t random = 0; random < 2000; ++random) {
      const auto pause =
          pause_before_retry(policy, trouble(Trouble::overloaded), tried, false, random).value();
      least = std::min(least, pause);
      most = std::max(most, pause);
    }
    return std::pair(least.count(), most.count());
  };
  EXPECT_EQ(range(1), std::pair(50L, 100L));
  EXPECT_EQ(range(2), std::pair(100L, 200L));
  EXPECT_EQ(range(4), std::pair(400L, 800L));
  EXPECT_EQ(range(5), std::pair(500L, 1000L));
  EXPECT_EQ(range(19), std::pair(500L, 1000L));
}

TEST(LlmRetry, NeverSoonerThanTheProviderAsksAndNotAtAllIfThatIsTooLong) {
  RetryPolicy policy;
  policy.patience = Duration(10'000);
  for (std::uint64_t random = 0; random < 2000; ++random) {
    const auto pause = pause_before_retry(policy, trouble(Trouble::rate_limited, Duration(5'000)),
                                          1, false, random);
    ASSERT_GE(pause, Duration(5'000));
    ASSERT_LE(pause, Duration(5'500));
  }
  EXPECT_FALSE(
      pause_before_retry(policy, trouble(Trouble::rate_limited, Duration(10'001)), 1, false, 0));
}

TEST(LlmRetry, WhatHasBeenToldIsTakenBackOnlyIfThatIsWanted) {
  RetryPolicy policy;
  EXPECT_TRUE(pause_before_retry(policy, trouble(Trouble::truncated_stream), 1, true, 0));
  policy.after_text = false;
  EXPECT_FALSE(pause_before_retry(policy, trouble(Trouble::truncated_stream), 1, true, 0));
  EXPECT_TRUE(pause_before_retry(policy, trouble(Trouble::truncated_stream), 1, false, 0));
}

}  // namespace
}  // namespace reeve::llm
