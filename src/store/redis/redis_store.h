#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/describe.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/env.h"
#include "net/redis.h"
#include "store/store.h"

namespace reeve::store {

/// What an acknowledged commit has survived on Redis (G1). docs/redis.md says what each loses.
enum class RedisDurability {
  disk,      ///< `appendfsync always`: a power cut loses nothing
  everysec,  ///< weaker than `os`: a killed redis-server or a power cut may lose the last second
  memory,    ///< lost with the redis-server
};
BOOST_DESCRIBE_ENUM(RedisDurability, disk, everysec, memory)

struct RedisOptions {
  net::RedisAddress address;
  std::string town;  ///< its name: keys are "reeve:{NAME}:..."; neither braces nor blanks
  RedisDurability durability = RedisDurability::disk;
  /// The server does not let us look at its settings (CONFIG is denied), and somebody says that
  /// they give this durability.
  bool settings_asserted = false;
  /// How long calls wait for a server that is away; then they are unavailable.
  std::chrono::milliseconds patience = std::chrono::seconds(10);
  /// Replicas that must have a commit before it is answered, and how long they are waited for. A
  /// commit that not all of them have by then is unknown_outcome: it has happened, and a failover
  /// may lose it.
  int replicas = 0;
  Duration replica_timeout = std::chrono::seconds(1);
  /// While it says so, nobody is there yet who could repeat a commit: one that too few replicas
  /// have is done all the same, and the log says it.
  std::function<bool()> starting;

  /// Who holds the town: no other holder can open it until this one has closed it or has not been
  /// heard of for `lease`, by Redis' clock. The same holder can at once, and fences off what it
  /// was before. Empty: nobody but this store.
  std::string holder;
  /// What others are told of it: a host, a process, since when.
  std::string who;
  Duration lease = std::chrono::seconds(15);
  /// Told once when another holder has taken the town: every call is `fenced` from then on.
  std::function<void(Error)> on_lost;

  /// A file that remembers what was acknowledged, for a server that forgets it (a restored dump, a
  /// failover). Empty: none is kept, and only what this process saw is known.
  std::filesystem::path witness;
  /// Makes the town where there is none. Otherwise that is not_found.
  bool create = true;
  /// Follows the town without holding it: commits are refused as read_only, and the feed is told of
  /// what others write.
  bool reader = false;

  /// Leases run out by this clock, not by Redis' own. For tests, which move it.
  bool own_clock = false;
  std::size_t group_bytes = 4 << 20;  ///< of one script call
  std::size_t group_commits = 256;
};

/// Where a town's keys begin: "reeve:{NAME}:".
std::string redis_prefix(std::string_view town);

/// A town on Redis 7.0 or newer. Answers when the town was found there, or made. Errors: those of
/// the connection; invalid_argument: not a town's name; conflict: another holder has it (the text
/// says who, and for how long at least); unsupported: an older server, or a format that this
/// program does not know; denied: settings that do not give the durability asked for, or cannot be
/// looked at (the text says what to set); corrupt: what is there is no town, or has lost what the
/// witness knows.
Async<Result<std::unique_ptr<Store>>> open_redis(Env& env, boost::asio::any_io_executor executor,
                                                 RedisOptions options);

}  // namespace reeve::store
