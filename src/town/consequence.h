#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "event/agent_event.h"
#include "model/fact.h"

/// What the end of a round means, beside what its terminal fact changes by itself.
namespace reeve::town {

/// How long what failed waits.
struct Pauses {
  Duration first_backoff{2'000};  ///< of messages, doubled with each attempt
  Duration last_backoff{60'000};
  Duration first_rest{2'000};  ///< of a task that a successful round left open, doubled with each
  Duration last_rest{10 * 60'000};
  Duration first_parking{60'000};  ///< of agents, doubled with each failure in a row
  Duration last_parking{30 * 60'000};
  /// After the moment that a vendor named, up to this much: not everybody comes at once.
  Duration after_reset{10'000};
  /// A vendor that names a later moment is not believed.
  Duration longest_reset = std::chrono::days(31);
};

/// `pause`, doubled for each of `times` but the first, up to `last`. Pure.
Duration doubled(Duration pause, Duration last, std::int64_t times);
/// How long a message waits after its `attempt`th failure (from 1): doubled each time, up to a
/// limit. Pure.
Duration backoff(const Pauses& pauses, int attempt);
/// From three quarters of `pause` to all of it, so that what failed together is not tried together.
/// `random` is any number. Pure.
Duration with_jitter(Duration pause, std::uint64_t random);

struct Consequence {
  bool counted = false;     ///< its messages have a failed attempt more, and wait for a while
  std::vector<Fact> facts;  ///< about its agent
};

/// What becomes of an agent and of its round's messages. `agent`: as it was before the terminal
/// fact; `started`: its CLI ran. Pure.
///
///  * A cancel is nobody's fault.
///  * A rate limit is not the messages' fault: the agent is parked until it is over. The same where
///    this machine could not start anything.
///  * What no retry heals (no key, no money, no program) is not theirs either: the agent needs a
///    person.
///  * All else is counted; and after AgentLimits::failures failed rounds in a row the agent needs a
///    person, too.
///  * An agent that has used what it may is stopped.
///
/// Where somebody has paused, closed or stopped the agent meanwhile, that stands.
Consequence consequence(const Pauses& pauses, const Agent& agent, Ending ending, bool started,
                        const fact::RunEnd& end, Time now, std::uint64_t random);

/// What stops an agent that has used up what it may: nothing, if it has not. Pure.
std::vector<Fact> decide_used_up(const Agent& agent, const Spent& spent);

/// When an agent that has nothing to do is stopped for it; nothing, if that is not wanted. Pure.
std::optional<Time> idle_until(const Agent& agent);
std::vector<Fact> decide_idle(const Agent& agent, Time now);

}  // namespace reeve::town
