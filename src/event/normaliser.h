#pragma once

#include <optional>
#include <string_view>

#include "event/agent_event.h"
#include "event/event.h"

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

/// The table of awaken 2.3 in this project's words. A pure function of the event; re-running it is
/// harmless. RunStarted and RunFinished of a driver are observations here: the facts RunStarted,
/// RunCompleted, RunFailed and RunCancelled are committed by whoever holds the run's lease, with
/// the run's document.
Normal normalise(const AgentEvent& event);

}  // namespace reeve
