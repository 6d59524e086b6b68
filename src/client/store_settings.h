#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/time.h"

/// Where a town's store is: [store] of its settings. docs/configuration.md, docs/redis.md.
namespace reeve::client {

struct StoreSettings {
  /// "sqlite": .reeve/town.db; "sqlite:PATH"; or a Redis' URL (net/redis_url.h).
  std::string url = "sqlite";
  std::string password_env;   ///< the variable that holds Redis' password; empty: the URL has it
  std::string password_file;  ///< the file (0600) that holds it
  /// Redis does not let us look at its settings, and a person says that they give the durability.
  bool settings_asserted = false;
  std::uint64_t replicas = 0;  ///< that must have a commit
  Duration replica_timeout = std::chrono::seconds(1);

  [[nodiscard]] bool is_sqlite() const;
  /// As shown to people: without a password.
  [[nodiscard]] std::string display() const;
};

/// The [store] of a town's settings, or what holds without one. invalid_argument: a wrong type or
/// value; the text names the key, and never holds what may be a password.
Result<StoreSettings> read_store(const toml::table& settings);
/// invalid_argument: nothing that store.url may say.
Status check_store_url(std::string_view url);
/// The URL without what may be a password, for display.
std::string redacted_store_url(std::string_view url);

}  // namespace reeve::client
