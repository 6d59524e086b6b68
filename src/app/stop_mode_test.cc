#include "app/stop_mode.h"

#include <gtest/gtest.h>

namespace reeve::app {
namespace {

using enum api::StopMode;

TEST(StopMode, ADrainIsCutShortByWhoeverAsksAgain) {
  EXPECT_EQ(harder(drain, drain), drain);
  EXPECT_EQ(harder(drain, stages), stages);
  EXPECT_EQ(harder(drain, daemon), daemon);
  EXPECT_EQ(harder(drain, by_signal(drain)), stages);
}

TEST(StopMode, EveryFurtherRequestIsHarmless) {
  for (const auto asked : {stages, drain, daemon}) {
    EXPECT_EQ(harder(stages, asked), stages);
    EXPECT_EQ(harder(daemon, asked), daemon);
  }
  EXPECT_EQ(harder(stages, by_signal(stages)), stages);
  EXPECT_EQ(harder(daemon, by_signal(daemon)), daemon);
}

TEST(StopMode, ASignalAloneLeavesRoundsRunning) { EXPECT_EQ(by_signal(std::nullopt), daemon); }

}  // namespace
}  // namespace reeve::app
