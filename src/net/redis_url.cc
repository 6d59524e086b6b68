#include "net/redis_url.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "base/limits.h"

namespace reeve::net {
namespace {

constexpr std::uint16_t kPort = 6379;
constexpr std::string_view kHidden = "***";

struct Scheme {
  std::string_view name;
  bool tls;
  bool unix;
};
constexpr std::array kSchemes{Scheme{"redis", false, false}, Scheme{"rediss", true, false},
                              Scheme{"unix", false, true}, Scheme{"redis+unix", false, true}};

std::unexpected<Error> bad(std::string why) { return fail(Errc::invalid_argument, std::move(why)); }

bool same_letters(std::string_view a, std::string_view b) {
  const auto small = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::ranges::equal(a, b, {}, small, small);
}

const Scheme* scheme_of(std::string_view text) {
  const auto end = text.find("://");
  if (end == text.npos) return nullptr;
  const auto* const found = std::ranges::find_if(
      kSchemes, [&](const Scheme& one) { return same_letters(one.name, text.substr(0, end)); });
  return found == kSchemes.end() ? nullptr : found;
}

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const auto high = i + 2 < text.size() ? hex(text[i + 1]) : -1;
    const auto low = i + 2 < text.size() ? hex(text[i + 2]) : -1;
    if (high < 0 || low < 0)
      return bad("a % in the Redis URL is not followed by two hexadecimal digits; write it as %25");
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

std::string encoded(std::string_view text, std::string_view also) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").contains(c) || also.contains(c);
    if (plain) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.push_back('%');
      out.push_back(kDigits[byte / 16]);
      out.push_back(kDigits[byte % 16]);
    }
  }
  return out;
}

Result<int> read_database(std::string_view text) {
  int number = 0;
  const auto* const begin = text.data();
  const auto* const end = begin + text.size();
  const auto read = std::from_chars(begin, end, number);
  if (read.ec != std::errc() || read.ptr != end || number < 0)
    return bad("the Redis URL's database must be a number, as in redis://localhost:6379/2");
  return number;
}

Result<bool> read_flag(std::string_view text) {
  if (text == "true" || text == "yes" || text == "1") return true;
  if (text == "false" || text == "no" || text == "0") return false;
  return bad("a switch in the Redis URL must be true or false");
}

Status read_password(std::string_view text, RedisAddress& into) {
  auto password = decoded(text);
  if (!password) return fail(password.error());
  if (password->size() > limits::kSecret) return bad("the Redis URL's password is too long");
  into.password = Secret(std::move(*password));
  return {};
}

/// "user:password", ":password", or a user alone.
Status read_user_info(std::string_view text, RedisAddress& into) {
  const auto colon = text.find(':');
  if (colon != text.npos && text.find(':', colon + 1) != text.npos)
    return bad("a : in the password of a Redis URL must be written as %3A");
  auto user = decoded(text.substr(0, colon));
  if (!user) return fail(user.error());
  into.user = std::move(*user);
  if (colon == text.npos) return {};
  return read_password(text.substr(colon + 1), into);
}

Status assign(Result<std::string> value, std::string& into) {
  if (!value) return fail(value.error());
  if (value->empty() || value->contains('\0'))
    return bad("a parameter of the Redis URL has no value");
  into = std::move(*value);
  return {};
}
template <class T>
Status assign(Result<T> value, T& into) {
  if (!value) return fail(value.error());
  into = *value;
  return {};
}

Status read_parameter(std::string_view name, std::string_view value, const Scheme& scheme,
                      RedisAddress& into) {
  if (name == "db") return assign(read_database(value), into.database);
  if (name == "cluster" && !scheme.unix) return assign(read_flag(value), into.cluster);
  if (scheme.tls) {
    if (name == "ca") return assign(decoded(value), into.ca_file);
    if (name == "cert") return assign(decoded(value), into.certificate_file);
    if (name == "key") return assign(decoded(value), into.key_file);
    if (name == "verify") return assign(read_flag(value), into.verify);
  }
  if (scheme.unix && (name == "password" || name == "pass")) return read_password(value, into);
  if (scheme.unix && (name == "user" || name == "username"))
    return assign(decoded(value), into.user);
  return bad(
      "the Redis URL has a parameter that is not known for its kind: db; cluster (TCP); ca, cert, "
      "key, verify (rediss); user, password (unix)");
}

Status read_parameters(std::string_view text, const Scheme& scheme, RedisAddress& into) {
  while (!text.empty()) {
    const auto one = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    const auto equals = one.find('=');
    if (equals == one.npos) return bad("a parameter of the Redis URL has no value");
    const auto read = read_parameter(one.substr(0, equals), one.substr(equals + 1), scheme, into);
    if (!read) return read;
  }
  return {};
}

Status read_place(std::string_view authority, std::string_view path, const Scheme& scheme,
                  RedisAddress& into) {
  if (const auto at = authority.rfind('@'); at != authority.npos) {
    if (authority.find('@') != at)
      return bad("an @ in the password of a Redis URL must be written as %40");
    if (auto read = read_user_info(authority.substr(0, at), into); !read) return read;
    authority.remove_prefix(at + 1);
  }
  if (scheme.unix) {
    auto socket = decoded(path);
    if (!socket) return fail(socket.error());
    if (!authority.empty() || socket->size() < 2 || socket->ends_with('/') ||
        socket->contains('\0')) {
      return bad("write a Redis on a Unix socket as unix:///path/of/redis.sock");
    }
    into.unix_socket = std::move(*socket);
    return {};
  }
  if (!authority.empty()) {
    auto where = read_host_port(authority, kPort);
    if (!where) return fail(where.error().during("the Redis URL"));
    into.tcp = std::move(*where);
  }
  if (path.size() < 2) return {};
  return assign(read_database(path.substr(1)), into.database);
}

}  // namespace

Result<RedisAddress> read_redis_url(std::string_view text) {
  if (text.size() > limits::kUrl) return bad("the Redis URL is too long");
  const auto forbidden = [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F || c == '#';
  };
  if (std::ranges::any_of(text, forbidden))
    return bad("the Redis URL holds a blank, a # or a control byte; write it as % and two digits");
  const auto* const scheme = scheme_of(text);
  if (scheme == nullptr)
    return bad("a Redis URL begins with redis://, rediss:// (TLS) or unix:// (a socket)");

  RedisAddress out;
  out.tls = scheme->tls;
  text.remove_prefix(scheme->name.size() + 3);
  const auto question = std::min(text.find('?'), text.size());
  const auto parameters = question < text.size() ? text.substr(question + 1) : "";
  const auto place = text.substr(0, question);
  const auto authority = place.substr(0, place.find('/'));
  const auto path = place.substr(authority.size());
  // One there is most likely the end of a password that was cut in two by a / or ?.
  if (parameters.contains('@') || (!scheme->unix && path.contains('@')))
    return bad("in the password of a Redis URL, write @ as %40, / as %2F and ? as %3F");
  if (auto read = read_place(authority, path, *scheme, out); !read) return fail(read.error());
  if (auto read = read_parameters(parameters, *scheme, out); !read) return fail(read.error());

  if (out.password.empty() && !out.user.empty())
    return bad("the Redis URL names a user and no password");
  if (out.certificate_file.empty() != out.key_file.empty())
    return bad("the Redis URL needs both cert and key, or neither");
  if (out.cluster && out.database != 0) return bad("a Redis Cluster has database 0 only");
  return out;
}

std::string RedisAddress::origin() const {
  if (!unix_socket.empty()) return "unix://" + encoded(unix_socket.native(), "/");
  return (tls ? "rediss://" : "redis://") + tcp.text();
}

std::string RedisAddress::display() const {
  auto out = origin();
  if (!password.empty()) {
    const auto who = encoded(user, "") + ":" + std::string(kHidden) + "@";
    out.insert(out.find("://") + 3, who);
  }
  char mark = '?';
  const auto add = [&](std::string_view name, const std::string& value) {
    out += std::exchange(mark, '&');
    out += name;
    out += "=" + value;
  };
  if (database != 0 && unix_socket.empty()) out += "/" + std::to_string(database);
  if (database != 0 && !unix_socket.empty()) add("db", std::to_string(database));
  if (!ca_file.empty()) add("ca", encoded(ca_file, "/"));
  if (!certificate_file.empty()) add("cert", encoded(certificate_file, "/"));
  if (!key_file.empty()) add("key", encoded(key_file, "/"));
  if (!verify) add("verify", "false");
  if (cluster) add("cluster", "true");
  return out;
}

bool RedisAddress::local() const { return !unix_socket.empty() || tcp.loopback(); }

std::string redacted_redis_url(std::string_view text) {
  if (const auto address = read_redis_url(text)) return address->display();
  const auto* const scheme = scheme_of(text);
  return scheme == nullptr ? std::string(kHidden)
                           : std::string(scheme->name) + "://" + std::string(kHidden);
}

}  // namespace reeve::net
