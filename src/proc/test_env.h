#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <random>

#include "base/env.h"

namespace reeve::proc {

/// A real Env for tests, in one thread: time passes while somebody waits in run_until().
class TestEnv : public Env {
 public:
  [[nodiscard]] Time now() const override {
    return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
  }
  [[nodiscard]] std::chrono::nanoseconds uptime() const override {
    return std::chrono::steady_clock::now().time_since_epoch();
  }
  void random(std::span<std::uint8_t> out) override {
    for (auto& byte : out) byte = static_cast<std::uint8_t>(device_());
  }
  [[nodiscard]] std::unique_ptr<Timer> after(std::chrono::nanoseconds delay,
                                             std::move_only_function<void()> then) override {
    const auto key = std::pair(uptime() + delay, ++count_);
    timers_.emplace(key, std::move(then));
    return std::make_unique<OneTimer>(*this, key);
  }
  void offload(std::move_only_function<void()> work,
               std::move_only_function<void()> done) override {
    defer([work = std::move(work), done = std::move(done)]() mutable {
      work();
      done();
    });
  }
  void defer(std::move_only_function<void()> work) override { soon_.push_back(std::move(work)); }

  /// Runs what is due until `done` holds, and says whether it did. `fd` is waited for meanwhile,
  /// and `ready` called when it is readable.
  bool run_until(const std::function<bool()>& done,
                 std::chrono::nanoseconds patience = std::chrono::seconds(20), int fd = -1,
                 const std::function<void()>& ready = {}) {
    for (const auto deadline = uptime() + patience; !done();) {
      if (uptime() > deadline) return false;
      step(std::min(deadline, uptime() + std::chrono::milliseconds(50)), fd, ready);
    }
    return true;
  }

 private:
  using Key = std::pair<std::chrono::nanoseconds, std::uint64_t>;

  class OneTimer : public Timer {
   public:
    OneTimer(TestEnv& env, Key key) : env_(env), key_(key) {}
    ~OneTimer() override { env_.timers_.erase(key_); }

   private:
    TestEnv& env_;
    Key key_;
  };

  void step(std::chrono::nanoseconds until, int fd, const std::function<void()>& ready) {
    if (!soon_.empty()) {
      auto work = std::move(soon_.front());
      soon_.pop_front();
      work();
      return;
    }
    if (!timers_.empty() && timers_.begin()->first.first <= uptime()) {
      auto then = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
      then();
      return;
    }
    if (!timers_.empty()) until = std::min(until, timers_.begin()->first.first);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - uptime()).count();
    pollfd polled{.fd = fd, .events = POLLIN, .revents = 0};
    if (::poll(&polled, 1, static_cast<int>(std::max<long>(left, 0))) > 0 && ready) ready();
  }

  std::random_device device_;
  std::uint64_t count_ = 0;
  std::deque<std::move_only_function<void()>> soon_;
  std::map<Key, std::move_only_function<void()>> timers_;
};

}  // namespace reeve::proc
