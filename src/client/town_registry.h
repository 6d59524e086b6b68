#pragma once

#include <boost/describe.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

/// The towns of this user: a file beside no town, so that `reeve towns` finds them all. A hint for
/// people, nothing that a town stands on.
namespace reeve::client {

struct KnownTown {
  std::string name;
  std::string root;
  bool operator==(const KnownTown&) const = default;
};
BOOST_DESCRIBE_STRUCT(KnownTown, (), (name, root))

/// $XDG_STATE_HOME/reeve/towns.json, or that of ~/.local/state. Empty: there is no home.
std::optional<std::filesystem::path> registry_path();

/// The one that was used last comes first. Without a file there are none. corrupt: it is no list.
Result<std::vector<KnownTown>> known_towns(const std::filesystem::path& registry);
/// Puts a town in front. More than some hundred are not kept: those whose folder is gone go first,
/// then those used longest ago. A file that cannot be read is begun anew. timeout: another process
/// holds it.
Status remember_town(const std::filesystem::path& registry, KnownTown town);
/// Drops those whose folder is gone, and answers them.
Result<std::vector<KnownTown>> forget_missing(const std::filesystem::path& registry);
/// Whether there is a town at its root still.
bool is_there(const KnownTown& town);

}  // namespace reeve::client
