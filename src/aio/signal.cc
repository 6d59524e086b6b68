#include "aio/signal.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

namespace reeve::aio {

Signal::Signal(asio::any_io_executor executor)
    : timer_(std::move(executor), asio::steady_timer::time_point::max()) {}

Async<> Signal::wait() {
  const auto before = generation_;
  auto waited = co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  // A timer that never fires ends only by cancel(): ours (notify) or the coroutine's own.
  if (generation_ == before) throw boost::system::system_error(std::get<0>(waited));
}

Async<> Signal::wait_uncancelled() {
  auto waited = co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  static_cast<void>(waited);
}

void Signal::notify() {
  ++generation_;
  timer_.cancel();
}

}  // namespace reeve::aio
