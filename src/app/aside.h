#pragma once

#include <filesystem>
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
};
BOOST_DESCRIBE_STRUCT(AsideNote, (), (former_log, kept_in))

/// Decides, and does it. Answers where it is kept.
Result<std::filesystem::path> set_aside(const client::TownFolder& folder,
                                        const std::string& former_log, Time now);
/// Only decides.
Status decide_aside(const client::TownFolder& folder, const std::string& former_log, Time now);
[[nodiscard]] bool is_pending(const client::TownFolder& folder);
/// Goes on with what was decided and not done; answers where it is kept. Empty: there was nothing.
Result<std::optional<std::filesystem::path>> finish_aside(const client::TownFolder& folder);

/// What a new log is to tell of; empty: nothing.
std::optional<AsideNote> note_to_tell(const client::TownFolder& folder);
/// It has told.
void forget_note(const client::TownFolder& folder, const AsideNote& note);

}  // namespace reeve::app
