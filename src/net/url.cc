#include "net/url.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "base/limits.h"

namespace reeve::net {
namespace {

namespace urls = boost::urls;

/// The longest name that DNS knows.
constexpr std::size_t kHostName = 253;

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

bool is_host_name(std::string_view host) {
  const bool made_of_labels = std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
  return made_of_labels && !host.empty() && host.size() <= kHostName && !host.starts_with('.') &&
         !host.contains("..");
}

std::unexpected<Error> no_host() { return fail(Errc::invalid_argument, "the URL names no host"); }

bool is_address(int family, const std::string& host) {
  in6_addr either{};
  return ::inet_pton(family, host.c_str(), &either) == 1;
}

}  // namespace

std::string HostPort::text() const {
  return (host.contains(':') ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool HostPort::loopback() const {
  return host == "localhost" || (numeric && (host == "::1" || host.starts_with("127.")));
}

Result<HostPort> read_host_port(std::string_view text, std::uint16_t default_port) {
  HostPort out;
  const bool bracketed = text.starts_with('[');
  const auto host_end = bracketed ? text.find(']') : text.find(':');
  if (bracketed && host_end == std::string_view::npos) return no_host();
  out.host = lower(text.substr(bracketed ? 1 : 0, host_end - (bracketed ? 1 : 0)));
  text.remove_prefix(std::min(text.size(), bracketed ? host_end + 1 : host_end));

  out.numeric = is_address(bracketed ? AF_INET6 : AF_INET, out.host);
  if (!out.numeric && (bracketed || !is_host_name(out.host))) return no_host();

  out.port = default_port;
  if (text.empty() || text == ":") return out;
  const auto* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + 1, end, out.port);
  if (text.front() == ':' && read.ec == std::errc() && read.ptr == end && out.port != 0) return out;
  return fail(Errc::invalid_argument, "the URL's port must be a number from 1 to 65535");
}

std::string Url::authority() const {
  auto out = host.contains(':') ? "[" + host + "]" : host;
  if (port != (tls ? 443 : 80)) out += ":" + std::to_string(port);
  return out;
}

std::string Url::origin() const { return (tls ? "https://" : "http://") + authority(); }

bool Url::loopback() const { return HostPort{host, port, numeric}.loopback(); }

Result<Url> read_url(std::string_view text) {
  if (text.size() > limits::kUrl) {
    return fail(Errc::invalid_argument, "the URL is longer than any server takes");
  }
  // Which bytes may stand in a URL is Boost's to say. Where the host ends is not: 1.81 reads
  // "http://127.0.0.1.example.org" as the address with a path behind it.
  const auto parsed = urls::parse_uri({text.data(), text.size()});
  if (!parsed) {
    return fail(Errc::invalid_argument, "this is no URL; write it like https://example.org/path");
  }
  Url url;
  url.tls = parsed->scheme_id() == urls::scheme::https;
  const auto slashes = text.find("://");
  if ((!url.tls && parsed->scheme_id() != urls::scheme::http) ||
      slashes != parsed->scheme().size()) {
    return fail(Errc::invalid_argument, "the URL must begin with https:// or http://");
  }
  text = text.substr(slashes + 3, text.find('#') - slashes - 3);
  const auto authority = text.substr(0, text.find_first_of("/?"));
  if (authority.contains('@')) {
    return fail(Errc::invalid_argument,
                "the URL holds a user name or password; send them in a header instead");
  }
  auto where = read_host_port(authority, url.tls ? 443 : 80);
  if (!where) return fail(where.error());
  url.host = std::move(where->host);
  url.port = where->port;
  url.numeric = where->numeric;
  url.target = text.substr(authority.size());
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  return url;
}

}  // namespace reeve::net
