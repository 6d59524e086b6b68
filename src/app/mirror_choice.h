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

}  // namespace reeve::app
