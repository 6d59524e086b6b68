#include "app/mirror_choice.h"

#include <gtest/gtest.h>

namespace reeve::app {
namespace {

TEST(TinytownMirrorChoice, WhatIsSaidOnTheCommandLineHolds) {
  client::MirrorSettings mirror{"redis://one", true};
  ASSERT_TRUE(choose_mirror("", false, mirror));
  EXPECT_EQ(mirror.redis, "redis://one");
  ASSERT_TRUE(choose_mirror("", true, mirror));
  EXPECT_EQ(mirror.enabled, false);
  ASSERT_TRUE(choose_mirror("unix:///tmp/two.sock", false, mirror));
  EXPECT_EQ(mirror.redis, "unix:///tmp/two.sock");
  EXPECT_EQ(mirror.enabled, std::nullopt);
  EXPECT_FALSE(choose_mirror("unix:///tmp/two.sock", true, mirror));
  const auto wrong = choose_mirror("http://x:tell-nobody@y", false, mirror);
  ASSERT_FALSE(wrong);
  EXPECT_TRUE(wrong.error().is(Errc::invalid_argument));
  EXPECT_FALSE(wrong.error().message().contains("tell-nobody"));
  EXPECT_EQ(mirror.redis, "unix:///tmp/two.sock");
}

TEST(TinytownMirrorChoice, ATownOnRedisIsMirroredThereUnlessToldOtherwise) {
  const auto store = net::read_redis_url("redis://store:7777").value();
  EXPECT_EQ(mirror_address({}, std::nullopt)->has_value(), false);
  EXPECT_EQ(mirror_address({}, store).value()->display(), store.display());
  EXPECT_EQ(mirror_address({"", false}, store)->has_value(), false);
  EXPECT_EQ(mirror_address({"redis://one", false}, std::nullopt)->has_value(), false);
  EXPECT_EQ(mirror_address({"redis://one", std::nullopt}, store).value()->tcp.host, "one");
  EXPECT_EQ(mirror_address({"redis://one", true}, std::nullopt).value()->tcp.host, "one");
  EXPECT_FALSE(mirror_address({"what", true}, std::nullopt));
  auto cluster = store;
  cluster.cluster = true;
  EXPECT_EQ(mirror_address({}, cluster)->has_value(), false);
}

TEST(TinytownMirrorChoice, ATownOfTheSameNameThereSharesItsKeys) {
  const auto at = [](const char* url) { return net::read_redis_url(url).value(); };
  const auto shares = [&](const char* mirror, const char* tinytown, const char* name = "gold") {
    return shares_keys(at(mirror), "gold", at(tinytown), name);
  };
  EXPECT_TRUE(shares("redis://localhost", "redis://127.0.0.1:6379"));
  EXPECT_TRUE(shares("redis://:secret@one:7000/2", "redis://one:7000/2"));
  EXPECT_TRUE(shares("unix:///run/redis.sock", "unix:///run/redis.sock"));
  EXPECT_FALSE(shares("redis://one", "redis://one", "silver"));
  EXPECT_FALSE(shares("redis://one", "redis://two"));
  EXPECT_FALSE(shares("redis://one", "redis://one/1"));
  EXPECT_FALSE(shares("redis://one", "redis://one:7000"));
  EXPECT_FALSE(shares("unix:///run/redis.sock", "redis://localhost"));
}

}  // namespace
}  // namespace reeve::app
