#include "app/library/local_host.h"

#include <algorithm>
#include <filesystem>

#include "app/library/face.h"
#include "base/logging.h"
#include "client/town_folder.h"
#include "llm/settings.h"
#include "run/draft.h"
#include "run/invocation.h"
#include "run/session_data.h"
#include "store/memory/memory_store.h"
#include "store/sqlite/sqlite_store.h"

namespace reeve::library {
namespace {

Result<std::unique_ptr<store::Store>> open_store(Env& env, aio::asio::any_io_executor executor,
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
  // A daemon holds a town on Redis, and its runs with it.
  const auto settings = client::read_settings(folder);
  if (settings && !settings->store.is_sqlite()) {
    return fail(Errc::unsupported, "the town in " + folder.root().string() + " is kept on " +
                                       settings->store.display() +
                                       ": start its daemon, and use Town::connect()");
  }
  store::SqliteOptions sqlite;
  sqlite.path = folder.database().string();
  sqlite.durability = *durability;
  return store::open_sqlite(env, std::move(executor), sqlite);
}

/// Those of the folder's settings.
Result<llm::Registry> providers_of(Env& env, const aio::asio::any_io_executor& executor,
                                   const std::string& where) {
  if (where.empty()) return llm::Registry();
  const client::TownFolder folder(std::filesystem::absolute(where));
  auto settings = client::read_settings(folder);
  if (!settings) return fail(settings.error());
  auto made = llm::make_registry(settings->providers, folder.dir(), env, executor);
  if (!made) return fail(made.error().during(folder.settings().string()));
  return made;
}

log::Redactor redactor_of(decltype(v1::OpenOptions::redact) redact) {
  return [redact = std::move(redact)](std::string_view kind, json::object& payload) {
    std::optional<json::value> kept;
    try {
      if (auto read = parse_json(redact(std::string(kind), write_json(payload)))) kept = *read;
    } catch (const std::exception& thrown) {  // what it did not pass is not kept
      logging::error("the town's redact threw: {}", thrown.what());
    }
    payload = kept && kept->is_object() ? kept->get_object() : json::object{{"redacted", true}};
  };
}

Result<log::From> place_of(const log::Log& log, const v1::From& from) {
  switch (from.where) {
    case v1::From::Where::now: return log::From::now();
    case v1::From::Where::beginning: return log::From::beginning();
    case v1::From::Where::after: break;
  }
  const auto position = log.position_of(from.cursor);
  if (!position) return fail(position.error());
  return log::From::after(*position);
}

class LogFeed final : public Feed {
 public:
  explicit LogFeed(std::unique_ptr<log::Subscription> from) : from_(std::move(from)) {}
  Async<Result<std::vector<Frame>>> next() override { return from_->next(); }
  [[nodiscard]] Position position() const override { return from_->position(); }

 private:
  std::unique_ptr<log::Subscription> from_;
};

class RunFeed final : public Feed {
 public:
  explicit RunFeed(std::shared_ptr<run::RunEvents> from) : from_(std::move(from)) {}
  Async<Result<std::vector<Frame>>> next() override { return from_->next(); }
  [[nodiscard]] Position position() const override { return from_->position(); }

 private:
  std::shared_ptr<run::RunEvents> from_;
};

Asked asked_of(const run::RunHandle& handle) {
  Asked asked;
  asked.handle = handle;
  if (handle.events()) asked.events = std::make_shared<RunFeed>(handle.events());
  return asked;
}

class LocalHost final : public Host {
 public:
  LocalHost(Env& env, const aio::asio::any_io_executor& executor,
            std::unique_ptr<store::Store> store, fact::TownCreated created, llm::Registry providers,
            run::Invocation::Options runs)
      : env_(env),
        created_(std::move(created)),
        store_(std::move(store)),
        log_(env, executor, *store_),
        providers_(std::move(providers)),
        invocation_(env, executor, log_, providers_, tools_, std::move(runs)) {}

  /// TownCreated in a new log, and an end for the runs that an earlier process left.
  Async<Status> begin() override {
    if (log_.head() == Position()) {
      run::Draft draft(env_, *store_, run::Caller{});
      if (auto added = co_await draft.add(created_); !added) co_return fail(added.error());
      if (auto done = co_await draft.commit(); !done) co_return fail(done.error());
    }
    if (auto ended = co_await invocation_.recover(); !ended) co_return fail(ended.error());
    co_return Status();
  }

  [[nodiscard]] LogId log_id() const override { return store_->log().id; }
  [[nodiscard]] llm::Registry* providers() override { return &providers_; }
  [[nodiscard]] tool::Registry* tools() override { return &tools_; }
  void count_handler_failure() override { ++log_.counters().handler_failures; }
  [[nodiscard]] run::Control& shared() { return invocation_.shared(); }

  Async<Result<Asked>> emit(EmitRequest request, run::Control control, bool with_events) override {
    auto handle = co_await invocation_.emit(std::move(request), std::move(control), with_events);
    if (!handle) co_return fail(handle.error());
    co_return asked_of(*handle);
  }
  Async<Result<Asked>> find(RunId run) override {
    auto handle = co_await invocation_.find(run, true);
    if (!handle) co_return fail(handle.error());
    co_return asked_of(*handle);
  }
  Async<> cancel_run(RunId run, std::string reason) override {
    auto handle = co_await invocation_.find(run);
    if (handle) handle->cancel(std::move(reason));
  }

  Async<Result<std::unique_ptr<Feed>>> follow(FollowOptions options) override {
    auto from = place_of(log_, options.from);
    if (!from) co_return fail(from.error());
    log::SubscribeOptions subscribe;
    subscribe.from = *from;
    subscribe.filter = std::move(options.filter);
    subscribe.deltas = options.deltas;
    subscribe.delta_capacity = options.delta_capacity;
    subscribe.block = options.block;
    co_return std::make_unique<LogFeed>(log_.subscribe(std::move(subscribe)));
  }
  Async<Result<Page>> read(std::string after, store::EventFilter filter,
                           std::size_t limit) override {
    auto from = log::From::beginning();
    if (!after.empty()) {
      auto place = place_of(log_, v1::From::after(std::move(after)));
      if (!place) co_return fail(place.error());
      from = *place;
    }
    auto page = co_await store_->read(from.position, std::move(filter), limit);
    if (!page) co_return fail(page.error());
    Page out;
    out.events = std::move(page->events);
    out.reached = std::max(from.position, page->scanned);
    out.at_end = out.reached >= store_->log().head;
    co_return out;
  }
  Async<Result<Position>> head() override { co_return log_.head(); }

  Async<Status> put_data(ThreadId session, std::string key, std::string json) override {
    return run::put_session_data(*store_, session, std::move(key), std::move(json));
  }
  Async<Result<std::optional<std::string>>> get_data(ThreadId session, std::string key) override {
    return run::get_session_data(*store_, session, std::move(key));
  }
  Async<Status> remove_data(ThreadId session, std::string key) override {
    return run::remove_session_data(*store_, session, std::move(key));
  }

  Async<Result<std::string>> ask(std::string, std::string, std::string,
                                 std::optional<std::chrono::milliseconds>) override {
    co_return fail(Errc::unsupported,
                   "agents and their work live in a town that a daemon serves: Town::connect()");
  }

  Async<> close() override { return invocation_.close(); }
  Async<> close_store() override { return store_->close(); }

 private:
  Env& env_;
  fact::TownCreated created_;
  std::unique_ptr<store::Store> store_;
  log::Log log_;
  llm::Registry providers_;
  tool::Registry tools_;
  run::Invocation invocation_;
};

}  // namespace

Result<std::unique_ptr<Host>> make_local_host(Env& env, aio::asio::any_io_executor executor,
                                              const v1::OpenOptions& options,
                                              run::Control& shared) {
  auto store = open_store(env, executor, options);
  if (!store) return fail(store.error());
  run::Invocation::Options runs;
  runs.durability = inner(options.durability);
  if (options.redact) runs.redactor = redactor_of(options.redact);
  auto providers = providers_of(env, executor, options.folder);
  if (!providers) return fail(providers.error());
  auto host = std::make_unique<LocalHost>(env, executor, std::move(*store),
                                          fact::TownCreated{options.name, options.folder},
                                          std::move(*providers), std::move(runs));
  shared = host->shared();
  return host;
}

}  // namespace reeve::library
