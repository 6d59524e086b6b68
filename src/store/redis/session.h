#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "aio/signal.h"
#include "aio/task_group.h"
#include "base/env.h"
#include "net/redis_router.h"
#include "store/redis/redis_store.h"
#include "store/redis/server.h"
#include "store/redis/witness.h"

namespace reeve::store::redis {

/// Our hold on a town: who we are there, what we know that it has, and that both are still so on
/// each new connection. Domain thread only.
class Session {
 public:
  /// `env` outlives it.
  Session(Env& env, const boost::asio::any_io_executor& executor, RedisOptions options);

  /// Takes the town (a reader: finds it). Errors as of open_redis().
  Async<Status> begin();
  /// Gives the town back and closes the connection. Nothing else may be under way.
  Async<> end();

  /// A script that reads: its arguments come behind those that say which town it is. What only
  /// reads and was cut off is asked again, for as long as `patience`.
  Async<Result<RedisReply>> run(Script script, RedisWords args);
  /// A command that reads. As of a script that does, its answer is of the town that we know: else
  /// it is corrupt.
  Async<Result<RedisReply>> ask(RedisWords words);
  /// A script that writes: its arguments come behind those that say in which session (a commit is
  /// told the time otherwise, where it asks). A call of an
  /// earlier session of ours, which was still waiting when the connection broke, is refused by
  /// Redis and made again in the new one. fenced: another holder has the town, for good.
  Async<Result<RedisReply>> write(Script script, Server::MakeArgs make,
                                  Server::Replicas* replicas = nullptr);
  /// write() of Script::commit in the way of Server::tell(): false also where the town is lost, and
  /// write() says so. What comes of it goes through judge_told().
  bool tell_commits(std::span<const std::string> args, net::RedisDone& done);
  /// Makes of what came of that what write() would answer. False: the call has not run, and write()
  /// would make it again.
  static bool judge_told(Result<RedisReply>& reply);
  [[nodiscard]] std::string key(std::string_view name) const { return server_.key(name); }

  /// "LOG EPOCH", as every script that writes is told first.
  [[nodiscard]] const std::string& name() const { return session_; }
  /// The time as scripts are told. Empty: Redis' own.
  [[nodiscard]] std::string now_text() const;

  [[nodiscard]] const LogId& log() const { return known_.log; }
  [[nodiscard]] const std::string& generation() const { return known_.generation; }
  /// As found at begin(); bytes and head as of then, too.
  [[nodiscard]] const LogInfo& found() const { return found_; }
  [[nodiscard]] Position indexed() const { return indexed_; }

  /// That event is acknowledged: a town that has another one there, or none, is not ours any more.
  void acknowledged(Position position, const EventId& event);
  /// Called with the log as each connection but the first finds it: it shows what became of calls
  /// whose answers were lost.
  void on_found(std::function<void(const LogInfo&)> told) { told_found_ = std::move(told); }
  /// Called when a session begins anew: somebody else may have had the town in between.
  void on_begun(std::function<void()> told) { begun_ = std::move(told); }
  /// Another holder has the town.
  [[nodiscard]] const std::optional<Error>& lost() const { return lost_; }
  /// For who may have nothing to ask. Where the last look at the town (there is one with every
  /// call, and every few seconds) found it emptied, restored or the like, it looks again: corrupt.
  Async<Status> look_again();

 private:
  [[nodiscard]] net::RedisOptions connection_options();
  Async<Status> greet(net::RedisAsk ask);
  Async<Result<RedisReply>> beat(bool last);
  Async<> keep_alive();
  Async<> keep_witness();
  Async<> remember();
  Async<Result<RedisReply>> try_write(Script script, Server::MakeArgs make,
                                      Server::Replicas* replicas);
  void lose(const Error& why);
  Async<Result<RedisReply>> open(net::RedisAsk ask);
  using Ask = std::function<Async<Result<RedisReply>>()>;
  Async<Result<RedisReply>> until_answered(Ask ask_once);
  Async<Result<RedisReply>> ask_once(RedisWords words);
  Status look_at(const RedisReply& state, Position acknowledged) const;
  Async<Result<RedisReply>> noted(Result<RedisReply> reply);

  Env& env_;
  RedisOptions options_;
  net::RedisRouter router_;
  Server server_;
  Witness known_;       // what was acknowledged
  Witness remembered_;  // of it, what the file has
  bool witness_read_ = false;
  bool must_be_there_ = false;
  LogInfo found_;
  Position indexed_;
  std::string session_;
  std::optional<Error> lost_;
  std::optional<Error> gone_;  // what the last look at the town said
  std::function<void(const LogInfo&)> told_found_;
  std::function<void()> begun_;
  aio::Signal changed_;
  aio::Signal may_greet_;
  aio::TaskGroup group_;
};

}  // namespace reeve::store::redis
