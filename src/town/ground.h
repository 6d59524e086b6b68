#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "log/log.h"
#include "model/retention.h"
#include "run/draft.h"

/// What can be asked of a town stands in agents.h, tasks.h, backlog.h, messages.h, ...: one
/// function each, whether a command, a door, or an embedder asks.
///
/// Every function that changes something takes effect in one commit, and answers when that is
/// acknowledged. A decision stands beside its service as a pure function: decide_x(state, request)
/// -> facts. Errors of all: what Store::commit and Store::get say, beside those named there.
namespace reeve::town {

using aio::Async;
using run::Caller;

/// Whether a CLI is ready for work, with an agent's arguments and variables. Answers what may be
/// missing; unavailable: what certainly is, and how to mend it. May block, so it is called where it
/// may, and touches nothing of the town.
using Preflight = std::function<Result<std::optional<std::string>>(
    const std::string& cli, const std::vector<std::string>& args,
    const std::map<std::string, std::string>& variables)>;

/// What a service stands on. Everything in it outlives the services.
struct Ground {
  Env& env;
  log::Log& log;
  std::string town;         ///< its name
  std::string default_cli;  ///< for agents that name none
  RetentionPolicy retention = {};
  Durability runs = Durability::compacted;  ///< of agents that do not say
  AgentLimits limits = {};                  ///< the same
  bool claims = false;                      ///< the same
  Preflight preflight = {};                 ///< of new agents; empty: none
};

}  // namespace reeve::town
