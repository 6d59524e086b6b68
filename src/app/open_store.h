#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/env.h"
#include "client/town_folder.h"
#include "store/redis/redis_store.h"
#include "store/sqlite/lock_file.h"
#include "store/sqlite/sqlite_store.h"
#include "store/store.h"

/// How every part of the program, and libreeve, opens a town's store.
namespace reeve::app {

using aio::Async;

/// Who opens a store: what others are told of it, and what it is told itself, depends on that.
enum class Opener {
  daemon,   ///< ... and a command that stands in for one
  program,  ///< through libreeve, for itself alone
};

/// Where a town's store is and how it is opened, as its settings say.
struct StorePlan {
  std::variant<store::SqliteOptions, store::RedisOptions> how;
  std::string town;     ///< its name
  std::string display;  ///< for people: without a password
  Opener opener = Opener::daemon;

  [[nodiscard]] const store::RedisOptions* redis() const {
    return std::get_if<store::RedisOptions>(&how);
  }
  [[nodiscard]] const store::SqliteOptions* sqlite() const {
    return std::get_if<store::SqliteOptions>(&how);
  }
};
/// The Redis where tinytown sees the town too, unless the settings say otherwise; nothing: the
/// store is a file, or a cluster, where its keys have no common slot.
inline std::optional<net::RedisAddress> redis_of(const StorePlan& plan) {
  if (plan.redis() == nullptr || plan.redis()->address.cluster) return std::nullopt;
  return plan.redis()->address;
}
/// invalid_argument: settings that do not go together (the text begins with `said_in`, by default
/// the settings' file); not_found, denied: the password is not where they say. No text holds a
/// password.
Result<StorePlan> plan_store(const client::TownFolder& folder, const client::TownSettings& settings,
                             std::string said_in = {});

/// A town's store, and that this folder has it: whoever opens it again from here is refused as long
/// as this lives.
struct OpenedStore {
  std::optional<store::sqlite::LockFile> lock;  ///< on Redis
  std::string holder;                           ///< on Redis: RedisOptions::holder
  std::unique_ptr<store::Store> store;
};
/// Opens it, or makes a new one. On Redis it is held by one folder on one machine at a time;
/// `on_lost` is told when somebody else has taken it. A town that was moved from there is
/// unavailable, unless it is opened `for_move`: to go on with that.
///
/// Somebody else has it, and the text says who and what to do: conflict for a program. For a daemon
/// that is conflict only where another daemon has it from this folder, which is as good for whoever
/// wanted one; else (a daemon elsewhere, a program) it is unavailable. Else what open_sqlite() and
/// open_redis() say; unavailable: the store is away.
Async<Result<OpenedStore>> open_store(Env& env, boost::asio::any_io_executor executor,
                                      client::TownFolder folder, StorePlan plan,
                                      std::function<void(Error)> on_lost = {},
                                      bool for_move = false);

/// The newest generation on Redis that this folder remembers anything of; 0: of none.
std::uint64_t remembered_generation(const client::TownFolder& folder);

/// A reset's last step on Redis: what begins anew there is that generation (store/redis/place.h).
/// conflict: a daemon elsewhere runs the former one.
Async<Status> begin_generation(Env& env, boost::asio::any_io_executor executor, StorePlan plan,
                               std::uint64_t generation);

/// What this folder remembers of Redis (RedisOptions::witness) is of another store from now on.
void forget_witnesses(const client::TownFolder& folder);

/// Who opens a store from a folder, for people: "HOST, process PID, since TIME".
std::string holder_text(Time now, Opener opener = Opener::daemon);

/// Why a store that is somebody else's cannot be opened: `why` with what to do about it. `here`:
/// it is open from this folder, `by` whom (empty: a daemon).
Error refusal(Opener opener, const Error& why, bool here, std::string_view by);

}  // namespace reeve::app
