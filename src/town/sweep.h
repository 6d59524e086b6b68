#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/recovery_api.h"
#include "town/ground.h"

/// Finds what belongs nowhere in a town, and mends it.
///
/// The invariant of work: an open task that has an agent is that agent's current task, or a message
/// in its inbox brings it; an open task without an agent is in the backlog. Beside it: a message
/// that is not over is in its agent's inbox, held by nobody or by a run that is not over; an agent
/// works only while it has a run. Every commit keeps this, so there is nothing to find, but for
/// what came from elsewhere (an import, a restored backup, an older version, a mistake).
namespace reeve::town {

/// A moment of the town, as far as it is not over. What stands further down was read later: who
/// takes something out of a queue changes its document in the same commit, so an item that is
/// missing below, beside a document that is still at its version, is missing indeed.
struct Sighting {
  template <class D>
  struct Seen {
    D doc;
    std::uint64_t version = 0;
  };
  /// Without its text.
  std::vector<Seen<reeve::Task>> tasks;
  std::vector<Seen<Agent>> agents;  ///< without those that were pruned
  /// Without its text.
  std::vector<Seen<Message>> messages;
  std::set<RunId> runs;  ///< those that cannot be read, too, until they are given up
  std::map<AgentId, std::vector<store::QueueItem>> inboxes;  ///< the supervisor's, too
  std::vector<store::QueueItem> backlog;
  std::vector<api::DamagedDoc> damaged;
};

struct SweepRules {
  /// What changed more recently is left alone.
  Duration grace{60'000};
  /// No message pauses for longer, but where the clock was set back: the longest back-off is a
  /// minute ...
  Duration longest_pause{120'000};
  /// ... and the longest rest of a task that was left open ten.
  Duration longest_rest{20 * 60'000};
  bool dry_run = false;
};

/// Something that seems to belong nowhere.
struct Suspect {
  enum class Kind {
    task_unbrought,  ///< it has an agent, and no message brings it
    task_stranded,   ///< its agent has ended, or is gone: reported only
    task_unlisted,   ///< it has no agent, and is not in the backlog
    backlog_item,    ///< its task does not wait for an agent
    message_lost,    ///< it is not over, and in no inbox
    message_held,    ///< by a run that is over, or by nobody
    item_over,       ///< its message is over
    pause,           ///< longer than any
    agent,           ///< works, or is to stop, without a run
  };
  Kind kind{};
  std::string id;             ///< of the document, or the queue's item
  AgentId agent;              ///< whose it is; nil: nobody's
  std::string name;           ///< the agent's
  std::uint64_t version = 0;  ///< of the document, as it was seen; 0: it was not
  std::uint64_t agent_version = 0;
  store::QueueItem item;  ///< in its queue; blank: it is in none
  std::string text;       ///< what was found
};
/// Pure.
std::vector<Suspect> find_orphans(const Sighting& sighting, const SweepRules& rules, Time now);

/// Reads the moment page by page, so that others get their turn in between.
Async<Result<Sighting>> look_at_work(Ground ground);

struct Swept {
  std::int64_t agents = 0;
  std::int64_t tasks = 0;
  std::int64_t messages = 0;
  std::vector<api::Orphan> orphans;
  std::int64_t more = 0;
  std::int64_t mended = 0;
  std::vector<api::DamagedDoc> damaged;
};
/// Finds and mends, one commit for each, on the condition that it is still as it was seen: whatever
/// the daemon is about to do goes first, and nothing is mended then.
Async<Result<Swept>> sweep(Ground ground, SweepRules rules);

/// The daemon's loop: at its start and now and then.
class Sweeper {
 public:
  struct Options {
    std::chrono::nanoseconds every = std::chrono::minutes(5);
    SweepRules rules = {};
  };
  Sweeper(Ground ground, Options options) : ground_(std::move(ground)), options_(options) {}
  Async<> run();

 private:
  Ground ground_;
  Options options_;
};

}  // namespace reeve::town
