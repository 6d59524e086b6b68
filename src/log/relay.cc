#include "log/relay.h"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <array>
#include <exception>

#include "aio/within.h"
#include "base/backoff.h"
#include "base/limits.h"
#include "base/logging.h"

namespace reeve::log {
namespace {

/// Delivered rows are forgotten many at a time.
Duration slack(const RelayOptions& options) {
  return std::min<Duration>(options.retention / 10, std::chrono::minutes(10));
}

/// A delivery ends before its lease does, so that what became of it is written down under that
/// lease and nobody, this relay included, has claimed the row meanwhile.
Duration time_to_deliver(const RelayOptions& options) { return options.lease - options.lease / 10; }

std::unexpected<Error> bad(const RelayOptions& options, const std::string& what) {
  return fail(Errc::invalid_argument, "relay of lane \"" + options.lane + "\": " + what);
}

}  // namespace

Status check(const RelayOptions& options) {
  if (options.lane.empty() || options.owner.empty() || options.owner.contains(':')) {
    return bad(options, "it needs a lane, and an owner without a colon");
  }
  if (options.in_flight < 1 || options.in_flight > limits::kOutboxInFlight) {
    return bad(options,
               "from 1 to " + std::to_string(limits::kOutboxInFlight) + " rows can be in flight");
  }
  if (options.lease < std::chrono::seconds(1))
    return bad(options, "a lease lasts a second at least");
  if (options.first_retry <= Duration::zero() || options.last_retry < options.first_retry) {
    return bad(options, "the first pause is longer than none, and not longer than the last");
  }
  if (options.last_retry > std::chrono::days(7)) return bad(options, "no pause is over a week");
  if (options.retention < Duration::zero() || options.retention > std::chrono::years(1)) {
    return bad(options, "delivered rows are kept from no time to a year");
  }
  return {};
}

Duration retry_delay(const RelayOptions& options, int attempt, double spread) {
  auto pause = options.first_retry;
  for (int i = 1; i < attempt && pause < options.last_retry; ++i) pause *= 2;
  pause = std::min(pause, options.last_retry);
  const auto half = static_cast<double>(pause.count()) / 2;
  return Duration(static_cast<Duration::rep>(half + half * std::clamp(spread, 0.0, 1.0)));
}

Relay::Relay(Env& env, const aio::asio::any_io_executor& executor, Outbox& outbox,
             RelayOptions options, Deliver deliver, OnDead on_dead)
    : env_(env),
      outbox_(outbox),
      options_(std::move(options)),
      deliver_(std::move(deliver)),
      on_dead_(std::move(on_dead)),
      group_(executor) {
  REEVE_CHECK(check(options_));
}

Relay::~Relay() = default;

void Relay::start() { group_.spawn("relay " + options_.lane, work()); }

Async<> Relay::close() {
  group_.cancel();
  co_await group_.join();
  timer_.reset();
  for (const auto& [token, row] : held_) {
    const auto given_back = co_await outbox_.release(row);
    if (!given_back) {
      logging::info("outbox: {} stays claimed: {}", row.id, given_back.error().message());
    }
  }
  held_.clear();
}

Async<> Relay::work() {
  for (Backoff trouble;;) {
    const auto seen = outbox_.wakings(options_.lane);
    const auto done = co_await turn();
    if (!done) {
      logging::warn("outbox: lane {}: {}", options_.lane, done.error().message());
      look_at(env_.now() + std::chrono::ceil<Duration>(trouble.next()));
    } else {
      trouble.reset();
    }
    co_await outbox_.woken(options_.lane, seen);
  }
}

/// Begins to deliver what is due, and sees to it that the relay is woken for the rest.
Async<Status> Relay::turn() {
  timer_.reset();
  if (auto pruned = co_await prune(); !pruned) co_return pruned;
  if (held_.size() >= options_.in_flight) co_return Status();  // one that ends wakes
  if (env_.now() < paused_until_) {
    look_at(paused_until_);
    co_return Status();
  }
  ClaimOptions how;
  how.limit = options_.in_flight - held_.size();
  how.lease = options_.lease;
  how.owner = options_.owner;
  how.sole = options_.sole;
  auto claims = co_await outbox_.claim(options_.lane, how);
  if (!claims) co_return fail(claims.error());
  for (auto& claim : *claims) {
    held_[claim.row.token] = claim.row;
    auto name = "deliver " + claim.row.id;
    group_.spawn(std::move(name), deliver_one(std::move(claim)));
  }
  if (held_.size() >= options_.in_flight) co_return Status();
  auto due = co_await outbox_.next_due(options_.lane);
  if (!due) co_return fail(due.error());
  if (*due) look_at(**due);
  co_return Status();
}

Async<Status> Relay::prune() {
  auto oldest = co_await outbox_.list(options_.lane, OutboxState::delivered, 0, 1);
  if (!oldest) co_return fail(oldest.error());
  if (oldest->rows.empty()) co_return Status();
  const auto over = oldest->rows.front().updated_at + options_.retention + slack(options_);
  if (env_.now() < over) {
    look_at(over);
    co_return Status();
  }
  auto pruned = co_await outbox_.prune(options_.lane, env_.now() - options_.retention);
  if (!pruned) co_return fail(pruned.error());
  co_return Status();
}

Async<> Relay::deliver_one(OutboxClaim claim) {
  Delivery delivery;
  std::exception_ptr thrown;
  try {
    auto answer = co_await aio::within(env_, time_to_deliver(options_), deliver_(claim));
    delivery =
        answer ? std::move(*answer) : Delivery::retry("it took longer than its lease allows");
  } catch (...) {
    thrown = std::current_exception();
  }
  if (thrown) {
    if (aio::is_cancellation(thrown)) std::rethrow_exception(thrown);
    delivery = Delivery::retry(aio::what(thrown));
  }
  // What has been done is written down, also while the relay closes.
  co_await aio::asio::this_coro::throw_if_cancelled(false);
  const auto token = claim.row.token;
  co_await settle(std::move(claim.row), std::move(delivery));
  held_.erase(token);
  look_again();
}

Async<> Relay::settle(OutboxRow row, Delivery delivery) {
  if (delivery.pause_lane > Duration::zero()) {
    paused_until_ = std::max(paused_until_, env_.now() + delivery.pause_lane);
  }
  Error trouble;
  if (delivery.verdict == Delivery::Verdict::delivered) {
    const auto acked = co_await outbox_.ack(row);
    if (acked) co_return;
    trouble = acked.error();
  } else {
    Result<OutboxRow> after;
    if (delivery.verdict == Delivery::Verdict::give_up) {
      after = co_await outbox_.bury(row, std::move(delivery.error));
    } else {
      const auto pause =
          std::max(retry_delay(options_, row.attempts, spread()), delivery.not_within);
      after = co_await outbox_.nack(row, std::move(delivery.error), pause);
    }
    if (after) {
      if (after->state == OutboxState::dead && on_dead_) co_await on_dead_(*after);
      co_return;
    }
    trouble = after.error();
  }
  // Nothing is lost: the row is claimed again when its lease is over, if nobody has it already.
  logging::warn("outbox: what became of {} is not written down: {}", row.id, trouble.message());
}

/// The earliest of what it is asked for in one turn.
void Relay::look_at(Time when) {
  const auto delay = std::max<Duration>(when - env_.now(), Duration(1));
  if (timer_ && next_look_ <= when) return;
  next_look_ = when;
  timer_ = env_.after(delay, [this] { look_again(); });
}

double Relay::spread() {
  std::array<std::uint8_t, 2> bytes{};
  env_.random(bytes);
  return (bytes[0] * 256 + bytes[1]) / 65535.0;
}

}  // namespace reeve::log
