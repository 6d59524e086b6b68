#include "app/keeper.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>

#include "client/keeper_lock.h"

namespace reeve::app {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// A daemon that lived for this long was well: the next restart is soon again.
constexpr auto kHealthy = 60s;
constexpr auto kFirstPause = 100ms;
constexpr auto kLastPause = 30s;

/// What a keeper waits for, and a daemon that is forked from it must not inherit as blocked.
sigset_t watched() {
  sigset_t set{};
  sigemptyset(&set);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGUSR1}) sigaddset(&set, number);
  return set;
}

/// 0: the time is over.
int wait_for_signal(const sigset_t& set, std::chrono::nanoseconds limit) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit);
  const timespec time{.tv_sec = seconds.count(), .tv_nsec = (limit - seconds).count()};
  const int got = ::sigtimedwait(&set, nullptr, &time);
  return got > 0 ? got : 0;
}

/// Waits until the daemon has ended; passes on what asks it to.
int wait_for(pid_t child, const sigset_t& set, bool& asked_to_end) {
  for (int status = 0;;) {
    const auto ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) return status;
    const int signal = wait_for_signal(set, kLastPause);
    if (signal != SIGTERM && signal != SIGINT) continue;
    asked_to_end = true;
    ::kill(child, signal);
  }
}

}  // namespace

Status keep(const client::TownFolder& folder, const std::function<int()>& daemon,
            const std::function<void()>& started) {
  // Before the lock can be seen to be held: a signal that follows from it is for later.
  const auto set = watched();
  sigset_t before{};
  ::sigprocmask(SIG_BLOCK, &set, &before);
  auto lock = client::KeeperLock::take(folder);
  if (!lock) {
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    return fail(lock.error());
  }
  ::prctl(PR_SET_NAME, "reeve-keeper");
  for (auto pause = std::chrono::milliseconds(kFirstPause);;
       pause = std::min(pause * 2, std::chrono::milliseconds(kLastPause))) {
    const auto began = Clock::now();
    const auto child = ::fork();
    if (child < 0) return fail(os_error(errno, "start the daemon"));
    if (child == 0) {
      lock->let_go();  // the keeper's alone: the daemon may outlive it
      ::prctl(PR_SET_NAME, "reeve-daemon");
      ::sigprocmask(SIG_SETMASK, &before, nullptr);
      ::_exit(daemon());
    }
    started();
    bool asked_to_end = false;
    const int status = wait_for(child, set, asked_to_end);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    if (WIFEXITED(status) && WEXITSTATUS(status) == kRefused)
      return fail(Errc::unavailable, "the daemon could not start");
    if (Clock::now() - began > kHealthy) pause = kFirstPause;
    for (const auto until = Clock::now() + pause; !asked_to_end && Clock::now() < until;) {
      const int signal = wait_for_signal(set, until - Clock::now());
      if (signal == SIGUSR1) break;  // somebody wants the daemon now
      asked_to_end = signal == SIGTERM || signal == SIGINT;
    }
    if (asked_to_end) return {};
  }
}

}  // namespace reeve::app
