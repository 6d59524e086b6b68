#include "app/open_store.h"

#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/secret.h"
#include "store/redis/place.h"

namespace reeve::app {
namespace {

std::unexpected<Error> wrong(const client::TownFolder& folder, const std::string& what) {
  return fail(Errc::invalid_argument, folder.settings().string() + ": " + what);
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "?";
  return name.data();
}

Result<StorePlan> plan_sqlite(const client::TownFolder& folder,
                              const client::TownSettings& settings) {
  const auto durability = enum_from_name<store::Durability>(settings.durability);
  if (!durability) {
    return wrong(folder,
                 "durability is disk, os or memory on SQLite, not \"" + settings.durability + "\"");
  }
  store::SqliteOptions options;
  options.path = folder.database().string();
  constexpr std::string_view kPrefix = "sqlite:";
  if (settings.store.url.starts_with(kPrefix))
    options.path = (folder.root() / settings.store.url.substr(kPrefix.size())).lexically_normal();
  options.durability = *durability;
  return StorePlan{options, settings.name, "sqlite " + options.path};
}

Result<StorePlan> plan_redis(const client::TownFolder& folder,
                             const client::TownSettings& settings) {
  const auto durability = enum_from_name<store::RedisDurability>(settings.durability);
  if (!durability) {
    return wrong(folder, "durability is disk, everysec or memory on Redis, not \"" +
                             settings.durability + "\" (docs/redis.md says what each loses)");
  }
  auto address = net::read_redis_url(settings.store.url);
  if (!address) return wrong(folder, "store: url: " + address.error().message());
  const auto& said = settings.store;
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
  return StorePlan{std::move(options), settings.name, std::move(display)};
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

/// What tells this folder on this machine from any other, and from a copy of it.
std::string identity_of(const std::string& lock_path) {
  return host_name() + ":" + store::sqlite::file_identity(lock_path);
}

Async<Result<OpenedStore>> open_on_redis(Env& env, boost::asio::any_io_executor executor,
                                         client::TownFolder folder, StorePlan plan,
                                         std::function<void(Error)> on_lost, bool for_move) {
  OpenedStore opened;
  const auto lock_path = folder.town_lock().string();
  auto lock = store::sqlite::LockFile::take(lock_path, env.now());
  if (!lock) co_return fail(lock.error());
  opened.lock = std::move(*lock);
  auto options = *plan.redis();
  options.holder = identity_of(lock_path);
  options.who = holder_text(env.now());
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
      co_return fail(Errc::unavailable, store.error().message());
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

std::string holder_text(Time now) {
  return host_name() + ", process " + std::to_string(::getpid()) + ", since " + to_rfc3339(now);
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

Result<StorePlan> plan_store(const client::TownFolder& folder,
                             const client::TownSettings& settings) {
  return settings.store.is_sqlite() ? plan_sqlite(folder, settings) : plan_redis(folder, settings);
}

Async<Result<OpenedStore>> open_store(Env& env, boost::asio::any_io_executor executor,
                                      client::TownFolder folder, StorePlan plan,
                                      std::function<void(Error)> on_lost, bool for_move) {
  if (plan.redis() != nullptr) {
    co_return co_await open_on_redis(env, std::move(executor), std::move(folder), std::move(plan),
                                     std::move(on_lost), for_move);
  }
  auto store = store::open_sqlite(env, std::move(executor), *plan.sqlite());
  if (!store) co_return fail(store.error());
  OpenedStore opened;
  opened.store = std::move(*store);
  co_return opened;
}

}  // namespace reeve::app
