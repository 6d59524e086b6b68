#include "app/script/command.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/fd.h"
#include "base/limits.h"

namespace reeve::app::script {
namespace {

struct Actions {
  posix_spawn_file_actions_t raw{};
  Actions() { ::posix_spawn_file_actions_init(&raw); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
  ~Actions() { ::posix_spawn_file_actions_destroy(&raw); }
};

/// Takes what is there; false at the end of file.
bool drain(int fd, std::string& output) {
  std::array<char, 16 << 10> chunk{};
  for (;;) {
    const auto got = ::read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN;
    if (got == 0) return false;
    const auto room = limits::kScriptOutput - output.size();
    output.append(chunk.data(), std::min(room, static_cast<std::size_t>(got)));
  }
}

/// Reads until the process has ended: a child of its own may hold the pipe open for long.
void read_until_end(int pipe, int process, std::string& output) {
  std::array<pollfd, 2> polled{pollfd{.fd = pipe, .events = POLLIN, .revents = 0},
                               pollfd{.fd = process, .events = POLLIN, .revents = 0}};
  for (bool ended = false; !ended;) {
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return;
    ended = polled[1].revents != 0;
    if (polled[0].fd >= 0 && !drain(pipe, output)) polled[0].fd = -1;
  }
}

}  // namespace

Result<CommandEnd> run_command(const std::vector<std::string>& argv) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(os_error(errno, "pipe"));
  Fd read(ends[0]);
  Fd write(ends[1]);
  ::fcntl(read.get(), F_SETFL, O_NONBLOCK);

  Actions actions;
  ::posix_spawn_file_actions_addopen(&actions.raw, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions.raw, write.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions.raw, write.get(), STDERR_FILENO);
  std::vector<char*> words;
  words.reserve(argv.size() + 1);
  for (const auto& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  pid_t pid = 0;
  if (const int error =
          ::posix_spawnp(&pid, words.front(), &actions.raw, nullptr, words.data(), environ)) {
    return fail(os_error(error, "cannot run \"" + argv.front() + "\""));
  }
  write.reset();

  CommandEnd end;
  // Not reaped yet, so the number is still its own.
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (process) read_until_end(read.get(), process.get(), end.output);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  constexpr int kSignalled = 128;
  end.status = WIFEXITED(status) ? WEXITSTATUS(status) : kSignalled + WTERMSIG(status);
  drain(read.get(), end.output);
  return end;
}

}  // namespace reeve::app::script
