#pragma once

#include <memory>
#include <optional>

#include "base/env.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/lock_file.h"
#include "store/sqlite/sqlite_store.h"
#include "store/tail_index.h"

namespace reeve::store::sqlite {

/// A store's file, found fit to be used.
struct Opened {
  std::optional<LockFile> lock;  ///< nothing: for reading only
  std::unique_ptr<Connection> db;
  LogInfo log;
  TailIndex tail{Position()};
};

/// Locks, opens, migrates, decides whether the log goes on or a new one begins, and reads what the
/// scope index does not cover yet. Errors: open_sqlite().
Result<Opened> open_file(Env& env, const SqliteOptions& options);

}  // namespace reeve::store::sqlite
