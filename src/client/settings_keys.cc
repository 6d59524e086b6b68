#include "client/settings_keys.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/json.h"
#include "base/near_names.h"
#include "client/settings_file.h"
#include "client/store_settings.h"
#include "net/redis_url.h"

namespace reeve::client {
namespace {

constexpr std::array<std::string_view, 4> kSurvives{"disk", "os", "everysec", "memory"};
constexpr std::array<std::string_view, 3> kKeeps{"disabled", "compacted", "full_fidelity"};

using enum SettingKind;
constexpr std::array kKeys{
    SettingKey{"name", text, "", "The town's name"},
    SettingKey{"default_cli", text, "claude",
               "The CLI of agents that name none: a preset or a command"},
    SettingKey{"durability", choice, "disk",
               "What an acknowledged change survives: a power cut, a killed daemon, or nothing",
               kSurvives},
    SettingKey{"store.url", text, "sqlite",
               "Where the town is kept: sqlite, sqlite:PATH, or redis://, rediss://, unix://"},
    SettingKey{"store.password_env", text, "", "The variable that holds Redis' password"},
    SettingKey{"store.password_file", text, "", "The file (0600) that holds it"},
    SettingKey{"store.settings_asserted", flag, "false",
               "Redis' settings cannot be looked at, and give the durability all the same"},
    SettingKey{"store.replicas", number, "0", "Replicas of Redis that must have a commit"},
    SettingKey{"store.replica_timeout", duration, "1s", "How long a commit waits for them"},
    SettingKey{"runs.durability", choice, "compacted", "What the log keeps of runs that do not say",
               kKeeps},
    SettingKey{"agents.silence", duration, "10m",
               "Without output for this long an event tells of a round"},
    SettingKey{"agents.stop_on_silence", flag, "false", "... and the round is stopped"},
    SettingKey{"agents.round_limit", duration, "", "Wall time of one round"},
    SettingKey{"agents.rounds", number, "", "Rounds that an agent may have"},
    SettingKey{"agents.failures", number, "5",
               "Failed rounds in a row after which an agent needs a person"},
    SettingKey{"agents.max_tokens", number, "", "Tokens that an agent may use"},
    SettingKey{"agents.max_cost", amount, "", "US dollars that an agent may cost"},
    SettingKey{"agents.idle", duration, "", "An agent with nothing to do for this long is stopped"},
    SettingKey{"agents.claims", flag, "false",
               "Agents take what fits their role from the backlog by themselves"},
    SettingKey{"retention.max_age", duration, "", "Older events go"},
    SettingKey{"retention.max_size", size, "", "The oldest events go when there are more bytes"},
    SettingKey{"retention.max_events", number, "", "The oldest events go when there are more"},
    SettingKey{"retention.keep_events", number, "1000", "So many of the newest stay in any case"},
    SettingKey{"mirror.redis", text, "",
               "The Redis in which tinytown (tt) sees the town: redis://..., rediss://, unix://"},
    SettingKey{"mirror.enabled", flag, "true", "... and whether it does now"},
};

/// Tables that are read by somebody else, whole.
bool in_free_table(std::string_view key) {
  return key.starts_with("providers.") || key == "retention.prune";
}

struct Leaf {
  const toml::node* node = nullptr;
  std::int64_t line = 0;
};

void collect(const toml::table& table, const std::string& prefix,
             std::vector<std::pair<std::string, Leaf>>& leaves) {
  for (const auto& [name, node] : table) {
    const auto key = prefix + std::string(name.str());
    if (const auto* inner = node.as_table()) {
      collect(*inner, key + ".", leaves);
    } else {
      leaves.emplace_back(key, Leaf{&node, name.source().begin.line});
    }
  }
}

std::string bare(const toml::node& node) {
  const auto value = json_of(node);
  return value.is_string() ? std::string(value.get_string()) : write_json(value);
}

/// Headers are where a key may stand.
bool may_be_secret(std::string_view key) { return key.contains(".headers."); }

/// A URL is shown without its password.
std::string shown(std::string_view key, const toml::node& node) {
  if (key == "store.url") return redacted_store_url(bare(node));
  return key == "mirror.redis" ? net::redacted_redis_url(bare(node)) : bare(node);
}

}  // namespace

std::span<const SettingKey> setting_keys() { return kKeys; }

const SettingKey* find_setting(std::string_view key) {
  const auto* found = std::ranges::find(kKeys, key, &SettingKey::key);
  return found == kKeys.end() ? nullptr : found;
}

bool is_setting(std::string_view key) { return find_setting(key) != nullptr || in_free_table(key); }

Error no_such_setting(std::string_view key) {
  std::vector<std::string> names;
  for (const auto& known : kKeys) names.emplace_back(known.key);
  std::string hint;
  for (const auto& near : near_names(key, names))
    hint += (hint.empty() ? "; did you mean " : " or ") + near;
  // A key without its table.
  for (const auto& name : names) {
    if (hint.empty() && name.ends_with("." + std::string(key))) hint = "; did you mean " + name;
  }
  return {Errc::not_found, "there is no setting " + std::string(key) +
                               (hint.empty() ? " (reeve config lists them)" : hint + "?")};
}

Result<std::vector<SettingView>> view_settings(std::string_view text, const std::string& path) {
  const auto table = parse_toml(text, path);
  if (!table) return fail(table.error());
  std::vector<std::pair<std::string, Leaf>> leaves;
  collect(*table, "", leaves);
  std::ranges::sort(leaves, {}, [](const auto& leaf) {
    return std::pair<std::int64_t, const std::string&>(leaf.second.line, leaf.first);
  });
  std::vector<SettingView> views;
  for (const auto& known : kKeys) {
    SettingView view{std::string(known.key), std::string(known.standard), "default", std::nullopt,
                     std::string(known.help)};
    const auto said = std::ranges::find(leaves, view.key, &std::pair<std::string, Leaf>::first);
    if (said != leaves.end()) {
      view.value = shown(view.key, *said->second.node);
      view.source = "town.toml";
      view.line = said->second.line;
    }
    views.push_back(std::move(view));
  }
  for (const auto& [key, leaf] : leaves) {
    if (find_setting(key) != nullptr) continue;
    SettingView view{key, may_be_secret(key) ? "(set)" : bare(*leaf.node), "town.toml", leaf.line,
                     ""};
    if (!in_free_table(key)) {
      view.source = "unknown";
      view.help = no_such_setting(key).message();
    }
    views.push_back(std::move(view));
  }
  return views;
}

std::vector<SettingView> unknown_settings(std::span<const SettingView> settings) {
  std::vector<SettingView> unknown;
  for (const auto& setting : settings) {
    if (setting.source == "unknown") unknown.push_back(setting);
  }
  return unknown;
}

}  // namespace reeve::client
