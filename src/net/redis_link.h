#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aio/signal.h"
#include "aio/task_group.h"
#include "base/env.h"
#include "net/byte_stream.h"
#include "wire/resp.h"

/// One connection to Redis, from its first byte to its last (internal to net/).
namespace reeve::net {

using wire::RedisReply;

/// Commands that go out together, and their replies. It ends once: with all replies, or an error.
class RedisExchange {
 public:
  /// Told of the end instead of somebody who waits for it.
  using Ended = std::move_only_function<void(Result<RedisReply>)>;

  /// `until`: how long it may wait for a connection, in its Env's uptime.
  RedisExchange(const asio::any_io_executor& executor, std::string bytes, std::size_t commands,
                std::chrono::nanoseconds until)
      : bytes_(std::move(bytes)), commands_(commands), until_(until) {
    changed_.emplace(executor);
  }
  /// One command. `told` runs where the reply is read, or whoever refuses it does.
  RedisExchange(std::string bytes, std::chrono::nanoseconds until, Ended told)
      : bytes_(std::move(bytes)), commands_(1), until_(until), told_(std::move(told)) {}

  /// Waits for the end. Cancelled, it throws; then abandon().
  Async<> ended();
  /// Nobody waits any more: it is not sent if it has not been, and its replies are dropped.
  void abandon() { abandoned_ = true; }
  void take(RedisReply reply);
  void refuse(Error why);
  /// It is for one connection: where it has not gone out on that, it is refused.
  void bind() { bound_ = true; }
  /// As before the first reply, to be sent once more.
  void begin_again();

  [[nodiscard]] const std::string& bytes() const { return bytes_; }
  [[nodiscard]] std::chrono::nanoseconds until() const { return until_; }
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] bool abandoned() const { return abandoned_; }
  [[nodiscard]] bool bound() const { return bound_; }
  /// Of one that is done.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] std::vector<RedisReply>& replies() { return replies_; }

 private:
  void end();

  const std::string bytes_;
  const std::size_t commands_;
  const std::chrono::nanoseconds until_;
  std::vector<RedisReply> replies_;
  std::optional<Error> error_;
  bool done_ = false;
  bool abandoned_ = false;
  bool bound_ = false;
  std::optional<aio::Signal> changed_;  // or
  Ended told_;
};
using RedisExchangePtr = std::shared_ptr<RedisExchange>;

struct RedisLinkOptions {
  std::string told;  ///< what error texts call the server
  std::size_t reply_limit = 0;
  /// Something is asked and nothing comes for so long: the connection is taken for dead.
  std::chrono::nanoseconds reply_timeout{};
  std::function<void(const RedisReply&)> on_message;  ///< of a subscription; none: there is none
};

/// Sends exchanges in their order, those of one turn of the loop in one write, and gives each its
/// replies.
class RedisLink {
 public:
  RedisLink(asio::any_io_executor executor, Env& env, std::shared_ptr<ByteStream> stream,
            RedisLinkOptions options);

  /// Runs `link` until it is cut, or the caller cancelled.
  static Async<> serve(std::shared_ptr<RedisLink> link);
  /// Returns when serve() has.
  Async<> ended();

  /// To be sent as soon as possible. False: it is cut, and the exchange is not taken.
  bool send(RedisExchangePtr exchange);
  /// The same, but at once where nothing has to go out before it.
  bool send_now(RedisExchangePtr exchange);
  /// Ends it. What went out and has no answer is refused with unknown_outcome.
  void cut(Error why);
  /// What follows from its end, if that has not been seen to: for one that never came to run.
  void settle();

  [[nodiscard]] bool open() const { return !why_; }
  [[nodiscard]] bool has_ended() const { return ended_; }
  /// Why it was cut.
  [[nodiscard]] const Error& why() const { return *why_; }
  /// That have come so far.
  [[nodiscard]] std::uint64_t replies() const { return replies_; }
  /// After its end: what had not gone out, in its order.
  std::deque<RedisExchangePtr> take_unsent() { return std::exchange(unsent_, {}); }

 private:
  struct InFlight {
    RedisExchangePtr exchange;
    std::uint64_t begin;  // where in the stream of bytes it begins
  };

  Async<> read();
  Async<> write();
  Async<bool> write_all(std::string_view bytes);
  Status take_replies();
  void hand_back(RedisExchangePtr exchange);
  void goes_out(const RedisExchangePtr& exchange);
  void watch(std::chrono::nanoseconds time);
  void look_whether_alive();

  Env& env_;
  std::shared_ptr<ByteStream> stream_;
  RedisLinkOptions options_;
  wire::RespReader reader_;
  std::deque<RedisExchangePtr> queue_;  // to be written
  RedisExchangePtr rest_;               // before them: begun by send_now(),
  std::size_t rest_from_ = 0;           // and so much of it has gone
  bool writing_ = false;                // the writer is at it
  std::deque<InFlight> in_flight_;      // written, or just being
  std::deque<RedisExchangePtr> unsent_;
  std::uint64_t queued_bytes_ = 0;  // that were ever given to a write
  std::uint64_t sent_bytes_ = 0;    // that have gone out for certain
  std::uint64_t replies_ = 0;
  std::chrono::nanoseconds heard_{};
  std::optional<Error> why_;
  bool settled_ = false;
  bool ended_ = false;
  std::unique_ptr<Env::Timer> timer_;
  aio::Signal wake_;
  aio::Signal end_;
  aio::TaskGroup writer_;
};

}  // namespace reeve::net
