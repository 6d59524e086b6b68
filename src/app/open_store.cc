#include "app/open_store.h"

#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/secret.h"
#include "store/redis/place.h"

namespace reeve::app {
namespace {

/// What others are told of a town that is open in a program of its own.
constexpr std::string_view kProgram = "a program with libreeve";

std::unexpected<Error> wrong(const std::string& said_in, const std::string& what) {
  return fail(Errc::invalid_argument, said_in + ": " + what);
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "?";
  return name.data();
}

Result<StorePlan> plan_sqlite(const client::TownFolder& folder,
                              const client::TownSettings& settings, const std::string& said_in) {
  const auto durability = enum_from_name<store::Durability>(settings.durability);
  if (!durability) {
    return wrong(said_in,
                 "durability is disk, os or memory on SQLite, not \"" + settings.durability + "\"");
  }
  store::SqliteOptions options;
  options.path = folder.database().string();
  constexpr std::string_view kPrefix = "sqlite:";
  if (settings.store.url.starts_with(kPrefix))
    options.path = (folder.root() / settings.store.url.substr(kPrefix.size())).lexically_normal();
  options.durability = *durability;
  return StorePlan{.how = options, .town = settings.name, .display = "sqlite " + options.path};
}

Result<StorePlan> plan_redis(const client::TownFolder& folder, const client::TownSettings& settings,
                             const std::string& said_in) {
  const auto durability = enum_from_name<store::RedisDurability>(settings.durability);
  if (!durability) {
    return wrong(said_in, "durability is disk, everysec or memory on Redis, not \"" +
                              settings.durability + "\" (docs/redis.md says what each loses)");
  }
  auto address = net::read_redis_url(settings.store.url);
  if (!address) return wrong(said_in, "store: url: " + address.error().message());
  const auto& said = settings.store;
  if (!said.password_env.empty() && !said.password_file.empty())
    return wrong(said_in, "one of password_env and password_file, not both");
  if (!said.password_env.empty() || !said.password_file.empty()) {
    auto password = said.password_file.empty()
                        ? secret_from_variable(said.password_env)
                        : secret_from_file(folder.dir() / said.password_file);
    if (!password) return fail(password.error().during("the password of " + address->display()));
    address->password = std::move(*password);
  }
  store::RedisOptions options;
  options.address = std::move(*address);
  options.town = settings.name;
  options.durability = *durability;
  options.settings_asserted = said.settings_asserted;
  options.replicas = static_cast<int>(said.replicas);
  options.replica_timeout = said.replica_timeout;
  auto display = "redis " + options.address.display();
  return StorePlan{.how = std::move(options), .town = settings.name, .display = std::move(display)};
}

constexpr std::string_view kWitness = "witness.";

/// What this folder remembers of generations on Redis: of each a file. A generation of which it
/// knows, behind the one that Redis says is the newest, has been lost there.
Status check_witnesses(const client::TownFolder& folder, const store::RedisPlace& place) {
  if (remembered_generation(folder) <= place.generation) return {};
  return fail(Errc::corrupt, "Redis says that the town's keys are {" + place.keys + "}, and " +
                                 folder.dir().string() + "/" + std::string(kWitness) +
                                 "*.json knows of later ones: Redis has lost data, or was "
                                 "restored. Nothing is done until this is cleared up; "
                                 "docs/redis.md says how");
}

Error held_here(const StorePlan& plan, const Error& why, const std::string& lock_path) {
  if (!why.is(Errc::conflict)) return why;
  return refusal(plan.opener, why, true, store::sqlite::holder_in(lock_path));
}
std::string_view opened_by(const StorePlan& plan) {
  return plan.opener == Opener::program ? kProgram : std::string_view();
}

/// What tells this folder on this machine from any other, and from a copy of it.
std::string identity_of(const std::string& lock_path) {
  return host_name() + ":" + store::sqlite::file_identity(lock_path);
}

Async<Result<OpenedStore>> open_on_redis(Env& env, boost::asio::any_io_executor executor,
                                         client::TownFolder folder, StorePlan plan,
                                         std::function<void(Error)> on_lost, bool for_move) {
  OpenedStore opened;
  const auto lock_path = folder.town_lock().string();
  auto lock = store::sqlite::LockFile::take(lock_path, env.now(), opened_by(plan));
  if (!lock) co_return fail(held_here(plan, lock.error(), lock_path));
  opened.lock = std::move(*lock);
  auto options = *plan.redis();
  options.holder = identity_of(lock_path);
  options.who = holder_text(env.now(), plan.opener);
  options.on_lost = std::move(on_lost);
  for (;;) {
    auto place = co_await store::look_at_redis(env, executor, options.address, plan.town);
    if (!place) co_return fail(place.error());
    if (!place->moved.empty() && !for_move) {
      co_return fail(Errc::unavailable, "the town " + plan.town + " is not on " +
                                            options.address.display() +
                                            " any more: it was moved to " + place->moved +
                                            ". `reeve migrate` to there has this folder follow it");
    }
    if (auto known = check_witnesses(folder, *place); !known) co_return fail(known.error());
    options.town = place->keys;
    options.witness = folder.dir() / (std::string(kWitness) + place->keys + ".json");
    auto store = co_await store::open_redis(env, executor, options);
    if (!store) {
      if (!store.error().is(Errc::conflict)) co_return fail(store.error());
      if (place->copying) co_return fail(Errc::unavailable, store.error().message());
      co_return fail(refusal(plan.opener, store.error(), false, {}));
    }
    // A reset elsewhere may have begun another generation before we held this one.
    const auto again = co_await store::look_at_redis(env, executor, options.address, plan.town);
    if (again && again->keys == place->keys) {
      opened.store = std::move(*store);
      opened.holder = options.holder;
      co_return opened;
    }
    co_await (*store)->close();
    if (!again) co_return fail(again.error());
  }
}

}  // namespace

std::uint64_t remembered_generation(const client::TownFolder& folder) {
  std::uint64_t newest = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder.dir(), error)) {
    const auto name = entry.path().filename().string();
    if (!name.starts_with(kWitness)) continue;
    const auto at = name.rfind('@');
    newest = std::max<std::uint64_t>(
        newest, at == std::string::npos ? 1 : std::strtoull(name.c_str() + at + 1, nullptr, 10));
  }
  return newest;
}

void forget_witnesses(const client::TownFolder& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder.dir(), error)) {
    if (entry.path().filename().string().starts_with(kWitness))
      std::filesystem::remove(entry.path(), error);
  }
}

std::string holder_text(Time now, Opener opener) {
  auto who = host_name() + ", process " + std::to_string(::getpid());
  if (opener == Opener::program) who += " (" + std::string(kProgram) + ")";
  return who + ", since " + to_rfc3339(now);
}

Error refusal(Opener opener, const Error& why, bool here, std::string_view by) {
  if (opener == Opener::daemon)
    return {here && by.empty() ? Errc::conflict : Errc::unavailable, why.message()};
  if (!here)
    return {Errc::conflict, why.message() + "; a daemon is asked where it runs: Town::connect()"};
  return {Errc::conflict,
          why.message() + (by.empty() ? ", or ask that daemon: Town::connect()"
                                      : "; a town that several programs use is a daemon's, which "
                                        "they ask: Town::connect()")};
}

Async<Status> begin_generation(Env& env, boost::asio::any_io_executor executor, StorePlan plan,
                               std::uint64_t generation) {
  const auto* redis = plan.redis();
  if (redis == nullptr) {
    co_return fail(Errc::conflict,
                   "a reset on Redis was cut off, and the settings name another store since: let "
                   "them name that Redis again, and start the daemon once");
  }
  const auto place = co_await store::look_at_redis(env, executor, redis->address, plan.town);
  if (!place) co_return fail(place.error());
  if (place->generation >= generation) co_return Status();  // done before
  const auto own = host_name() + ":";
  if (!place->holder.empty() && !place->holder.starts_with(own)) {
    co_return fail(Errc::conflict, "a reset was cut off, and the town is run elsewhere: " +
                                       place->who + "; stop that daemon first");
  }
  co_return co_await store::set_redis_generation(env, std::move(executor), redis->address,
                                                 plan.town, generation);
}

Result<StorePlan> plan_store(const client::TownFolder& folder, const client::TownSettings& settings,
                             std::string said_in) {
  if (said_in.empty()) said_in = folder.settings().string();
  return settings.store.is_sqlite() ? plan_sqlite(folder, settings, said_in)
                                    : plan_redis(folder, settings, said_in);
}

Async<Result<OpenedStore>> open_store(Env& env, boost::asio::any_io_executor executor,
                                      client::TownFolder folder, StorePlan plan,
                                      std::function<void(Error)> on_lost, bool for_move) {
  if (plan.redis() != nullptr) {
    co_return co_await open_on_redis(env, std::move(executor), std::move(folder), std::move(plan),
                                     std::move(on_lost), for_move);
  }
  auto options = *plan.sqlite();
  options.opened_by = opened_by(plan);
  const auto lock_path = options.path + ".lock";
  auto store = store::open_sqlite(env, std::move(executor), std::move(options));
  if (!store) co_return fail(held_here(plan, store.error(), lock_path));
  OpenedStore opened;
  opened.store = std::move(*store);
  co_return opened;
}

}  // namespace reeve::app
