#include "client/retention_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "client/town_folder.h"

namespace reeve::client {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<RetentionPolicy> read(std::string_view text) { return read_retention(toml::parse(text)); }

TEST(EventsRetentionSettings, WithoutThemEverythingIsKept) {
  const auto policy = read("name = \"oak\"\n").value();
  EXPECT_FALSE(policy.removes());
  EXPECT_TRUE(policy.prune.empty());
  EXPECT_EQ(policy.keep_events, 1'000U);
}

TEST(EventsRetentionSettings, EachIsRead) {
  const auto policy = read(R"(
[retention]
max_age = "30d"
max_size = "2GB"
max_events = 500000
keep_events = 10
a_later_key = true

[[retention.prune]]
kinds = ["ToolCallDone", "RawLine"]
after = "7d"

[[retention.prune]]
kinds = ["AssistantMessage"]
scopes = ["agent:lint"]
after = "12h"
)")
                          .value();
  EXPECT_EQ(policy.max_age, 30 * 24h);
  EXPECT_EQ(policy.max_bytes, 2'000'000'000U);
  EXPECT_EQ(policy.max_events, 500'000U);
  EXPECT_EQ(policy.keep_events, 10U);
  ASSERT_EQ(policy.prune.size(), 2U);
  EXPECT_THAT(policy.prune[0].kinds, ElementsAre("ToolCallDone", "RawLine"));
  EXPECT_EQ(policy.prune[0].after, 7 * 24h);
  EXPECT_THAT(policy.prune[1].scopes, ElementsAre("agent:lint"));
}

TEST(EventsRetentionSettings, WhatIsWrongIsNamed) {
  for (const auto& [text, named] :
       {std::pair<const char*, const char*>{"retention = 3", "retention: expected a table"},
        {"[retention]\nmax_age = 30", "retention: max_age"},
        {"[retention]\nmax_age = \"long\"", "retention: max_age"},
        {"[retention]\nmax_size = \"2 apples\"", "max_size"},
        {"[retention]\nmax_events = -1", "max_events"},
        {"[retention]\nmax_events = \"5\"", "max_events"},
        {"[retention]\nkeep_events = 1.5", "keep_events"},
        {"[retention]\nprune = 3", "[[retention.prune]]"},
        {"[[retention.prune]]\nkinds = \"RawLine\"", "prune: kinds"},
        {"[[retention.prune]]\nkinds = [3]", "prune: kinds"},
        {"[[retention.prune]]\nkinds = [\"RawLine\"]", "after"},
        {"[[retention.prune]]\nafter = \"1d\"", "name the kinds"},
        {"[[retention.prune]]\nkinds = [\"RunStarted\"]\nafter = \"1d\"",
         "RunStarted is a fact"}}) {
    const auto refused = read(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code(), Errc::invalid_argument);
    EXPECT_THAT(refused.error().message(), HasSubstr(named)) << text;
  }
}

TEST(EventsRetentionSettings, ANewTownKeepsEverything) {
  auto pattern = (std::filesystem::temp_directory_path() / "reeve-retention-XXXXXX").string();
  const TownFolder folder{std::filesystem::path(::mkdtemp(pattern.data()))};
  ASSERT_TRUE(create_town(folder, {.name = "oak"}));
  const auto settings = read_settings(folder);
  ASSERT_TRUE(settings) << settings.error().message();
  EXPECT_FALSE(settings->retention.removes());
  std::filesystem::remove_all(folder.root());
}

}  // namespace
}  // namespace reeve::client
