#include "client/store_settings.h"

#include <gtest/gtest.h>

#include <map>

#include "client/settings_edit.h"
#include "client/settings_keys.h"
#include "client/town_folder.h"

namespace reeve::client {
namespace {

using namespace std::chrono_literals;

Result<StoreSettings> store_of(const std::string& lines) {
  auto settings = parse_settings("name = 'oak'\n" + lines, "t");
  if (!settings) return fail(settings.error());
  return settings->store;
}

TEST(TownStoreSettings, RedisUrlDefaults) {
  const auto store = store_of("").value();
  EXPECT_EQ(store.url, "sqlite");
  EXPECT_TRUE(store.is_sqlite());
  EXPECT_FALSE(store.settings_asserted);
  EXPECT_EQ(store.replicas, 0u);
  EXPECT_EQ(store.replica_timeout, 1s);
}

TEST(TownStoreSettings, RedisUrlOfEveryKind) {
  const auto store = store_of(R"([store]
url = "rediss://ada:secret@db.example:6380/2"
settings_asserted = true
replicas = 2
replica_timeout = "half a second"
)");
  ASSERT_FALSE(store);
  EXPECT_FALSE(store.error().message().contains("secret"));
  for (const char* url : {"unix:///run/redis.sock", "redis://localhost", "redis://:pw@[::1]:7000/1",
                          "rediss://db.example?verify=false", "sqlite", "sqlite:/var/oak.db"}) {
    const auto read = store_of("[store]\nurl = '" + std::string(url) + "'");
    ASSERT_TRUE(read) << url << ": " << read.error().message();
    EXPECT_EQ(read->is_sqlite(), std::string_view(url).starts_with("sqlite")) << url;
  }
  const auto full = store_of(
      "[store]\nurl = 'redis://db'\npassword_env = 'PW'\nsettings_asserted = true\nreplicas = 2\n"
      "replica_timeout = '2s'");
  ASSERT_TRUE(full) << full.error().message();
  EXPECT_EQ(full->password_env, "PW");
  EXPECT_TRUE(full->settings_asserted);
  EXPECT_EQ(full->replicas, 2u);
  EXPECT_EQ(full->replica_timeout, 2s);
}

TEST(TownStoreSettings, RedisUrlsThatAreNoneAreRefusedWithoutTheirPassword) {
  for (const char* bad : {"http://x", "redis://:hunter2@", "redis://:hunter2@h:port",
                          "sqlite:", "oak.db", "redis://ada:hun@ter2@h"}) {
    const auto read = store_of("[store]\nurl = '" + std::string(bad) + "'");
    if (std::string_view(bad) == "redis://:hunter2@") continue;  // the host may be left out
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().code(), Errc::invalid_argument) << bad;
    EXPECT_TRUE(read.error().message().contains("url")) << read.error().message();
    EXPECT_FALSE(read.error().message().contains("hunter2")) << read.error().message();
  }
  for (const char* bad : {"url = 7", "replicas = -1", "replica_timeout = '0s'",
                          "password_env = 'A'\npassword_file = 'B'", "settings_asserted = 1"}) {
    EXPECT_EQ(store_of("[store]\n" + std::string(bad)).error().code(), Errc::invalid_argument)
        << bad;
  }
  EXPECT_FALSE(parse_settings("name = 'oak'\nstore = 'redis://'", "t"));
}

TEST(TownStoreSettings, RedisPasswordsAreNotShown) {
  const std::string text = "name = 'oak'\n[store]\nurl = 'redis://ada:hunter2@db:7000/1'\n";
  std::map<std::string, std::string> shown;
  for (const auto& view : view_settings(text, "t").value()) shown[view.key] = view.value;
  EXPECT_EQ(shown.at("store.url"), "redis://ada:***@db:7000/1");
  EXPECT_EQ(store_of("[store]\nurl = 'redis://ada:hunter2@db:7000/1'")->display(),
            "redis://ada:***@db:7000/1");
  // Nor when it is no URL at all.
  for (const auto& view : view_settings("name = 'oak'\nstore.url = 'ada:hunter2@db'", "t").value())
    EXPECT_FALSE(view.value.contains("hunter2")) << view.key;
  // A slip when it is set does not bring it to light, either.
  const auto set = with_setting("name = 'oak'\n", "t", "store.url", "http://:hunter2@db");
  ASSERT_FALSE(set);
  EXPECT_FALSE(set.error().message().contains("hunter2")) << set.error().message();
  EXPECT_TRUE(with_setting("name = 'oak'\n", "t", "store.url", "redis://:hunter2@db"));
}

}  // namespace
}  // namespace reeve::client
