#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <exception>
#include <optional>

#include "aio/suspend.h"

namespace reeve::aio {

/// Runs one coroutine on `loop` until it is done, and answers its value or rethrows what it threw.
/// The loop goes on only as long as that takes: for tests, examples and a program's main.
template <class T>
T run(asio::io_context& loop, Async<T> work) {
  std::exception_ptr thrown;
  loop.restart();
  if constexpr (std::is_void_v<T>) {
    bool done = false;
    asio::co_spawn(loop, std::move(work), [&](std::exception_ptr error) {
      thrown = error;
      done = true;
      loop.stop();
    });
    while (!done && loop.run() > 0) loop.restart();
    if (thrown) std::rethrow_exception(thrown);
  } else {
    std::optional<T> value;
    bool done = false;
    asio::co_spawn(loop, std::move(work), [&](std::exception_ptr error, T result) {
      thrown = error;
      if (!error) value = std::move(result);
      done = true;
      loop.stop();
    });
    while (!done && loop.run() > 0) loop.restart();
    if (thrown) std::rethrow_exception(thrown);
    return std::move(value).value();
  }
}
/// On a fresh loop.
template <class T>
T run(Async<T> work) {
  asio::io_context loop;
  return run(loop, std::move(work));
}

/// Lets everything that is ready run first.
inline Async<> yield() { return asio::post(asio::use_awaitable); }

}  // namespace reeve::aio
