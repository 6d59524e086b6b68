#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "client/client.h"
#include "evidence.h"

/// What a town says, and what lies in its folder, once nobody kills any more.
namespace reeve::crash {

/// Takes down everything that the town shows: events, agents, tasks, inboxes, and what belongs
/// nowhere.
Finding question(client::Client& client, Evidence& evidence);
/// Among the children of the town's processes; waits a little for those that are about to be
/// reaped.
Finding look_for_zombies(const std::filesystem::path& root);
/// Whether SQLite finds it whole; nobody else has it open.
Finding look_at_database(const std::filesystem::path& path);
/// What rounds noted in that folder, by run.
std::map<std::string, RoundTrace> traces_in(const std::filesystem::path& side);

}  // namespace reeve::crash
