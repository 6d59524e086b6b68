#pragma once

#include <boost/describe.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "base/time.h"
#include "event/agent_event.h"
#include "event/normaliser.h"

namespace reeve {

enum class RunState { running, completed, failed, cancelled };
BOOST_DESCRIBE_ENUM(RunState, running, completed, failed, cancelled)

bool is_ended(RunState state);

/// One execution of an agent on a thread.
struct Run {
  RunId id;
  AgentId agent;
  ThreadId thread;
  std::uint64_t epoch = 1;
  RunState state = RunState::running;
  std::optional<TaskId> task;       ///< the task it carries
  std::vector<MessageId> messages;  ///< what it took from the inbox
  std::string cli;
  Durability durability = Durability::compacted;
  std::string permissions;             ///< what its process may do, in a sentence
  std::optional<std::string> session;  ///< the vendor's, as far as it is known
  std::optional<std::string>
      stopping;  ///< why it is being stopped; a cancel wins over whatever its executor says later
  bool reported = false;  ///< in this run the agent sent a query or reported progress
  std::string code;       ///< of its failure, e.g. "lost_result"
  std::string error;
  std::string text;  ///< the final answer
  Usage usage;
  double cost_usd = 0;
  std::optional<int> exit_status;
  std::optional<int> exit_signal;
  Time started_at{};
  std::optional<Time> ended_at;
};
BOOST_DESCRIBE_STRUCT(Run, (),
                      (id, agent, thread, epoch, state, task, messages, cli, durability,
                       permissions, session, stopping, reported, code, error, text, usage, cost_usd,
                       exit_status, exit_signal, started_at, ended_at))

/// A conversation: where a later run goes on. The vendor keeps the messages; this keeps the
/// vendor's id of it.
struct Thread {
  ThreadId id;
  AgentId agent;
  std::optional<std::string> session;  ///< the vendor's id, once a run has been seen with it
  std::int64_t runs = 0;
  Time created_at{};
  Time updated_at{};
};
BOOST_DESCRIBE_STRUCT(Thread, (), (id, agent, session, runs, created_at, updated_at))

REEVE_JSON_DECLARE(Run);
REEVE_JSON_DECLARE(Thread);

}  // namespace reeve
