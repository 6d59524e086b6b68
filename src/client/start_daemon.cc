#include "client/start_daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

#include "base/fd.h"
#include "wire/problem.h"

extern char** environ;  // NOLINT: POSIX' own name

namespace reeve::client {
namespace {

/// The descriptor on which the daemon says that it is ready, or why it is not.
constexpr int kReadyFd = 3;

/// Reads until the other end closes.
Result<std::string> read_all(int fd, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::string text;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd waiting{fd, POLLIN, 0};
    const int got = left.count() > 0 ? ::poll(&waiting, 1, static_cast<int>(left.count())) : 0;
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return fail(Errc::timeout, "the daemon did not come up in time: see .reeve/daemon.log");
    std::array<char, 4096> piece{};
    const auto size = ::read(fd, piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace

Status start_daemon(const TownFolder& folder, std::chrono::milliseconds timeout,
                    const std::filesystem::path& path) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(os_error(errno, "start the daemon"));
  Fd ready(ends[0]);
  Fd told(ends[1]);

  posix_spawn_file_actions_t actions{};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, told.get(), kReadyFd);
  // What a shell left open (a pipe, a lock) is not to be held open by a daemon.
  ::posix_spawn_file_actions_addclosefrom_np(&actions, kReadyFd + 1);
  posix_spawnattr_t attributes{};
  ::posix_spawnattr_init(&attributes);
  sigset_t none{};
  sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);

  std::string program = "reeve";
  std::string verb = "serve";
  std::string town_option = "--town";
  std::string town = folder.root().string();
  std::string background = "--background";
  std::array<char*, 6> argv{program.data(), verb.data(),       town_option.data(),
                            town.data(),    background.data(), nullptr};
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, path.c_str(), &actions, &attributes, argv.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return fail(os_error(failed, "start the daemon"));
  told = Fd();

  // `serve --background` leaves at once; what stays is its child, the keeper.
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  auto said = read_all(ready.get(), timeout);
  if (!said) return fail(said.error());
  if (*said == "ready\n" || *said == "another\n") return {};
  if (said->empty())
    return fail(Errc::unavailable, "the daemon ended while it was starting: see .reeve/daemon.log");
  return fail(wire::read_problem(500, *said));
}

}  // namespace reeve::client
