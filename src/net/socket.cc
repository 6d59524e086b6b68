#include "net/socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace reeve::net {
namespace {

/// Connections that wait for accept(): a burst of commands.
constexpr int kBacklog = 256;
/// How soon a full backlog is tried again: the kernel has no event for it.
constexpr auto kBacklogRetry = std::chrono::milliseconds(2);

Result<Fd> open_socket(int family) {
  Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail(os_error(errno, "open a socket"));
  return fd;
}

/// Makes the folder if need be, refuses one that others could put their own socket into, and opens
/// it.
Result<Fd> private_folder(const std::filesystem::path& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(os_error(errno, "make the folder " + folder.native()));
  }
  Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail(os_error(errno, "open the folder " + folder.native()));
  struct stat found{};
  if (::fstat(fd.get(), &found) != 0) return fail(os_error(errno, folder.native()));
  if (found.st_uid != ::geteuid() && found.st_uid != 0) {
    return fail(Errc::denied, "the folder " + folder.native() + " belongs to somebody else");
  }
  if ((found.st_mode & 0022) != 0) {
    return fail(Errc::denied, "others can write to the folder " + folder.native() +
                                  ": chmod 700 it before a socket is put there");
  }
  return fd;
}

/// Whether a process listens on that socket file.
bool answered(const SocketAddress& address) {
  const auto probe = open_socket(AF_UNIX);
  if (!probe) return true;
  if (::connect(probe->get(), address.get(), address.size) == 0) return true;
  return errno != ECONNREFUSED && errno != ENOENT;  // a full backlog is a living listener, too
}

/// Frees the name of a socket that nobody answers on.
Status remove_stale(const SocketAddress& address, const Listener& listener) {
  const auto where = to_string(listener.address);
  struct stat found{};
  if (::fstatat(listener.folder.get(), listener.name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return fail(os_error(errno, where));
  }
  if (!S_ISSOCK(found.st_mode)) {
    return fail(Errc::conflict, where + " is there and is no socket; move it away");
  }
  if (answered(address)) {
    return fail(Errc::conflict, "a running process listens on " + where + " already");
  }
  if (::unlinkat(listener.folder.get(), listener.name.c_str(), 0) != 0 && errno != ENOENT) {
    return fail(os_error(errno, "remove the stale socket " + where));
  }
  return {};
}

Result<Listener> listen_unix(const UnixAddress& unix) {
  Listener listener;
  listener.address = unix;
  listener.name = unix.path.filename().native();
  const auto parent = unix.path.parent_path();
  auto folder = private_folder(parent.empty() ? "." : parent);
  if (!folder) return fail(folder.error());
  listener.folder = std::move(*folder);
  const auto address = unix_address(unix.path);
  if (!address) return fail(address.error());
  auto fd = open_socket(AF_UNIX);
  if (!fd) return fail(fd.error());
  listener.fd = std::move(*fd);

  // Between looking at a stale file and binding, nobody else may do the same. The folder itself is
  // locked: no file is left behind, and a killed process holds no lock.
  if (::flock(listener.folder.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(Errc::conflict, "another process is just about to listen on " + unix.path.native());
  }
  if (auto freed = remove_stale(*address, listener); !freed) return fail(freed.error());
  // The file takes its mode from the unbound socket: it never exists with another one.
  if (::fchmod(listener.fd.get(), 0600) != 0 ||
      ::bind(listener.fd.get(), address->get(), address->size) != 0 ||
      ::listen(listener.fd.get(), kBacklog) != 0) {
    return fail(os_error(errno, "listen on " + unix.path.native()));
  }
  struct stat made{};
  if (::fstatat(listener.folder.get(), listener.name.c_str(), &made, AT_SYMLINK_NOFOLLOW) != 0) {
    return fail(os_error(errno, unix.path.native()));
  }
  listener.device = made.st_dev;
  listener.inode = made.st_ino;
  ::flock(listener.folder.get(), LOCK_UN);
  return listener;
}

Result<Listener> listen_tcp(const TcpAddress& tcp) {
  const auto where = to_string(tcp);
  const auto address = tcp_address(tcp);
  if (!address) return fail(address.error());
  auto fd = open_socket(address->family());
  if (!fd) return fail(fd.error());
  const int on = 1;
  ::setsockopt(fd->get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd->get(), address->get(), address->size) != 0 || ::listen(fd->get(), kBacklog) != 0) {
    if (errno == EADDRINUSE) {
      return fail(Errc::conflict, "a running process listens on " + where + " already");
    }
    return fail(os_error(errno, "listen on " + where));
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(fd->get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) {  // NOLINT
    return fail(os_error(errno, "listen on " + where));
  }
  Listener listener;
  listener.address = tcp_of(bound);
  listener.fd = std::move(*fd);
  return listener;
}

Status not_connected(int error, const Address& address) {
  const auto where = to_string(address);
  if (error == ENOENT || error == ENOTDIR || error == ECONNREFUSED) {
    return fail(Errc::unavailable, "nobody listens on " + where);
  }
  return fail(os_error(error, "connect to " + where));
}

/// Waits for a connect that is under way.
Status connected(int fd, const Address& address, std::chrono::steady_clock::time_point deadline) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waiting{.fd = fd, .events = POLLOUT, .revents = 0};
    const int ready =
        ::poll(&waiting, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return fail(Errc::timeout, to_string(address) + " did not answer in time");
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return not_connected(error, address);
    return {};
  }
}

}  // namespace

void Listener::remove() {
  if (!folder) return;
  struct stat found{};
  const bool ours = ::fstatat(folder.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 &&
                    found.st_dev == device && found.st_ino == inode;
  if (ours) ::unlinkat(folder.get(), name.c_str(), 0);
  folder.reset();
}

Result<Listener> listen_on(const Address& address) {
  if (const auto* unix = std::get_if<UnixAddress>(&address)) return listen_unix(*unix);
  return listen_tcp(std::get<TcpAddress>(address));
}

Result<Fd> connect_to(const Address& address, std::chrono::steady_clock::time_point deadline) {
  const auto target = socket_address(address);
  if (!target) {
    if (target.error().is(Errc::not_found)) return fail(not_connected(ENOENT, address).error());
    return fail(target.error());
  }
  auto fd = open_socket(target->family());
  if (!fd) return fd;
  while (::connect(fd->get(), target->get(), target->size) != 0) {
    if (errno == EINPROGRESS) {
      if (auto done = connected(fd->get(), address, deadline); !done) return fail(done.error());
      break;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return fail(not_connected(errno, address).error());
    if (std::chrono::steady_clock::now() + kBacklogRetry > deadline) {
      return fail(Errc::timeout, to_string(address) + " did not answer in time");
    }
    const timespec pause{.tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(kBacklogRetry).count()};
    ::nanosleep(&pause, nullptr);
  }
  if (target->family() != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  return fd;
}

}  // namespace reeve::net
