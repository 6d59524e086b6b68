#include "model/message.h"

namespace reeve {

bool starts_round(MessageType type) {
  switch (type) {
    case MessageType::task:
    case MessageType::query:
    case MessageType::task_assign:
    case MessageType::status_request:
    case MessageType::ping:
    case MessageType::shutdown:
    case MessageType::custom: return true;
    case MessageType::informational:
    case MessageType::confirmation:
    case MessageType::task_done:
    case MessageType::task_failed:
    case MessageType::status_response:
    case MessageType::pong: return false;
  }
  return false;
}

std::string inbox_queue(const AgentId& agent) { return "inbox:" + agent.str(); }
std::string dead_queue(const AgentId& agent) { return "dead:" + agent.str(); }

REEVE_JSON_COMPILE(Message);

}  // namespace reeve
