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

/// Whoever holds the lock. What stands in the file counts only while it is held.
struct Holder {
  pid_t pid = 0;     // of a keeper; 0: it is none
  std::string what;  // for what it is held otherwise
};
std::optional<Holder> holder(const Fd& file) {
  if (!is_held(file)) return std::nullopt;
  std::array<char, 256> text{};
  const auto size = ::pread(file.get(), text.data(), text.size(), 0);
  if (size <= 0) return std::nullopt;
  std::string_view said(text.data(), static_cast<std::size_t>(size));
  said = said.substr(0, said.find('\n'));
  Holder held;
  const auto read = std::from_chars(said.begin(), said.end(), held.pid);
  if (read.ec == std::errc() && read.ptr == said.end())
    return held.pid > 1 ? std::optional(held) : std::nullopt;
  held = {0, std::string(said)};
  return held;
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
  return take_as(folder, std::to_string(::getpid()));
}

Result<KeeperLock> KeeperLock::take(const TownFolder& folder, std::string_view what) {
  return take_as(folder, std::string(what) + " (process " + std::to_string(::getpid()) + ")");
}

Result<KeeperLock> KeeperLock::take_as(const TownFolder& folder, const std::string& text) {
  const auto path = folder.keeper_lock().string();
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return fail(os_error(errno, path));
  const auto locked = lock(file);
  if (!locked) return fail(Error(locked.error()).during(path));
  if (!*locked) {
    const auto other = holder(file);
    if (other && other->pid == 0)
      return fail(Errc::unavailable, "the town has no daemon now: " + other->what +
                                         "; try again when that is through");
    if (other) ::kill(other->pid, SIGUSR1);
    return fail(Errc::conflict, "the town's daemon has a keeper already" +
                                    (other ? ", process " + std::to_string(other->pid) : "") +
                                    ": `reeve stop` ends both");
  }
  const auto line = text + "\n";
  if (::ftruncate(file.get(), 0) != 0 ||
      ::pwrite(file.get(), line.data(), line.size(), 0) != static_cast<ssize_t>(line.size()))
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
  const auto held = holder(file);
  return held && held->pid != 0 && ::kill(held->pid, SIGTERM) == 0;
}

}  // namespace reeve::client
