#pragma once

#include <boost/describe.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/agent_event.h"
#include "event/compaction.h"
#include "event/event.h"

/// From what a driver tells (AgentEvent) to what the log keeps: docs/events.md has the table.
namespace reeve {

/// What the log keeps of a run. Facts of a life cycle are kept in every mode (G7); live delivery
/// does not depend on it.
enum class Durability { disabled, compacted, full_fidelity };
BOOST_DESCRIBE_ENUM(Durability, disabled, compacted, full_fidelity)

/// Whether the log keeps an event of that fidelity in that mode.
bool keeps(Durability mode, Fidelity fidelity);

/// An AgentEvent's name and weight in the log.
struct Normal {
  std::string_view kind;
  Fidelity fidelity;
};
/// The table, as far as it needs the event only; allocates nothing. RunStarted is told as the first
/// activation's.
Normal classify(const AgentEvent& event);
/// For a driver that watches a run whose life cycle is decided elsewhere (a CLI round): its
/// RunStarted and RunFinished are observations, since the facts are committed with the run's
/// document by whoever holds its lease.
Normal classify_watched(const AgentEvent& event);
/// False: that mode keeps nothing that the event can give, so it need not be normalised. Allocates
/// nothing. (A StateSnapshot is an observation, but the compactions seen in it are facts.)
bool may_keep(Durability mode, const AgentEvent& event);

/// What the normaliser remembers of a run; persisted with the run's progress.
struct RunSummary {
  std::uint64_t activations = 0;  ///< how often it was started: the first time, then resumed
  bool ended = false;             ///< it has its terminal fact. A suspension is no end
  std::uint64_t facts = 0;        ///< how many it has given: the next one's number is one more
  CompactionSummary compaction;

  friend bool operator==(const RunSummary&, const RunSummary&) = default;
};
BOOST_DESCRIBE_STRUCT(RunSummary, (), (activations, ended, facts, compaction))

/// Where a run's events belong. Constant for an activation of it.
struct RunContext {
  RunId run;
  ThreadId thread;
  /// What its facts are about, beside the run and its thread, which are added if they are missing.
  std::vector<Scope> scopes;
  std::string origin;                                 ///< who tells it; not blank
  std::optional<std::string> correlation, causation;  ///< not blank, where there are any
  /// Facts that this mode drops need not be made.
  Durability durability = Durability::full_fidelity;
};

/// One fact that an AgentEvent gives.
struct NormalFact {
  std::string kind;
  Fidelity fidelity = Fidelity::domain;
  Visibility visibility = Visibility::public_;
  std::vector<Scope> scopes;
  json::object payload;
  std::optional<std::string> correlation, causation;
};

struct Normalised {
  /// In the order in which they belong into the log: the event's own, its companion, compactions.
  /// Their numbers within the run are `before.facts` + 1, + 2, ...: a key for each that a repeated
  /// attempt has again.
  std::vector<NormalFact> facts;
  /// Takes the place of `before` when the facts are accepted; empty: unchanged.
  std::optional<RunSummary> after;
};

/// A pure function of its arguments: with the same `before` it gives the same facts, so an attempt
/// that failed can be repeated. An error means that nothing of the event was accepted. May be
/// replaced by an embedder; the rule of the one terminal fact is held elsewhere, too.
class Normaliser {
 public:
  Normaliser() = default;
  Normaliser(const Normaliser&) = delete;
  Normaliser& operator=(const Normaliser&) = delete;
  virtual ~Normaliser() = default;

  /// invalid_argument: the context is not usable, or the event is of another run.
  virtual Result<Normalised> normalise(const RunContext& context, const AgentEvent& event,
                                       const RunSummary& before) const = 0;
};

/// The table of docs/events.md.
///
/// - RunStarted is RunStarted the first time, then RunResumed; RunFinished is RunCompleted,
///   RunCancelled, RunSuspended (not an end: each is kept), or RunFailed with the code `error`,
///   `stopped` or `blocked` and, as `reason`, the more specific code of the event. After its end a
///   run gives no fact of its life cycle any more.
/// - A ToolCallDone that asks to run the call again once it is allowed has a companion,
///   ToolPermissionRequested. A decision that cancels is a ToolCallCancelled.
/// - A StateSnapshot gives the facts of compaction: internal, about the thread only. Their
///   summaries are in no payload, only their hashes.
const Normaliser& standard_normaliser();

}  // namespace reeve
