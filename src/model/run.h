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
#include "model/chat.h"

namespace reeve {

enum class RunState { running, completed, failed, cancelled };
BOOST_DESCRIBE_ENUM(RunState, running, completed, failed, cancelled)

bool is_ended(RunState state);

/// One execution of an agent on a thread.
struct Run {
  RunId id;
  std::optional<AgentId> agent;  ///< none: a model was asked without an agent of the town
  ThreadId thread;
  std::uint64_t epoch = 1;
  RunState state = RunState::running;
  std::optional<TaskId> task;       ///< the task it carries
  std::vector<MessageId> messages;  ///< what it took from the inbox
  std::string cli;
  std::string provider;  ///< of a native run; `cli` is empty then
  std::string model;
  std::optional<RunId> parent;
  json::value metadata;  ///< of whoever asked for it
  Durability durability = Durability::compacted;
  std::string permissions;             ///< what its process may do, in a sentence
  std::optional<std::string> session;  ///< the vendor's, as far as it is known
  std::optional<std::string>
      stopping;  ///< why it is being stopped; a cancel wins over whatever its executor says later
  std::optional<MessageId> question;  ///< the last query that the agent sent in this run
  std::string code;                   ///< of its failure, e.g. "lost_result"
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
                      (id, agent, thread, epoch, state, task, messages, cli, provider, model,
                       parent, metadata, durability, permissions, session, stopping, question, code,
                       error, text, usage, cost_usd, exit_status, exit_signal, started_at,
                       ended_at))

/// A conversation: where a later run goes on. Of a CLI's the vendor keeps the messages, and this
/// keeps the vendor's id of it; of a native one the messages are documents of their own
/// (ThreadMessage).
struct Thread {
  ThreadId id;
  std::optional<AgentId> agent;
  std::optional<std::string> session;  ///< the vendor's id, once a run has been seen with it
  std::optional<std::string> fork_of;  ///< the vendor's session that its first run forks
  std::int64_t runs = 0;
  std::uint64_t messages = 0;  ///< how many documents it has: numbered from 1
  Time created_at{};
  Time updated_at{};
};
BOOST_DESCRIBE_STRUCT(Thread, (),
                      (id, agent, session, fork_of, runs, messages, created_at, updated_at))

/// The name of one message of a thread.
struct ThreadMessageId {
  ThreadId thread;
  std::uint64_t number = 0;

  /// "THREAD:0000000012": sorts as it counts.
  [[nodiscard]] std::string str() const;
  friend auto operator<=>(const ThreadMessageId&, const ThreadMessageId&) = default;
};

/// One message of a native conversation. Written once.
struct ThreadMessage {
  ThreadId thread;
  std::uint64_t number = 0;  ///< its place in the thread, from 1
  RunId run;                 ///< the one that added it
  ChatMessage message;
  Time created_at{};

  [[nodiscard]] ThreadMessageId id() const { return {thread, number}; }
};
BOOST_DESCRIBE_STRUCT(ThreadMessage, (), (thread, number, run, message, created_at))

REEVE_JSON_DECLARE(Run);
REEVE_JSON_DECLARE(Thread);
REEVE_JSON_DECLARE(ThreadMessage);

}  // namespace reeve
