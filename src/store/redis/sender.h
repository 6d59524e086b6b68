#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "aio/signal.h"
#include "aio/task_group.h"
#include "base/env.h"
#include "store/redis/group.h"
#include "store/redis/heads.h"
#include "store/redis/publisher.h"
#include "store/redis/redis_store.h"
#include "store/redis/session.h"
#include "store/store.h"

namespace reeve::store::redis {

/// Commits on their way to Redis, and other calls that must not overtake them. Those of one moment
/// are one call of a script; calls go out in the order in which they were asked for, and their
/// answers are dealt with in that order, one after the other. Domain thread only.
class Sender {
 public:
  /// All outlive it.
  Sender(Env& env, const boost::asio::any_io_executor& executor, const RedisOptions& options,
         Session& session, Publisher& publisher);

  /// Told behind each call of commits.
  void on_committed(std::function<void()> told) { committed_ = std::move(told); }
  void begin();
  /// Returns when nothing is under way any more, which nobody adds to.
  Async<> end();

  /// As Store::commit(), of one that was checked.
  Async<Result<Committed>> commit(Commit commit);
  /// A call among the commits. `settle` is told of its answer in its turn.
  using Settle = std::function<Async<>(Result<RedisReply>)>;
  Async<Result<RedisReply>> in_turn(Script script, RedisWords args, Settle settle = {});
  /// There are commits up to `head` whose answers were lost: they are told of in their turn.
  void catch_up(Position head);

 private:
  struct Queued {
    Commit commit;
    std::move_only_function<void(Result<Committed>)> answer;
    std::move_only_function<void()> call;  // instead
  };
  using Batch = std::vector<Queued>;
  struct Call;
  using CallPtr = std::shared_ptr<Call>;

  [[nodiscard]] bool may_send() const;
  void wake();
  void send_all();
  Batch take_batch();
  void start(std::string name, Async<> work);
  Async<> my_turn(std::uint64_t ticket);
  void turn_is_over();
  void send_commits(Batch batch);
  RedisWords args_of(Call& call) const;
  void replied(const CallPtr& call, Result<RedisReply> reply);
  bool settle_at_once(Call& call);
  Async<> ask(CallPtr call);
  Async<> settle(CallPtr call);
  Async<Result<Committed>> settle_one(RedisReply& answer, const Commit& commit);
  void answer(Call& call);
  Async<> catch_up_to(Position head, std::uint64_t ticket);

  Env& env_;
  const RedisOptions& options_;
  Session& session_;
  Publisher& publisher_;
  std::function<void()> committed_;
  Heads heads_;
  std::deque<Queued> queue_;
  std::uint64_t ticket_ = 0;   // of the next call
  std::uint64_t settled_ = 0;  // calls that are dealt with
  std::size_t in_flight_ = 0;  // calls that have a ticket and are not
  bool catching_up_ = false;
  bool woken_ = false;      // what is queued is looked at soon
  bool answering_ = false;  // or behind the answers that are given just now
  aio::Signal changed_;
  aio::TaskGroup group_;
};

}  // namespace reeve::store::redis
