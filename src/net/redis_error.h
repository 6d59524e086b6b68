#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "wire/resp.h"

/// What an error that Redis answered means for whoever asked.
namespace reeve::net {

using wire::RedisReply;

/// What a caller can do about an error reply, with Redis' own words:
///   denied           the password, the user's rights, protected mode
///   storage_full     Redis' memory or its disk is full
///   read_only        a replica
///   unavailable      loading, busy, without replicas, a part of its cluster away
///   unsupported      a cluster, where none was expected; a command that it does not have
///   corrupt          a key holds a value of another type
///   invalid_argument no such database
///   internal         anything else: we asked for something wrong
Error redis_error(const RedisReply& reply);

/// The error speaks of the server, not of what was asked: nobody but a person can do anything, or
/// time. The command has not run.
bool is_condition(const RedisReply& reply);
/// It has not run, and may well in a moment: LOADING, BUSY, TRYAGAIN, CLUSTERDOWN.
bool passes(const RedisReply& reply);

/// MOVED or ASK: another node of the cluster has the key.
struct RedisRedirect {
  bool for_good = false;  ///< MOVED
  std::string host;       ///< empty: the host that was asked
  std::uint16_t port = 0;

  friend bool operator==(const RedisRedirect&, const RedisRedirect&) = default;
};
std::optional<RedisRedirect> redirect_of(const RedisReply& reply);

}  // namespace reeve::net
