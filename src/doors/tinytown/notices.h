#pragma once

#include <functional>
#include <string>
#include <vector>

#include "aio/task_group.h"
#include "base/env.h"
#include "doors/tinytown/keys.h"
#include "net/redis.h"

namespace reeve::doors::tinytown {

/// Told by Redis which of the keys that tt writes have changed, a moment after they have.
///
/// Redis tells it by CLIENT TRACKING (from version 6 on), which needs no setting of the server; one
/// that refuses that, but has notify-keyspace-events switched on, by its keyspace notifications. No
/// setting of the server is ever changed. What we write ourselves is told as well.
///
/// Nothing is promised: while the connection is away nothing is told, so whoever listens looks for
/// himself as well, now and then. Domain thread only.
class Notices {
 public:
  enum class How {
    none,      ///< not connected, or refused
    tracking,  ///< CLIENT TRACKING
    keyspace,  ///< keyspace notifications
  };
  /// The keys, as they are in Redis; empty: any may have changed.
  using Told = std::function<void(const std::vector<std::string>& keys)>;
  /// How it is told from now on; with none, why.
  using Changed = std::function<void(How how, const std::string& why)>;

  /// What it stands on outlives it. Begins at once.
  Notices(aio::asio::any_io_executor executor, Env& env, net::RedisAddress where, const Keys& keys,
          Told told, Changed changed);
  aio::Async<> close();

 private:
  aio::Async<Status> greet(net::RedisAsk ask);
  aio::Async<Status> track(net::RedisAsk ask);
  aio::Async<Status> listen_to_keyspace(net::RedisAsk ask);
  aio::Async<> keep();
  void hear(const net::RedisReply& message);

  Env& env_;
  const Keys& keys_;
  Told told_;
  Changed changed_;
  std::string channel_;  // "__keyspace@0__:"
  net::RedisConnection redis_;
  aio::TaskGroup group_;
};

}  // namespace reeve::doors::tinytown
