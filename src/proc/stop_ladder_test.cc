#include "proc/stop_ladder.h"

#include <gtest/gtest.h>

namespace reeve::proc {
namespace {

using namespace std::chrono_literals;

const std::vector<StopStage> kStages{{StopAction::interrupt, Duration(100)},
                                     {StopAction::terminate, Duration(200)}};

TEST(StopLadder, DoesNothingBeforeItBegins) {
  StopLadder ladder;
  EXPECT_FALSE(ladder.due(1h));
  EXPECT_FALSE(ladder.next());
  EXPECT_FALSE(ladder.reached());
  ladder.hurry(Duration(0), 1h);
  EXPECT_FALSE(ladder.due(1h));
}

TEST(StopLadder, GivesEachStageItsGraceAndThenKills) {
  StopLadder ladder;
  ladder.begin(kStages, 1s);
  EXPECT_EQ(ladder.due(1s), StopAction::interrupt);
  EXPECT_FALSE(ladder.due(1s));
  EXPECT_EQ(ladder.next(), 1100ms);
  EXPECT_FALSE(ladder.due(1099ms));
  EXPECT_EQ(ladder.due(1100ms), StopAction::terminate);
  EXPECT_FALSE(ladder.due(1299ms));
  EXPECT_EQ(ladder.killing(1299ms), Duration(0));
  EXPECT_EQ(ladder.due(1300ms), StopAction::kill);
  EXPECT_FALSE(ladder.due(1301ms));
  EXPECT_EQ(ladder.due(1400ms), StopAction::kill) << "again and again";
  EXPECT_EQ(ladder.killing(1400ms), Duration(100));
  EXPECT_EQ(ladder.reached(), StopAction::kill);
}

TEST(StopLadder, KillsAtOnceWithoutStages) {
  StopLadder ladder;
  ladder.begin({}, 1s);
  EXPECT_EQ(ladder.due(1s), StopAction::kill);
}

TEST(StopLadder, ASecondBeginChangesNothing) {
  StopLadder ladder;
  ladder.begin(kStages, 1s);
  ladder.due(1s);
  ladder.begin(kStages, 1050ms);
  EXPECT_FALSE(ladder.due(1050ms));
  EXPECT_EQ(ladder.due(1100ms), StopAction::terminate);
}

TEST(StopLadder, KillNowSkipsWhatIsLeft) {
  StopLadder ladder;
  ladder.begin(kStages, 1s);
  ladder.due(1s);
  ladder.kill_now(1001ms);
  EXPECT_EQ(ladder.due(1001ms), StopAction::kill);
  ladder.kill_now(1002ms);
  EXPECT_FALSE(ladder.due(1002ms)) << "asked twice it kills no faster";
}

TEST(StopLadder, HurriesTheNextStageButNeverDelaysIt) {
  StopLadder ladder;
  ladder.begin(kStages, 1s);
  ladder.due(1s);
  ladder.hurry(Duration(10), 1s);
  EXPECT_EQ(ladder.due(1010ms), StopAction::terminate);
  ladder.hurry(Duration(10'000), 1010ms);
  EXPECT_EQ(ladder.due(1210ms), StopAction::kill);
}

}  // namespace
}  // namespace reeve::proc
