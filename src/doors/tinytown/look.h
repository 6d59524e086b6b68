#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "aio/suspend.h"
#include "doors/tinytown/composer.h"
#include "doors/tinytown/keys.h"
#include "doors/tinytown/seen.h"
#include "doors/tinytown/writes.h"
#include "net/redis.h"

/// Looks at what stands in tinytown's keys, in calls of bounded size. Each call looks first whether
/// the mark is there, and the place no older than we know it, in one script with the rest: what
/// `tt reset` emptied, or a Redis that was put back to an older state does not have, is never taken
/// for deletions.
namespace reeve::doors::tinytown {

using aio::Async;

/// An agent of ours, as it stood there at one moment.
struct AgentSight {
  AgentKeys keys;
  std::string heartbeat;
  bool flag = false;  ///< there is a stop flag, whoever set it
  Listed listed;      ///< items of ours
  Listed others;      ///< items that are not
  /// The first of these, at most kLookItems each and some bytes, in the list's order.
  std::vector<std::string> inbox;
  std::vector<std::string> urgent;
};
inline constexpr std::size_t kLookItems = 200;

struct TaskSight {
  std::string id;  ///< as the key had it
  TaskKeys keys;
};

/// Errors of all: what Redis fails with. conflict: the mark is gone, the mirror is being written,
/// or what stands there is older than what was written.
class Look {
 public:
  /// The mirror's place as it knows it: at least that has been written.
  using Known = std::function<Place()>;
  /// `life`: another one each time, for note_seen().
  Look(net::RedisConnection& redis, const Keys& keys, std::string town, LogId owner,
       std::string life, Known known)
      : redis_(redis),
        keys_(keys),
        town_(std::move(town)),
        owner_(owner),
        life_(std::move(life)),
        known_(std::move(known)) {}

  struct Wanted {
    AgentId id;
    std::optional<Listed> ours;    ///< as far as it is known
    std::optional<Listed> length;  ///< a list as long as that is not read. none: it is
  };
  /// At most kLookAgents, in their order.
  Async<Result<std::vector<AgentSight>>> agents(std::vector<Wanted> wanted);
  /// Those of the ids (at most kLookTasks) whose hash is gone, is not ours, or was changed; `all`:
  /// the others as well. A key of another type is left out.
  Async<Result<std::vector<TaskSight>>> tasks(std::vector<std::string> ids, bool all);
  /// Ids in tinytown's backlog, the first kLookBacklog.
  Async<Result<std::vector<std::string>>> backlog();
  /// Ids of task hashes, behind the cursor ("0": from the start, and back there at the end).
  Async<Result<std::vector<std::string>>> scan(KeyFamily family, std::string& cursor);
  /// All fields of a hash; empty: it is gone.
  Async<Result<Fields>> hash(std::string key);
  /// One item of others leaves a list.
  Async<Status> drop(std::string key, std::string item);
  /// A task's hash goes that is not ours.
  Async<Status> remove_task(TaskId task);
  /// What is done about that state of an agent is done about no other: what tt writes from now on
  /// is a change, also if it is what stood there before. False: another stands there by now. It
  /// holds until the mirror writes the agent, and for nobody but this daemon.
  Async<Result<bool>> note_seen(AgentId agent, std::string state);
  /// A stop flag that tt has set goes.
  Async<Status> drop_stop(AgentId agent);
  /// Sends a loop away, which looks for the flag before each of its rounds.
  Async<Status> send_away(AgentId agent);

 private:
  Async<Result<net::RedisReply>> ask(net::RedisWords words);
  /// The script behind look.lua, and what it is given.
  [[nodiscard]] net::RedisWords call(std::string script) const;

  net::RedisConnection& redis_;
  const Keys& keys_;
  std::string town_;
  LogId owner_;
  std::string life_;
  Known known_;
};
inline constexpr std::size_t kLookAgents = 100;
inline constexpr std::size_t kLookTasks = 1000;
inline constexpr std::size_t kLookBacklog = 5000;

}  // namespace reeve::doors::tinytown
