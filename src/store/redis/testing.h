#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aio/run.h"
#include "net/redis_testing.h"
#include "store/redis/redis_store.h"
#include "store/testing.h"

/// Towns on real redis-servers, for tests. Not part of the library.
namespace reeve::store {

/// What durability "disk" needs.
inline std::vector<std::string> disk_settings() {
  return {"appendonly yes", "appendfsync always", "maxmemory-policy noeviction"};
}

inline RedisOptions redis_options(net::RedisAddress address, std::string town) {
  RedisOptions options;
  options.address = std::move(address);
  options.town = std::move(town);
  options.own_clock = true;
  return options;
}

/// On the loop's thread, until it is open.
inline Result<std::unique_ptr<Store>> open_redis_now(Env& env, boost::asio::io_context& loop,
                                                     RedisOptions options) {
  return aio::run(loop, open_redis(env, loop.get_executor(), std::move(options)));
}

/// The servers that a test program's contract tests share: started when first asked for.
inline net::testing::RedisServer& plain_redis() {
  static net::testing::RedisServer server({.lines = disk_settings()});
  return server;
}
inline net::testing::RedisServer& tls_redis() {
  static net::testing::RedisServer server(
      {.tcp = true, .tls = true, .password = "geheim @:/?#%", .lines = disk_settings()});
  return server;
}
inline net::RedisAddress cluster_redis() {
  static net::testing::RedisClusterOfThree cluster;
  auto address = cluster.node(0).address();
  address.cluster = true;
  return address;
}

}  // namespace reeve::store
