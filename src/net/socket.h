#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

#include "base/error.h"
#include "net/address.h"

/// Opening sockets: the calls that a server makes once and a client first.
namespace reeve::net {

/// A listening socket. Close it with remove() and the socket file goes too.
struct Listener {
  Fd fd;            ///< non-blocking
  Address address;  ///< as asked for, with the port that the kernel chose

  /// Unlinks the socket file, if it is still this listener's own. Nothing for TCP.
  void remove();

  // Which file is ours: a successor may have bound another one there.
  Fd folder;
  std::string name;
  dev_t device = 0;
  ino_t inode = 0;
};

/// Listens. A Unix socket is 0600 from its first moment; its folder is made (0700) if only that
/// last one is missing, and must belong to us or root and be writable by no one else. A socket file
/// that nobody answers on is replaced; two who try that at once exclude each other.
///
/// conflict: a living process listens there, or the file is no socket; denied: the folder's
/// permissions, or the system's; not_found: the folder's own folder; invalid_argument: the address.
Result<Listener> listen_on(const Address& address);

/// A connected, non-blocking socket. unavailable: nobody listens there (no such file, refused);
/// denied: not ours to connect to; timeout: not connected by `deadline`.
Result<Fd> connect_to(const Address& address, std::chrono::steady_clock::time_point deadline);

}  // namespace reeve::net
