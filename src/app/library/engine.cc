#include "app/library/engine.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>

#include "app/library/face.h"
#include "app/library/following.h"
#include "app/library/watched.h"
#include "base/logging.h"
#include "client/town_folder.h"
#include "run/draft.h"
#include "store/memory/memory_store.h"
#include "store/sqlite/sqlite_store.h"

namespace reeve::library {
namespace {

Result<std::unique_ptr<store::Store>> open_store(Env& env, asio::any_io_executor executor,
                                                 const v1::OpenOptions& options) {
  if (options.folder.empty()) return store::make_memory(env, std::move(executor));
  const auto durability = enum_from_name<store::Durability>(options.store_durability);
  if (!durability) {
    return fail(Errc::invalid_argument,
                "store_durability is disk, os or memory, not \"" + options.store_durability + "\"");
  }
  const client::TownFolder folder(std::filesystem::absolute(options.folder));
  std::error_code failed;  // create_town() tells of it
  std::filesystem::create_directories(folder.root(), failed);
  if (!std::filesystem::exists(folder.settings())) {
    client::TownSettings settings;
    settings.name = options.name;
    if (auto made = client::create_town(folder, settings); !made) return fail(made.error());
  }
  store::SqliteOptions sqlite;
  sqlite.path = folder.database().string();
  sqlite.durability = *durability;
  return store::open_sqlite(env, std::move(executor), sqlite);
}

/// What a new process does first with a log.
Async<Result<std::monostate>> move_in(Engine::House* house, std::string name, std::string root) {
  if (house->log->head() == Position()) {
    run::Draft draft(house->env, *house->store, run::Caller{});
    fact::TownCreated created{std::move(name), std::move(root)};
    if (auto added = co_await draft.add(std::move(created)); !added) co_return fail(added.error());
    if (auto done = co_await draft.commit(); !done) co_return fail(done.error());
  }
  if (auto ended = co_await house->invocation->recover(); !ended) co_return fail(ended.error());
  co_return std::monostate();
}

Async<> cancel_run(Engine* engine, RunId run, std::string reason) {
  auto handle = co_await engine->house().invocation->find(run);
  if (handle) handle->cancel(std::move(reason));
}

}  // namespace

Error closed_error() { return Error(Errc::unavailable, "the town is closed"); }

Engine::House::House(const v1::OpenOptions& options)
    : open(asio::make_work_guard(loop)),
      env(loop, std::max<std::size_t>(options.blocking_threads, 1)) {}

Engine::Engine() : is_closed_(closed_.get_future().share()) {}

Result<std::shared_ptr<Engine>> Engine::open(const v1::OpenOptions& given) {
  auto options = given;
  if (options.name.empty()) {
    options.name = options.folder.empty()
                       ? "unnamed"
                       : client::suggest_name(std::filesystem::absolute(options.folder));
  }
  if (auto good = check_name(options.name); !good)
    return fail(good.error().during("the town's name"));
  auto house = std::make_unique<House>(options);
  auto store = open_store(house->env, house->loop.get_executor(), options);
  if (!store) return fail(store.error());
  house->store = std::move(*store);
  const auto executor = house->loop.get_executor();
  house->log = std::make_unique<log::Log>(house->env, executor, *house->store);
  run::Invocation::Options runs;
  runs.durability = library::inner(options.durability);
  house->invocation = std::make_unique<run::Invocation>(house->env, executor, *house->log,
                                                        house->providers, house->tools, runs);
  house->group = std::make_unique<aio::TaskGroup>(executor);

  auto engine = std::make_shared<Engine>();
  engine->log_id_ = house->store->log().id;
  engine->workers_ = std::make_unique<Workers>(options.handler_threads);
  inner(engine->shared_) = house->invocation->shared();
  auto* loop = &house->loop;
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
  auto ready =
      engine->call<std::monostate>([house = engine->house_.get(), name = options.name,
                                    root = options.folder] { return move_in(house, name, root); });
  if (!ready) return fail(ready.error());
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
              return cancel_run(e, id, std::move(why));
            });
          }
        });
  }
  return v1::Control(std::move(state));
}

Async<> Engine::shut() {
  house_->closing = true;
  for (const auto& listener : house_->listeners) listener->stop_soon();
  co_await house_->invocation->close();
  house_->group->cancel();
  co_await house_->group->join();
  std::vector<Live> lives;
  {
    const std::scoped_lock lock(mutex_);
    for (auto* watched : watched_) lives.push_back(std::move(watched->live));
  }
  lives.clear();
  co_await house_->store->close();
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
  house_->invocation.reset();
  house_->log.reset();
  house_->store.reset();
  closed_.set_value();
}

}  // namespace reeve::library
