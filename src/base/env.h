#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/ids.h"
#include "base/time.h"

namespace reeve {

/// Where time, timers, randomness, ids and blocking work come from. Nothing else in the program
/// asks the machine for them, so a whole town can run on virtual time from one seed.
///
/// One domain thread owns an Env: every callback runs on it, and every function but defer() is
/// called from it.
class Env {
 public:
  virtual ~Env() = default;

  /// Wall-clock time. It may jump; never measure with it.
  [[nodiscard]] virtual Time now() const = 0;
  /// Monotonic time since an arbitrary start.
  [[nodiscard]] virtual std::chrono::nanoseconds uptime() const = 0;

  /// Fills `out` with unpredictable bytes (in a simulation: with bytes that follow from the seed).
  virtual void random(std::span<std::uint8_t> out) = 0;

  /// A pending timer; destroying it cancels it, and then its callback never runs.
  class Timer {
   public:
    virtual ~Timer() = default;
  };
  /// Runs `then` once, `delay` from now at the earliest.
  [[nodiscard]] virtual std::unique_ptr<Timer> after(std::chrono::nanoseconds delay,
                                                     std::move_only_function<void()> then) = 0;

  /// Runs `work` where it may block (a pool thread), then `done` on the domain thread. `work` must
  /// not touch the domain.
  virtual void offload(std::move_only_function<void()> work,
                       std::move_only_function<void()> done) = 0;

  /// Runs `work` soon on the domain thread. The one function that any thread may call.
  virtual void defer(std::move_only_function<void()> work) = 0;

  /// Random UUIDs: agents, tasks, messages, threads, runs, tokens.
  [[nodiscard]] Uuid uuid4();
  /// Time-ordered UUIDs: events. Grows strictly within one Env, also when the clock stands still or
  /// goes back.
  [[nodiscard]] Uuid uuid7();

 private:
  std::uint64_t last_ms_ = 0;
  std::uint32_t sequence_ = 0;
  std::array<std::uint8_t, 512>
      pool_{};  // randomness is fetched in bulk: a system call per event would show
  std::size_t pool_used_ = 512;
};

}  // namespace reeve
