#pragma once

#include <span>
#include <string>
#include <vector>

#include "model/api.h"
#include "model/fold.h"

/// A fold as people and programs look at it. Pure.
namespace reeve {

/// Whether a document is about this: it is it, or names it. Everything is about the town.
bool is_about(const Agent& agent, const Scope& scope);
bool is_about(const Task& task, const Scope& scope);
bool is_about(const Message& message, const Scope& scope);
bool is_about(const Run& run, const Scope& scope);
bool is_about(const Thread& thread, const Scope& scope);
bool is_about(const ThreadMessage& message, const Scope& scope);
bool is_about(const Webhook& webhook, const Scope& scope);

/// What `reeve status` says of a town, as a fold has it. What a CLI does not honour is known of the
/// present only, and left out.
struct TownAt {
  api::TaskCounts tasks;
  std::vector<api::AgentView> agents;  ///< in order of their spawning
  std::int64_t supervisor_inbox = 0;
};
/// With another scope than the town's: only the agents and tasks that are about it.
TownAt town_at(const Fold& fold, const Scope& scope);

/// The documents that are about it, by kind and id; of kinds that this program does not know only
/// the whole town has any.
std::vector<FoldedDoc> documents_about(const Fold& fold, const Scope& scope);
/// A JSON array of `{"kind":...,"id":...,"body":{...}}`, without parsing the bodies.
std::string documents_json(std::span<const FoldedDoc> docs);

}  // namespace reeve
