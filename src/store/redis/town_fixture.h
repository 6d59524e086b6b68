#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/redis_fixture.h"
#include "store/redis/testing.h"

/// What the tests of a town on Redis share. Not part of the library.
namespace reeve::store {

using net::testing::RedisServer;
using net::testing::RedisServerOptions;

/// A town on a server of its own.
class RedisTown : public ::testing::Test {
 protected:
  void SetUp() override { REEVE_NEEDS_REDIS(); }
  void TearDown() override { close(); }

  void serve(RedisServerOptions options = {.lines = disk_settings()}) {
    server_ = std::make_unique<RedisServer>(std::move(options));
  }
  RedisOptions options() {
    auto options = redis_options(server_->address(), "town");
    options.holder = "us";
    options.who = "us, as a test";
    options.witness = dir_.file("witness.json");
    options.on_lost = [this](const Error& why) { lost_.push_back(why); };
    return options;
  }
  Result<std::unique_ptr<Store>> try_open(RedisOptions how) {
    return open_redis_now(env_, loop_, std::move(how));
  }
  void open(RedisOptions how) {
    auto opened = try_open(std::move(how));
    ASSERT_TRUE(opened) << opened.error().message();
    store_ = std::move(*opened);
    store_->set_feed([this](const std::vector<EventPtr>& events) {
      for (const auto& event : events) fed_.push_back(event->position.value);
    });
  }
  void open() { open(options()); }
  void close() {
    if (store_) run(store_->close());
    store_.reset();
  }
  template <class T>
  T run(Async<T> work) {
    return aio::run(loop_, std::move(work));
  }

  Commit note(std::string key = {}) {
    Commit commit;
    commit.events = {make_event(env_, "Note", {"agent:a"})};
    if (!key.empty()) {
      commit.writes = {PutDoc{.key = {"note", key}, .body = "{}", .marks = {"open"}}};
      commit.require = {DocAbsent{{"note", key}}};
      commit.key = IdempotencyKey{.writer = "test", .key = std::move(key), .digest = "d"};
    }
    return commit;
  }
  Result<Committed> commit(Commit commit) { return run(store_->commit(std::move(commit))); }
  /// The connection comes back by itself, after a pause.
  bool commits_at_last(const std::string& key) {
    auto done = commit(note(key));
    for (int i = 0; i < 200 && !done; ++i) {
      run(aio::sleep(env_, std::chrono::milliseconds(50)));
      done = commit(note(key));
    }
    return done.has_value();
  }
  std::vector<std::uint64_t> positions() {
    return positions_of(run(store_->read({}, {}, 1000)).value().events);
  }
  net::RedisReply ask(const net::RedisWords& words) const { return server_->ask(words); }

  boost::asio::io_context loop_;
  TestEnv env_{loop_};
  ScratchDir dir_;
  std::unique_ptr<RedisServer> server_;
  std::unique_ptr<Store> store_;
  std::vector<std::uint64_t> fed_;
  std::vector<Error> lost_;
};

}  // namespace reeve::store
