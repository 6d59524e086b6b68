#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "base/time.h"
#include "client/town_folder.h"

/// A town's store, set aside so that the town can begin anew (`reeve reset`).
///
/// One rename decides: as long as `.reeve/reset-pending` is not there the town is as it was, and
/// once it is there whoever comes next (the command, or a daemon that starts) goes on to the end.
/// Nobody else may have the store open.
namespace reeve::app {

/// Lies with what was set aside, as reset.json, until the new town's log has told of it.
struct AsideNote {
  std::string former_log;
  std::string kept_in;  ///< below the town's root
  /// Of a town on Redis: what begins anew is that generation, and the former one stays where it is.
  std::optional<std::uint64_t> generation;
  /// Where the store's file is, if it lies outside of `.reeve`: kept_database() is where it is
  /// kept.
  std::optional<std::string> database;
};
BOOST_DESCRIBE_STRUCT(AsideNote, (), (former_log, kept_in, generation, database))

/// A store's file that lies outside of `.reeve` is kept beside where it was, so that one rename
/// does it on whatever disk it is: "PATH.before-reset-TIME". `kept_in`: where the rest is kept.
std::string kept_database(const std::string& database, const std::filesystem::path& kept_in);

/// Makes that generation the town on Redis; may be done again.
using BeginGeneration = std::function<Status(std::uint64_t generation)>;

/// Decides, and does it. Answers where it is kept. `database`: of a town whose file lies outside of
/// `.reeve`.
Result<std::filesystem::path> set_aside(const client::TownFolder& folder,
                                        const std::string& former_log, Time now,
                                        std::optional<std::uint64_t> generation = {},
                                        const BeginGeneration& begin = {},
                                        std::optional<std::string> database = {});
/// Only decides.
Status decide_aside(const client::TownFolder& folder, const std::string& former_log, Time now,
                    std::optional<std::uint64_t> generation = {},
                    std::optional<std::string> database = {});
[[nodiscard]] bool is_pending(const client::TownFolder& folder);
/// Goes on with what was decided and not done; answers where it is kept. Empty: there was nothing.
/// conflict: a file that lies outside of `.reeve` is not where it was.
Result<std::optional<std::filesystem::path>> finish_aside(const client::TownFolder& folder,
                                                          const BeginGeneration& begin = {});

/// What a new log is to tell of; empty: nothing.
std::optional<AsideNote> note_to_tell(const client::TownFolder& folder);
/// It has told.
void forget_note(const client::TownFolder& folder, const AsideNote& note);

}  // namespace reeve::app
