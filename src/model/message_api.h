#pragma once

#include <boost/describe.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/message.h"

/// What is asked of messages and inboxes, and answered (docs/api.md).
namespace reeve::api {

struct SendRequest {
  std::string
      to;  ///< an agent's name, id or short id, or "supervisor"; not looked at by a broadcast
  std::string text;
  /// Not task_assign, task_done, task_failed, status_response and pong: the town sends those
  /// itself.
  MessageType type = MessageType::task;
  Priority priority = Priority::normal;
  std::optional<std::string> correlation;  ///< absent, a query's is its own id
  Delivery delivery = Delivery::next;
  std::optional<std::string> kind;      ///< of a custom one
  std::optional<std::string> reply_to;  ///< the message that it answers: an id or its first digits
};
BOOST_DESCRIBE_STRUCT(SendRequest, (),
                      (to, text, type, priority, correlation, delivery, kind, reply_to))

struct BroadcastSent {
  std::string agent;  ///< its name
  MessageId message;
};
BOOST_DESCRIBE_STRUCT(BroadcastSent, (), (agent, message))
struct LeftOut {
  std::string agent;  ///< its name
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(LeftOut, (), (agent, reason))
struct BroadcastReply {
  std::int64_t number = 0;  ///< of agents that it was sent to
  std::vector<BroadcastSent> sent;
  std::vector<LeftOut> left_out;
};
BOOST_DESCRIBE_STRUCT(BroadcastReply, (), (number, sent, left_out))

struct ReplyRequest {
  std::string text;
};
BOOST_DESCRIBE_STRUCT(ReplyRequest, (), (text))

/// What came of a question.
struct AnswerReply {
  MessageId question;
  std::string by;    ///< "message": a reply; "run": the round that read it ended without one
  std::string from;  ///< whose answer it is: an agent's name, or "supervisor"
  std::string text;  ///< the reply's, or the last words of the round
  std::optional<MessageId> message;  ///< the reply
  std::optional<RunId> run;          ///< the round
};
BOOST_DESCRIBE_STRUCT(AnswerReply, (), (question, by, from, text, message, run))

/// What stood in an inbox and cannot be read.
struct QuarantinedItem {
  std::string item;  ///< as the queue has it
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(QuarantinedItem, (), (item, reason))

struct InboxView {
  std::string agent;  ///< its name, or "supervisor"
  std::vector<Message> messages;
  std::vector<Message> dead;
  std::vector<QuarantinedItem> quarantined;
  std::int64_t more = 0;       ///< messages that wait behind those, too many for one answer
  std::int64_t more_dead = 0;  ///< the same of dead letters
};
BOOST_DESCRIBE_STRUCT(InboxView, (), (agent, messages, dead, quarantined, more, more_dead))

/// A message, with the names that people use.
struct MessageView {
  Message message;
  std::string from;
  std::string to;
};
BOOST_DESCRIBE_STRUCT(MessageView, (), (message, from, to))

struct DoneRequest {
  /// Messages in the supervisor's mailbox and dead letters: ids or their first digits. With `agent`
  /// also items of its quarantine.
  std::vector<std::string> ids;
  /// All that is in the supervisor's mailbox now; with `agent`, all dead letters and quarantined
  /// items of it.
  bool all = false;
  std::string agent;
};
BOOST_DESCRIBE_STRUCT(DoneRequest, (), (ids, all, agent))
struct DoneReply {
  std::int64_t number = 0;
  std::vector<std::string> done;  ///< the items
};
BOOST_DESCRIBE_STRUCT(DoneReply, (), (number, done))

}  // namespace reeve::api

namespace reeve {
REEVE_JSON_DECLARE(api::SendRequest);
REEVE_JSON_DECLARE(api::BroadcastReply);
REEVE_JSON_DECLARE(api::ReplyRequest);
REEVE_JSON_DECLARE(api::AnswerReply);
REEVE_JSON_DECLARE(api::InboxView);
REEVE_JSON_DECLARE(api::MessageView);
REEVE_JSON_DECLARE(api::DoneRequest);
REEVE_JSON_DECLARE(api::DoneReply);
}  // namespace reeve
