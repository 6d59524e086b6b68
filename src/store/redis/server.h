#pragma once

#include <array>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/redis_router.h"
#include "store/redis/scripts.h"

namespace reeve::store::redis {

using aio::Async;
using net::RedisReplies;
using net::RedisReply;
using net::RedisWords;

/// How a script is told its keys: how many, and the prefix. Redis Cluster lets a call run on a slot
/// that is just moving only where all its keys are, and one of the prefix' name never is; so in a
/// cluster the state goes along, and no script ever sees half of a town: it is told TRYAGAIN (or
/// ASK) until the slot has arrived.
RedisWords script_keys(const std::string& prefix, bool cluster);

/// A town's scripts on its server. Domain thread only.
class Server {
 public:
  /// `router` outlives it.
  Server(net::RedisRouter& router, std::string prefix);

  /// One call of a script on one connection, while it is being set up.
  Async<Result<RedisReply>> run_on(net::RedisAsk ask, Script script, RedisWords args);

  /// One call. Errors: the connection's, and what judge() says.
  Async<Result<RedisReply>> run(Script script, RedisWords args);
  /// The same with arguments that are made again if the server has forgotten its scripts, which is
  /// rare: nobody has to keep a copy. With `replicas`, as many must have it within `wait`; how
  /// many have is told in `reached`.
  using MakeArgs = std::function<RedisWords()>;
  struct Replicas {
    int wanted = 0;
    std::chrono::milliseconds wait{};
    std::int64_t reached = 0;
  };
  Async<Result<RedisReply>> run(Script script, MakeArgs make, Replicas* replicas = nullptr);

  /// One call on its way when this returns, as RedisConnection::tell() has it: by its SHA, and
  /// `done` is told of any refusal as it came. The arguments are `first` and then `args`.
  bool tell(Script script, std::string_view first, std::span<const std::string> args,
            net::RedisDone& done);

  Async<Result<RedisReply>> ask(RedisWords words);
  /// Commands one behind the other, as RedisRouter::ask_all().
  Async<Result<RedisReplies>> ask_all(std::vector<RedisWords> commands) {
    return router_.ask_all(std::move(commands));
  }
  [[nodiscard]] std::string key(std::string_view name) const { return prefix_ + std::string(name); }

 private:
  Async<Result<RedisReply>> call(RedisWords words, Replicas* replicas);
  /// By its SHA; by its text where the server does not know it, or has forgotten it.
  [[nodiscard]] RedisWords by_sha(Script script, RedisWords args) const;
  [[nodiscard]] RedisWords by_text(Script script, RedisWords args) const;
  [[nodiscard]] RedisWords words_of(std::string command, std::string script, RedisWords args) const;

  net::RedisRouter& router_;
  std::string prefix_;
  std::array<std::string, kScripts> shas_;
  std::array<std::string, kScripts> calls_;  // how a call by the SHA begins, as it is sent
};

/// What a script's own error replies mean; any other reply is itself:
///   corrupt         LOST: the town is gone or was changed behind its back
///   fenced          FENCED: a later session writes
///   conflict        HELD: another holder has the town; COPYING: it is being copied here
///   cursor_expired  EXPIRED: retention removed the beginning of what was asked for
///   not_found       ABSENT: there is no such town
///   unsupported     FORMAT: written by a newer program
Result<RedisReply> judge(RedisReply reply);
/// What LOST is told as: `what` has become of the town.
Error loss(const std::string& what);
/// Whether it is such an error.
bool tells_loss(const Error& error);

}  // namespace reeve::store::redis
