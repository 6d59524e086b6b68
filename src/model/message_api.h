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
  std::string to;  ///< an agent's name, id or short id, or "supervisor"
  std::string text;
  MessageType type = MessageType::task;  ///< task, query, informational or confirmation
  Priority priority = Priority::normal;
  std::optional<std::string> correlation;
};
BOOST_DESCRIBE_STRUCT(SendRequest, (), (to, text, type, priority, correlation))

struct InboxView {
  std::string agent;  ///< its name, or "supervisor"
  std::vector<Message> messages;
  std::vector<Message> dead;
  std::int64_t more = 0;       ///< messages that wait behind those, too many for one answer
  std::int64_t more_dead = 0;  ///< the same of dead letters
};
BOOST_DESCRIBE_STRUCT(InboxView, (), (agent, messages, dead, more, more_dead))

}  // namespace reeve::api

namespace reeve {
REEVE_JSON_DECLARE(api::SendRequest);
REEVE_JSON_DECLARE(api::InboxView);
}  // namespace reeve
