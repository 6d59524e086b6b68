#include "client/keeper_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <thread>
#include <vector>

namespace reeve::client {
namespace {

namespace fs = std::filesystem;

class KeeperLockTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "reeve-keeper-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    ASSERT_TRUE(create_town(TownFolder(root_), {.name = "oak"}));
  }
  void TearDown() override { fs::remove_all(root_); }

  /// A process that keeps the town and waits for a signal, which is its exit code then.
  pid_t start_keeper() {
    std::array<int, 2> ready{};
    EXPECT_EQ(::pipe(ready.data()), 0);
    const pid_t keeper = ::fork();
    if (keeper == 0) {
      sigset_t all{};
      sigfillset(&all);
      ::sigprocmask(SIG_BLOCK, &all, nullptr);
      auto lock = KeeperLock::take(TownFolder(root_));
      if (!lock || ::write(ready[1], "x", 1) != 1) ::_exit(100);
      int signal = 0;
      ::sigwait(&all, &signal);
      ::_exit(signal);
    }
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
    return keeper;
  }
  static int exit_code(pid_t pid) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  fs::path root_;
};

TEST_F(KeeperLockTest, ASecondKeeperWakesTheFirst) {
  const auto keeper = start_keeper();
  EXPECT_EQ(KeeperLock::take(TownFolder(root_)).error().code(), Errc::conflict);
  EXPECT_EQ(exit_code(keeper), SIGUSR1);
  EXPECT_TRUE(KeeperLock::take(TownFolder(root_)));
}

TEST_F(KeeperLockTest, StopEndsAKeeperAndNobodyElse) {
  EXPECT_FALSE(end_keeper(TownFolder(root_)));
  const auto keeper = start_keeper();
  EXPECT_TRUE(end_keeper(TownFolder(root_)));
  EXPECT_EQ(exit_code(keeper), SIGTERM);
  // The file still names it, but nobody holds the lock.
  EXPECT_FALSE(end_keeper(TownFolder(root_)));
}

TEST_F(KeeperLockTest, WhoeverLooksIsToldAndIsNotTakenForAKeeper) {
  const TownFolder folder(root_);
  EXPECT_FALSE(is_kept(folder));
  const auto keeper = start_keeper();
  EXPECT_TRUE(is_kept(folder));
  EXPECT_TRUE(end_keeper(folder));
  exit_code(keeper);
  EXPECT_FALSE(is_kept(folder));
  // Many who look do not keep a keeper out.
  std::atomic<bool> over = false;
  std::vector<std::thread> lookers;
  for (int i = 0; i < 3; ++i) {
    lookers.emplace_back([&] {
      while (!over) is_kept(folder);
    });
  }
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(KeeperLock::take(folder)) << i;
  over = true;
  for (auto& looker : lookers) looker.join();
}

TEST_F(KeeperLockTest, StaysTheKeepersWhenItsDaemonLetsGo) {
  auto lock = KeeperLock::take(TownFolder(root_));
  ASSERT_TRUE(lock);
  const pid_t daemon = ::fork();
  if (daemon == 0) {
    lock->let_go();
    ::_exit(0);
  }
  EXPECT_EQ(exit_code(daemon), 0);
  std::signal(SIGUSR1, SIG_IGN);  // the second one wakes this very process
  EXPECT_EQ(KeeperLock::take(TownFolder(root_)).error().code(), Errc::conflict);
}

TEST_F(KeeperLockTest, WhoeverElseHoldsItIsLeftAloneAndSaidToOthers) {
  std::signal(SIGUSR1, SIG_DFL);  // it would end this process
  const TownFolder folder(root_);
  auto held = KeeperLock::take(folder, "it is being moved");
  ASSERT_TRUE(held) << held.error().message();
  const auto other = KeeperLock::take(folder);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code(), Errc::unavailable);
  EXPECT_NE(other.error().message().find("it is being moved (process "), std::string::npos)
      << other.error().message();
  EXPECT_EQ(KeeperLock::take(folder, "it begins anew").error().code(), Errc::unavailable);
  EXPECT_TRUE(is_kept(folder));
  EXPECT_FALSE(end_keeper(folder)) << "no keeper: nobody ends it";
  held = fail(Errc::unavailable, "over");
  EXPECT_TRUE(KeeperLock::take(folder));
}

}  // namespace
}  // namespace reeve::client
