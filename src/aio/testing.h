#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>

#include "aio/run.h"
#include "base/env.h"

/// What tests of rooms above aio/ share. Not part of the library.
namespace reeve::aio::testing {

/// An Env whose time passes only where nothing else is left to do, and whose randomness follows
/// from a seed: the same test takes the same course each time, and a wait of an hour takes none.
/// Blocking work is done on the domain thread, in its turn.
class VirtualEnv final : public Env {
 public:
  explicit VirtualEnv(std::uint64_t seed = 1) : random_(seed) {}

  [[nodiscard]] Time now() const override {
    return from_ms(1'700'000'000'000) + std::chrono::floor<Duration>(uptime_);
  }
  [[nodiscard]] std::chrono::nanoseconds uptime() const override { return uptime_; }
  void random(std::span<std::uint8_t> out) override {
    for (auto& byte : out) byte = static_cast<std::uint8_t>(random_());
  }
  [[nodiscard]] std::unique_ptr<Timer> after(std::chrono::nanoseconds delay,
                                             std::move_only_function<void()> then) override {
    const Key key{uptime_ + delay, ++made_};
    timers_.emplace(key, std::move(then));
    return std::make_unique<Pending>(timers_, key);
  }
  void offload(std::move_only_function<void()> work,
               std::move_only_function<void()> done) override {
    defer([w = std::move(work), d = std::move(done)]() mutable {
      w();
      d();
    });
  }
  void defer(std::move_only_function<void()> work) override { asio::post(loop, std::move(work)); }

  /// Goes to the next timer and lets it fire. False: there is none.
  bool pass() {
    if (timers_.empty()) return false;
    auto due = timers_.extract(timers_.begin());
    uptime_ = std::max(uptime_, due.key().first);
    due.mapped()();
    return true;
  }
  [[nodiscard]] std::size_t timers() const { return timers_.size(); }

  /// Runs `work` until it is done, and answers its value or rethrows what it threw. Throws where
  /// nothing is left that it could wait for.
  template <class T>
  T run(Async<T> work) {
    if constexpr (std::is_void_v<T>) {
      run_until_done(std::move(work));
    } else {
      std::optional<T> value;
      run_until_done(answer_into(value, std::move(work)));
      return std::move(value).value();
    }
  }

  asio::io_context loop;

 private:
  using Key = std::pair<std::chrono::nanoseconds, std::uint64_t>;  // when, and in order of making
  using Timers = std::map<Key, std::move_only_function<void()>>;
  struct Pending final : Timer {
    Pending(Timers& in, Key k) : timers(in), key(k) {}
    ~Pending() override { timers.erase(key); }
    Timers& timers;
    Key key;
  };

  void run_until_done(Async<> work) {
    std::exception_ptr thrown;
    bool done = false;
    asio::co_spawn(loop, std::move(work), [&](std::exception_ptr error) {
      thrown = std::move(error);
      done = true;
    });
    while (!done) {
      loop.restart();
      if (loop.poll() > 0 || done) continue;
      if (!pass()) throw std::logic_error("it waits for what cannot come");
    }
    if (thrown) std::rethrow_exception(thrown);
  }

  std::chrono::nanoseconds uptime_ = std::chrono::hours(5);
  std::uint64_t made_ = 0;
  std::mt19937_64 random_;
  Timers timers_;
};

}  // namespace reeve::aio::testing
