#include "reaper.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "proc/process.h"

namespace reeve::crash {
namespace {

volatile sig_atomic_t test_pid = 0;
void end_test(int) { ::kill(test_pid, SIGKILL); }

}  // namespace

int run_under_reaper(const std::function<int()>& test) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const pid_t child = ::fork();
  if (child < 0) return 1;
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::signal(SIGPIPE, SIG_IGN);
    const int code = test();
    std::fflush(stdout);
    ::_exit(code);
  }
  test_pid = child;
  ::signal(SIGINT, end_test);
  ::signal(SIGTERM, end_test);
  int result = 1;
  for (bool running = true;;) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, 0);
    if (ended < 0 && errno == ECHILD) return result;
    if (ended == child) {
      running = false;
      result = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    }
    if (running) continue;
    for (const auto& left : proc::descendants(::getpid(), proc::all_processes()))
      proc::signal_process(left.ref, SIGKILL);
  }
}

}  // namespace reeve::crash
