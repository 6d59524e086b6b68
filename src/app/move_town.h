#pragma once

#include <boost/describe.hpp>

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "app/open_store.h"
#include "client/town_folder.h"
#include "store/portable.h"

/// A town moved from one store to another.
namespace reeve::app {

struct MoveRequest {
  std::string to;          ///< as store.url says it: docs/configuration.md
  std::string durability;  ///< empty: as before
  std::string password_env;
  std::string password_file;
  bool settings_asserted = false;
  bool replace = false;  ///< a town that is there already is kept aside
  bool dry_run = false;  ///< nothing is copied
};

struct MoveReport {
  bool done = false;
  std::string from;  ///< without passwords
  std::string to;
  std::string log;                            ///< the log's id, which goes with it
  std::map<std::string, std::uint64_t> rows;  ///< by what they are
  std::string digest;                         ///< of both sides
  std::string kept_in;                        ///< where the old store is now
  bool followed = false;  ///< it was there already, whole: only the settings were left to change
};
BOOST_DESCRIBE_STRUCT(MoveReport, (), (done, from, to, log, rows, digest, kept_in, followed))

/// What is done now, and how many rows of it are behind us.
using MoveProgress = std::function<void(std::string_view doing, std::uint64_t rows)>;

/// Copies the town, compares both sides, and has the settings name the new one: in this order, so
/// that whenever it is cut off the town is where it was, or where it goes, and the same call goes
/// on to the end. On Redis the old side is marked before the new one is the town: whoever may have
/// changed it meanwhile is found out then, and nobody can later. Blocks; nobody serves the town
/// meanwhile.
///
/// conflict: a daemon serves it, the new store has a town, or is the old one; the text says what to
/// do. corrupt: the sides differ. Else what either store says.
Result<MoveReport> move_town(const client::TownFolder& folder, const MoveRequest& request,
                             const MoveProgress& progress);

}  // namespace reeve::app
