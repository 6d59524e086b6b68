#include "app/library/engine.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "app/library/face.h"
#include "app/library/following.h"
#include "app/library/local_host.h"
#include "app/library/remote_host.h"
#include "app/library/watched.h"
#include "base/logging.h"

namespace reeve::library {
namespace {

Async<Result<std::monostate>> begin(Host* host) {
  if (auto begun = co_await host->begin(); !begun) co_return fail(begun.error());
  co_return std::monostate();
}

}  // namespace

Error elsewhere(const char* what) {
  return Error(Errc::unsupported, std::string(what) +
                                      " is a function of this program, which a town in another "
                                      "process cannot call: open the town here, or set up a "
                                      "provider in its town.toml");
}

Error closed_error() { return Error(Errc::unavailable, "the town is closed"); }

Engine::House::House(std::size_t blocking_threads)
    : open(asio::make_work_guard(loop)), env(loop, std::max<std::size_t>(blocking_threads, 1)) {}

Engine::Engine() : is_closed_(closed_.get_future().share()) {}

Result<std::shared_ptr<Engine>> Engine::open(const v1::OpenOptions& options) {
  auto house = std::make_unique<House>(options.blocking_threads);
  auto engine = std::make_shared<Engine>();
  auto host = make_local_host(house->loop, house->env, options, inner(engine->shared_));
  if (!host) return fail(host.error());
  house->loop.restart();
  house->host = std::move(*host);
  return start(std::move(engine), std::move(house), options.handler_threads);
}

Result<std::shared_ptr<Engine>> Engine::connect(const v1::ConnectOptions& options) {
  auto house = std::make_unique<House>(1);
  auto host = make_remote_host(house->env, house->loop.get_executor(), options);
  if (!host) return fail(host.error());
  house->host = std::move(*host);
  return start(std::make_shared<Engine>(), std::move(house), options.handler_threads);
}

Result<std::shared_ptr<Engine>> Engine::start(std::shared_ptr<Engine> engine,
                                              std::unique_ptr<House> house,
                                              std::size_t handler_threads) {
  house->group = std::make_unique<aio::TaskGroup>(house->loop.get_executor());
  engine->workers_ = std::make_unique<Workers>(handler_threads);
  auto* loop = &house->loop;
  auto* host = house->host.get();
  engine->house_ = std::move(house);
  engine->thread_ = std::thread([loop] {
    for (;;) {
      try {
        loop->run();
        return;
      } catch (const std::exception& error) {
        logging::error("the town's thread: {}", error.what());
      }
    }
  });
  auto ready = engine->call<std::monostate>([host] { return begin(host); });
  if (!ready) return fail(ready.error());
  engine->log_id_ = host->log_id();
  return engine;
}

Engine::~Engine() { close(); }

bool Engine::post(std::move_only_function<void()> work) {
  const std::scoped_lock lock(mutex_);
  if (gone_ || !house_) return false;
  asio::post(house_->loop, std::move(work));
  return true;
}

bool Engine::spawn(std::move_only_function<Async<>()> work) {
  const std::scoped_lock lock(mutex_);
  if (closing_ || !house_) return false;
  // Before what closes the town, which is posted later.
  asio::post(house_->loop,
             [this, w = std::move(work)]() mutable { house_->group->spawn("a call", w()); });
  return true;
}

void Engine::keep(Watched& watched) {
  const std::scoped_lock lock(mutex_);
  watched_.insert(&watched);
}

void Engine::forget(Watched& watched) {
  const std::scoped_lock lock(mutex_);
  watched_.erase(&watched);
  if (!gone_ && house_)
    asio::post(house_->loop, [live = std::move(watched.live)] { static_cast<void>(live); });
}

v1::Control Engine::control_of(const std::string& run) {
  auto state = std::make_shared<Controlled>();
  state->control.share_data_of(inner(shared_));
  if (const auto id = RunId::parse(run); !run.empty() && id) {
    // Weak, both: whoever keeps the control keeps neither itself nor the town alive by it.
    state->watch = state->control.watch(
        [weak = weak_from_this(), weak_state = std::weak_ptr(state), id = *id] {
          const auto engine = weak.lock();
          const auto controlled = weak_state.lock();
          if (!engine || !controlled) return;
          if (auto reason = controlled->control.cancel_reason()) {
            engine->spawn([e = engine.get(), id, why = std::move(*reason)]() mutable {
              return e->house().host->cancel_run(id, std::move(why));
            });
          }
        });
  }
  return v1::Control(std::move(state));
}

Async<> Engine::shut() {
  house_->closing = true;
  for (const auto& listener : house_->listeners) listener->stop_soon();
  co_await house_->host->close();
  house_->group->cancel();
  co_await house_->group->join();
  std::vector<Asked> lives;
  {
    const std::scoped_lock lock(mutex_);
    for (auto* watched : watched_) lives.push_back(std::move(watched->live));
  }
  lives.clear();
  co_await house_->host->close_store();
}

void Engine::close() {
  bool first = false;
  {
    const std::scoped_lock lock(mutex_);
    if (!house_) return;
    first = !std::exchange(closing_, true);
  }
  if (!first) {
    is_closed_.wait();
    return;
  }
  std::promise<void> done;
  asio::post(house_->loop, [this, &done] {
    asio::co_spawn(house_->loop, shut(), [&done](const std::exception_ptr& thrown) {
      if (thrown) logging::error("closing the town: {}", aio::what(thrown));
      done.set_value();
    });
  });
  done.get_future().wait();
  {
    const std::scoped_lock lock(mutex_);
    gone_ = true;
  }
  house_->open.reset();
  thread_.join();
  workers_.reset();
  // In reverse: what refers to another goes first.
  house_->group.reset();
  house_->host.reset();
  closed_.set_value();
}

}  // namespace reeve::library
