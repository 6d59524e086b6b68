#pragma once

#include <gtest/gtest.h>

#include <stdlib.h>  // mkdtemp, getenv
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "reeve/reeve.hpp"

/// What the tests of the library share. They see what a user sees: the public headers and
/// libreeve.so, nothing else.
namespace reeve::library_tests {

using namespace std::chrono_literals;

inline constexpr auto kPatience = 20s;

/// Something that one thread waits for and others let go.
class Gate {
 public:
  void open() {
    {
      const std::scoped_lock lock(mutex_);
      open_ = true;
    }
    changed_.notify_all();
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

/// What handlers have seen.
class Seen {
 public:
  void add(std::string what) {
    {
      const std::scoped_lock lock(mutex_);
      all_.push_back(std::move(what));
    }
    changed_.notify_all();
  }
  bool wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return all_.size() >= count; });
  }
  std::vector<std::string> all() {
    const std::scoped_lock lock(mutex_);
    return all_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> all_;
};

class Folder {
 public:
  Folder() {
    std::string name = "/tmp/reeve-library-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A session that exists in no town.
inline constexpr const char* kSession = "6b1f1a2e-6a4f-4a53-9a44-3d1c63a1c001";
inline constexpr const char* kHello = R"({"turns":[[{"text":"hello there","pieces":2}]]})";
inline constexpr const char* kHang = R"({"turns":[[{"text":"I begin"},{"hang":true}]]})";

/// The Redis on which every town of these tests is to be, as with_redis.sh says; null: none is.
inline const char* test_store() { return ::getenv("REEVE_TEST_STORE"); }

inline Town open_town(const std::string& folder = {}) {
  static std::atomic<int> towns = 0;
  reeve::OpenOptions options;
  options.folder = folder;
  options.store_durability = "os";
  if (const auto* store = test_store()) {
    options.store = store;
    options.store_durability = "memory";
    options.name = "oak-" + std::to_string(::getpid()) + "-" + std::to_string(++towns);
  }
  auto town = Town::open(options).value();
  town.add_scripted_provider("hello", kHello).value();
  return town;
}

/// Runs that are over when this returns.
inline void do_runs(Town& town, int count) {
  for (int i = 0; i < count; ++i) {
    auto run = town.emit(EmitRequest::ask("hello", "hi")).value();
    ASSERT_TRUE(run.wait());
  }
}

}  // namespace reeve::library_tests
