#include "app/library/local_host.h"

#include <algorithm>

#include "app/library/choose_town.h"
#include "app/library/face.h"
#include "app/open_town.h"
#include "base/logging.h"
#include "llm/settings.h"
#include "run/draft.h"
#include "run/invocation.h"
#include "run/session_data.h"
#include "store/memory/memory_store.h"

namespace reeve::library {
namespace {

/// Those of the folder's settings.
Result<llm::Registry> providers_of(Env& env, const aio::asio::any_io_executor& executor,
                                   const ChosenTown& town) {
  if (town.root.empty()) return llm::Registry();
  auto made = llm::make_registry(town.settings.providers, town.folder.dir(), env, executor);
  if (!made) return fail(made.error().during(town.folder.settings().string()));
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
  LocalHost(Env& env, const aio::asio::any_io_executor& executor, app::OpenedStore opened,
            fact::TownCreated created, llm::Registry providers, run::Invocation::Options runs)
      : env_(env),
        created_(std::move(created)),
        lock_(std::move(opened.lock)),
        store_(std::move(opened.store)),
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

  /// Somebody else has the town now: nothing here could be written any more.
  void lose(const Error& why) {
    invocation_.abandon(why);
    log_.close(why);
  }

  Async<> close() override { return invocation_.close(); }
  Async<> close_store() override { return store_->close(); }

 private:
  Env& env_;
  fact::TownCreated created_;
  std::optional<store::sqlite::LockFile> lock_;  // of a town on Redis
  std::unique_ptr<store::Store> store_;
  log::Log log_;
  llm::Registry providers_;
  tool::Registry tools_;
  run::Invocation invocation_;
};

}  // namespace

Result<std::unique_ptr<Host>> make_local_host(aio::asio::io_context& loop, Env& env,
                                              const v1::OpenOptions& options,
                                              run::Control& shared) {
  const auto executor = loop.get_executor();
  const auto town = choose_town(options);
  if (!town) return fail(town.error());
  auto providers = providers_of(env, executor, *town);
  if (!providers) return fail(providers.error());
  run::Invocation::Options runs;
  runs.durability = inner(options.durability);
  if (options.redact) runs.redactor = redactor_of(options.redact);

  const auto running = std::make_shared<LocalHost*>(nullptr);  // the store's, which is the host's
  app::OpenedStore opened;
  if (town->plan) {
    auto lost = [running, &env](const Error& why) {
      env.defer([running, why] {
        if (*running != nullptr) (*running)->lose(why);
      });
    };
    auto taken = app::open_town(env, loop, town->folder, *town->plan, std::move(lost));
    if (!taken) return fail(taken.error());
    opened = std::move(*taken);
  } else {
    opened.store = store::make_memory(env, executor);
  }
  auto host = std::make_unique<LocalHost>(
      env, executor, std::move(opened), fact::TownCreated{town->settings.name, town->root.string()},
      std::move(*providers), std::move(runs));
  *running = host.get();
  shared = host->shared();
  return host;
}

}  // namespace reeve::library
