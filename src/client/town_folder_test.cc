#include "client/town_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "model/agent.h"

namespace reeve::client {
namespace {

namespace fs = std::filesystem;

class TownFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "reeve-folder-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(root_); }
  fs::path root_;
};

TEST_F(TownFolderTest, IsFoundFromAnyFolderBelow) {
  EXPECT_EQ(find_town(root_).error().code(), Errc::not_found);
  ASSERT_TRUE(create_town(TownFolder(root_), {.name = "oak"}));
  fs::create_directories(root_ / "a" / "b");
  EXPECT_EQ(find_town(root_ / "a" / "b")->root(), root_);
  EXPECT_EQ(read_settings(TownFolder(root_))->name, "oak");
}

TEST_F(TownFolderTest, IsPrivateAndMadeOnce) {
  ASSERT_TRUE(create_town(TownFolder(root_), {.name = "oak"}));
  struct stat info{};
  ASSERT_EQ(::stat((root_ / ".reeve").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  EXPECT_EQ(create_town(TownFolder(root_), {.name = "elm"}).error().code(), Errc::conflict);
}

TEST_F(TownFolderTest, BrokenSettingsNameTheirPlace) {
  ASSERT_TRUE(create_town(TownFolder(root_), {.name = "oak"}));
  std::ofstream(TownFolder(root_).settings()) << "name = \"oak\"\ndefault_cli = 3\n";
  EXPECT_TRUE(read_settings(TownFolder(root_))
                  .error()
                  .message()
                  .ends_with("default_cli: expected a text in quotes"));
  std::ofstream(TownFolder(root_).settings()) << "name = \"oak\"\n=\n";
  EXPECT_NE(read_settings(TownFolder(root_)).error().message().find("town.toml:2:"),
            std::string::npos);
}

TEST_F(TownFolderTest, ProvidersAreHandedOnAsTheyStand) {
  ASSERT_TRUE(create_town(TownFolder(root_), {.name = "oak"}));
  EXPECT_TRUE(read_settings(TownFolder(root_))->providers.empty());
  std::ofstream(TownFolder(root_).settings()) << R"(
name = "oak"
[providers.local]
kind = "openai"
tries = 3
half = 0.5
stream = false
since = 2026-11-21
headers = { X-Team = "a" }
[providers.demo]
kind = "scripted"
turns = ["hello", [{ text = "a", pieces = 2 }, "b"]]
)";
  const auto settings = read_settings(TownFolder(root_));
  ASSERT_TRUE(settings) << settings.error().message();
  EXPECT_EQ(canonical_json(settings->providers),
            R"({"demo":{"kind":"scripted","turns":["hello",[{"pieces":2,"text":"a"},"b"]]},)"
            R"("local":{"half":5E-1,"headers":{"X-Team":"a"},"kind":"openai","since":"2026-11-21",)"
            R"("stream":false,"tries":3}})");
  std::ofstream(TownFolder(root_).settings()) << "name = \"oak\"\nproviders = 3\n";
  EXPECT_EQ(read_settings(TownFolder(root_)).error().code(), Errc::invalid_argument);
}

TEST_F(TownFolderTest, ASuggestedNameIsAlwaysGood) {
  for (const char* name : {"my project", "...", "-x", "ÄÖ", "town"}) {
    EXPECT_TRUE(check_name(suggest_name(root_ / name))) << name;
  }
  fs::create_directories(root_ / "oak" / ".git");
  std::ofstream(root_ / "oak" / ".git" / "HEAD") << "ref: refs/heads/fix/it\n";
  EXPECT_EQ(suggest_name(root_ / "oak"), "oak-fix-it");
}

}  // namespace
}  // namespace reeve::client
