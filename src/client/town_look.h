#pragma once

#include <boost/describe.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/town_folder.h"
#include "client/town_registry.h"
#include "model/api.h"

/// Towns looked at from outside: nothing is started, and nobody is waited for for long.
namespace reeve::client {

enum class TownState {
  running,
  stopped,       ///< no daemon; the next command starts one
  no_answer,     ///< a daemon that does not answer in time, or not to us
  path_missing,  ///< its folder is gone
};
BOOST_DESCRIBE_ENUM(TownState, running, stopped, no_answer, path_missing)

struct TownLook {
  std::string name;
  std::string root;
  TownState state = TownState::stopped;
  std::optional<std::int64_t> pid;
  std::optional<std::int64_t> agents;   ///< where it runs: those that are not stopped
  std::optional<std::int64_t> working;  ///< of these
  std::string problem;
};
BOOST_DESCRIBE_STRUCT(TownLook, (), (name, root, state, pid, agents, working, problem))

/// A running town's view. unavailable: no daemon listens; timeout and others: what BlockingClient
/// says.
Result<api::TownView> ask_running(const TownFolder& folder, std::chrono::milliseconds timeout);
/// Each in its place. `timeout`: for each; many are asked at a time.
std::vector<TownLook> look_at(const std::vector<KnownTown>& towns,
                              std::chrono::milliseconds timeout);

}  // namespace reeve::client
