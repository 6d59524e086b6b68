#pragma once

#include <deque>
#include <optional>
#include <utility>

#include "aio/signal.h"

namespace reeve::aio {

/// A bounded queue between coroutines of the domain thread. What was pushed before close() is still
/// popped.
template <class T>
class Queue {
 public:
  Queue(asio::any_io_executor executor, std::size_t capacity)
      : capacity_(capacity), readable_(executor), writable_(std::move(executor)) {}

  /// Waits while it is full. False: closed, and the item was not taken.
  Async<bool> push(T item) {
    while (!closed_ && items_.size() >= capacity_) co_await writable_.wait();
    co_return try_push(std::move(item));
  }
  /// False: full or closed.
  bool try_push(T item) {
    if (closed_ || items_.size() >= capacity_) return false;
    items_.push_back(std::move(item));
    readable_.notify();
    return true;
  }
  /// Empty: closed and drained.
  Async<std::optional<T>> pop() {
    while (items_.empty() && !closed_) co_await readable_.wait();
    if (items_.empty()) co_return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    writable_.notify();
    co_return item;
  }
  void close() {
    closed_ = true;
    readable_.notify();
    writable_.notify();
  }
  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  std::size_t capacity_;
  std::deque<T> items_;
  bool closed_ = false;
  Signal readable_;
  Signal writable_;
};

}  // namespace reeve::aio
