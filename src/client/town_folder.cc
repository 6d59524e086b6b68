#include "client/town_folder.h"

#include <sys/stat.h>

#include <toml++/toml.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>

#include "base/limits.h"
#include "client/agent_settings.h"
#include "client/mirror_settings.h"
#include "client/retention_settings.h"
#include "client/settings_file.h"
#include "model/agent.h"

namespace reeve::client {
namespace fs = std::filesystem;

Result<TownFolder> find_town(const fs::path& from) {
  std::error_code error;
  for (auto at = fs::absolute(from, error).lexically_normal();; at = at.parent_path()) {
    if (fs::exists(TownFolder(at).settings(), error)) return TownFolder(at);
    if (at == at.parent_path()) break;
  }
  return fail(Errc::not_found,
              "no town here or in any folder above " + from.string() + ": `reeve init` makes one");
}

Result<TownSettings> read_settings(const TownFolder& folder) {
  auto text = read_small_file(folder.settings());
  if (!text) return fail(text.error());
  return parse_settings(*text, folder.settings().string());
}

Result<TownSettings> parse_settings(std::string_view all, const std::string& path) {
  auto parsed = parse_toml(all, path);
  if (!parsed) return fail(parsed.error());
  const auto& table = *parsed;
  TownSettings settings;
  const std::array<std::pair<const char*, std::string*>, 3> keys{
      {{"name", &settings.name},
       {"default_cli", &settings.default_cli},
       {"durability", &settings.durability}}};
  for (const auto& [key, target] : keys) {
    const auto* node = table.get(key);
    if (node == nullptr) continue;
    const auto text = node->value_exact<std::string>();
    if (!text)
      return fail(Errc::invalid_argument, path + ": " + key + ": expected a text in quotes");
    *target = *text;
  }
  if (auto named = check_name(settings.name); !named)
    return fail(named.error().during(path + ": name"));
  if (const auto* node = table.get("runs")) {
    const auto* runs = node->as_table();
    const auto text = runs != nullptr ? (*runs)["durability"].value<std::string>() : std::nullopt;
    const auto durability = text ? enum_from_name<Durability>(*text) : std::nullopt;
    if (runs == nullptr || (runs->contains("durability") && !durability)) {
      return fail(Errc::invalid_argument,
                  path + ": [runs] durability is disabled, compacted or full_fidelity, in quotes");
    }
    if (durability) settings.runs = *durability;
  }
  if (const auto* providers = table.get("providers")) {
    if (!providers->is_table())
      return fail(Errc::invalid_argument, path + ": providers: expected tables");
    settings.providers = json_of(*providers).get_object();
  }
  auto store = read_store(table);
  if (!store) return fail(store.error().during(path));
  settings.store = std::move(*store);
  auto retention = read_retention(table);
  if (!retention) return fail(retention.error().during(path));
  settings.retention = std::move(*retention);
  if (auto read = read_mirror(table, settings.mirror); !read)
    return fail(read.error().during(path));
  if (auto read = read_agents(table, settings.limits, settings.claims); !read)
    return fail(read.error().during(path));
  return settings;
}

namespace {

/// What is not as it would be without being said.
toml::table table_of(const StoreSettings& store) {
  toml::table table;
  table.insert("url", store.url);
  if (!store.password_env.empty()) table.insert("password_env", store.password_env);
  if (!store.password_file.empty()) table.insert("password_file", store.password_file);
  if (store.settings_asserted) table.insert("settings_asserted", true);
  return table;
}

}  // namespace

Status create_town(const TownFolder& folder, const TownSettings& settings) {
  if (auto named = check_name(settings.name); !named) return named;
  const auto dir = folder.dir();
  if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(os_error(errno, "make " + dir.string()));
  std::error_code error;
  if (fs::exists(folder.settings(), error)) {
    return fail(Errc::conflict, "there is a town in " + folder.root().string() + " already");
  }
  fs::create_directory(folder.rounds(), error);
  if (error) return fail(os_error(error.value(), "make " + folder.rounds().string()));
  fs::permissions(folder.rounds(), fs::perms::owner_all, error);

  toml::table table;
  table.insert("name", settings.name);
  table.insert("default_cli", settings.default_cli);
  table.insert("durability", settings.durability);
  if (settings.store.url != StoreSettings().url) table.insert("store", table_of(settings.store));
  if (auto mirror = mirror_table(settings.mirror); !mirror.empty())
    table.insert("mirror", std::move(mirror));
  std::ostringstream text;
  text << "# This town's settings; a running daemon reads them when it is started anew (reeve "
          "stop).\n# All that can be set: reeve config, docs/configuration.md\n"
       << table << "\n# What is kept of the log, by default all of it: docs/retention.md\n"
       << "# [retention]\n# max_age = \"90d\"\n";
  if (auto written = replace_file(folder.settings(), text.str()); !written) return written;
  // What is below is nobody's source code.
  std::ofstream(dir / ".gitignore") << "*\n";
  return {};
}

namespace {

/// The checked-out branch, read from .git/HEAD; empty for a detached head, or outside a repository.
std::string branch_of(const fs::path& root) {
  std::ifstream head(root / ".git" / "HEAD");
  std::string line;
  std::getline(head, line);
  constexpr std::string_view kPrefix = "ref: refs/heads/";
  return line.starts_with(kPrefix) ? line.substr(kPrefix.size()) : std::string();
}

}  // namespace

std::string suggest_name(const fs::path& root) {
  auto name = root.filename().string();
  if (const auto branch = branch_of(root); !branch.empty()) name += "-" + branch;
  for (auto& c : name) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '.';
    if (!fits) c = '-';
  }
  name.erase(0, name.find_first_not_of("-_."));
  name.resize(std::min(name.size(), limits::kName));
  return check_name(name) ? name : "reeve-town";
}

}  // namespace reeve::client
