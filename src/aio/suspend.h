#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <functional>
#include <utility>

namespace reeve::aio {

namespace asio = boost::asio;

template <class T = void>
using Async = asio::awaitable<T>;

/// Suspends the calling coroutine until `resume` is called, exactly once, on the domain thread; it
/// answers what `resume` was given. `start(resume)` runs before the suspension returns to the loop.
/// Not cancellable: for operations whose outcome must be known. T must be default constructible
/// (Asio's rule).
template <class T, class Start>
Async<T> suspend(Start start) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void(T)>(
      [](auto handler, Start begin) {
        begin(std::move_only_function<void(T)>(
            [h = std::move(handler)](T value) mutable { std::move(h)(std::move(value)); }));
      },
      asio::use_awaitable, std::move(start));
}

}  // namespace reeve::aio
