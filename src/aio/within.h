#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <utility>

#include "aio/settled.h"
#include "aio/suspend.h"
#include "aio/task_group.h"
#include "base/env.h"

namespace reeve::aio {

/// Whether the calling coroutine has been cancelled: for work that goes on for long between waits,
/// and to tell its own cancellation from another's.
inline Async<bool> is_cancelled() {
  const auto state = co_await asio::this_coro::cancellation_state;
  co_return state.cancelled() != asio::cancellation_type::none;
}

/// Ends the work that is done under it (until()). Domain thread only.
class Stop {
 public:
  void pull() {
    pulled_ = true;
    signal_.emit(asio::cancellation_type::terminal);
  }
  [[nodiscard]] bool pulled() const { return pulled_; }

 private:
  template <class T>
  friend Async<std::optional<T>> until(Stop& stop, Async<T> work);
  asio::cancellation_signal signal_;
  bool pulled_ = false;
};

/// Does `work` until it is done or `stop` is pulled, which is used for one work at a time. Empty:
/// it was pulled; `work` has been cancelled and has ended. Work that answers in spite of that has
/// answered.
///
/// Returns when `work` has ended, so work that cannot be cancelled is waited for. Cancelling the
/// caller cancels `work`.
template <class T>
Async<std::optional<T>> until(Stop& stop, Async<T> work) {
  // The child waits on a signal of its own; what comes from outside is handed on to it.
  const auto state = co_await asio::this_coro::cancellation_state;
  auto outer = state.slot();
  if (outer.is_connected())
    outer.assign([&stop](asio::cancellation_type type) { stop.signal_.emit(type); });
  const auto executor = co_await asio::this_coro::executor;
  auto token =
      asio::bind_cancellation_slot(stop.signal_.slot(), asio::as_tuple(asio::use_awaitable));
  auto ended = co_await asio::co_spawn(executor, settled(std::move(work)), std::move(token));
  if (outer.is_connected()) outer.clear();

  auto& [thrown, value] = ended;
  const bool cancelled = state.cancelled() != asio::cancellation_type::none;
  if (thrown && stop.pulled() && !cancelled && is_cancellation(thrown)) co_return std::nullopt;
  if (thrown) std::rethrow_exception(thrown);
  co_return std::optional<T>(std::move(value));
}

/// Does `work` to its end, also when the caller is cancelled meanwhile: that one's next wait
/// throws.
template <class T>
Async<T> whole(Async<T> work) {
  const auto executor = co_await asio::this_coro::executor;
  auto token =
      asio::bind_cancellation_slot(asio::cancellation_slot(), asio::as_tuple(asio::use_awaitable));
  auto ended = co_await asio::co_spawn(executor, settled(std::move(work)), std::move(token));
  auto& [thrown, value] = ended;
  if (thrown) std::rethrow_exception(thrown);
  co_return std::move(value);
}

/// until(), for that much of the Env's time. Empty: it ran out.
template <class T>
Async<std::optional<T>> within(Env& env, std::chrono::nanoseconds time, Async<T> work) {
  Stop stop;
  const auto timer = env.after(time, [&stop] { stop.pull(); });
  co_return co_await until(stop, std::move(work));
}

}  // namespace reeve::aio
