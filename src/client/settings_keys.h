#pragma once

#include <boost/describe.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

/// All that a town's settings may say: docs/configuration.md.
namespace reeve::client {

enum class SettingKind { text, choice, flag, number, amount, duration, size };

struct SettingKey {
  std::string_view key;  ///< "agents.silence": the table's name before the dot
  SettingKind kind = SettingKind::text;
  std::string_view standard;  ///< what holds without it; "": nothing
  std::string_view help;
  std::span<const std::string_view> choices = {};
};

/// Those with a name of their own, in the order in which they are shown. Beside them there are the
/// tables [providers.NAME] and [[retention.prune]].
std::span<const SettingKey> setting_keys();
/// Null: there is none of that name.
const SettingKey* find_setting(std::string_view key);
/// Whether something of that name is read at all: a known one, or a provider's.
bool is_setting(std::string_view key);
/// Why there is no such setting, with near names.
Error no_such_setting(std::string_view key);

/// A setting as it stands.
struct SettingView {
  std::string key;
  std::string value;   ///< as it would be written, without quotes
  std::string source;  ///< "default", "town.toml", or "unknown": it stands there in vain
  std::optional<std::int64_t> line;  ///< in town.toml
  std::string help;
};
BOOST_DESCRIBE_STRUCT(SettingView, (), (key, value, source, line, help))

/// What `text` says: the known settings with their defaults, then providers and what else stands
/// there. What may be a secret is not shown. invalid_argument: no TOML.
Result<std::vector<SettingView>> view_settings(std::string_view text, const std::string& path);
/// Of these, what no one reads: a slip, or of another version.
std::vector<SettingView> unknown_settings(std::span<const SettingView> settings);

}  // namespace reeve::client
