#pragma once

#include <boost/describe.hpp>

#include <optional>
#include <string>
#include <string_view>

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

/// When a message reaches its agent.
enum class Delivery {
  next,  ///< it starts a round, or joins the very next one
  now,   ///< a round in progress is interrupted for it
  idle,  ///< when nothing else waits
};
BOOST_DESCRIBE_ENUM(Delivery, next, now, idle)

/// What a confirmation says.
enum class AckKind { received, acknowledged, thanks, approved, rejected };
BOOST_DESCRIBE_ENUM(AckKind, received, acknowledged, thanks, approved, rejected)
struct Ack {
  AckKind kind = AckKind::acknowledged;
  std::string reason;  ///< of a rejection
};
BOOST_DESCRIBE_STRUCT(Ack, (), (kind, reason))
/// What a confirmation's words mean (spec tinytown 1.4): "rejected: REASON", "received ...",
/// "approved ...", thanks anywhere, else acknowledged; whatever the case.
Ack read_ack(std::string_view text);

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
  Delivery delivery = Delivery::next;
  std::optional<Ack> ack;                  ///< of a confirmation
  std::optional<std::string> kind;         ///< of a custom one
  std::optional<std::string> correlation;  ///< of a query and its answers
  std::optional<MessageId> reply_to;       ///< the message that this one answers
  MessageState state = MessageState::queued;
  int attempt = 0;  ///< how often a run that had it failed
  std::optional<RunId> run;
  std::optional<std::string> withdrawn;  ///< why its sender wants nothing of it any more
  Time created_at{};
};
BOOST_DESCRIBE_STRUCT(Message, (),
                      (id, from, to, type, priority, text, task, delivery, ack, kind, correlation,
                       reply_to, state, attempt, run, withdrawn, created_at))

/// The queue of an agent's inbox, of its dead letters, and of what cannot be read.
std::string inbox_queue(const AgentId& agent);
std::string dead_queue(const AgentId& agent);
std::string quarantine_queue(const AgentId& agent);

REEVE_JSON_DECLARE(Message);

}  // namespace reeve
