#include "aio/real_env.h"

#include <sys/random.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cerrno>
#include <utility>

#include "aio/signal.h"

namespace reeve::aio {
namespace {

/// The callback lives beside the timer, so that destroying the timer drops it even when the expiry
/// is already queued.
class AsioTimer final : public Env::Timer {
 public:
  AsioTimer(asio::io_context& loop, std::chrono::nanoseconds delay,
            std::move_only_function<void()> then)
      : timer_(loop), then_(std::make_shared<std::move_only_function<void()>>(std::move(then))) {
    timer_.expires_after(delay);
    timer_.async_wait([weak = std::weak_ptr(then_)](const boost::system::error_code& error) {
      const auto callback = weak.lock();
      if (!error && callback) std::exchange(*callback, nullptr)();
    });
  }

 private:
  asio::steady_timer timer_;
  std::shared_ptr<std::move_only_function<void()>> then_;
};

}  // namespace

struct RealEnv::Pool {
  explicit Pool(std::size_t threads) : threads(threads) {}
  asio::thread_pool threads;
};

RealEnv::RealEnv(asio::io_context& loop, std::size_t blocking_threads)
    : loop_(loop), threads_(blocking_threads) {}

RealEnv::~RealEnv() {
  if (pool_) pool_->threads.join();
}

Time RealEnv::now() const { return std::chrono::floor<Duration>(std::chrono::system_clock::now()); }

std::chrono::nanoseconds RealEnv::uptime() const {
  return std::chrono::steady_clock::now().time_since_epoch();
}

void RealEnv::random(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const auto got = ::getrandom(out.data(), out.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    REEVE_CHECK(got > 0);
    out = out.subspan(static_cast<std::size_t>(got));
  }
}

std::unique_ptr<Env::Timer> RealEnv::after(std::chrono::nanoseconds delay,
                                           std::move_only_function<void()> then) {
  return std::make_unique<AsioTimer>(loop_, delay, std::move(then));
}

void RealEnv::offload(std::move_only_function<void()> work, std::move_only_function<void()> done) {
  if (!pool_) pool_ = std::make_unique<Pool>(threads_);
  // The loop must not run out of work while its answer is on the way.
  auto guard = asio::make_work_guard(loop_);
  auto job = [this, w = std::move(work), d = std::move(done), g = std::move(guard)]() mutable {
    w();
    asio::post(loop_, std::move(d));
  };
  asio::post(pool_->threads, std::move(job));
}

void RealEnv::defer(std::move_only_function<void()> work) { asio::post(loop_, std::move(work)); }

Async<> sleep(Env& env, std::chrono::nanoseconds delay) {
  Signal due(co_await asio::this_coro::executor);
  bool over = false;
  const auto timer = env.after(delay, [&] {
    over = true;
    due.notify();
  });
  while (!over) co_await due.wait();
}

}  // namespace reeve::aio
