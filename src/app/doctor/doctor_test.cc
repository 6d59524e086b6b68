#include <gtest/gtest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "app/doctor/brief_run.h"
#include "app/doctor/clis.h"
#include "app/doctor/machine.h"

namespace reeve::app {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class TownDoctor : public ::testing::Test {
 protected:
  TownDoctor() {
    std::string pattern = (fs::temp_directory_path() / "reeve-doctor-XXXXXX").string();
    dir_ = ::mkdtemp(pattern.data());
    fs::create_directories(dir_ / "bin");
    where_.environment = {{"PATH", (dir_ / "bin").string() + ":/usr/bin:/bin"},
                          {"HOME", dir_.string()}};
    where_.root = dir_;
  }
  ~TownDoctor() override { fs::remove_all(dir_); }

  void program(const std::string& name, const std::string& script) {
    std::ofstream(dir_ / "bin" / name) << "#!/bin/sh\n" << script;
    fs::permissions(dir_ / "bin" / name, fs::perms::owner_all);
  }
  Result<std::string> run(const std::string& script, std::chrono::milliseconds timeout = 10s) {
    return run_briefly({"/bin/sh", "-c", script}, where_.environment, timeout);
  }
  const Finding* find(const std::string& subject) {
    for (const auto& finding : findings_.all()) {
      if (finding.subject == subject) return &finding;
    }
    return nullptr;
  }

  fs::path dir_;
  Surroundings where_;
  Findings findings_;
};

TEST_F(TownDoctor, AProgramIsRunForAMomentOnly) {
  EXPECT_EQ(run("echo one; echo two >&2"), "one\ntwo\n");
  EXPECT_EQ(run("cat; echo $HOME"), dir_.string() + "\n");
  EXPECT_EQ(run("yes | head -c 1000000")->size(), 4096u);
  EXPECT_EQ(run("echo no; exit 3").error().code(), Errc::unavailable);
  EXPECT_EQ(run("echo no; exit 3").error().message(), "no\n");
  EXPECT_EQ(run_briefly({"/nonexistent"}, {}, 1s).error().code(), Errc::not_found);
}

TEST_F(TownDoctor, WhoeverTakesTooLongIsEndedWithItsChildren) {
  const auto pid_file = (dir_ / "pid").string();
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(run("sleep 600 & echo $! > " + pid_file + "; wait", 1500ms).error().code(),
            Errc::timeout);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 60s);
  std::ifstream file(pid_file);
  pid_t child = 0;
  ASSERT_TRUE(file >> child);
  // A signal that was sent is not yet one that was obeyed. A zombie, too, has ended.
  const auto handle = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  if (handle < 0) {
    EXPECT_EQ(errno, ESRCH);  // reaped already
    return;
  }
  pollfd ended{.fd = handle, .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ended, 1, 60'000), 1);
  ::close(handle);
}

TEST_F(TownDoctor, AVersionIsFoundInWhatIsSaid) {
  EXPECT_EQ(version_in("2.1.197 (Claude Code)\n"), "2.1.197");
  EXPECT_EQ(version_in("codex-cli 0.169.0"), "0.169.0");
  EXPECT_EQ(version_in("git version 2.39.5."), "2.39.5");
  EXPECT_EQ(version_in("tool 7 from 1.2"), "1.2");
  EXPECT_EQ(version_in("none, 42"), "");
  EXPECT_EQ(compare_versions("2.1.9", "2.1.10"), -1);
  EXPECT_EQ(compare_versions("2.1", "2.1.0"), 0);
  EXPECT_EQ(compare_versions("10.0", "9.9.9"), 1);
}

TEST_F(TownDoctor, EachPresetIsToldWithItsVersionAndLogin) {
  program("claude", "echo '1.0.3 (Claude Code)'");
  program("codex", "echo codex-cli 99.0.0");
  program("gemini", "exit 1");
  fs::create_directory(dir_ / ".codex");
  std::ofstream(dir_ / ".codex" / "auth.json") << "{}";
  check_presets(where_, {"qwen", "gemini"}, findings_);
  EXPECT_EQ(find("claude")->verdict, Verdict::note);
  EXPECT_TRUE(find("claude")->text.contains("version 1.0.3, older than"));
  EXPECT_TRUE(find("claude")->text.contains("not logged in: claude, and /login in it"));
  EXPECT_EQ(find("codex")->verdict, Verdict::good);
  EXPECT_TRUE(find("codex")->text.contains("99.0.0, logged in")) << find("codex")->text;
  EXPECT_EQ(find("gemini")->verdict, Verdict::bad);
  EXPECT_TRUE(find("gemini")->text.contains("does not answer --version"));
  // An agent needs it.
  EXPECT_EQ(find("qwen")->verdict, Verdict::bad);
  EXPECT_TRUE(find("qwen")->text.contains("npm install"));
  EXPECT_EQ(find("auggie")->verdict, Verdict::note);
}

TEST_F(TownDoctor, EachAgentIsLookedAtAsItsRoundsWillBe) {
  program("claude", "");
  program("tool", "");
  Agent ada;
  ada.name = "ada";
  ada.cli = "claude";
  ada.env = {"ANTHROPIC_API_KEY"};
  Agent bob = ada;
  bob.name = "bob";
  bob.env.clear();
  Agent cyd = ada;
  cyd.name = "cyd";
  cyd.cli = "tool --fast";
  Agent dan = bob;
  dan.name = "dan";
  dan.state = AgentState::stopped;
  check_agents(where_, {ada, bob, cyd, dan}, findings_);
  EXPECT_EQ(find("ada"), nullptr);
  EXPECT_EQ(find("bob")->verdict, Verdict::bad);
  EXPECT_TRUE(find("bob")->text.contains("not logged in"));
  EXPECT_EQ(find("cyd")->text, (dir_ / "bin/tool").string());
  EXPECT_EQ(find("dan"), nullptr);
}

TEST_F(TownDoctor, AClockThatWasPutBackIsTold) {
  const auto now = from_ms(1'000'000'000);
  check_clock(now, std::nullopt, findings_);
  EXPECT_TRUE(findings_.all().empty());
  check_clock(now, now + 30s, findings_);
  EXPECT_EQ(findings_.all().back().verdict, Verdict::good);
  check_clock(now, now + 1h, findings_);
  EXPECT_EQ(findings_.all().back().verdict, Verdict::bad);
}

TEST_F(TownDoctor, AFolderThatOthersReadIsTold) {
  fs::permissions(dir_, fs::perms::owner_all);
  check_folder(dir_, dir_ / "daemon.sock", findings_);
  EXPECT_FALSE(findings_.any_bad());
  EXPECT_EQ(find("folder"), nullptr);
  EXPECT_EQ(find("socket"), nullptr);
  fs::permissions(dir_, fs::perms::owner_all | fs::perms::others_read);
  check_folder(dir_, dir_ / std::string(120, 'x') / "daemon.sock", findings_);
  EXPECT_TRUE(find("folder")->text.contains("chmod 700"));
  EXPECT_TRUE(find("socket")->text.contains("107"));
}

TEST_F(TownDoctor, LimitsAreReadAsTheKernelWritesThem) {
  std::ofstream(dir_ / "a") << "max\n";
  std::ofstream(dir_ / "b") << "4096\n";
  EXPECT_EQ(read_limit(dir_ / "a"), std::nullopt);
  EXPECT_EQ(read_limit(dir_ / "b"), 4096u);
  EXPECT_EQ(read_limit(dir_ / "c"), std::nullopt);
  check_limits(findings_);
  for (const char* subject : {"open files", "processes", "memory"})
    EXPECT_NE(find(subject), nullptr) << subject;
}

TEST_F(TownDoctor, WhetherTheFolderIsARepository) {
  check_git(dir_, "/usr/bin:/bin", findings_);
  EXPECT_EQ(find("repository")->verdict, Verdict::note);
  EXPECT_NE(find("git"), nullptr);
  fs::create_directories(dir_ / ".git");
  fs::create_directories(dir_ / "deep" / "below");
  Findings again;
  check_git(dir_ / "deep" / "below", "", again);
  EXPECT_EQ(again.all()[0].text, dir_.string());
  EXPECT_EQ(again.all()[1].verdict, Verdict::note);
}

}  // namespace
}  // namespace reeve::app
