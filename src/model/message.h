#pragma once

#include <boost/describe.hpp>

#include <optional>
#include <string>

#include "base/ids.h"
#include "base/json.h"
#include "base/time.h"

namespace reeve {

/// What a message is, in tinytown's thirteen words (spec tinytown 1.4).
enum class MessageType {
  task,           ///< work described in free text
  query,          ///< wants an answer
  informational,  ///< for knowledge
  confirmation,   ///< thanks, received, approved, rejected
  task_assign,    ///< a task of the town: `task` says which
  task_done,
  task_failed,
  status_request,
  status_response,
  ping,
  pong,
  shutdown,
  custom,
};
BOOST_DESCRIBE_ENUM(MessageType, task, query, informational, confirmation, task_assign, task_done,
                    task_failed, status_request, status_response, ping, pong, shutdown, custom)

/// Whether it alone is a reason for a round. The others wait for one and come along.
bool starts_round(MessageType type);

enum class Priority { low, normal, high, urgent };
BOOST_DESCRIBE_ENUM(Priority, low, normal, high, urgent)

enum class MessageState {
  queued,   ///< waits in the inbox
  taken,    ///< a run has it
  handled,  ///< a run that had it succeeded, or there is nothing more to do for it
  dead,     ///< tried too often: in the dead letters
};
BOOST_DESCRIBE_ENUM(MessageState, queued, taken, handled, dead)

/// Something put into an agent's inbox.
struct Message {
  MessageId id;
  std::string from;  ///< an agent's id, or "supervisor"
  AgentId to;
  MessageType type = MessageType::informational;
  Priority priority = Priority::normal;
  std::string text;
  std::optional<TaskId> task;
  std::optional<std::string> correlation;  ///< of a query and its answers
  MessageState state = MessageState::queued;
  int attempt = 0;  ///< how often a run that had it failed
  std::optional<RunId> run;
  std::optional<std::string> withdrawn;  ///< why its sender wants nothing of it any more
  Time created_at{};
};
BOOST_DESCRIBE_STRUCT(Message, (),
                      (id, from, to, type, priority, text, task, correlation, state, attempt, run,
                       withdrawn, created_at))

/// The queue of an agent's inbox, and of its dead letters.
std::string inbox_queue(const AgentId& agent);
std::string dead_queue(const AgentId& agent);

REEVE_JSON_DECLARE(Message);

}  // namespace reeve
