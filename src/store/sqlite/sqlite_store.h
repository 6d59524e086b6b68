#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <string>

#include "base/env.h"
#include "store/store.h"

namespace reeve::store {

struct SqliteOptions {
  std::string path;  ///< the database; `path`.lock, -wal and -shm lie beside it
  /// disk: WAL with synchronous=FULL. os: synchronous=NORMAL: a power cut may lose the last
  /// commits, the file stays good. memory: synchronous=OFF: a power cut may lose the file.
  Durability durability = Durability::disk;
  bool read_only = false;        ///< no lock, no writing; the file must be there
  std::string opened_by;         ///< what others are told who find it open; empty: a daemon
  std::string vfs;               ///< for tests: the name of a registered sqlite3_vfs
  std::size_t group_cap = 1024;  ///< commits in one transaction
  std::size_t readers = 2;       ///< threads that read
  /// Pages (4 KiB) in the write-ahead log at which it is copied back into the database.
  int checkpoint_pages = 4'000;
};

/// Opens a town's store, or makes a new one. Blocks, so before the loop runs: the newest events
/// that the scope index does not cover yet are read.
///
/// conflict: another process has it open; the text names it. unsupported: the file is of a newer
/// version, or not a store. corrupt, denied, read_only, storage_full, unavailable: as they say.
Result<std::unique_ptr<Store>> open_sqlite(Env& env, boost::asio::any_io_executor executor,
                                           SqliteOptions options);

}  // namespace reeve::store
