#pragma once

#include <boost/describe.hpp>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "doors/tinytown/forms.h"
#include "model/agent.h"
#include "model/message.h"
#include "model/task.h"

/// What tinytown did, told by what it left: from what we wrote last and what stands there now to
/// what the town does about it. Pure.
///
/// Most of tinytown's verbs rewrite a whole hash, so the state word alone tells them apart, and
/// everything else in the hash is to be written over. What a verdict asks for twice is done once:
/// each is a conflict or nothing in a state that it has led to.
namespace reeve::doors::tinytown {

enum class Act {
  nothing,
  rewrite,    ///< our state is written over what stands there
  wait,       ///< it may be half of something: look again
  drop_stop,  ///< a stop flag of tt's that means nothing any more goes
  interrupt,  ///< tt interrupt
  resume,     ///< tt resume
  close,      ///< tt close
  kill,       ///< tt kill, tt stop
  restart,    ///< tt restart
  prune,      ///< tt prune
  complete,   ///< tt task complete
  fail,       ///< its services
  cancel,     ///< tt reclaim --orphan-tasks --cancel, tt backlog remove, its missions
  requeue,    ///< tt reclaim --orphan-tasks --to-backlog
  claim,      ///< tt backlog claim, assign-all
  take,       ///< tt assign, tt backlog add: it becomes a task here
  let_go,     ///< an agent of tinytown's own claimed it
};
BOOST_DESCRIBE_ENUM(Act, nothing, rewrite, wait, drop_stop, interrupt, resume, close, kill, restart,
                    prune, complete, fail, cancel, requeue, claim, take, let_go)

struct Verdict {
  Act act = Act::nothing;
  std::string text = {};              ///< the result or the reason, where there is one
  std::optional<AgentId> agent = {};  ///< of claim and take: whose it is to be
  friend bool operator==(const Verdict&, const Verdict&) = default;
};

/// --- Agents

/// An agent of ours in tinytown's keys.
struct AgentKeys {
  bool there = true;  ///< its hash
  /// guard_of() when we wrote last, or the state that was acted on since; blank: not our hash.
  std::string wrote = {};
  std::string state = {};  ///< what the hash says now
  bool stop = false;       ///< there is a stop flag, and tt has set it
  bool patient = true;     ///< a stop flag alone has not been there for long
  bool loop = false;       ///< a tt agent loop works in its name (LoopSigns)
};
/// tt writes a stop flag before the state that goes with it: a flag alone is waited for, and means
/// what it means to tinytown if nothing more comes: stop. `stopped` without a flag is what tt
/// recover believes of an agent whose heartbeat it missed.
Verdict seen(const AgentKeys& keys, const Agent& agent);

/// Whether somebody runs `tt agent-loop` for an agent of ours, who is not to have two masters.
class LoopSigns {
 public:
  struct Sight {
    std::string wrote = {};      ///< AgentKeys
    std::string state = {};      ///< AgentKeys
    std::string heartbeat = {};  ///< last_heartbeat
    bool popped = false;         ///< items of ours left its lists, and not by us
    bool task_ended = false;     ///< tt completed a task of it meanwhile, which is a heartbeat, too
  };
  /// At each look. True: there is one.
  bool look(const Sight& sight, Time now);

 private:
  std::string heartbeat_ = {};
  std::vector<Time> beats_;
  std::vector<Time> pops_;
  std::optional<Time> working_since_;
};

/// --- Tasks

/// A task's hash.
struct TaskKeys {
  bool there = true;
  bool ours = true;  ///< it has our mark
  std::string wrote = {};
  std::string state = {};
  std::string assigned_to = {};
  std::string result = {};
  bool in_backlog = false;  ///< its id stands in tinytown's backlog
};
/// The agent of ours that has the id; null: it is none of ours.
using OurAgent = std::function<const Agent*(const AgentId&)>;
/// `task`: null: there is none of that id in the town.
Verdict seen(const TaskKeys& keys, const Task* task, const OurAgent& agents);
/// The guard that the hash has now (guard_of).
std::string guard_of(const TaskKeys& keys);

/// --- Messages

/// What a message of tinytown's says, as a message of ours is sent: its type and text. A type that
/// only the town itself sends comes for knowledge, in words.
struct Letter {
  MessageType type = MessageType::informational;
  std::string text;
  Priority priority = Priority::normal;
  std::optional<std::string> kind;
  std::optional<std::string> correlation;
};
Letter letter_of(const TtMessage& message, bool urgent);

/// Tags that a task of ours can have: the first ten, one line each.
std::vector<std::string> tags_of(const std::vector<std::string>& tags);
/// Whether a task is a mission's. tinytown's own tags of one begin so.
bool is_of_mission(const std::vector<std::string>& tags);

}  // namespace reeve::doors::tinytown
