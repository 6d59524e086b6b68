#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "client/store_settings.h"
#include "event/normaliser.h"
#include "model/agent.h"
#include "model/retention.h"

/// A town's folder: what lies where below its root. docs/formats/town_folder.md.
namespace reeve::client {

class TownFolder {
 public:
  explicit TownFolder(std::filesystem::path root) : root_(std::move(root)) {}

  [[nodiscard]] const std::filesystem::path& root() const { return root_; }
  [[nodiscard]] std::filesystem::path dir() const { return root_ / ".reeve"; }
  [[nodiscard]] std::filesystem::path settings() const { return dir() / "town.toml"; }
  [[nodiscard]] std::filesystem::path database() const { return dir() / "town.db"; }
  /// Of a town on Redis: locked by whoever has it open here.
  [[nodiscard]] std::filesystem::path town_lock() const { return dir() / "town.lock"; }
  [[nodiscard]] std::filesystem::path socket() const { return dir() / "daemon.sock"; }
  [[nodiscard]] std::filesystem::path keeper_lock() const { return dir() / "keeper.lock"; }
  [[nodiscard]] std::filesystem::path log() const { return dir() / "daemon.log"; }
  [[nodiscard]] std::filesystem::path rounds() const { return dir() / "rounds"; }

 private:
  std::filesystem::path root_;
};

/// The town that `from` lies in: the nearest folder upwards that holds one. not_found: none; the
/// text says how to make one.
Result<TownFolder> find_town(const std::filesystem::path& from);

/// [mirror]: the town in tinytown's keys of a Redis, docs/tinytown.md.
struct MirrorSettings {
  std::string redis;            ///< a URL; empty: where the store is, if that is a Redis
  std::optional<bool> enabled;  ///< empty: yes, where there is a Redis for it
};

/// What a person may set, in .reeve/town.toml.
struct TownSettings {
  std::string name;
  std::string default_cli = "claude";
  std::string durability = "disk";  ///< disk, os or memory; on Redis disk, everysec or memory
  StoreSettings store;              ///< [store]
  /// What the log keeps of runs that do not say: [runs] durability.
  Durability runs = Durability::compacted;
  AgentLimits limits;         ///< [agents], of those that do not say
  bool claims = false;        ///< the same: they take from the backlog
  json::object providers;     ///< [providers.NAME], as it stands there: docs/providers.md
  RetentionPolicy retention;  ///< [retention]; create_town() does not write it
  MirrorSettings mirror;      ///< [mirror]
};
/// invalid_argument: not TOML, or a wrong type; the text names the line or the key. Unknown keys
/// are passed over; `reeve config` and `reeve doctor` tell of them (client/settings_keys.h).
Result<TownSettings> read_settings(const TownFolder& folder);
/// The same of a file's text; `path` is for what is told.
Result<TownSettings> parse_settings(std::string_view text, const std::string& path);
/// Makes the folder (0700) with its settings (0600). conflict: there is a town already.
Status create_town(const TownFolder& folder, const TownSettings& settings);

/// A name for a town where none was given: the repository's and its branch's, or the folder's;
/// always one that check_name() takes.
std::string suggest_name(const std::filesystem::path& root);

}  // namespace reeve::client
