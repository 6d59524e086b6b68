#include "proc/preflight.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace reeve::proc {
namespace {

namespace fs = std::filesystem;

class PreflightTest : public ::testing::Test {
 protected:
  PreflightTest() {
    std::string pattern = (fs::temp_directory_path() / "reeve-preflight-XXXXXX").string();
    dir_ = ::mkdtemp(pattern.data());
    for (const char* folder : {"bin", "home", "town"}) fs::create_directory(dir_ / folder);
    environment_ = {{"PATH", (dir_ / "bin").string()}, {"HOME", (dir_ / "home").string()}};
  }
  ~PreflightTest() override { fs::remove_all(dir_); }

  void file(const std::string& path) {
    fs::create_directories((dir_ / path).parent_path());
    std::ofstream(dir_ / path) << "#!/bin/sh\n";
  }
  void program(const std::string& path) {
    file(path);
    fs::permissions(dir_ / path, fs::perms::owner_all);
  }
  Result<Ready> look(const std::string& cli, std::vector<std::string> args = {}) {
    return preflight({cli, std::move(args), environment_, dir_ / "town"});
  }
  std::string refusal(const std::string& cli) {
    const auto ready = look(cli);
    EXPECT_FALSE(ready);
    if (ready) return {};
    EXPECT_EQ(ready.error().code(), Errc::unavailable);
    return ready.error().message();
  }

  fs::path dir_;
  Variables environment_;
};

TEST_F(PreflightTest, WhatIsNotInstalledIsRefusedWithTheWayToGetIt) {
  EXPECT_TRUE(refusal("codex").contains("npm install -g @openai/codex"));
  EXPECT_TRUE(refusal("codex").contains("--unchecked"));
  EXPECT_TRUE(refusal("nonsense --flag").contains("there is no nonsense on the daemon's PATH"));
  EXPECT_TRUE(refusal("./lint.sh").contains("./lint.sh"));
  EXPECT_EQ(look("a | b").error().code(), Errc::invalid_argument);
}

TEST_F(PreflightTest, ACommandIsFoundAsARoundWillFindIt) {
  program("town/lint.sh");
  EXPECT_EQ(look("./lint.sh --fix").value().program, dir_ / "town" / "./lint.sh");
  program("bin/tool");
  EXPECT_EQ(look("tool {prompt_file}").value().program, dir_ / "bin/tool");
  EXPECT_EQ(look("'" + (dir_ / "bin/tool").string() + "' x").value().program, dir_ / "bin/tool");
  EXPECT_FALSE(look("tool").value().note);
  // There, but nothing that can be started.
  file("bin/text");
  fs::create_directory(dir_ / "bin" / "folder");
  EXPECT_TRUE(refusal("text").contains("text"));
  EXPECT_TRUE(refusal("folder").contains("folder"));
  environment_["PATH"] = "/nonexistent:" + (dir_ / "bin").string();
  EXPECT_TRUE(look("tool"));
  environment_.erase("PATH");
  EXPECT_FALSE(look("tool"));
  // What is only known in the round cannot be looked at.
  EXPECT_TRUE(look("{prompt_file}"));
}

TEST_F(PreflightTest, ALoginIsSeenInVariablesAndFiles) {
  program("bin/claude");
  EXPECT_TRUE(refusal("claude").contains("not logged in"));
  environment_["ANTHROPIC_API_KEY"] = "";
  EXPECT_TRUE(refusal("claude").contains("not logged in"));
  environment_["ANTHROPIC_API_KEY"] = "x";
  EXPECT_EQ(look("claude").value().login, Login::found);
  EXPECT_FALSE(look("claude").value().note);
  environment_.erase("ANTHROPIC_API_KEY");
  file("home/.claude/.credentials.json");
  EXPECT_EQ(look("claude").value().login, Login::found);
  fs::remove(dir_ / "home/.claude/.credentials.json");
  file("elsewhere/.credentials.json");
  EXPECT_FALSE(look("claude"));
  environment_["CLAUDE_CONFIG_DIR"] = (dir_ / "elsewhere").string();
  EXPECT_EQ(look("claude").value().login, Login::found);
}

TEST_F(PreflightTest, WhatIsNotCertainIsANote) {
  program("bin/claude");
  file("town/.claude/settings.json");  // may name a helper that has the key
  EXPECT_EQ(look("claude").value().login, Login::perhaps);
  EXPECT_TRUE(look("claude").value().note.value().contains("no login of Claude Code was seen"));
  program("bin/codex");
  EXPECT_FALSE(look("codex"));
  EXPECT_EQ(look("codex", {"-c", "model_provider=mine"}).value().login, Login::perhaps);
  program("bin/opencode");  // has models that want no login
  EXPECT_EQ(look("opencode").value().login, Login::perhaps);
  environment_["GROQ_API_KEY"] = "x";
  EXPECT_EQ(look("opencode").value().login, Login::found);
}

TEST_F(PreflightTest, EveryPresetHasSigns) {
  for (const auto& preset : presets()) {
    ASSERT_NE(preset.login, nullptr) << preset.name;
    EXPECT_FALSE(preset.login->command.empty()) << preset.name;
    EXPECT_EQ(look_for_login(*preset.login, environment_, dir_ / "town"),
              preset.login->certain ? Login::missing : Login::perhaps)
        << preset.name;
    // A name without HOME stands for nothing.
    EXPECT_NE(look_for_login(*preset.login, {}, dir_ / "town"), Login::found) << preset.name;
    for (const auto sign : preset.login->files) {
      if (!sign.starts_with("~/")) continue;
      const auto path = "home/" + std::string(sign.substr(2));
      file(path);
      EXPECT_EQ(look_for_login(*preset.login, environment_, dir_ / "town"), Login::found) << path;
      fs::remove(dir_ / path);
    }
  }
}

}  // namespace
}  // namespace reeve::proc
