#pragma once

#include <boost/describe.hpp>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "doors/tinytown/composer.h"
#include "doors/tinytown/keys.h"
#include "doors/tinytown/writes.h"
#include "net/redis.h"
#include "town/ground.h"

/// Writes all of a town into tinytown's keys: the first time, and where what stood there is lost.
namespace reeve::doors::tinytown {

/// What the town keeps of its mirror: that it is there, and whether it is being written.
struct MirrorNote {
  std::string redis;  ///< where, without a password
  bool writing = false;
  Position written;  ///< at least up to there, as it was noted last; 0: nobody knows
};
BOOST_DESCRIBE_STRUCT(MirrorNote, (), (redis, writing, written))
store::DocKey mirror_note_key();
/// Blank: there was no mirror yet.
Async<Result<MirrorNote>> load_mirror_note(store::Store& store);

class Whole {
 public:
  /// Sends a chunk, on the condition that the place is still ours; clears it.
  using Send = std::function<Async<Status>(Writes& writes)>;

  Whole(town::Ground& ground, net::RedisConnection& redis, Composer& composer, const Keys& keys,
        LogId owner, Send send);

  /// Everything as it is by now, `upto` being the end of the log before; of the streams the newest
  /// thousand events up to there that are not in them yet.
  Async<Status> write(Position upto);

 private:
  Async<Status> flush(bool all);
  Async<Status> agents();
  Async<Status> tasks();
  Async<Status> remove_others();
  Async<Status> streams(Position upto);
  Async<Result<Position>> last_echo();
  using Tasks = std::map<TaskId, std::optional<reeve::Task>>;
  Async<Tasks> tasks_of(const std::vector<EventPtr>& events);
  Async<Status> state(Changed changed);

  town::Ground& ground_;
  net::RedisConnection& redis_;
  Composer& composer_;
  const Keys& keys_;
  LogId owner_;
  Send send_;
  Writes writes_;
  std::set<std::string> written_;  // keys of agents and tasks
};

}  // namespace reeve::doors::tinytown
