#include "net/address.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace reeve::net {
namespace {

/// The kernel's room for a path, with its closing NUL.
constexpr std::size_t kRoom = sizeof(sockaddr_un::sun_path);

SocketAddress unix_socket_address(const std::string& path) {
  SocketAddress address;
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  std::memcpy(un.sun_path, path.data(), path.size());
  std::memcpy(&address.storage, &un, sizeof un);
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

}  // namespace

std::string to_string(const Address& address) {
  if (const auto* unix = std::get_if<UnixAddress>(&address)) return unix->path.string();
  const auto& tcp = std::get<TcpAddress>(address);
  const bool v6 = tcp.host.find(':') != std::string::npos;
  return fmt::format(fmt::runtime(v6 ? "[{}]:{}" : "{}:{}"), tcp.host, tcp.port);
}

Result<SocketAddress> unix_address(const std::filesystem::path& path) {
  const auto& text = path.native();
  const auto name = path.filename().native();
  if (name.empty() || name == "." || name == ".." || text.find('\0') != std::string::npos) {
    return fail(Errc::invalid_argument, "\"" + text + "\" is no path of a socket");
  }
  if (text.size() < kRoom) return unix_socket_address(text);

  const auto folder = path.parent_path();
  Fd opened(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!opened) return fail(os_error(errno, "open the folder " + folder.native()));
  const auto through = fmt::format("/proc/self/fd/{}/{}", opened.get(), name);
  if (through.size() >= kRoom) {
    return fail(Errc::invalid_argument,
                fmt::format("the socket's name \"{}\" is longer than the system allows", name));
  }
  auto address = unix_socket_address(through);
  address.folder = std::move(opened);
  return address;
}

Result<SocketAddress> tcp_address(const TcpAddress& tcp) {
  SocketAddress address;
  const auto host = tcp.host == "localhost" ? std::string("127.0.0.1") : tcp.host;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(tcp.port);
    std::memcpy(&address.storage, &v4, sizeof v4);
    address.size = sizeof v4;
  } else if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(tcp.port);
    std::memcpy(&address.storage, &v6, sizeof v6);
    address.size = sizeof v6;
  } else {
    return fail(Errc::invalid_argument,
                "\"" + host + "\" is no numeric address; write 127.0.0.1, ::1 or localhost");
  }
  return address;
}

Result<SocketAddress> socket_address(const Address& address) {
  if (const auto* unix = std::get_if<UnixAddress>(&address)) return unix_address(unix->path);
  return tcp_address(std::get<TcpAddress>(address));
}

TcpAddress tcp_of(const sockaddr_storage& storage) {
  char text[INET6_ADDRSTRLEN] = "";
  TcpAddress address;
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage, sizeof v6);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    address.port = ntohs(v6.sin6_port);
  } else {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof v4);
    ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    address.port = ntohs(v4.sin_port);
  }
  address.host = text;
  return address;
}

}  // namespace reeve::net
