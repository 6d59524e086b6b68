#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"
#include "client/town_folder.h"

namespace reeve::client {

/// The right to be a town's one keeper: a lock file with the keeper's process number in it, held
/// for life; or, where it is no keeper, what it is held for. The daemon, which the keeper forks,
/// lets go of its copy and may outlive the keeper.
class KeeperLock {
 public:
  /// conflict: another keeper has it. One that pauses before its next restart is woken for it.
  /// unavailable: it is held for something else; the text says for what.
  static Result<KeeperLock> take(const TownFolder& folder);
  /// For a command that nobody may start a daemon beside. `what` tells others: "it is being moved".
  static Result<KeeperLock> take(const TownFolder& folder, std::string_view what);

  /// In a forked child: the lock stays its parent's.
  void let_go() { file_.reset(); }

 private:
  explicit KeeperLock(Fd file) : file_(std::move(file)) {}
  static Result<KeeperLock> take_as(const TownFolder& folder, const std::string& text);
  Fd file_;
};

/// Whether the town has a keeper: a daemon that is away comes back then.
bool is_kept(const TownFolder& folder);

/// Asks a keeper, and through it its daemon, to end; also one that pauses between two daemons.
/// False: there is none.
bool end_keeper(const TownFolder& folder);

}  // namespace reeve::client
