#include "app/library/choose_town.h"

#include <utility>

#include "app/open_town.h"
#include "base/digest.h"
#include "client/store_settings.h"
#include "client/town_registry.h"
#include "net/redis_url.h"

namespace reeve::library {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSaidIn = "Town::open";

std::unexpected<Error> bad(const std::string& what) {
  return fail(Errc::invalid_argument, std::string(kSaidIn) + ": " + what);
}

/// Where that Redis is, whoever we are there.
std::string place_of(const net::RedisAddress& address) {
  return address.origin() + "#" + std::to_string(address.database);
}
bool is_same_store(const std::string& a, const std::string& b) {
  const auto one = net::read_redis_url(a);
  const auto other = net::read_redis_url(b);
  return one && other ? place_of(*one) == place_of(*other) : a == b;
}

Status check(const v1::OpenOptions& options) {
  const bool password = !options.store_password_env.empty() || !options.store_password_file.empty();
  if (options.store.empty()) {
    if (password || options.store_settings_asserted)
      return bad(
          "store_password_env, store_password_file and store_settings_asserted go with store");
    return {};
  }
  if (auto good = client::check_store_url(options.store); !good)
    return fail(good.error().during(kSaidIn));
  const bool file = !net::read_redis_url(options.store);
  if (file && options.folder.empty()) return bad("a store that is a file needs its town's folder");
  return {};
}

/// What the options say of the store comes before what the settings say.
void apply(const v1::OpenOptions& options, client::TownSettings& settings) {
  auto& store = settings.store;
  if (!options.store.empty()) store.url = options.store;
  if (!options.store_password_env.empty() || !options.store_password_file.empty()) {
    store.password_env = options.store_password_env;
    store.password_file = options.store_password_file;
  }
  store.settings_asserted = store.settings_asserted || options.store_settings_asserted;
  if (!options.store_durability.empty()) settings.durability = options.store_durability;
}

Result<app::StorePlan> plan_of(const ChosenTown& town, bool said_here) {
  auto plan = app::plan_store(town.folder, town.settings, said_here ? kSaidIn : "");
  if (plan) plan->opener = app::Opener::program;
  return plan;
}

Result<ChosenTown> in_folder(const v1::OpenOptions& options) {
  const auto root = fs::absolute(options.folder).lexically_normal();
  ChosenTown town{.root = root, .folder = client::TownFolder(root), .settings = {}, .plan = {}};
  std::error_code error;
  const bool is_new = !fs::exists(town.folder.settings(), error);
  if (is_new) {
    town.settings.name = options.name.empty() ? client::suggest_name(root) : options.name;
  } else {
    auto settings = client::read_settings(town.folder);
    if (!settings) return fail(settings.error());
    town.settings = std::move(*settings);
    const auto& store = town.settings.store;
    if (!options.store.empty() && !is_same_store(options.store, store.url)) {
      return fail(Errc::conflict, "the town in " + root.string() + " is kept on " +
                                      store.display() + ", not on " +
                                      client::redacted_store_url(options.store) +
                                      ": give another folder, or move it (reeve migrate)");
    }
  }
  apply(options, town.settings);
  auto plan = plan_of(town, is_new || !options.store_durability.empty());
  if (!plan) return fail(plan.error());
  if (is_new) {
    // By accident nobody takes part in a town of the same name.
    const auto join = options.name.empty() ? app::Join::no : app::Join::may;
    if (auto fit = app::check_place(*plan, join); !fit) return fail(fit.error());
    fs::create_directories(root, error);  // create_town() tells of it
    if (auto made = client::create_town(town.folder, town.settings); !made)
      return fail(made.error());
  }
  town.plan = std::move(*plan);
  return town;
}

/// What a program knows of a town on Redis lies with its user's other state: the lock, so that its
/// next process has the town at once, and the witness.
Result<fs::path> state_folder(const std::string& name, const net::RedisAddress& address) {
  const auto registry = client::registry_path();
  if (!registry)
    return bad("there is no home to remember in what Redis has acknowledged: give a folder");
  auto folder = registry->parent_path() / "redis" /
                (name + "-" + sha256_hex(place_of(address)).substr(0, 16));
  const auto dir = client::TownFolder(folder).dir();
  std::error_code error;
  fs::create_directories(dir, error);
  if (!error) fs::permissions(dir, fs::perms::owner_all, error);
  if (error) return fail(os_error(error.value(), "make " + dir.string() + " (or give a folder)"));
  return folder;
}

Result<ChosenTown> by_url(const v1::OpenOptions& options) {
  if (options.name.empty()) return bad("a town on Redis without a folder needs its name");
  const auto address = net::read_redis_url(options.store);
  if (!address) return fail(address.error());
  auto state = state_folder(options.name, *address);
  if (!state) return fail(state.error());
  ChosenTown town{.root = {}, .folder = client::TownFolder(*state), .settings = {}, .plan = {}};
  town.settings.name = options.name;
  apply(options, town.settings);
  auto& file = town.settings.store.password_file;
  if (!file.empty()) file = fs::absolute(file).string();
  auto plan = plan_of(town, true);
  if (!plan) return fail(plan.error());
  town.plan = std::move(*plan);
  return town;
}

}  // namespace

Result<ChosenTown> choose_town(const v1::OpenOptions& options) {
  if (!options.name.empty()) {
    if (auto good = check_name(options.name); !good)
      return fail(good.error().during("the town's name"));
  }
  if (auto good = check(options); !good) return fail(good.error());
  if (!options.folder.empty()) return in_folder(options);
  if (!options.store.empty()) return by_url(options);
  ChosenTown town{.root = {}, .folder = client::TownFolder(""), .settings = {}, .plan = {}};
  town.settings.name = options.name.empty() ? "unnamed" : options.name;
  return town;
}

}  // namespace reeve::library
