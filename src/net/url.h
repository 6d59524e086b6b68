#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace reeve::net {

/// An address of the web that our client can ask.
struct Url {
  bool tls = false;  ///< https, not http
  std::string host;  ///< a name in lower case, or a numeric address without brackets
  std::uint16_t port = 0;
  std::string target;    ///< path and query, encoded: what the request's first line says
  bool numeric = false;  ///< the host is an IPv4 or IPv6 address

  /// What the Host header says: the port is left out when it is the scheme's own.
  [[nodiscard]] std::string authority() const;
  /// "https://example.org:8443": for error texts, since path and query may hold a secret.
  [[nodiscard]] std::string origin() const;
  /// localhost or a numeric loopback address: what is sent there stays on this machine.
  [[nodiscard]] bool loopback() const;

  friend bool operator==(const Url&, const Url&) = default;
};

/// Where a name and a port of it point to.
struct HostPort {
  std::string host;  ///< a name in lower case, or a numeric address without brackets
  std::uint16_t port = 0;
  bool numeric = false;

  /// As in a URL: "[::1]:80".
  [[nodiscard]] std::string text() const;
  /// localhost or a numeric loopback address.
  [[nodiscard]] bool loopback() const;
};

/// "host", "host:port", "[address]:port". invalid_argument: no such text; it says nothing of what
/// stood in it.
Result<HostPort> read_host_port(std::string_view text, std::uint16_t default_port);

/// A fragment is left out, for it is never sent. invalid_argument: no http or https URL; user and
/// password in it (they belong in a header); control bytes or blanks; a host that is no name;
/// longer than limits::kUrl.
Result<Url> read_url(std::string_view text);

}  // namespace reeve::net
