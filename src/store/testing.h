#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/io_context.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aio/real_env.h"
#include "aio/run.h"
#include "aio/task_group.h"
#include "store/store.h"

/// What the tests of this folder share. Not part of the library.
namespace reeve::store {

/// The real Env with a clock that a test can move.
class TestEnv final : public Env {
 public:
  explicit TestEnv(boost::asio::io_context& loop) : real_(loop) {}
  [[nodiscard]] Time now() const override { return now_; }
  [[nodiscard]] std::chrono::nanoseconds uptime() const override { return real_.uptime(); }
  void random(std::span<std::uint8_t> out) override { real_.random(out); }
  [[nodiscard]] std::unique_ptr<Timer> after(std::chrono::nanoseconds delay,
                                             std::move_only_function<void()> then) override {
    return real_.after(delay, std::move(then));
  }
  void offload(std::move_only_function<void()> work,
               std::move_only_function<void()> done) override {
    real_.offload(std::move(work), std::move(done));
  }
  void defer(std::move_only_function<void()> work) override { real_.defer(std::move(work)); }

  void advance(Duration by) { now_ += by; }

 private:
  aio::RealEnv real_;
  Time now_ = from_ms(1'700'000'000'000);
};

/// A folder of its own, gone with the test.
class ScratchDir {
 public:
  ScratchDir() {
    auto pattern = (std::filesystem::temp_directory_path() / "reeve_store_XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no scratch folder");
    path_ = pattern;
  }
  ~ScratchDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline NewEvent make_event(Env& env, std::string kind, std::vector<std::string> scopes = {},
                           std::string payload = "{}") {
  NewEvent event;
  event.id = EventId(env.uuid7());
  event.kind = std::move(kind);
  event.time = env.now();
  for (auto& scope : scopes) event.scopes.push_back(Scope::trusted(std::move(scope)));
  event.origin = "town";
  event.payload = std::move(payload);
  return event;
}

inline std::vector<std::uint64_t> positions_of(const std::vector<EventPtr>& events) {
  std::vector<std::uint64_t> positions;
  for (const auto& event : events) positions.push_back(event->position.value);
  return positions;
}

template <class T>
Errc code_of(const Result<T>& result) {
  return result ? Errc::internal : result.error().code();
}

}  // namespace reeve::store
