#include "aio/signal.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

namespace reeve::aio {
namespace {

class Count {
 public:
  explicit Count(std::size_t& count) : count_(count) { ++count_; }
  ~Count() { --count_; }
  Count(const Count&) = delete;
  Count& operator=(const Count&) = delete;

 private:
  std::size_t& count_;
};

}  // namespace

Signal::Signal(asio::any_io_executor executor)
    : timer_(executor, asio::steady_timer::time_point::max()) {}

Async<> Signal::wait() {
  const Count waiting(waiting_);
  const auto before = generation_;
  auto waited = co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  // A timer that never fires ends only by cancel(): ours (notify) or the coroutine's own.
  if (generation_ == before) throw boost::system::system_error(std::get<0>(waited));
}

Async<> Signal::wait_uncancelled() {
  const Count waiting(waiting_);
  auto waited = co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  static_cast<void>(waited);
}

void Signal::notify() {
  ++generation_;
  if (waiting_ > 0) timer_.cancel();
}

}  // namespace reeve::aio
