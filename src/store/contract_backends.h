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
#include "store/sqlite/sqlite_store.h"
#include "store/testing.h"

/// The backends that the contract suites are run against. Not part of the library.
namespace reeve::store {

struct Backend {
  std::string name;
  std::function<std::unique_ptr<Store>(Env&, boost::asio::any_io_executor, const ScratchDir&)> open;
  bool lasts = false;  ///< closing and opening it again gives what was there
};
inline void PrintTo(const Backend& backend, std::ostream* out) { *out << backend.name; }
inline std::string name_of(const ::testing::TestParamInfo<Backend>& info) {
  return info.param.name;
}

inline Backend sqlite_backend(std::string name, std::size_t group_cap) {
  auto open = [group_cap](Env& env, boost::asio::any_io_executor executor, const ScratchDir& dir) {
    SqliteOptions options{.path = dir.file("town.db")};
    options.group_cap = group_cap;
    return open_sqlite(env, std::move(executor), options).value();
  };
  return {std::move(name), std::move(open), true};
}

/// No faults, but slow.
inline Backend faulty_backend() {
  auto open = [](Env& env, boost::asio::any_io_executor executor, const ScratchDir&) {
    Faults slow;
    slow.usual_time = std::chrono::microseconds(20);
    slow.slow = 50;
    slow.slow_time = std::chrono::microseconds(400);
    auto memory = make_memory(env, executor);
    return std::make_unique<FaultyStore>(env, std::move(executor), std::move(memory), 1, slow);
  };
  return {"faulty_memory", std::move(open)};
}

inline std::vector<Backend> backends() {
  return {
      faulty_backend(),
      Backend{"memory", [](Env& env, boost::asio::any_io_executor executor,
                           const ScratchDir&) { return make_memory(env, std::move(executor)); }},
      sqlite_backend("sqlite", 1024), sqlite_backend("sqlite_small_groups", 3)};
}

}  // namespace reeve::store
