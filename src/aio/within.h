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

#include "aio/suspend.h"
#include "aio/task_group.h"
#include "base/env.h"

namespace reeve::aio {

/// Gives `work` that much of the Env's time. Empty: it ran out; `work` has been cancelled and has
/// ended. Work that answers in spite of its cancellation has answered.
///
/// Returns when `work` has ended, so work that cannot be cancelled is waited for. Cancelling the
/// caller cancels `work`.
template <class T>
Async<std::optional<T>> within(Env& env, std::chrono::nanoseconds time, Async<T> work) {
  asio::cancellation_signal stop;
  bool late = false;
  const auto timer = env.after(time, [&] {
    late = true;
    stop.emit(asio::cancellation_type::terminal);
  });
  // The child waits on a signal of its own; what comes from outside is handed on to it.
  const auto state = co_await asio::this_coro::cancellation_state;
  auto outer = state.slot();
  if (outer.is_connected())
    outer.assign([&stop](asio::cancellation_type type) { stop.emit(type); });
  const auto executor = co_await asio::this_coro::executor;
  auto token = asio::bind_cancellation_slot(stop.slot(), asio::as_tuple(asio::use_awaitable));
  auto ended = co_await asio::co_spawn(executor, std::move(work), std::move(token));
  if (outer.is_connected()) outer.clear();

  auto& [thrown, value] = ended;
  const bool cancelled = state.cancelled() != asio::cancellation_type::none;
  if (thrown && late && !cancelled && is_cancellation(thrown)) co_return std::nullopt;
  if (thrown) std::rethrow_exception(thrown);
  co_return std::optional<T>(std::move(value));
}

}  // namespace reeve::aio
