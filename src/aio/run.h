#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <optional>
#include <type_traits>
#include <utility>

#include "aio/suspend.h"

namespace reeve::aio {

/// Runs one coroutine on `loop` until it is done, and answers its value or rethrows what it threw.
/// The loop goes on only as long as that takes: for tests, examples and a program's main.
void run(asio::io_context& loop, Async<> work);

/// The same work, with its value put there. To start a coroutine costs a compiler much for each
/// type that it may answer: with this there is one.
template <class T>
Async<> answer_into(std::optional<T>& value, Async<T> work) {
  value.emplace(co_await std::move(work));
}

template <class T>
  requires(!std::is_void_v<T>)
T run(asio::io_context& loop, Async<T> work) {
  std::optional<T> value;
  run(loop, answer_into(value, std::move(work)));
  return std::move(value).value();
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
