#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "doors/tinytown/forms.h"
#include "model/import_api.h"

/// A town of tinytown's as one of ours. Pure.
namespace reeve::doors::tinytown {

/// What stands in Redis, as it was read.
struct TtTown {
  std::string name;
  std::vector<TtAgent> agents;
  std::vector<TtTask> tasks;
  /// Messages as texts, in the order of the lists: from the head.
  std::map<AgentId, std::vector<std::string>> inbox;
  std::map<AgentId, std::vector<std::string>> urgent;
  std::vector<std::string> backlog;  ///< task ids, from the head
  /// The entries of the town's stream: id, and the field data.
  std::vector<std::pair<std::string, std::string>> events;
  std::int64_t missions = 0;       ///< keys of missions, which stay where they are
  std::vector<std::string> notes;  ///< what could not be read
};

struct TakeOver {
  /// Commands of its own that tinytown.toml gives names to ([agent_clis]).
  std::map<std::string, std::string> clis;
  AgentLimits limits;  ///< of agents, which tinytown does not have
  bool cold = false;   ///< agents take no work until somebody restarts them
};

/// Agents, tasks, messages and events, with notes on what is not as it was. What was drained from
/// an inbox and not finished, which tinytown forgets, comes again: an open task always waits in its
/// agent's inbox or in the backlog.
struct TakenOver {
  api::ImportRequest all;
  std::vector<std::string> notes;
};
TakenOver take_over(const TtTown& town, const TakeOver& how);

/// In parts that one commit takes (town/import.h), to be sent in this order.
std::vector<api::ImportRequest> parts_of(api::ImportRequest all);

/// A command as tinytown runs it, by a shell, as one that we run, by its words.
std::string our_cli(const std::string& cli);

}  // namespace reeve::doors::tinytown
