#pragma once

#include "base/error.h"
#include "base/fd.h"
#include "client/town_folder.h"

namespace reeve::client {

/// The right to be a town's one keeper: a lock file with the keeper's process number in it, held
/// for life. The daemon, which the keeper forks, lets go of its copy and may outlive the keeper.
class KeeperLock {
 public:
  /// conflict: another keeper has it. One that pauses before its next restart is woken for it.
  static Result<KeeperLock> take(const TownFolder& folder);

  /// In a forked child: the lock stays its parent's.
  void let_go() { file_.reset(); }

 private:
  explicit KeeperLock(Fd file) : file_(std::move(file)) {}
  Fd file_;
};

/// Whether the town has a keeper: a daemon that is away comes back then.
bool is_kept(const TownFolder& folder);

/// Asks a keeper, and through it its daemon, to end; also one that pauses between two daemons.
/// False: there is none.
bool end_keeper(const TownFolder& folder);

}  // namespace reeve::client
