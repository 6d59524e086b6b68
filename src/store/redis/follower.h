#pragma once

#include <chrono>
#include <vector>

#include "store/redis/session.h"
#include "store/store.h"

namespace reeve::store::redis {

/// What others write to a town, as it comes: a read that blocks on the stream, on a connection of
/// its own, however many subscribers there are. It comes back within a second to see that it is
/// still the same town.
class Follower {
 public:
  /// Begins behind `after`. `env` and `session` outlive it.
  Follower(Env& env, const boost::asio::any_io_executor& executor, const RedisOptions& options,
           Session& session, Position after);

  struct Part {
    std::vector<EventPtr> events;  ///< without a gap behind those before
    Position head;
    Position oldest;
  };
  /// Waits until there is something. While Redis is away, has another town, or has lost what was
  /// told of already (a failover, a restored backup), it says so in the log and waits on.
  Async<Part> next();
  Async<> close();

 private:
  Async<Result<Part>> look();
  Async<Status> check_last();

  Env& env_;
  Session& session_;
  net::RedisRouter router_;
  Position after_;
  EventId last_;  // the event there; nil: not known
};

}  // namespace reeve::store::redis
