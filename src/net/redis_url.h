#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/secret.h"
#include "net/url.h"

namespace reeve::net {

/// Where a Redis is, and who we are there.
struct RedisAddress {
  std::filesystem::path unix_socket;  ///< empty: TCP
  HostPort tcp{.host = "127.0.0.1", .port = 6379, .numeric = true};
  std::string user;  ///< empty: Redis' user "default"
  Secret password;   ///< empty: none
  int database = 0;
  bool tls = false;
  std::string ca_file;           ///< PEM: the authorities to trust; empty: the system's
  std::string certificate_file;  ///< PEM: what we show of ourselves; empty: nothing
  std::string key_file;          ///< PEM: of that certificate
  bool verify = true;            ///< the server's certificate
  bool cluster = false;          ///< one node of a Redis Cluster; the others are found through it

  /// As a URL that reads back as the same, but for the password:
  /// "redis://ada:***@localhost:6379/2".
  [[nodiscard]] std::string display() const;
  /// For error texts: "redis://localhost:6379", "unix:///run/redis.sock".
  [[nodiscard]] std::string origin() const;
  /// A Unix socket, or a loopback address: it is on this machine.
  [[nodiscard]] bool local() const;
};

/// Reads
///   redis://[[user]:password@]host[:port][/database]    rediss:// the same, over TLS
///   unix://[[user]:password@]/path/of/socket            or redis+unix://
/// with parameters behind "?": `db`; `cluster=true`; over TLS `ca`, `cert`, `key` (files, PEM),
/// `verify=false`; for a Unix socket `user` and `password` (or `username`, `pass`), too. Whatever
/// would be mistaken for another part (in a password: @ : / ? # %) is percent-encoded.
///
/// invalid_argument: no such text. No error text holds a part of it that could be a password.
Result<RedisAddress> read_redis_url(std::string_view text);

/// For display, of any text that somebody took for such a URL: its display() where it is one, and
/// nothing but the scheme where it is none, since then nobody knows where the password stands.
std::string redacted_redis_url(std::string_view text);

}  // namespace reeve::net
