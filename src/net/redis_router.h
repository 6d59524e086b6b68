#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "aio/task_group.h"
#include "net/redis.h"

namespace reeve::net {

/// Asks where the keys of one town are: one Redis, or of a Redis Cluster the node that has their
/// one slot, also after the slot has moved. Everything else is as RedisConnection says it.
///
/// In a cluster it begins at the address that it was given and goes where it is sent: MOVED for
/// good, ASK for this one command, while TRYAGAIN or CLUSTERDOWN it waits. A redirected command has
/// not run. When the node is away, another one is asked where to go. All of that ends with
/// `away_limit`, as unavailable; of a pipeline that has run in part, as unknown_outcome.
///
/// The owner's greeting is done on each new connection to the node that has the slot, and not
/// before the slot has arrived there. A script is never sent on by ASK: it waits until it can run
/// on a node that was greeted.
class RedisRouter {
 public:
  /// `key` is any key of the town: it has the slot. Used in a cluster only.
  RedisRouter(asio::any_io_executor executor, Env& env, RedisAddress address, std::string key,
              RedisOptions options = {});
  RedisRouter(const RedisRouter&) = delete;
  RedisRouter& operator=(const RedisRouter&) = delete;
  /// After close().
  ~RedisRouter();

  Async<Result<RedisReply>> ask(RedisWords words);
  /// Redirected commands of a pipeline run after those that were not; a WAIT behind one of them
  /// waits for it, too.
  Async<Result<RedisReplies>> ask_all(std::vector<RedisWords> commands);

  /// As RedisConnection::tell(). Never in a cluster: what is refused there has to be sent on.
  bool tell(std::string& command, RedisDone& done);
  /// Whether another node of the cluster is about to take the slot over. Asked where the node that
  /// has it finds keys missing, and knows of no move: it may have been told that there is none
  /// (SETSLOT STABLE), or have come up in the place of one that knew.
  Async<bool> is_split();

  /// Connections that were greeted so far: it counts up also when the slot has moved.
  [[nodiscard]] std::uint64_t generation() const;
  [[nodiscard]] bool connected() const;
  [[nodiscard]] bool in_cluster() const;
  /// The node that is asked now.
  [[nodiscard]] RedisAddress address() const;

  /// As RedisConnection::close().
  Async<> close();

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with asks under way
};

}  // namespace reeve::net
