#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "store/faulty/faulty_store.h"
#include "store/memory/memory_store.h"
#include "store/redis/testing.h"
#include "store/sqlite/sqlite_store.h"
#include "store/testing.h"

/// The backends that the contract suites are run against. Not part of the library.
namespace reeve::store {

struct Backend {
  std::string name;
  std::function<std::unique_ptr<Store>(Env&, boost::asio::io_context&, const ScratchDir&)> open;
  bool lasts = false;  ///< closing and opening it again gives what was there
};
inline void PrintTo(const Backend& backend, std::ostream* out) { *out << backend.name; }
inline std::string name_of(const ::testing::TestParamInfo<Backend>& info) {
  return info.param.name;
}

inline Backend sqlite_backend(std::string name, std::size_t group_cap) {
  auto open = [group_cap](Env& env, boost::asio::io_context& loop, const ScratchDir& dir) {
    SqliteOptions options{.path = dir.file("town.db")};
    options.group_cap = group_cap;
    return open_sqlite(env, loop.get_executor(), options).value();
  };
  return {std::move(name), std::move(open), true};
}

/// No faults, but slow.
inline Backend faulty_backend() {
  auto open = [](Env& env, boost::asio::io_context& loop, const ScratchDir&) {
    Faults slow;
    slow.usual_time = std::chrono::microseconds(20);
    slow.slow = 50;
    slow.slow_time = std::chrono::microseconds(400);
    auto memory = make_memory(env, loop.get_executor());
    return std::make_unique<FaultyStore>(env, loop.get_executor(), std::move(memory), 1, slow);
  };
  return {"faulty_memory", std::move(open)};
}

inline Backend memory_backend() {
  auto open = [](Env& env, boost::asio::io_context& loop, const ScratchDir&) {
    return make_memory(env, loop.get_executor());
  };
  return {"memory", std::move(open)};
}

/// A town of its own on the server at `where`.
inline Backend redis_backend(std::string name, std::function<net::RedisAddress()> where,
                             RedisDurability durability = RedisDurability::disk) {
  auto open = [where = std::move(where), durability](Env& env, boost::asio::io_context& loop,
                                                     const ScratchDir& dir) {
    auto options = redis_options(where(), dir.path().filename().string());
    options.durability = durability;
    return open_redis_now(env, loop, std::move(options)).value();
  };
  return {std::move(name), std::move(open), true};
}

inline std::vector<Backend> backends() {
  std::vector<Backend> all{faulty_backend(), memory_backend(), sqlite_backend("sqlite", 1024),
                           sqlite_backend("sqlite_small_groups", 3)};
  if (!net::testing::has_redis()) return all;
  all.push_back(redis_backend("redis", [] { return plain_redis().address(); }));
  // Each of these is one test of CTest's, since starting their servers takes a while.
  all.push_back(redis_backend("redis_tls", [] { return tls_redis().address(); }));
  all.push_back(
      redis_backend("redis_cluster", [] { return cluster_redis(); }, RedisDurability::memory));
  return all;
}

/// One of them, open, and what its feed was told.
class OnEachBackend : public ::testing::TestWithParam<Backend> {
 public:
  OnEachBackend() { open(); }
  ~OnEachBackend() override { run(store_->close()); }

  void open() {
    store_ = GetParam().open(env_, loop_, dir_);
    store_->set_feed([this](const std::vector<EventPtr>& events) {
      for (const auto& event : events) fed_.push_back(event);
    });
  }
  /// Closes it and opens it again, where that gives what was there.
  void reopen() {
    if (!GetParam().lasts) return;
    run(store_->close());
    store_.reset();
    open();
  }
  template <class T>
  T run(Async<T> work) {
    return aio::run(loop_, std::move(work));
  }
  NewEvent event(std::string kind, std::vector<std::string> scopes = {},
                 std::string payload = "{}") {
    return make_event(env_, std::move(kind), std::move(scopes), std::move(payload));
  }

  boost::asio::io_context loop_;
  TestEnv env_{loop_};
  ScratchDir dir_;
  std::vector<EventPtr> fed_;
  std::unique_ptr<Store> store_;
};

}  // namespace reeve::store
