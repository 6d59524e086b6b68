#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "client/settings_edit.h"
#include "client/settings_file.h"
#include "client/settings_keys.h"
#include "client/town_folder.h"

namespace reeve::client {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* kText = R"(# Ours. Öffentlich nicht.
name = 'oak'   # the tree
default_cli = "claude"

# What agents may
[agents]
silence = "5m" # short

[providers.gpt]
kind = "openai"
headers = { Authorization = "secret" }
)";

std::string with(std::string_view text, std::string_view key, std::string_view value) {
  auto changed = with_setting(text, "town.toml", key, value);
  EXPECT_TRUE(changed) << changed.error().message();
  return changed.value_or("");
}

Errc refused(std::string_view text, std::string_view key, std::string_view value) {
  const auto changed = with_setting(text, "town.toml", key, value);
  EXPECT_FALSE(changed) << *changed;
  return changed ? Errc::internal : changed.error().code();
}

std::map<std::string, SettingView> views(std::string_view text) {
  std::map<std::string, SettingView> all;
  const auto read = view_settings(text, "town.toml").value();
  for (const auto& view : read) all[view.key] = view;
  return all;
}

TEST(TownSettings, DefaultCli) {
  EXPECT_EQ(parse_settings("name = 'oak'", "t")->default_cli, "claude");
  EXPECT_EQ(parse_settings("name = 'oak'\ndefault_cli = 'codex'", "t")->default_cli, "codex");
}

TEST(TownSettings, GlobalDefaults) {
  const auto all = views("name = 'oak'");
  EXPECT_EQ(all.at("name").source, "town.toml");
  EXPECT_EQ(all.at("name").line, 1);
  for (const auto& key : setting_keys()) {
    if (key.key == "name") continue;
    EXPECT_EQ(all.at(std::string(key.key)).source, "default") << key.key;
    EXPECT_EQ(all.at(std::string(key.key)).value, key.standard) << key.key;
  }
  // What is told is what holds.
  const auto settings = parse_settings("name = 'oak'", "t").value();
  EXPECT_EQ(settings.limits.silence_ms, 10min);
  EXPECT_EQ(settings.limits.failures, 5);
  EXPECT_FALSE(settings.limits.stop_on_silence);
  EXPECT_FALSE(settings.claims);
  EXPECT_EQ(settings.durability, "disk");
  EXPECT_EQ(enum_name(settings.runs), "compacted");
  EXPECT_EQ(settings.retention.keep_events, 1000u);
}

TEST(TownSettings, TheMirrorOfATinytown) {
  const auto none = parse_settings("name = 'oak'", "t").value();
  EXPECT_EQ(none.mirror.redis, "");
  EXPECT_EQ(none.mirror.enabled, std::nullopt);
  const std::string text =
      "name = 'oak'\n[mirror]\nredis = 'redis://:tell-nobody@localhost:7777/2'\nenabled = false";
  const auto settings = parse_settings(text, "t").value();
  EXPECT_EQ(settings.mirror.redis, "redis://:tell-nobody@localhost:7777/2");
  EXPECT_EQ(settings.mirror.enabled, false);
  EXPECT_EQ(views(text).at("mirror.enabled").value, "false");
  EXPECT_EQ(views(text).at("mirror.redis").value, "redis://:***@localhost:7777/2");
  EXPECT_EQ(views(text).at("mirror.redis").source, "town.toml");
  for (const char* bad : {"mirror = 1", "[mirror]\nredis = 7", "[mirror]\nenabled = 'yes'",
                          "[mirror]\nredis = 'http://:tell-nobody@localhost'"}) {
    const auto wrong = parse_settings("name = 'oak'\n" + std::string(bad), "t");
    ASSERT_FALSE(wrong) << bad;
    EXPECT_TRUE(wrong.error().is(Errc::invalid_argument));
    EXPECT_TRUE(wrong.error().message().contains("mirror")) << wrong.error().message();
    EXPECT_FALSE(wrong.error().message().contains("tell-nobody")) << wrong.error().message();
  }
}

TEST(TownSettings, AgentsHaveTheTownsLimits) {
  const auto settings = parse_settings(R"(name = 'oak'
[agents]
silence = "5m"
stop_on_silence = true
round_limit = "1h"
rounds = 7
failures = 3
max_tokens = 1000000
max_cost = 2
idle = "1d"
claims = true
)",
                                       "t");
  ASSERT_TRUE(settings) << settings.error().message();
  const auto& limits = settings->limits;
  EXPECT_EQ(limits.silence_ms, 5min);
  EXPECT_TRUE(limits.stop_on_silence);
  EXPECT_EQ(limits.round_ms, 1h);
  EXPECT_EQ(limits.rounds, 7);
  EXPECT_EQ(limits.failures, 3);
  EXPECT_EQ(limits.tokens, 1'000'000);
  EXPECT_EQ(limits.cost_usd, 2.0);
  EXPECT_EQ(limits.idle_ms, 24h);
  EXPECT_TRUE(settings->claims);
  for (const char* bad : {"silence = 5", "silence = \"soon\"", "silence = \"0s\"", "rounds = -1",
                          "failures = 0", "max_cost = \"2\"", "claims = 1"}) {
    const auto wrong = parse_settings("name = 'oak'\n[agents]\n" + std::string(bad), "t");
    ASSERT_FALSE(wrong) << bad;
    EXPECT_EQ(wrong.error().code(), Errc::invalid_argument) << bad;
    EXPECT_TRUE(wrong.error().message().contains("agents")) << wrong.error().message();
  }
}

TEST(TownSettings, AChangeLeavesCommentsAndOrder) {
  auto expected = std::string(kText);
  expected.replace(expected.find("\"5m\""), 4, "'90s'");
  EXPECT_EQ(with(kText, "agents.silence", "90s"), expected);

  expected = kText;
  expected.replace(expected.find("'oak'"), 5, "\"o'k\"");
  // An apostrophe is no name; the default CLI may have one.
  EXPECT_EQ(refused(kText, "name", "o'k"), Errc::invalid_argument);
  expected = kText;
  expected.replace(expected.find("\"claude\""), 8, R"("sh -c 'x' \"ä\"")");
  EXPECT_EQ(with(kText, "default_cli", R"(sh -c 'x' "ä")"), expected);
}

TEST(TownSettings, WhatWasAbsentStandsAtTheEndOfItsTable) {
  auto expected = std::string(kText);
  expected.insert(expected.find("\n[providers"), "rounds = 9\n");
  EXPECT_EQ(with(kText, "agents.rounds", "9"), expected);

  expected = kText;
  expected.insert(expected.find("\n# What agents"), "durability = 'os'\n");
  EXPECT_EQ(with(kText, "durability", "os"), expected);

  EXPECT_EQ(with(kText, "retention.max_age", "90d"),
            std::string(kText) + "\n[retention]\nmax_age = '90d'\n");
  EXPECT_EQ(with("name = 'oak'", "agents.claims", "true"),
            "name = 'oak'\n\n[agents]\nclaims = true\n");
  EXPECT_EQ(with("name = 'oak'\n[agents]", "agents.claims", "true"),
            "name = 'oak'\n[agents]\nclaims = true\n");
  // Only implied by a table inside it, which may not take the line.
  const auto rules = "name = 'oak'\n[[retention.prune]]\nkinds = ['RawLine']\nafter = '7d'\n";
  const auto both = with(rules, "retention.max_age", "90d");
  EXPECT_EQ(parse_settings(both, "t")->retention.max_age, 90 * 24h) << both;
  EXPECT_EQ(parse_settings(both, "t")->retention.prune.size(), 1u) << both;
}

TEST(TownSettings, WhatIsWrongIsRefusedBeforeItIsWritten) {
  EXPECT_EQ(refused(kText, "agents.silence", "soon"), Errc::invalid_argument);
  EXPECT_EQ(refused(kText, "agents.rounds", "many"), Errc::invalid_argument);
  EXPECT_EQ(refused(kText, "agents.rounds", "007"), Errc::invalid_argument);
  EXPECT_EQ(refused(kText, "agents.claims", "yes"), Errc::invalid_argument);
  EXPECT_EQ(refused(kText, "durability", "steel"), Errc::invalid_argument);
  EXPECT_EQ(refused(kText, "retention.max_size", "big"), Errc::invalid_argument);
  EXPECT_EQ(refused("name = ", "agents.rounds", "1"), Errc::invalid_argument);
  EXPECT_EQ(refused(kText, "retention.prune", "x"), Errc::unsupported);
  // In one line with others, or written in dots.
  EXPECT_EQ(refused("name = 'oak'\nagents = { rounds = 1 }", "agents.failures", "2"),
            Errc::unsupported);
  EXPECT_EQ(with("name = 'oak'\nagents = { rounds = 1 } # one\n", "agents.rounds", "2"),
            "name = 'oak'\nagents = { rounds = 2 } # one\n");
}

TEST(TownSettings, AProvidersSettingsCanBeSet) {
  const auto changed =
      with(with(kText, "providers.gpt.model", "small-1"), "providers.gpt.tries", "3");
  EXPECT_EQ(parse_settings(changed, "t")->providers.at("gpt").at("model"), "small-1");
  EXPECT_EQ(parse_settings(changed, "t")->providers.at("gpt").at("tries"), 3);
}

TEST(TownSettings, UnsetTakesTheLineAway) {
  auto expected = std::string(kText);
  const auto at = expected.find("silence =");
  expected.erase(at, expected.find('\n', at) - at + 1);
  EXPECT_EQ(without_setting(kText, "town.toml", "agents.silence").value(), expected);
  EXPECT_EQ(without_setting(kText, "town.toml", "agents.rounds").error().code(), Errc::not_found);
  // Without it nobody could read the rest.
  EXPECT_EQ(without_setting(kText, "town.toml", "name").error().code(), Errc::invalid_argument);
  EXPECT_EQ(without_setting(kText, "town.toml", "agents").error().code(), Errc::unsupported);
  EXPECT_EQ(
      without_setting("name = 'oak'\nagents = { rounds = 1, failures = 2 }", "t", "agents.rounds")
          .error()
          .code(),
      Errc::unsupported);
}

TEST(TownSettings, W41_WhatNobodyReadsIsTold) {
  const auto text = std::string(kText) + "[agents2]\nx = 1\n[agent]\nidle_timeout_secs = 300\n";
  const auto all = view_settings("colour = 1\n" + text, "t").value();
  std::vector<std::string> names;
  for (const auto& setting : unknown_settings(all)) names.push_back(setting.key);
  EXPECT_EQ(names, (std::vector<std::string>{"colour", "agents2.x", "agent.idle_timeout_secs"}));
  EXPECT_EQ(unknown_settings(all)[0].line, 1);
  EXPECT_TRUE(no_such_setting("default_cil").message().contains("default_cli"));
  EXPECT_TRUE(no_such_setting("silence").message().contains("agents.silence"));
  EXPECT_EQ(refused(kText, "max_agents", "10"), Errc::not_found);
  // A slip can be taken out again.
  EXPECT_EQ(without_setting("name = 'oak'\ncolour = 1\n", "t", "colour").value(), "name = 'oak'\n");
}

TEST(TownSettings, EachIsOnThePageOfTheConfiguration) {
  const auto page = read_small_file(REEVE_DOCS "/configuration.md");
  ASSERT_TRUE(page) << page.error().message();
  for (const auto& key : setting_keys()) {
    const auto row = "\n| `" + std::string(key.key) + "` | ";
    EXPECT_TRUE(page->contains(row)) << key.key;
    if (key.key == "name") continue;
    const auto standard =
        key.standard.empty() ? std::string("none") : "`" + std::string(key.standard) + "`";
    EXPECT_TRUE(page->contains(row + standard + " | ")) << key.key << " " << standard;
  }
}

TEST(TownSettings, WhatMayBeSecretIsNotShown) {
  const auto all = views(kText);
  EXPECT_EQ(all.at("providers.gpt.headers.Authorization").value, "(set)");
  EXPECT_EQ(all.at("providers.gpt.kind").value, "openai");
  EXPECT_EQ(all.at("providers.gpt.kind").source, "town.toml");
}

TEST(TownSettings, AFileIsReplacedWholeAndKeepsItsMode) {
  std::string pattern = (fs::temp_directory_path() / "reeve-settings-XXXXXX").string();
  const fs::path dir = ::mkdtemp(pattern.data());
  const auto file = dir / "town.toml";
  const auto mode = [&] {
    struct stat info{};
    ::stat(file.c_str(), &info);
    return info.st_mode & 0777;
  };
  ASSERT_TRUE(replace_file(file, "one"));
  EXPECT_EQ(mode(), 0600u);
  fs::permissions(file, fs::perms::owner_all | fs::perms::group_read);
  ASSERT_TRUE(replace_file(file, "two"));
  EXPECT_EQ(mode(), 0740u);
  EXPECT_EQ(read_small_file(file), "two");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir), {}), 1);
  EXPECT_EQ(read_small_file(dir / "nothing").error().code(), Errc::not_found);
  EXPECT_FALSE(replace_file(dir / "no" / "folder", "x"));
  fs::remove_all(dir);
}

}  // namespace
}  // namespace reeve::client
