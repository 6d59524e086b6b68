#pragma once

#include <boost/describe.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/json.h"

/// Context compaction, as it is seen in the snapshots of an agent's state: the state's extension
/// `__context_compaction` lists what was compacted, what failed, what was skipped, and which
/// compaction is in flight. The difference to what was seen before gives the facts. The summaries
/// themselves are never part of a fact, only their SHA-256.
namespace reeve {

struct CompactionInFlight {
  std::string task;
  std::optional<std::string> boundary;  ///< the message that it stands at, where that is known

  friend bool operator==(const CompactionInFlight&, const CompactionInFlight&) = default;
};
BOOST_DESCRIBE_STRUCT(CompactionInFlight, (), (task, boundary))

/// What has been told of a run's compactions. It does not outgrow the state's own lists: an entry
/// that has left them is forgotten.
struct CompactionSummary {
  std::optional<CompactionInFlight> in_flight;
  std::optional<std::int64_t> total;  ///< the last `total_compactions`
  /// Fingerprints of entries, in the order of the state's list.
  std::vector<std::string> completed, failed, skipped;

  friend bool operator==(const CompactionSummary&, const CompactionSummary&) = default;
};
BOOST_DESCRIBE_STRUCT(CompactionSummary, (), (in_flight, total, completed, failed, skipped))

struct CompactionFact {
  std::string_view
      kind;  ///< ContextCompactionCompleted, ...Failed, ...Skipped, ...Cancelled, ...Started
  json::object payload;
};

/// The compaction extension of a snapshot; null where it has none. Allocates nothing.
const json::object* compaction_state(const json::value& snapshot);

/// What is new in `state`, in the order completed, failed, skipped, cancelled, started; `summary`
/// goes on to it. Text of the state is trimmed, and blank text counts as absent. If the total went
/// down, the state was reset, and so is the summary first. Each start has exactly one end: a
/// compaction that is no longer in flight and has no entry was cancelled.
std::vector<CompactionFact> observe_compaction(const json::object& state, const ThreadId& thread,
                                               CompactionSummary& summary);

/// Replaces each summary in a snapshot by `summary_hash`. True: the snapshot has a compaction
/// extension.
bool redact_compaction(json::value& snapshot);
/// The same in the operations of a JSON Patch (RFC 6902).
bool redact_compaction(json::array& patch);

}  // namespace reeve
