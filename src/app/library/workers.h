#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace reeve::library {

/// Threads for handlers, which may block for as long as they like: one is made when none is free,
/// up to a limit. Any thread.
class Workers {
 public:
  explicit Workers(std::size_t most) : most_(most == 0 ? 1 : most) {}
  /// Waits for what has been given to it.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  void run(std::function<void()> work);

 private:
  void serve();

  std::size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  std::size_t idle_ = 0;
  bool closing_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace reeve::library
