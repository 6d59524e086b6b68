#pragma once

#include <boost/asio/this_coro.hpp>

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "aio/suspend.h"

namespace reeve::aio {

/// The same work, for co_spawn with a cancellation slot. A coroutine that is cancelled while it
/// runs, and ends before it has ever waited, is made to wait once by co_spawn itself (Boost 1.81),
/// outside of anybody's try: that wait must not throw, or the exception leaves the loop.
template <class T>
Async<T> settled(Async<T> work) {
  std::exception_ptr thrown;
  if constexpr (std::is_void_v<T>) {
    try {
      co_await std::move(work);
    } catch (...) {
      thrown = std::current_exception();
    }
    co_await asio::this_coro::throw_if_cancelled(false);
    if (thrown) std::rethrow_exception(thrown);
  } else {
    std::optional<T> value;
    try {
      value.emplace(co_await std::move(work));
    } catch (...) {
      thrown = std::current_exception();
    }
    co_await asio::this_coro::throw_if_cancelled(false);
    if (thrown) std::rethrow_exception(thrown);
    co_return std::move(*value);
  }
}

}  // namespace reeve::aio
