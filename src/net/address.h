#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>

#include "base/error.h"
#include "base/fd.h"

/// Where a server listens and a client connects.
namespace reeve::net {

struct UnixAddress {
  std::filesystem::path path;

  friend bool operator==(const UnixAddress&, const UnixAddress&) = default;
};

struct TcpAddress {
  std::string host = "127.0.0.1";  ///< a numeric IPv4 or IPv6 address, or "localhost" (127.0.0.1)
  std::uint16_t port = 0;          ///< 0 when listening: the kernel chooses

  friend bool operator==(const TcpAddress&, const TcpAddress&) = default;
};

using Address = std::variant<UnixAddress, TcpAddress>;

/// For logs and error texts: the path, or "127.0.0.1:8080", "[::1]:8080".
std::string to_string(const Address& address);

/// What bind() and connect() take. For a deep path it holds the folder open, and is valid as long
/// as it lives.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  Fd folder;

  [[nodiscard]] int family() const { return storage.ss_family; }
  [[nodiscard]] const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);  // NOLINT: the socket API's own cast
  }
};

/// A socket path of any depth: the kernel's address holds 107 bytes, so a longer one goes through
/// /proc/self/fd/N/NAME with N the folder, opened. The folder must exist. not_found, denied: the
/// folder; invalid_argument: no file name, a NUL, or the name alone is too long.
Result<SocketAddress> unix_address(const std::filesystem::path& path);

/// invalid_argument: the host is neither numeric nor "localhost".
Result<SocketAddress> tcp_address(const TcpAddress& address);

Result<SocketAddress> socket_address(const Address& address);

/// The address that a TCP socket name stands for; the other way round.
TcpAddress tcp_of(const sockaddr_storage& storage);

}  // namespace reeve::net
