#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "proc/environment.h"
#include "proc/hunt.h"
#include "proc/rounds.h"
#include "proc/shim.h"

/// For tests with real rounds: a scratch folder, scripts as CLIs, and nothing left running after.
namespace reeve::proc {

using namespace std::chrono_literals;

inline std::string read_text(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Asks until `true_now` holds. The time is only there for a test that fails.
inline bool eventually(const std::function<bool()>& true_now, std::chrono::seconds patience = 20s) {
  for (const auto deadline = std::chrono::steady_clock::now() + patience;;) {
    if (true_now()) return true;
    if (std::chrono::steady_clock::now() > deadline) return false;
    ::poll(nullptr, 0, 2);
  }
}

class RoundTest : public testing::Test {
 protected:
  RoundTest() {
    auto pattern = testing::TempDir() + "/reeve_round_XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    shim_.program =
        std::filesystem::read_symlink("/proc/self/exe").parent_path() / "proc_test_shim";
    shim_.arguments.clear();
  }
  ~RoundTest() override {
    for (const pid_t pid : shims_) {
      if (::waitpid(pid, nullptr, WNOHANG) == 0) {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
      }
    }
    for (const auto& mark : marks_) hunt(mark);
    // Shims whose rounds were hunted just now end by themselves.
    eventually([] { return ::waitpid(-1, nullptr, WNOHANG) < 0; }, 5s);
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  std::filesystem::path dir(const std::string& name = "round") const { return root_ / name; }

  RoundSpec program(std::vector<std::string> argv) {
    static std::random_device device;
    RoundSpec spec;
    spec.mark = "test-mark-" + std::to_string(device()) + "-" + std::to_string(device());
    spec.argv = std::move(argv);
    spec.env = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}};
    spec.cwd = root_.string();
    spec.settle = Duration(50);
    spec.linger = Duration(100);
    spec.stop = {{StopAction::interrupt, Duration(100)}, {StopAction::terminate, Duration(100)}};
    marks_.push_back(spec.mark);
    return spec;
  }
  RoundSpec script(const std::string& text) { return program({"/bin/sh", "-c", text}); }

  pid_t start(const RoundSpec& spec, std::string_view stdin_text = "",
              const std::string& name = "round") {
    const auto pid = start_round(dir(name), spec, stdin_text, shim_);
    EXPECT_TRUE(pid) << pid.error().message();
    if (!pid) return -1;
    shims_.push_back(*pid);
    return *pid;
  }

  /// Waits for the shim, and says how it ended: its exit code, or minus its signal.
  int join(pid_t shim) {
    int status = 0;
    const bool ended = eventually([&] { return ::waitpid(shim, &status, WNOHANG) == shim; }, 60s);
    EXPECT_TRUE(ended) << "the shim goes on and on";
    if (!ended) return -1000;
    std::erase(shims_, shim);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  Exit finished(const std::string& name = "round") {
    const auto state = inspect(dir(name));
    EXPECT_TRUE(state) << state.error().message();
    if (!state) return {};
    EXPECT_EQ(state->phase, RoundPhase::exited);
    return state->exit.value_or(Exit{});
  }
  Exit run(const RoundSpec& spec, std::string_view stdin_text = "") {
    EXPECT_EQ(join(start(spec, stdin_text)), static_cast<int>(ShimEnd::done));
    return finished();
  }

  RoundPhase phase() { return inspect(dir()).value_or(RoundState{}).phase; }
  std::string out(const std::string& name = "round") { return read_text(dir(name) / "out"); }
  std::string err() { return read_text(dir() / "err"); }
  /// Waits until the CLI has said `text`.
  bool says(const std::string& text) {
    return eventually([&] { return out().find(text) != std::string::npos; });
  }
  std::size_t processes_of(const RoundSpec& spec) {
    return marked(spec.mark, all_processes()).size();
  }

  std::filesystem::path root_;
  ShimProgram shim_;
  std::vector<pid_t> shims_;
  std::vector<std::string> marks_;
};

}  // namespace reeve::proc
