#include "net/redis_link.h"

#include <boost/asio/this_coro.hpp>

#include <exception>
#include <utility>

#include "base/quantity.h"
#include "net/redis_error.h"

namespace reeve::net {
namespace {

/// hiredis moves what is left of a piece for each KB that it reads of it: larger ones cost more.
constexpr std::size_t kReadSize = 32 << 10;
/// What one write gathers. A larger command is written from where it stands.
constexpr std::size_t kOneWrite = 256 << 10;
/// How long a connection that cannot be written is read on.
constexpr auto kLastWords = std::chrono::seconds(1);
/// Of a write over TLS that failed, up to a record may have gone out.
constexpr std::uint64_t kTlsRecord = 20 << 10;

/// Of a subscription: nobody has asked for it just now.
bool is_message(const RedisReply& reply) {
  if (!reply.is(RedisReply::Kind::array) || reply.elements.empty()) return false;
  const auto& what = reply.elements.front().text;
  return what == "message" || what == "pmessage";
}

}  // namespace

Async<> RedisExchange::ended() {
  while (!done_) co_await changed_->wait();
}

void RedisExchange::take(RedisReply reply) {
  if (told_) {
    done_ = true;
    return std::exchange(told_, nullptr)(std::move(reply));
  }
  replies_.push_back(std::move(reply));
  if (replies_.size() == commands_) end();
}

void RedisExchange::refuse(Error why) {
  if (done_) return;
  error_ = std::move(why);
  end();
}

void RedisExchange::end() {
  done_ = true;
  if (changed_) changed_->notify();
  if (told_) std::exchange(told_, nullptr)(fail(*error_));
}

void RedisExchange::begin_again() {
  replies_.clear();
  done_ = false;
}

RedisLink::RedisLink(asio::any_io_executor executor, Env& env, std::shared_ptr<ByteStream> stream,
                     RedisLinkOptions options)
    : env_(env),
      stream_(std::move(stream)),
      options_(std::move(options)),
      reader_(options_.reply_limit),
      wake_(executor),
      end_(executor),
      writer_(executor) {}

Async<> RedisLink::serve(std::shared_ptr<RedisLink> link) {
  link->writer_.spawn("redis writer", link->write());
  std::exception_ptr thrown;
  try {
    co_await link->read();
  } catch (...) {
    thrown = std::current_exception();
  }
  link->cut(Error(Errc::unavailable, "the connection to " + link->options_.told + " is closed"));
  link->writer_.cancel();
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await link->writer_.join();
  link->settle();
  link->ended_ = true;
  link->end_.notify();
  if (thrown) std::rethrow_exception(thrown);
}

Async<> RedisLink::ended() {
  while (!ended_) co_await end_.wait();
}

bool RedisLink::send(RedisExchangePtr exchange) {
  if (why_) return false;
  queue_.push_back(std::move(exchange));
  // The writer comes to it after everything else that is ready to run: what that asks goes along.
  if (queue_.size() == 1) wake_.notify();
  return true;
}

bool RedisLink::send_now(RedisExchangePtr exchange) {
  const auto size = exchange->bytes().size();
  if (why_ || writing_ || rest_ || !queue_.empty() || size >= kOneWrite)
    return send(std::move(exchange));
  goes_out(exchange);
  const auto put = stream_->try_write(exchange->bytes());
  sent_bytes_ += put;
  if (put == size) return true;
  rest_ = std::move(exchange);
  rest_from_ = put;
  wake_.notify();
  return true;
}

void RedisLink::goes_out(const RedisExchangePtr& exchange) {
  if (in_flight_.empty()) heard_ = env_.uptime();
  in_flight_.push_back({exchange, queued_bytes_});
  queued_bytes_ += exchange->bytes().size();
  if (!timer_) watch(options_.reply_timeout);
}

void RedisLink::cut(Error why) {
  if (why_) return;
  why_ = std::move(why);
  stream_->cut();
  wake_.notify();
}

void RedisLink::settle() {
  if (std::exchange(settled_, true)) return;
  cut(Error(Errc::unavailable, "the connection to " + options_.told + " is closed"));
  timer_ = nullptr;
  const auto certain = sent_bytes_ + (stream_->is_tls() ? kTlsRecord : 0);
  for (auto& [exchange, begin] : in_flight_) {
    if (begin >= certain) {
      hand_back(std::move(exchange));
    } else {
      exchange->refuse({Errc::unknown_outcome,
                        why_->message() + " before the answer was there: it may have had its "
                                          "effect"});
    }
  }
  in_flight_.clear();
  for (auto& exchange : std::exchange(queue_, {})) hand_back(std::move(exchange));
}

/// What has surely not gone out.
void RedisLink::hand_back(RedisExchangePtr exchange) {
  if (exchange->abandoned()) return;
  if (exchange->bound()) return exchange->refuse(*why_);
  unsent_.push_back(std::move(exchange));
}

Async<> RedisLink::read() {
  std::vector<char> buffer(kReadSize);
  while (!why_) {
    const auto got =
        co_await stream_->read_some(asio::buffer(buffer), ByteStream::Clock::time_point::max());
    if (!got) co_return cut(got.error());
    if (*got == 0) co_return cut({Errc::unavailable, options_.told + " closed the connection"});
    heard_ = env_.uptime();
    reader_.feed({buffer.data(), *got});
    const auto taken = take_replies();
    if (taken) continue;
    // Whose answer it is knows that it has run.
    if (taken.error().is(Errc::too_large) && !in_flight_.empty())
      in_flight_.front().exchange->refuse(taken.error());
    co_return cut(taken.error());
  }
}

Status RedisLink::take_replies() {
  for (;;) {
    auto reply = reader_.next();
    if (!reply) return fail(reply.error().during(options_.told));
    if (!*reply) return {};
    if (options_.on_message && is_message(**reply)) {
      options_.on_message(**reply);
      continue;
    }
    if (in_flight_.empty()) {
      // What Redis says of itself, e.g. that it has too many clients, ends the connection.
      if ((*reply)->is_error()) return fail(redis_error(**reply));
      return fail(Errc::corrupt, options_.told + " answered what was not asked");
    }
    ++replies_;
    // Kept here: its replies may be the last thing that holds it.
    const auto exchange = in_flight_.front().exchange;
    exchange->take(std::move(**reply));
    if (exchange->done()) in_flight_.pop_front();
  }
}

Async<> RedisLink::write() {
  std::string batch;
  while (!why_) {
    while (queue_.empty() && !rest_ && !why_) co_await wake_.wait();
    writing_ = true;
    if (const auto begun = std::exchange(rest_, nullptr)) {
      const auto from = std::string_view(begun->bytes()).substr(rest_from_);
      const bool gone = co_await write_all(from);
      if (!gone) co_return;
    }
    batch.clear();
    RedisExchangePtr large;
    while (!queue_.empty() && batch.size() < kOneWrite && !large) {
      const auto size = queue_.front()->bytes().size();
      if (size >= kOneWrite && !batch.empty()) break;
      auto exchange = std::move(queue_.front());
      queue_.pop_front();
      if (exchange->abandoned()) continue;
      goes_out(exchange);
      if (size >= kOneWrite) {
        large = std::move(exchange);
      } else {
        batch += exchange->bytes();
      }
    }
    const bool gone = co_await write_all(large ? large->bytes() : batch);
    if (!gone) co_return;
    writing_ = false;
  }
}

/// False: it was cut.
Async<bool> RedisLink::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto put = co_await stream_->write_some(bytes, ByteStream::Clock::time_point::max());
    if (!put) {
      // What the other side had to say, e.g. why it closed, may be there to be read yet.
      timer_ = env_.after(kLastWords, [this, why = put.error()] { cut(why); });
      co_return false;
    }
    sent_bytes_ += *put;
    bytes.remove_prefix(*put);
  }
  co_return true;
}

void RedisLink::watch(std::chrono::nanoseconds time) {
  timer_ = env_.after(time, [this] { look_whether_alive(); });
}

void RedisLink::look_whether_alive() {
  timer_ = nullptr;
  if (in_flight_.empty() || why_) return;
  const auto left = heard_ + options_.reply_timeout - env_.uptime();
  if (left > std::chrono::nanoseconds::zero()) return watch(left);
  const auto time = std::chrono::duration_cast<Duration>(options_.reply_timeout);
  cut({Errc::timeout, options_.told + " has not answered for " + duration_text(time)});
}

}  // namespace reeve::net
