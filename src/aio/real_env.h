#pragma once

#include <boost/asio/io_context.hpp>

#include <memory>

#include "aio/suspend.h"
#include "base/env.h"

namespace reeve::aio {

/// The machine's own clock, timers, randomness and a pool for blocking work, on one io_context.
///
/// The io_context outlives it. Its destructor waits for blocking work that has begun.
class RealEnv final : public Env {
 public:
  explicit RealEnv(asio::io_context& loop, std::size_t blocking_threads = 2);
  ~RealEnv() override;

  [[nodiscard]] Time now() const override;
  [[nodiscard]] std::chrono::nanoseconds uptime() const override;
  void random(std::span<std::uint8_t> out) override;
  [[nodiscard]] std::unique_ptr<Timer> after(std::chrono::nanoseconds delay,
                                             std::move_only_function<void()> then) override;
  void offload(std::move_only_function<void()> work, std::move_only_function<void()> done) override;
  void defer(std::move_only_function<void()> work) override;

 private:
  struct Pool;
  asio::io_context& loop_;
  std::size_t threads_;
  std::unique_ptr<Pool> pool_;  // made when first needed: a command needs none
};

/// Waits `delay` of the Env's time. Cancellable.
Async<> sleep(Env& env, std::chrono::nanoseconds delay);

/// Runs `work` in the Env's pool for blocking work and answers its value.
template <class Work>
auto blocking(Env& env, Work work) -> Async<std::invoke_result_t<Work>> {
  using T = std::invoke_result_t<Work>;
  auto start = [&env, w = std::move(work)](std::move_only_function<void(T)> resume) mutable {
    auto value = std::make_shared<T>();
    env.offload([value, job = std::move(w)]() mutable { *value = job(); },
                [value, r = std::move(resume)]() mutable { r(std::move(*value)); });
  };
  co_return co_await suspend<T>(std::move(start));
}

}  // namespace reeve::aio
