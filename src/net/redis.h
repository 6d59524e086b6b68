#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "aio/suspend.h"
#include "base/env.h"
#include "base/error.h"
#include "base/limits.h"
#include "net/redis_error.h"
#include "net/redis_url.h"
#include "wire/resp.h"

namespace reeve::net {

namespace asio = boost::asio;
using aio::Async;
using RedisWords = std::vector<std::string>;
using RedisReplies = std::vector<RedisReply>;

/// Asks on one connection that is being set up, and on no other.
using RedisAsk = std::function<Async<Result<RedisReply>>(RedisWords words)>;
/// What its owner does first on each new connection, before anybody else's asks go out: look at the
/// server's settings, for example. An error other than unavailable, timeout or unknown_outcome is
/// handed to everybody who waits; with any error the connection is closed, and tried again later.
/// `generation` is the connection's number, if it is accepted.
using RedisGreet = std::function<Async<Status>(RedisAsk ask, std::uint64_t generation)>;

/// What became of a command: the reply, whatever it is, or an Error. Called once.
using RedisDone = std::move_only_function<void(Result<RedisReply>)>;

using RedisTold = std::function<void(const RedisReply& message)>;

struct RedisOptions {
  /// What CLIENT LIST shows.
  std::string name = "reeve";
  /// Finding the host, connecting, the TLS handshake; then again for password and database.
  std::chrono::milliseconds connect_timeout{5'000};
  /// How long an ask waits while Redis is away, or loading, or busy with a script.
  std::chrono::milliseconds away_limit{10'000};
  /// Something is asked and nothing comes back for so long: the connection is cut. More than any
  /// command blocks.
  std::chrono::milliseconds reply_timeout{30'000};
  std::size_t reply_limit = limits::kRedisReply;
  RedisGreet greet;
  /// With it SUBSCRIBE and PSUBSCRIBE can be asked, best in `greet`, and nothing but them and PING
  /// behind. Told of each message that comes then, as it came: an array, "message" and so on first.
  RedisTold told;
};

/// A connection to one Redis, for as long as it lives: it connects by itself, and again when it was
/// cut, with pauses that grow. Domain thread only.
///
/// Any number of asks may be under way; what is asked in one turn of the loop goes out in one
/// write, in the order of the asks, and Redis answers in that order. Each ask ends once:
///   an answer        error replies included, but for those below
///   unavailable      it has not run: Redis was away, loading or busy for longer than `away_limit`,
///                    too much waits already (limits::kRedisWaiting), or the connection is closed
///   unknown_outcome  it went out, and the connection was cut before the answer: it may have run.
///                    It is never repeated by itself
///   denied, invalid_argument, ...  what the greeting was refused with: password, TLS, database
///   too_large        over limits::kRedisRequest or kRedisPipeline
/// An ask that has not gone out waits for the next connection. Cancelled, it throws
/// operation_aborted at once; it may have run, and nobody else's replies are touched.
///
/// A command that blocks (XREAD BLOCK) holds up all that comes behind it: it wants a connection of
/// its own. Commands that change what comes back unasked cannot be used: SUBSCRIBE only with
/// `told`, MONITOR never.
class RedisConnection {
 public:
  /// `env` outlives it and what is asked of it. Begins to connect.
  RedisConnection(asio::any_io_executor executor, Env& env, RedisAddress address,
                  RedisOptions options = {});
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;
  /// After close() or finish().
  ~RedisConnection();

  /// An error reply that speaks of the server's condition (is_condition) is an Error (redis_error);
  /// any other is a reply. One that passes is waited out first.
  Async<Result<RedisReply>> ask(RedisWords words);
  /// Commands one behind the other, with a reply for each, as it came: errors of any kind are
  /// replies. Not a transaction. Where every command was refused for the moment, all are tried
  /// again until the limit.
  Async<Result<RedisReplies>> ask_all(std::vector<RedisWords> commands);

  /// One command (its bytes, as the protocol has it), on its way when this returns; nobody can
  /// cancel it. It ends as an ask does, but every error reply is a reply here, and nothing is
  /// waited out. `done` is told where the reply is read, and must not throw. False, and nothing is
  /// taken: the connection is not up, or too much waits; ask() does what there is to do.
  bool tell(std::string& command, RedisDone& done);

  /// Connections that were greeted so far; it counts up before the first ask goes out on one.
  [[nodiscard]] std::uint64_t generation() const;
  [[nodiscard]] bool connected() const;

  /// Takes no more asks, waits for those under way, and closes.
  Async<> finish();
  /// Closes at once: asks under way end, with unavailable or, if they went out, unknown_outcome.
  Async<> close();

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with asks under way
};

/// What a single command's reply means: the reply, or an Error if it speaks of a condition.
Result<RedisReply> settled(RedisReply reply);

}  // namespace reeve::net
