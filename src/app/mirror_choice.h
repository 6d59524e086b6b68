#pragma once

#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "client/town_folder.h"
#include "net/redis_url.h"

namespace reeve::app {

/// What --mirror URL and --no-mirror make of the settings. invalid_argument: both, or no URL.
inline Status choose_mirror(const std::string& url, bool none, client::MirrorSettings& mirror) {
  if (none && !url.empty()) return fail(Errc::invalid_argument, "one of --mirror and --no-mirror");
  if (none) mirror.enabled = false;
  if (url.empty()) return {};
  if (const auto address = net::read_redis_url(url); !address)
    return fail(address.error().during("--mirror"));
  mirror = {url, std::nullopt};
  return {};
}

/// Where the mirror is: what the settings name, else where the store is, if that is a Redis and no
/// cluster. None: there is no mirror. invalid_argument: no URL.
inline Result<std::optional<net::RedisAddress>> mirror_address(
    const client::MirrorSettings& mirror, std::optional<net::RedisAddress> store) {
  if (mirror.enabled == false) return std::nullopt;
  if (!mirror.redis.empty()) {
    auto address = net::read_redis_url(mirror.redis);
    if (!address) return fail(address.error().during("mirror.redis"));
    return std::optional(std::move(*address));
  }
  if (store && store->cluster) return std::nullopt;
  return store;
}

/// Whether a mirror there would write among the keys of that tinytown town: the same database of
/// the same server, and the same name.
inline bool shares_keys(const net::RedisAddress& mirror, const std::string& town,
                        const net::RedisAddress& tinytown, const std::string& tinytown_town) {
  const auto same_host = [](const std::string& a, const std::string& b) {
    const auto plain = [](const std::string& host) {
      return host == "localhost" || host == "::1" ? std::string("127.0.0.1") : host;
    };
    return plain(a) == plain(b);
  };
  if (town != tinytown_town || mirror.database != tinytown.database) return false;
  if (!mirror.unix_socket.empty() || !tinytown.unix_socket.empty())
    return mirror.unix_socket == tinytown.unix_socket;
  return mirror.tcp.port == tinytown.tcp.port && same_host(mirror.tcp.host, tinytown.tcp.host);
}

}  // namespace reeve::app
