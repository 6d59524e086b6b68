#include "store/redis/heads.h"

#include <gtest/gtest.h>

namespace reeve::store::redis {
namespace {

const DocKey kAda{"agent", "ada"};

TEST(RedisHeads, WhatWasToldIsKnownAndCountsOn) {
  Heads heads;
  EXPECT_EQ(heads.find(kAda), nullptr);
  heads.set(kAda, {.version = 3, .rank = 7, .marks = "open"});
  heads.begin(kAda);
  ASSERT_NE(heads.find(kAda), nullptr);  // for the commit that has begun
  heads.written(kAda);
  heads.end(kAda);
  EXPECT_EQ(heads.find(kAda)->version, 4u);
  EXPECT_EQ(heads.find(kAda)->rank, 7u);
  EXPECT_EQ(heads.find({"task", "ada"}), nullptr);
}

TEST(RedisHeads, NothingIsKnownWhileTwoCommitsAreOnTheirWay) {
  Heads heads;
  heads.set(kAda, {.version = 3, .rank = 7, .marks = {}});
  heads.begin(kAda);
  heads.begin(kAda);
  EXPECT_EQ(heads.find(kAda), nullptr);
  heads.written(kAda);
  heads.end(kAda);
  ASSERT_NE(heads.find(kAda), nullptr);
  EXPECT_EQ(heads.find(kAda)->version, 4u);
}

TEST(RedisHeads, WhatIsForgottenIsNotKnownAndNotCountedOn) {
  Heads heads;
  heads.set(kAda, {.version = 3, .rank = 7, .marks = {}});
  heads.begin(kAda);
  heads.forget(kAda);
  heads.written(kAda);
  EXPECT_EQ(heads.find(kAda), nullptr);
  heads.end(kAda);
  heads.set(kAda, {.version = 9, .rank = 7, .marks = {}});
  const auto before = heads.epoch();
  heads.forget_all();
  EXPECT_NE(heads.epoch(), before);
  EXPECT_EQ(heads.find(kAda), nullptr);
}

TEST(RedisHeads, TheyDoNotGrowWithoutEnd) {
  Heads heads;
  heads.begin(kAda);
  for (int i = 0; i < 100'000; ++i) heads.set({"note", std::to_string(i)}, {.version = 1});
  EXPECT_LT(heads.size(), 50'000u);
  heads.end(kAda);  // it is still counted
}

}  // namespace
}  // namespace reeve::store::redis
