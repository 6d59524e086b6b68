#include "app/daemon.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <climits>
#include <csignal>
#include <memory>
#include <optional>

#include "aio/real_env.h"
#include "aio/run.h"
#include "aio/task_group.h"
#include "aio/within.h"
#include "app/aside.h"
#include "app/mirror_choice.h"
#include "app/open_town.h"
#include "app/stop_mode.h"
#include "base/logging.h"
#include "doors/rest/routes.h"
#include "doors/tinytown/inward.h"
#include "doors/tinytown/mirror.h"
#include "llm/settings.h"
#include "log/log.h"
#include "net/http_client.h"
#include "net/server.h"
#include "proc/environment.h"
#include "proc/preflight.h"
#include "proc/shim_spawner.h"
#include "run/invocation.h"
#include "run/runs.h"
#include "town/change.h"
#include "town/desk.h"
#include "town/place.h"
#include "town/retention.h"
#include "town/supervisor.h"
#include "town/sweep.h"
#include "town/webhooks.h"

namespace reeve::app {
namespace {

using aio::Async;
namespace asio = boost::asio;

/// Where `reeve` itself lies: agents find it on their PATH.
std::filesystem::path program_folder() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
}

run::Runs::Options runs_options(const client::TownFolder& folder,
                                const client::TownSettings& settings) {
  run::Runs::Options options;
  options.rounds = folder.rounds();
  options.root = folder.root();
  options.town = settings.name;
  options.environment = proc::current_environment();
  options.additions["REEVE_SOCKET"] = folder.socket().string();
  options.additions["PATH"] = program_folder().string() + ":" + options.environment["PATH"];
  return options;
}

/// Looks at a CLI as the rounds of `options` will find it.
town::Preflight preflight_as(run::Runs::Options options) {
  return [known = std::make_shared<const run::Runs::Options>(std::move(options))](
             const std::string& cli, const std::vector<std::string>& args,
             const proc::Variables& variables) -> Result<std::optional<std::string>> {
    auto additions = known->additions;
    for (const auto& [name, value] : variables) additions[name] = value;
    const auto ready =
        proc::preflight({.cli = cli,
                         .args = args,
                         .environment = proc::child_environment(known->environment, additions),
                         .root = known->root});
    if (!ready) return fail(ready.error());
    return ready->note;
  };
}

/// What a webhook says in its answer is of no interest, but it must be read.
constexpr std::size_t kWebhookAnswer = 1 << 20;

doors::tinytown::Mirror::Options mirror_options(const client::TownFolder& folder) {
  std::array<char, HOST_NAME_MAX + 1> host{};
  ::gethostname(host.data(), host.size() - 1);
  doors::tinytown::Mirror::Options options;
  options.by = std::string(host.data()) + ":" + folder.root().string();
  return options;
}

/// How long an orderly stop waits for the mirror.
constexpr std::chrono::seconds kMirrorEnd{1};

town::Webhooks::Options webhook_options(Env& env) {
  town::Webhooks::Options options;
  options.owner = env.uuid4().str();
  options.sole = true;  // the store is locked to this process
  return options;
}

/// Tells the spawner when its descriptor is readable, so that what a CLI says is seen at once.
Async<> drive(proc::ShimSpawner& spawner) {
  asio::posix::stream_descriptor ready(co_await asio::this_coro::executor);
  ready.assign(::dup(spawner.ready_fd()));
  for (;;) {
    co_await ready.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
    spawner.dispatch();
  }
}

class Daemon {
 public:
  Daemon(DaemonOptions options, asio::io_context& loop, aio::RealEnv& env, store::Store& store,
         std::string store_display, llm::Registry providers)
      : options_(std::move(options)),
        env_(env),
        store_(store),
        log_(env, loop.get_executor(), store),
        spawner_(env, proc::ShimSpawner::Options{.shim = {}, .fd_driven = true}),
        ground_{.env = env,
                .log = log_,
                .town = options_.settings.name,
                .default_cli = options_.settings.default_cli,
                .retention = options_.settings.retention,
                .runs = options_.settings.runs,
                .limits = options_.settings.limits,
                .claims = options_.settings.claims,
                .preflight = preflight_as(runs_options(options_.folder, options_.settings))},
        retention_(ground_, town::Retention::Options()),
        sweeper_(ground_, town::Sweeper::Options()),
        supervisor_(ground_, loop.get_executor(), town::Supervisor::Options()),
        runs_(env, loop.get_executor(), log_, spawner_, supervisor_,
              runs_options(options_.folder, options_.settings)),
        providers_(std::move(providers)),
        invocation_(env, loop.get_executor(), log_, providers_, tools_,
                    run::Invocation::Options{.durability = options_.settings.runs}),
        desk_(ground_),
        http_(loop.get_executor(), net::HttpClientOptions{.body_limit = kWebhookAnswer}),
        webhooks_(
            ground_, loop.get_executor(),
            [this](net::OutgoingRequest request) { return http_.request(std::move(request)); },
            webhook_options(env)),
        rest_{.ground = ground_,
              .root = options_.folder.root(),
              .rounds = options_.folder.rounds(),
              .store = std::move(store_display),
              .durability = options_.settings.durability,
              .version = options_.version,
              .started_at = env.now(),
              .webhooks = webhooks_,
              .invocation = invocation_,
              .providers = providers_,
              .stop = [this](api::StopMode mode) { ask_to_stop(mode, "asked to"); }},
        mirror_(options_.mirror ? std::make_unique<doors::tinytown::Mirror>(
                                      ground_, loop.get_executor(), *options_.mirror,
                                      mirror_options(options_.folder))
                                : nullptr),
        inward_(mirror_ ? std::make_unique<doors::tinytown::Inward>(
                              ground_, loop.get_executor(), *mirror_, *options_.mirror,
                              doors::tinytown::Inward::Options())
                        : nullptr),
        server_(loop.get_executor(), handler(), net::ServerOptions{.version = options_.version}),
        asked_(loop.get_executor()),
        serving_(loop.get_executor()),
        group_(loop.get_executor()) {
    invocation_.set_desk(desk_);
    if (mirror_) {
      rest_.mirror = [this] { return mirror_->view(); };
      rest_.adopt = [this](run::Caller caller, api::AdoptRequest request) {
        return inward_->adopt(std::move(caller), std::move(request));
      };
    }
  }

  /// Somebody else runs the town now: nothing more is begun here, and nothing could be written.
  void lose(const Error& why) {
    lost_ =
        Error(Errc::unavailable, "this daemon does not run the town any more: " + why.message());
    ask_to_stop(api::StopMode::daemon, lost_->message());
  }

  /// Nobody can ask anything of it yet.
  [[nodiscard]] bool starting() const { return starting_; }

  Async<Status> run() {
    if (proc::ShimSpawner& spawner = spawner_; spawner.ready_fd() >= 0)
      group_.spawn("watch rounds", drive(spawner));
    group_.spawn("signals", watch_signals());
    auto status = co_await serve();
    co_await invocation_.close();
    co_await supervisor_.close();
    co_await runs_.close();
    co_await webhooks_.close();
    if (mirror_) {
      co_await inward_->close();
      // So that tt sees how it ended; if Redis is away now, the next daemon writes it.
      static_cast<void>(co_await aio::within(env_, kMirrorEnd, mirror_->caught_up()));
      co_await mirror_->keep_position();
      co_await mirror_->close();
    }
    // Whoever waits or follows would hold up the end: all that is to be told has been told.
    log_.close(Error(Errc::unavailable, "the daemon is stopping"));
    server_.stop();
    co_await serving_.join();
    group_.cancel();
    co_await group_.join();
    if (status && lost_) status = fail(*lost_);
    co_return status;
  }

 private:
  net::Handler handler() {
    return [this](net::Request request) { return doors::answer(rest_, std::move(request)); };
  }

  void ask_to_stop(api::StopMode mode, std::string reason) {
    const auto next = stop_ ? harder(*stop_, mode) : mode;
    if (stop_ == next) return;
    stop_ = next;
    reason_ = std::move(reason);
    asked_.notify();
  }

  Async<> watch_signals() {
    asio::signal_set signals(co_await asio::this_coro::executor, SIGTERM, SIGINT);
    // A terminal tells the daemon and its keeper, who passes it on: each comes twice.
    for (;;) {
      co_await signals.async_wait(asio::use_awaitable);
      ask_to_stop(by_signal(stop_), "terminated");
    }
  }

  Async<Status> tell(Fact fact) {
    run::Draft draft(env_, store_, run::Caller{});
    if (auto added = co_await draft.add(std::move(fact)); !added) co_return added;
    const auto committed = co_await draft.commit();
    if (!committed) co_return fail(committed.error());
    co_return Status();
  }

  /// What the log is to know of the town's folder, before anything else.
  Async<Status> settle_place() {
    std::optional<fact::TownReset> reset;
    const auto note = note_to_tell(options_.folder);
    if (note) reset = fact::TownReset{note->former_log, note->kept_in};
    auto moved = co_await town::tell_place(ground_, options_.folder.root(), std::move(reset));
    if (!moved) co_return fail(moved.error());
    if (note) forget_note(options_.folder, *note);
    if (!*moved) co_return Status();
    logging::info("the town was {} from {}", (*moved)->copied ? "copied" : "moved",
                  (*moved)->from.string());
    if (!(*moved)->copied) co_return Status();
    co_return co_await town::part_from_original(ground_, options_.folder.rounds());
  }

  Async<Status> serve() {
    if (auto placed = co_await settle_place(); !placed) co_return placed;
    auto found = co_await runs_.recover();
    if (!found) co_return fail(found.error().during("take up running rounds"));
    if (auto ended = co_await invocation_.recover(); !ended)
      co_return fail(ended.error().during("end the model runs of an earlier daemon"));
    auto told = co_await tell(
        fact::DaemonStarted{options_.version, ::getpid(), static_cast<std::int64_t>(*found)});
    if (!told) co_return told;
    if (auto started = co_await supervisor_.start(runs_); !started) co_return started;
    if (auto started = co_await webhooks_.start(); !started) {
      co_return fail(started.error().during("take up webhooks"));
    }
    starting_ = false;
    if (auto listening = server_.listen(net::UnixAddress{options_.folder.socket()}); !listening) {
      co_return fail(listening.error());
    }
    serving_.spawn("server", server_.run());
    group_.spawn("retention", retention_.run());
    group_.spawn("sweep", sweeper_.run());
    if (mirror_) {
      mirror_->start();
      inward_->start();
    }
    logging::info("serving {} (pid {}, {} rounds taken up)", options_.settings.name, ::getpid(),
                  *found);
    if (options_.ready) options_.ready();

    while (!stop_) co_await asked_.wait();
    supervisor_.hold();
    if (lost_) co_return Status();
    co_await end_rounds();
    static_cast<void>(
        co_await tell(fact::DaemonStopped{std::string(enum_name(*stop_)) + ": " + reason_}));
    co_return Status();
  }

  /// Returns when there is no round to be waited for any more. Until then a drain may become
  /// another stop.
  Async<> end_rounds() {
    logging::info("stopping ({}): {}", enum_name(*stop_), reason_);
    group_.spawn("wait for rounds", tell_when_idle());
    for (auto begun = api::StopMode::drain; *stop_ != api::StopMode::daemon && !idle_;) {
      if (*stop_ == begun) {
        co_await asked_.wait();
        continue;
      }
      begun = *stop_;
      logging::info("rounds are stopped: {}", reason_);
      auto stopping = co_await runs_.stop_all("the daemon stops");
      if (stopping) continue;
      logging::warn("rounds cannot be stopped: {}", stopping.error().message());
      if (!co_await is_gone()) continue;
      // Nothing is kept any more, and nobody is to wait for it.
      runs_.stop_unkept("the daemon stops");
      co_return;
    }
  }

  /// Whether the store has lost the town: then it cannot even say that something is not there.
  Async<bool> is_gone() {
    const auto doc = co_await store_.get(store::DocKey{"_none", "none"});
    co_return !doc && doc.error().is(Errc::corrupt);
  }

  Async<> tell_when_idle() {
    co_await runs_.wait_idle();
    if (*stop_ == api::StopMode::drain) co_await invocation_.wait_idle();
    idle_ = true;
    asked_.notify();
  }

  DaemonOptions options_;
  aio::RealEnv& env_;
  store::Store& store_;
  log::Log log_;
  proc::ShimSpawner spawner_;
  town::Ground ground_;
  town::Retention retention_;
  town::Sweeper sweeper_;
  town::Supervisor supervisor_;
  run::Runs runs_;
  llm::Registry providers_;
  tool::Registry tools_;
  run::Invocation invocation_;
  town::Desk desk_;
  net::HttpClient http_;
  town::Webhooks webhooks_;
  doors::Rest rest_;
  std::unique_ptr<doors::tinytown::Mirror> mirror_;  // null: there is none
  std::unique_ptr<doors::tinytown::Inward> inward_;  // the same
  net::Server server_;
  std::optional<api::StopMode> stop_;
  std::string reason_;
  std::optional<Error> lost_;  // the town
  bool starting_ = true;
  bool idle_ = false;       // no round is left; looked at while it stops
  aio::Signal asked_;       // to stop, or to look again while it does
  aio::TaskGroup serving_;  // ends by itself once the server was told to stop
  aio::TaskGroup group_;
};

}  // namespace

Status run_daemon(DaemonOptions options) {
  std::signal(SIGPIPE, SIG_IGN);
  auto plan = plan_store(options.folder, options.settings);
  if (!plan) return fail(plan.error());
  auto mirror = mirror_address(options.settings.mirror, redis_of(*plan));
  if (!mirror) return fail(mirror.error().during(options.folder.settings().string()));
  options.mirror = std::move(*mirror);
  asio::io_context loop(1);
  aio::RealEnv env(loop);
  auto providers = llm::make_registry(options.settings.providers, options.folder.dir(), env,
                                      loop.get_executor());
  if (!providers) return fail(providers.error().during(options.folder.settings().string()));
  Daemon* running = nullptr;
  auto lost = [&running](const Error& why) {
    if (running != nullptr) running->lose(why);
  };
  if (auto* redis = std::get_if<store::RedisOptions>(&plan->how))
    redis->starting = [&running] { return running == nullptr || running->starting(); };
  auto opened = open_town(env, loop, options.folder, *plan, lost);
  if (!opened) return fail(opened.error());
  Status status;
  {
    Daemon daemon(std::move(options), loop, env, *opened->store, plan->display,
                  std::move(*providers));
    running = &daemon;
    status = aio::run(loop, daemon.run());
    running = nullptr;
  }
  aio::run(loop, opened->store->close());
  return status;
}

}  // namespace reeve::app
