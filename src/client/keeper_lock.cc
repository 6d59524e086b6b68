#include "client/keeper_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <optional>
#include <string>

namespace reeve::client {
namespace {

/// Whether a keeper has the lock. Whoever asks has it, shared, for the moment of asking.
bool is_held(const Fd& file) {
  if (::flock(file.get(), LOCK_SH | LOCK_NB) != 0) return true;
  ::flock(file.get(), LOCK_UN);
  return false;
}

/// The process that holds the lock. Only while it is held does the number name a keeper.
std::optional<pid_t> holder(const Fd& file) {
  if (!is_held(file)) return std::nullopt;
  std::array<char, 16> text{};
  const auto size = ::pread(file.get(), text.data(), text.size(), 0);
  pid_t pid = 0;
  if (size <= 0 || std::from_chars(text.data(), text.data() + size, pid).ec != std::errc() ||
      pid <= 1)
    return std::nullopt;
  return pid;
}

/// False: a keeper has it. Those who only look are gone again in a moment.
Result<bool> lock(const Fd& file) {
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(os_error(errno, "lock"));
    if (is_held(file)) return false;
  }
  return true;
}

}  // namespace

Result<KeeperLock> KeeperLock::take(const TownFolder& folder) {
  const auto path = folder.keeper_lock().string();
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return fail(os_error(errno, path));
  const auto locked = lock(file);
  if (!locked) return fail(Error(locked.error()).during(path));
  if (!*locked) {
    const auto other = holder(file);
    if (other) ::kill(*other, SIGUSR1);
    return fail(Errc::conflict, "the town's daemon has a keeper already" +
                                    (other ? ", process " + std::to_string(*other) : "") +
                                    ": `reeve stop` ends both");
  }
  const auto text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file.get(), 0) != 0 ||
      ::pwrite(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return fail(os_error(errno, path));
  return KeeperLock(std::move(file));
}

bool is_kept(const TownFolder& folder) {
  const Fd file(::open(folder.keeper_lock().c_str(), O_RDWR | O_CLOEXEC));
  return file && is_held(file);
}

bool end_keeper(const TownFolder& folder) {
  const Fd file(::open(folder.keeper_lock().c_str(), O_RDWR | O_CLOEXEC));
  if (!file) return false;
  const auto pid = holder(file);
  return pid && ::kill(*pid, SIGTERM) == 0;
}

}  // namespace reeve::client
