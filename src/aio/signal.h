#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "aio/suspend.h"

namespace reeve::aio {

/// Wakes coroutines that wait for something to change. Domain thread only.
///
/// There is no memory in it: a waiter checks its condition, waits, and checks again. As everything
/// runs on one thread, no notification is lost between the check and the wait.
class Signal {
 public:
  explicit Signal(asio::any_io_executor executor);

  /// Returns at the next notify(). Cancelled: throws operation_aborted, as every wait of Asio does.
  Async<> wait();
  /// The same, but gives up silently when cancelled: for owners that must wait on through their own
  /// cancellation.
  Async<> wait_uncancelled();
  void notify();

 private:
  asio::steady_timer timer_;
  std::uint64_t generation_ = 0;
  std::size_t waiting_ = 0;  // most notifications find nobody: they cost nothing
};

}  // namespace reeve::aio
