#pragma once

#include <filesystem>
#include <optional>

#include "app/open_store.h"
#include "client/town_folder.h"
#include "reeve/town.hpp"

namespace reeve::library {

/// Which town is meant, and how its store is opened.
struct ChosenTown {
  std::filesystem::path root;          ///< of a town's folder; empty: it has none
  client::TownFolder folder;           ///< where its lock and its witness are, on Redis
  client::TownSettings settings;       ///< the folder's, with what the options say besides
  std::optional<app::StorePlan> plan;  ///< empty: in memory
};

/// A folder that is no town's becomes one. Blocks. invalid_argument: options that do not go
/// together; conflict: the folder's town is on another store, or one of a name that nobody gave is
/// there already. Else what the settings, plan_store() and check_place() say.
Result<ChosenTown> choose_town(const v1::OpenOptions& options);

}  // namespace reeve::library
