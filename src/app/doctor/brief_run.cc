#include "app/doctor/brief_run.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/fd.h"

namespace reeve::app {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMost = 4096;

/// Reads until the end, or until the time is over: false. What is too much is read all the same, so
/// that the program does not wait for a reader.
bool read_until(int fd, Clock::time_point deadline, std::string& text) {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd waiting{fd, POLLIN, 0};
    const int got = ::poll(&waiting, 1, static_cast<int>(left));
    if (got <= 0) continue;
    std::array<char, 4096> piece{};
    const auto size = ::read(fd, piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return true;
    text.append(piece.data(), static_cast<std::size_t>(size));
    if (text.size() > kMost) text.resize(kMost);
  }
}

/// Waits for the process's own end, which may come after its outputs'.
bool reap_until(pid_t pid, Clock::time_point deadline, int& status) {
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  for (;;) {
    const auto done = ::waitpid(pid, &status, WNOHANG);
    if (done == pid) return true;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd waiting{process.get(), POLLIN, 0};
    ::poll(&waiting, process ? 1 : 0, static_cast<int>(process ? left : 1));
  }
}

}  // namespace

Result<std::string> run_briefly(std::vector<std::string> argv,
                                const std::map<std::string, std::string>& environment,
                                std::chrono::milliseconds timeout) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(os_error(errno, argv[0]));
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  posix_spawn_file_actions_t actions{};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, writing.get(), 1);
  ::posix_spawn_file_actions_adddup2(&actions, writing.get(), 2);
  posix_spawnattr_t attributes{};
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  std::vector<char*> words;
  for (auto& word : argv) words.push_back(word.data());
  words.push_back(nullptr);
  std::vector<std::string> settings;
  for (const auto& [name, value] : environment)
    settings.emplace_back(name).append("=").append(value);
  std::vector<char*> variables;
  for (auto& setting : settings) variables.push_back(setting.data());
  variables.push_back(nullptr);
  pid_t pid = -1;
  const int failed =
      ::posix_spawn(&pid, words[0], &actions, &attributes, words.data(), variables.data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return fail(os_error(failed, argv[0]));
  writing.reset();

  const auto deadline = Clock::now() + timeout;
  std::string said;
  int status = 0;
  const bool ended = read_until(reading.get(), deadline, said) && reap_until(pid, deadline, status);
  ::kill(-pid, SIGKILL);  // what it left behind, too
  if (!ended) {
    ::waitpid(pid, &status, 0);
    return fail(Errc::timeout, "no answer within " + std::to_string(timeout.count() / 1000) + " s");
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return fail(Errc::unavailable, said);
  return said;
}

}  // namespace reeve::app
