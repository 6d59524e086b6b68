#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "aio/signal.h"
#include "aio/suspend.h"

namespace reeve::aio {

/// Owns the coroutines that a service starts: they are cancelled and joined here, so none outlives
/// what it refers to.
///
/// Domain thread only. It is its service's last member: its destructor insists that nothing is left
/// (and ends the program otherwise, since a frame that refers to a dead service would run on).
class TaskGroup {
 public:
  /// Told of each child that ended by an exception other than its own cancellation. Without one
  /// such an exception is written to the log.
  using OnFailure = std::function<void(std::string_view name, std::exception_ptr why)>;

  explicit TaskGroup(asio::any_io_executor executor, OnFailure on_failure = nullptr);
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup();

  /// Asks one child to end, as cancel() asks all of them. Nothing happens once it has ended.
  class Stopper;
  /// Starts `work` soon. The coroutine takes its parameters by value. `name` appears in failures.
  Stopper spawn(std::string name, Async<> work);
  /// Asks every child to end: its current wait throws operation_aborted.
  void cancel();
  /// Returns when no child is left. Waits on even if the caller is cancelled.
  Async<> join();

  [[nodiscard]] bool empty() const { return children_.empty(); }
  [[nodiscard]] std::size_t size() const { return children_.size(); }

 private:
  struct Child {
    std::string name;
    asio::cancellation_signal stop;
  };
  asio::any_io_executor executor_;
  OnFailure on_failure_;
  std::list<std::shared_ptr<Child>> children_;
  Signal emptied_;
};

class TaskGroup::Stopper {
 public:
  Stopper() = default;
  void operator()() const;

 private:
  friend class TaskGroup;
  explicit Stopper(std::weak_ptr<Child> child) : child_(std::move(child)) {}
  std::weak_ptr<Child> child_;
};

/// What an exception says, for logs.
std::string what(const std::exception_ptr& thrown);
/// Whether it is the end of a cancelled wait.
bool is_cancellation(const std::exception_ptr& thrown);

}  // namespace reeve::aio
