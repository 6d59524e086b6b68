#include "doors/tinytown/place.h"

#include <gtest/gtest.h>

namespace reeve::doors::tinytown {
namespace {

using What = Decision::What;

const LogId kLog = LogId::parse("4763624f-a2b7-4450-8a0e-36b0e21c9a93").value();
const LogId kOther = LogId::parse("9efcdaeb-876c-4936-b447-2a6ceae0ef5e").value();

class TinytownPlace : public ::testing::Test {
 protected:
  TinytownPlace() {
    ours_.log = kLog;
    ours_.head = {1000};
    ours_.was_there = true;
    sight_.place = Place{kLog, Position{990}, "n"};
    sight_.mark = "n";
    sight_.now = 1'000'000;
    sight_.seen = sight_.now - 1;
  }
  [[nodiscard]] Decision decide() const { return decide_place(sight_, ours_); }
  void expect(What what, bool tell) {
    EXPECT_EQ(decide().what, what) << decide().reason;
    EXPECT_EQ(decide().tell, tell) << decide().reason;
  }
  Sight sight_;
  OurSide ours_;
};

TEST_F(TinytownPlace, GoesOnWhereItWas) {
  expect(What::resume, false);
  sight_.place->position = ours_.head;
  expect(What::resume, false);
}

TEST_F(TinytownPlace, TheFirstTimeAllIsWrittenAndNothingIsTold) {
  sight_.place.reset();
  sight_.mark = "";
  ours_.was_there = false;
  expect(What::rewrite, false);
}

TEST_F(TinytownPlace, WhatWasLostIsWrittenAgainAndToldOnce) {
  sight_.mark = "";
  expect(What::rewrite, true);
  sight_.mark = "of another time";
  expect(What::rewrite, true);
  sight_.mark = "n";
  sight_.place->position = Position{1001};
  expect(What::rewrite, true);
  sight_.place.reset();
  expect(What::rewrite, true);
  ours_.unfinished = true;
  expect(What::rewrite, false);
}

TEST_F(TinytownPlace, WhatWasCutOffIsBegunAnew) {
  sight_.place->position.reset();
  expect(What::rewrite, false);
}

TEST_F(TinytownPlace, TooFarBehindAllIsWrittenWithoutAWord) {
  ours_.oldest_mark = {990};
  expect(What::resume, false);
  ours_.oldest_mark = {991};
  expect(What::rewrite, false);
  ours_.oldest_mark = {};
  ours_.far = 10;
  expect(What::resume, false);
  ours_.far = 9;
  expect(What::rewrite, false);
}

TEST_F(TinytownPlace, ACopyOfTheTownLeavesTheOriginalsMirrorAlone) {
  sight_.by = "there:/original";
  ours_.by = "here:/copy";
  expect(What::refuse, false);
  EXPECT_TRUE(decide().reason.contains("/original")) << decide().reason;
  sight_.seen = sight_.now - ours_.live;  // it was moved, and goes on here
  expect(What::resume, false);
}

TEST_F(TinytownPlace, ARedisThatWentBackInTimeIsWrittenAnewAndItIsTold) {
  ours_.written = Position{990};
  ours_.nonce = "n";
  expect(What::resume, false);
  ours_.written = Position{991};
  expect(What::rewrite, true);
  EXPECT_TRUE(decide().reason.contains("older")) << decide().reason;
  ours_.unfinished = true;
  expect(What::rewrite, false);
  ours_.unfinished = false;
  ours_.written = Position{990};
  ours_.nonce = "of a later time";
  expect(What::rewrite, true);
  ours_.nonce = "";
  expect(What::resume, false);
}

TEST_F(TinytownPlace, ATownThatBeganAnewTakesItsOwnPlace) {
  sight_.place->log = kOther;
  ours_.former = kOther;
  expect(What::rewrite, true);
}

TEST_F(TinytownPlace, AnotherTownsMirrorIsLeftAloneWhileItLives) {
  sight_.place->log = kOther;
  expect(What::refuse, false);
  EXPECT_TRUE(decide().reason.contains("another name")) << decide().reason;
  sight_.seen = sight_.now - ours_.live;
  expect(What::rewrite, true);
}

}  // namespace
}  // namespace reeve::doors::tinytown
