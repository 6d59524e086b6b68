#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "aio/task_group.h"
#include "log/outbox.h"

namespace reeve::log {

/// How a lane is relayed.
struct RelayOptions {
  std::string lane;
  /// Who relays: another name for each process and each start.
  std::string owner;
  /// ClaimOptions::sole.
  bool sole = false;
  /// Rows that are delivered at a time: a lane with one keeps its order, as long as nothing fails.
  std::size_t in_flight = 16;
  /// A delivery that takes longer is cancelled, and has failed.
  Duration lease{
      30'000};  ///< a delivery has nine tenths of it: the rest is to write down what became of it
  /// The pause after the first failure; doubled by each further one, up to the last.
  Duration first_retry{1'000};
  Duration last_retry{30'000};
  /// Delivered rows are kept for so long: their keys are known, and a person can look.
  Duration retention = std::chrono::hours(24);
};
/// invalid_argument: what is wrong with it.
Status check(const RelayOptions& options);

/// The pause after the `attempt`th failure (from 1): between half of the doubled pause and all of
/// it, as `spread` (0 to 1) says, so that rows that failed together do not come together again.
Duration retry_delay(const RelayOptions& options, int attempt, double spread);

/// What became of one attempt.
struct Delivery {
  enum class Verdict { delivered, retry, give_up } verdict = Verdict::delivered;
  std::string error;
  /// Retry not before this, however soon it would be.
  Duration not_within{};
  /// Nothing else of the lane is tried for so long, either.
  Duration pause_lane{};

  static Delivery done() { return {}; }
  static Delivery retry(std::string error) { return {Verdict::retry, std::move(error), {}, {}}; }
  static Delivery give_up(std::string error) {
    return {Verdict::give_up, std::move(error), {}, {}};
  }
};

/// Delivers what is enqueued in one lane, at least once each, until it is closed.
///
/// It does nothing while nothing is enqueued or due: Outbox::wake() and timers wake it. Domain
/// thread only; Env and Outbox outlive it, and close() has returned before it goes.
class Relay {
 public:
  /// Delivers one row; what it throws counts as a failure. It is cancelled when the relay closes.
  using Deliver = std::function<Async<Delivery>(OutboxClaim claim)>;
  /// Told of each row that became a dead letter by the failure of this relay's delivery.
  using OnDead = std::function<Async<>(OutboxRow row)>;

  /// `options` are good: check().
  Relay(Env& env, const aio::asio::any_io_executor& executor, Outbox& outbox, RelayOptions options,
        Deliver deliver, OnDead on_dead = nullptr);
  ~Relay();

  void start();
  /// Cancels what is being delivered and gives it back untried.
  Async<> close();

  [[nodiscard]] std::size_t in_flight() const { return held_.size(); }

 private:
  Async<> work();
  Async<Status> turn();
  Async<> deliver_one(OutboxClaim claim);
  Async<> settle(OutboxRow row, Delivery delivery);
  Async<Status> prune();
  void look_at(Time when);
  void look_again() { outbox_.wake(options_.lane); }
  double spread();

  Env& env_;
  Outbox& outbox_;
  RelayOptions options_;
  Deliver deliver_;
  OnDead on_dead_;
  std::map<std::string, OutboxRow> held_;  // by token
  Time paused_until_{};
  std::unique_ptr<Env::Timer> timer_;
  Time next_look_{};  // the timer's
  aio::TaskGroup group_;
};

}  // namespace reeve::log
