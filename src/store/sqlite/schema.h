#pragma once

#include <string>

#include "base/error.h"
#include "store/sqlite/connection.h"
#include "store/store.h"

namespace reeve::store::sqlite {

/// The version this program writes (PRAGMA user_version).
int schema_version();

/// Settings of a connection, to be made before anything else. The same for every baseline of
/// bench/.
Status configure(Connection& db, Durability durability, bool read_only);

/// Brings the file to this program's version, each step in its own transaction; a new file gets all
/// of them. unsupported: written by a newer program, or not a town's store at all.
Status migrate(Connection& db, const std::string& path);
/// For a reader that may not write: says unsupported also of an older version.
Status check_version(Connection& db, const std::string& path);

}  // namespace reeve::store::sqlite
