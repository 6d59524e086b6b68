#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "aio/signal.h"
#include "aio/task_group.h"
#include "aio/within.h"
#include "doors/tinytown/composer.h"
#include "doors/tinytown/keys.h"
#include "doors/tinytown/place.h"
#include "doors/tinytown/whole.h"
#include "doors/tinytown/writes.h"
#include "model/mirror_api.h"
#include "net/redis.h"
#include "town/ground.h"

/// The town in tinytown's keys: what `tt` sees of it.
///
/// Just behind the log, a batch of its events at a time, one script call writes what the batch
/// changed and where the mirror is now. So after a crash at any point nothing is missing and
/// nothing is there twice. Hashes and lists are written as they are by now; entries of streams,
/// lines of activity, stop flags and broadcasts as the facts tell. Nothing of missions is touched.
///
/// Which writes were ours, for whoever reads what `tt` writes:
///   hashes    have kOwnerField: what has not is tinytown's. kWroteField is what guard_of() was
///   when
///             we wrote last; a hash whose guard is another now was changed by tinytown. Found
///             while writing, such a change is kept and told (on_changed); once it is dealt with,
///             touch() has our state written over whatever stands there.
///   lists     items that are ours end in our mark (is_our_item), others are left where they are;
///   ids
///             in the backlog are ours if their task's hash is.
///   streams   entries of ours have a field kEchoField (position_of_echo).
///   stop      of ours the value is "reeve", of tt's "1".
///   activity, broadcast   nobody reads them.
///   mark      tt:TOWN:reeve:mirror holds the place's nonce. Where it is gone, `tt reset` was here:
///             that is found out here (within Options::heartbeat) and all is written again.
namespace reeve::doors::tinytown {

class Mirror {
 public:
  struct Options {
    /// tt takes an agent for dead after two minutes without one.
    std::chrono::nanoseconds heartbeat = std::chrono::seconds(10);
    /// Events that are gathered before they are written, about, at most.
    std::size_t batch = 16'384;
    std::uint64_t far = OurSide().far;
    std::string by;  ///< a name for this machine and the town's folder on it
    net::RedisOptions redis = {};
  };

  /// What it stands on outlives it.
  Mirror(town::Ground ground, aio::asio::any_io_executor executor, net::RedisAddress where,
         Options options);
  ~Mirror();

  /// Begins. It never fails and nobody waits for it: a Redis that is away, or refuses, is tried
  /// again, and view() says why.
  void start();
  /// Before it goes. What is not written yet is written by the next one.
  Async<> close();
  /// The town keeps how much is written, so that the next mirror knows a Redis that went back in
  /// time meanwhile. At an orderly end, before close(); now and then it does so by itself.
  Async<> keep_position();

  /// Returns when all is written that the log has at the call, and what was touched before it.
  /// Wants a limit (aio::within): a Redis may be away for long.
  Async<bool> caught_up();

  [[nodiscard]] api::MirrorView view() const;

  /// --- For the other direction

  [[nodiscard]] net::RedisConnection& redis() { return redis_; }
  [[nodiscard]] const Keys& keys() const { return keys_; }
  /// What our marks hold.
  [[nodiscard]] LogId owner() const { return owner_; }
  /// As it stands in Redis, at least. No position: all is being written.
  [[nodiscard]] const Place& place() const { return place_; }
  /// Whether we are writing it now, or have just done so: that it has changed says nothing of tt.
  [[nodiscard]] bool is_our_write(const std::string& key) const;
  /// Why tt's changes are seen later than they could be; blank: they are not. For view().
  void set_slow_sight(std::string why) { slow_sight_ = std::move(why); }
  /// Why something that tt did is not done here; blank: it is. For view().
  void set_unseen(std::string why) { unseen_ = std::move(why); }
  /// Told of hashes that tinytown changed, while they are written. Without it, they are written
  /// over. Called on the domain thread; it may call touch().
  void on_changed(std::function<void(TtKey)> told) { changed_ = std::move(told); }
  /// Soon writes it as it is in the town, over whatever stands there: an agent with its lists.
  void touch(const AgentId& agent);
  void touch(const TaskId& task);
  void touch_backlog();
  /// The same of an agent's lists only.
  void touch_mail(const AgentId& agent);
  /// How many items of ours an agent's lists have, as far as they have been written.
  [[nodiscard]] std::optional<Listed> listed(const AgentId& agent) const {
    return composer_.listed(agent);
  }

 private:
  Async<> run();
  Async<Status> attach();
  Async<Result<Sight>> look();
  Async<Status> touch_what_tt_did(Position after);
  Async<Status> follow();
  Async<Status> gather(log::Subscription& subscription);
  Async<Status> write_gathered();
  [[nodiscard]] bool is_due() const;
  Async<Status> write_touched();
  Async<Status> beat();
  Async<Result<net::RedisReply>> eval(Writes& writes, std::optional<Position> position);
  Async<Status> send(Writes& writes, std::optional<Position> position);
  Status hear(const WriteReply& reply);
  void complain(const std::string& key, std::string text);
  void wake();
  void become(api::MirrorState state, std::string error = "");
  [[nodiscard]] Writes::Guard guard() const {
    return changed_ ? Writes::Guard::keep : Writes::Guard::over;
  }

  town::Ground ground_;
  Options options_;
  net::RedisAddress where_;
  Keys keys_;
  LogId owner_;
  net::RedisConnection redis_;
  Composer composer_;
  std::string script_;            // its SHA-1, once Redis has it
  Place place_;                   // as it stands in Redis, after attach()
  std::optional<Place> written_;  // as Redis has acknowledged it last
  MirrorNote note_;               // as the store has it, after attach()
  Position upto_;                 // up to there everything is written, or needs no writing
  Changed touched_;
  /// Events that follow upto_, and are to be written: the first as soon as it may be, the others
  /// with it.
  struct Gathered {
    std::vector<EventPtr> events;
    std::size_t bytes = 0;  ///< of their payloads
    Position upto;
    void add(std::vector<Frame> frames);
  };
  Gathered gathered_;
  std::function<void(TtKey)> changed_;
  std::optional<aio::Stop> wake_;  // while gather() waits
  bool woken_ = false;             // since it last began to
  std::chrono::nanoseconds next_beat_{};
  std::chrono::nanoseconds next_write_{};  // not before, unless somebody waits
  bool writing_ = false;                   // what was touched
  int awaited_ = 0;                        // by so many callers of caught_up()
  api::MirrorState state_ = api::MirrorState::away;
  std::string error_;
  /// Keys of a call, and until when their change is put down to it: one that is under way has no
  /// end.
  struct Wrote {
    std::unordered_set<std::string> keys;
    std::chrono::nanoseconds until = std::chrono::nanoseconds::max();
  };
  std::deque<Wrote> wrote_;
  std::string slow_sight_, unseen_;
  struct Complaint {
    std::string key;
    std::string text;
  };
  Complaint complaint_;  // of the last key that is not written as it should be
  Time since_{};
  std::int64_t rewritten_ = 0;
  aio::Signal progress_;
  aio::Signal rested_;
  aio::TaskGroup group_;
};

}  // namespace reeve::doors::tinytown
