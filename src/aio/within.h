#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <exception>
#include <memory>
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

/// Ends the work that is done under it (until()), however often it is pulled. Domain thread only,
/// within the loop or while it stands still.
class Stop {
 public:
  void pull() {
    pulled_ = true;
    cancel(work_, asio::cancellation_type::terminal);
  }
  [[nodiscard]] bool pulled() const { return pulled_; }

 private:
  template <class T>
  friend Async<std::optional<T>> until(Stop& stop, Async<T> work);

  struct Work {
    asio::any_io_executor executor;
    asio::cancellation_signal signal;
  };
  /// From outside of the loop it comes later, when the work may be over and this Stop gone:
  /// co_spawn by itself (Boost 1.81) would send it on to where its handler was.
  static void cancel(const std::weak_ptr<Work>& work, asio::cancellation_type type) {
    const auto now = work.lock();
    if (!now) return;
    asio::dispatch(now->executor, [work, type] {
      if (const auto still = work.lock()) still->signal.emit(type);
    });
  }

  std::weak_ptr<Work> work_;  // in progress; it belongs to until()
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
  const auto executor = co_await asio::this_coro::executor;
  const auto child = std::make_shared<Stop::Work>(executor);
  stop.work_ = child;
  auto outer = state.slot();
  if (outer.is_connected()) {
    outer.assign(
        [one = std::weak_ptr(child)](asio::cancellation_type type) { Stop::cancel(one, type); });
  }
  auto token =
      asio::bind_cancellation_slot(child->signal.slot(), asio::as_tuple(asio::use_awaitable));
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
