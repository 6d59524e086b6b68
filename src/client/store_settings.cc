#include "client/store_settings.h"

#include "client/settings_values.h"
#include "net/redis_url.h"

namespace reeve::client {
namespace {

constexpr std::string_view kSqlite = "sqlite";

bool names_sqlite(std::string_view url) { return url == kSqlite || url.starts_with("sqlite:"); }

Status read_text(const toml::table& table, std::string_view key, std::string& out) {
  const auto* node = table.get(key);
  if (node == nullptr) return {};
  const auto text = node->value_exact<std::string>();
  if (!text) return expected(key, "a text in quotes");
  out = *text;
  return {};
}

Status read(const toml::table& table, StoreSettings& store) {
  std::optional<bool> asserted;
  std::optional<std::uint64_t> replicas;
  std::optional<Duration> timeout;
  for (const auto& read :
       {read_text(table, "url", store.url), read_text(table, "password_env", store.password_env),
        read_text(table, "password_file", store.password_file),
        read_flag(table, "settings_asserted", asserted), read_number(table, "replicas", replicas),
        read_duration(table, "replica_timeout", timeout)}) {
    if (!read) return read;
  }
  if (auto good = check_store_url(store.url); !good) return fail(good.error().during("url"));
  if (!store.password_env.empty() && !store.password_file.empty())
    return fail(Errc::invalid_argument, "one of password_env and password_file, not both");
  store.settings_asserted = asserted.value_or(store.settings_asserted);
  store.replicas = replicas.value_or(store.replicas);
  store.replica_timeout = timeout.value_or(store.replica_timeout);
  if (store.replicas > 100) return expected("replicas", "a number of at most 100");
  if (store.replica_timeout <= Duration(0))
    return expected("replica_timeout", "a time of more than 0");
  return {};
}

}  // namespace

bool StoreSettings::is_sqlite() const { return names_sqlite(url); }
std::string StoreSettings::display() const { return redacted_store_url(url); }

Result<StoreSettings> read_store(const toml::table& settings) {
  StoreSettings store;
  const auto* node = settings.get("store");
  if (node == nullptr) return store;
  const auto* table = node->as_table();
  if (table == nullptr) return fail(Errc::invalid_argument, "store: expected a table");
  if (auto done = read(*table, store); !done) return fail(done.error().during("store"));
  return store;
}

Status check_store_url(std::string_view url) {
  if (names_sqlite(url)) {
    if (url == "sqlite:")
      return fail(Errc::invalid_argument, "sqlite: wants a path behind it, sqlite alone none");
    return {};
  }
  if (const auto address = net::read_redis_url(url); !address) {
    return fail(Errc::invalid_argument,
                address.error().message() + "; or sqlite, for a file of the town's own");
  }
  return {};
}

std::string redacted_store_url(std::string_view url) {
  return names_sqlite(url) ? std::string(url) : net::redacted_redis_url(url);
}

}  // namespace reeve::client
