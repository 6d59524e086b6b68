#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "aio/real_env.h"
#include "aio/run.h"
#include "aio/within.h"
#include "net/redis.h"
#include "net/redis_testing.h"

namespace reeve::net::testing {

using namespace std::chrono_literals;

/// One ask that is under way, or has ended.
template <class T>
struct Begun {
  std::optional<Result<T>> ended;
  std::exception_ptr thrown;
  [[nodiscard]] bool over() const { return ended || thrown; }
};
template <class T>
using BegunPtr = std::shared_ptr<Begun<T>>;

/// A loop, and what asks a Redis on it.
class RedisLoop : public ::testing::Test {
 protected:
  void SetUp() override { REEVE_NEEDS_REDIS(); }
  /// What is under way must have ended before what it uses goes.
  void TearDown() override {
    if (redis_) aio::run(loop_, redis_->close());
    redis_ = nullptr;
  }

  void connect(RedisAddress address, RedisOptions options = {}) {
    if (redis_) aio::run(loop_, redis_->close());
    redis_ = std::make_unique<RedisConnection>(loop_.get_executor(), env_, std::move(address),
                                               std::move(options));
  }
  Result<RedisReply> ask(RedisWords words) {
    return aio::run(loop_, redis_->ask(std::move(words)));
  }
  Result<RedisReplies> ask_all(std::vector<RedisWords> commands) {
    return aio::run(loop_, redis_->ask_all(std::move(commands)));
  }
  /// The text of an answer, or of an error.
  std::string text(RedisWords words) {
    const auto reply = ask(std::move(words));
    return reply ? reply->text : reply.error().message();
  }

  template <class T>
  BegunPtr<T> begin(Async<Result<T>> work) {
    const auto begun = std::make_shared<Begun<T>>();
    auto done = [begun](std::exception_ptr thrown, Result<T> result) {
      begun->thrown = std::move(thrown);
      if (!begun->thrown) begun->ended = std::move(result);
    };
    asio::co_spawn(loop_, std::move(work), std::move(done));
    return begun;
  }
  BegunPtr<RedisReply> begin_ask(RedisWords words) { return begin(redis_->ask(std::move(words))); }

  /// Lets the loop run until it is so; fails the test if it never is.
  template <class Condition>
  void run_until(Condition so) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (!so()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "waited in vain";
      loop_.restart();
      loop_.run_one_for(10ms);
    }
  }
  /// Does all that can be done without waiting, however long that takes.
  void settle() {
    do {
      loop_.restart();
    } while (loop_.poll() > 0);
  }
  void run_for(std::chrono::milliseconds time) {
    loop_.restart();
    loop_.run_for(time);
  }

  asio::io_context loop_;
  aio::RealEnv env_{loop_};
  std::unique_ptr<RedisConnection> redis_;
};

}  // namespace reeve::net::testing
