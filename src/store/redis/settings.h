#pragma once

#include <map>
#include <string>

#include "net/redis.h"
#include "store/redis/redis_store.h"

namespace reeve::store::redis {

/// What a server says of itself, as far as it decides what an acknowledgement means.
struct ServerSettings {
  std::string version;  ///< "7.0.15"
  bool replica = false;
  /// Its append-only file was switched on while it ran (CONFIG SET), and the first one is still
  /// being written: until it is, the server begins without anything.
  bool begins_file = false;
  /// Of CONFIG GET, by name; empty where CONFIG is denied.
  std::map<std::string, std::string, std::less<>> config;
};

/// Reads what INFO answered: everything but `config`.
ServerSettings settings_of(std::string_view info);
/// Whether a server with these settings gives the durability. `asserted`: where they cannot be
/// looked at, somebody says so. Errors: unsupported (older than 7.0), read_only (a replica), denied
/// (the text says what to set), unavailable (not yet).
Status check(const ServerSettings& settings, RedisDurability durability, bool asserted);

/// Asks a server, and checks. Warns where the durability asked for is weaker than it sounds.
Async<Status> check_server(net::RedisAsk ask, RedisDurability durability, bool asserted);

}  // namespace reeve::store::redis
