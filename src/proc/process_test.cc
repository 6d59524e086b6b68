#include "proc/process.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

namespace reeve::proc {
namespace {

/// A child that waits until the test lets it end.
class Sleeper {
 public:
  Sleeper() : pid_(::fork()) {
    if (pid_ == 0) {
      ::signal(SIGTERM, SIG_DFL);
      for (;;) ::pause();
    }
  }
  ~Sleeper() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      reap();
    }
  }
  pid_t pid() const { return pid_; }
  /// It has ended and is a zombie.
  void await_end() const {
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }
  void reap() {
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_;
};

TEST(ParseStat, ReadsANameThatLooksLikeMore) {
  const auto stat =
      parse_stat("42 (a) R 1 (b)) S 7 8 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 1 2");
  ASSERT_TRUE(stat) << stat.error().message();
  EXPECT_EQ(stat->ref, (ProcessRef{.pid = 42, .start = 12345}));
  EXPECT_EQ(stat->state, 'S');
  EXPECT_EQ(stat->parent, 7);
  EXPECT_EQ(stat->group, 8);
  EXPECT_EQ(stat->session, 9);
}

TEST(ParseStat, RefusesWhatIsNone) {
  for (const char* text :
       {"", "42", "42 (x", "42 (x)", "42 (x) S", "42 (x) S 1 2 3", "x (y) S 1 2 3",
        "42 (x) Sleeping 1 2 3 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 5"}) {
    EXPECT_FALSE(parse_stat(text)) << text;
  }
}

TEST(Process, IsAliveUntilItIsAZombie) {
  Sleeper sleeper;
  const auto ref = read_process(sleeper.pid()).value().ref;
  EXPECT_TRUE(is_alive(ref));
  EXPECT_TRUE(is_alive(self()));
  EXPECT_TRUE(signal_process(ref, SIGTERM));
  sleeper.await_end();
  EXPECT_TRUE(read_process(sleeper.pid()).value().is_zombie());
  EXPECT_FALSE(is_alive(ref)) << "a zombie is not alive";
  sleeper.reap();
  EXPECT_FALSE(is_alive(ref));
  EXPECT_TRUE(open_process(ref).error().is(Errc::not_found));
}

TEST(Process, IsNotAnotherOneWithTheSameNumber) {
  Sleeper sleeper;
  auto earlier = read_process(sleeper.pid()).value().ref;
  earlier.start -= 1;
  EXPECT_FALSE(is_alive(earlier));
  EXPECT_FALSE(signal_process(earlier, SIGKILL));
  EXPECT_TRUE(open_process(earlier).error().is(Errc::not_found));
  EXPECT_FALSE(read_process(sleeper.pid()).value().is_zombie()) << "an innocent was killed";
}

TEST(Process, ItsDescriptorTellsItsEnd) {
  Sleeper sleeper;
  const auto ref = read_process(sleeper.pid()).value().ref;
  const auto fd = open_process(ref).value();
  pollfd polled{.fd = fd.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&polled, 1, 0), 0);
  signal_process(ref, SIGKILL);
  EXPECT_EQ(::poll(&polled, 1, 20'000), 1);
}

TEST(Descendants, AreFoundThroughEveryGenerationAndCirclesEnd) {
  const auto process = [](pid_t pid, pid_t parent) {
    return ProcessStat{.ref = {.pid = pid, .start = 1}, .parent = parent, .state = 'S'};
  };
  const std::vector<ProcessStat> all{process(2, 1), process(3, 2), process(4, 3), process(5, 1),
                                     process(6, 7), process(7, 6), process(8, 2)};
  std::vector<std::int64_t> found;
  for (const auto& below : descendants(2, all)) found.push_back(below.ref.pid);
  std::ranges::sort(found);
  EXPECT_EQ(found, (std::vector<std::int64_t>{3, 4, 8}));
  EXPECT_EQ(descendants(6, all).size(), 1u);
  EXPECT_TRUE(descendants(99, all).empty());
}

TEST(Carries, ComparesWholeEntries) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execle("/bin/sleep", "sleep", "60", nullptr,
             std::array<const char*, 4>{"A_MARK=one-two", "MARK=one", "LAST=x", nullptr}.data());
    ::_exit(99);
  }
  while (!carries(pid, "LAST=x")) ::poll(nullptr, 0, 1);
  EXPECT_TRUE(carries(pid, "MARK=one"));
  EXPECT_FALSE(carries(pid, "MARK=on"));
  EXPECT_FALSE(carries(pid, "MARK=one-two"));
  EXPECT_FALSE(carries(pid, "ARK=one"));
  EXPECT_FALSE(carries(pid, ""));
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  EXPECT_FALSE(carries(pid, "MARK=one"));
}

}  // namespace
}  // namespace reeve::proc
