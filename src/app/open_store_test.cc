#include "app/open_store.h"

#include <gtest/gtest.h>

namespace reeve::app {
namespace {

client::TownSettings redis_settings() {
  client::TownSettings settings;
  settings.name = "oak";
  settings.store.url = "redis://ada:tell-nobody@store:7777/2";
  return settings;
}

TEST(RedisOpenStore, APlanIsMadeOfSettingsAndShowsNoPassword) {
  const client::TownFolder folder("/towns/oak");
  const auto plan = plan_store(folder, redis_settings()).value();
  ASSERT_NE(plan.redis(), nullptr);
  EXPECT_EQ(plan.display, "redis redis://ada:***@store:7777/2");
  EXPECT_EQ(plan.town, "oak");
  EXPECT_EQ(plan.opener, Opener::daemon);
  auto settings = redis_settings();
  settings.durability = "os";
  const auto wrong = plan_store(folder, settings);
  ASSERT_FALSE(wrong);
  EXPECT_TRUE(wrong.error().message().starts_with("/towns/oak/.reeve/town.toml: durability"));
  EXPECT_TRUE(plan_store(folder, settings, "there").error().message().starts_with("there: "));
  settings = redis_settings();
  settings.store.password_env = "A";
  settings.store.password_file = "b";
  EXPECT_TRUE(plan_store(folder, settings).error().is(Errc::invalid_argument));
}

TEST(RedisOpenStore, WhoFindsItTakenIsToldWhatToDo) {
  const Error held(Errc::conflict, "process 7 has it");
  // To whoever wanted a daemon, another one of the same folder is as good.
  EXPECT_EQ(refusal(Opener::daemon, held, true, ""), held);
  // Nobody else is asked there: that is no daemon.
  for (const auto& told :
       {refusal(Opener::daemon, held, true, "a program"), refusal(Opener::daemon, held, false, "")})
    EXPECT_EQ(told, Error(Errc::unavailable, "process 7 has it"));
  // A program can ask a daemon instead.
  for (const auto& told :
       {refusal(Opener::program, held, true, ""), refusal(Opener::program, held, false, ""),
        refusal(Opener::program, held, true, "a program")}) {
    EXPECT_TRUE(told.is(Errc::conflict));
    EXPECT_TRUE(told.message().starts_with("process 7 has it"));
    EXPECT_TRUE(told.message().contains("Town::connect()"));
  }
}

TEST(RedisOpenStore, HoldersSayWhatTheyAre) {
  const Time now{};
  EXPECT_FALSE(holder_text(now).contains("libreeve"));
  EXPECT_TRUE(holder_text(now, Opener::program).contains("libreeve"));
  EXPECT_TRUE(holder_text(now).contains(", process " + std::to_string(::getpid())));
}

}  // namespace
}  // namespace reeve::app
