#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>

#include <exception>
#include <utility>
#include <vector>

#include "aio/settled.h"
#include "aio/suspend.h"

namespace reeve::aio {

/// Does all of it at the same time, each in a coroutine of its own, and answers when all have
/// ended: what each answered, in their order. Where one throws, its exception. Cancelling the
/// caller cancels all of them. T has a default.
template <class T>
Async<std::vector<T>> all(std::vector<Async<T>> works) {
  if (works.empty()) co_return std::vector<T>();
  const auto executor = co_await asio::this_coro::executor;
  const auto begin = [&executor](Async<T> work) {
    return asio::co_spawn(executor, settled(std::move(work)), asio::deferred);
  };
  std::vector<decltype(begin(std::move(works.front())))> begun;
  begun.reserve(works.size());
  for (auto& work : works) begun.push_back(begin(std::move(work)));
  auto group = asio::experimental::make_parallel_group(std::move(begun));
  auto [order, thrown, values] =
      co_await group.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
  for (const auto& one : thrown) {
    if (one) std::rethrow_exception(one);
  }
  co_return std::move(values);
}

}  // namespace reeve::aio
