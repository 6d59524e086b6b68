#pragma once

#include <boost/describe.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"

/// What is asked of recovery, and answered (docs/api.md).
namespace reeve::api {

struct RecoverRequest {
  bool dry_run = false;  ///< only tell what would be mended
};
BOOST_DESCRIBE_STRUCT(RecoverRequest, (), (dry_run))

/// Something that belonged nowhere.
struct Orphan {
  std::string what;  ///< "task", "message", "lease", "agent"
  std::string id;
  std::optional<std::string> agent;  ///< its name
  std::string text;                  ///< what was found, and what was, or is to be, done
  bool mended = false;
};
BOOST_DESCRIBE_STRUCT(Orphan, (), (what, id, agent, text, mended))

/// An agent that needs somebody.
struct Trouble {
  std::string agent;  ///< its name
  std::string state;
  std::string reason;
  std::string advice;  ///< what to do
};
BOOST_DESCRIBE_STRUCT(Trouble, (), (agent, state, reason, advice))

/// A document that cannot be read, and stays as it is.
struct DamagedDoc {
  std::string what;  ///< "agent", "task", "message", "run"
  std::string id;
  std::string text;  ///< why, and what that means
};
BOOST_DESCRIBE_STRUCT(DamagedDoc, (), (what, id, text))

struct RecoveryReport {
  bool dry_run = false;
  std::int64_t agents = 0;  ///< that were looked at
  std::int64_t tasks = 0;   ///< the same of open ones
  std::int64_t messages = 0;
  std::vector<Orphan> orphans;
  std::int64_t more = 0;                  ///< orphans that one answer has no room for
  std::int64_t mended = 0;                ///< of all of them
  std::int64_t rounds = 0;                ///< that are in progress
  std::int64_t rounds_found = 0;          ///< of those, at most: the daemon's start took them up
  std::optional<Time> daemon_started_at;  ///< when that was
  std::vector<Trouble> trouble;
  std::vector<DamagedDoc> damaged;  ///< of what is not over, and runs that were given up for it
};
BOOST_DESCRIBE_STRUCT(RecoveryReport, (),
                      (dry_run, agents, tasks, messages, orphans, more, mended, rounds,
                       rounds_found, daemon_started_at, trouble, damaged))

/// What waits for agents that have ended. Without a destination it is only listed.
struct ReclaimRequest {
  bool to_backlog = false;          ///< tasks, and free text that is work, wait in the backlog
  std::optional<std::string> to;    ///< everything that waits goes to this agent
  std::optional<std::string> from;  ///< of this agent only
  bool orphan_tasks = false;        ///< tasks only, also those of agents that are gone
  bool cancel = false;              ///< with orphan_tasks: they are cancelled
};
BOOST_DESCRIBE_STRUCT(ReclaimRequest, (), (to_backlog, to, from, orphan_tasks, cancel))

/// What waited for one agent.
struct ReclaimOf {
  std::string agent;  ///< its name, or the id of one that is gone
  std::string state;  ///< "stopped", "error", "cold", "pruned" or "gone"
  std::int64_t messages = 0;
  std::int64_t urgent = 0;  ///< of these
  std::int64_t texts = 0;   ///< of these, work in free text
  std::int64_t tasks = 0;   ///< open ones, whether a message brings them or not
};
BOOST_DESCRIBE_STRUCT(ReclaimOf, (), (agent, state, messages, urgent, texts, tasks))

struct OrphanTask {
  std::string id;
  std::string text;   ///< its first line
  std::string agent;  ///< its name, or the id of one that is gone
  std::string why;
};
BOOST_DESCRIBE_STRUCT(OrphanTask, (), (id, text, agent, why))

/// What was done with it.
struct ReclaimDone {
  std::int64_t messages = 0;   ///< that went to another agent
  std::int64_t tasks = 0;      ///< the same
  std::int64_t requeued = 0;   ///< tasks that are in the backlog now
  std::int64_t created = 0;    ///< tasks that were free text before, in the backlog
  std::int64_t cancelled = 0;  ///< tasks
  std::int64_t settled = 0;    ///< messages that nobody needs to read any more
  std::int64_t left = 0;       ///< messages that stay where they are
};
BOOST_DESCRIBE_STRUCT(ReclaimDone, (),
                      (messages, tasks, requeued, created, cancelled, settled, left))

struct ReclaimReport {
  bool dry_run = true;
  std::vector<ReclaimOf> agents;  ///< what waited before
  std::vector<OrphanTask> tasks;  ///< with orphan_tasks
  std::int64_t more = 0;          ///< of those, that one answer has no room for
  ReclaimDone done;
};
BOOST_DESCRIBE_STRUCT(ReclaimReport, (), (dry_run, agents, tasks, more, done))

}  // namespace reeve::api

namespace reeve {
REEVE_JSON_DECLARE(api::RecoverRequest);
REEVE_JSON_DECLARE(api::RecoveryReport);
REEVE_JSON_DECLARE(api::ReclaimRequest);
REEVE_JSON_DECLARE(api::ReclaimDone);
REEVE_JSON_DECLARE(api::ReclaimReport);
}  // namespace reeve
