#include "model/message.h"

#include <algorithm>

namespace reeve {

bool starts_round(MessageType type) {
  switch (type) {
    case MessageType::task:
    case MessageType::query:
    case MessageType::task_assign:
    case MessageType::task_done:
    case MessageType::task_failed:
    case MessageType::custom: return true;
    case MessageType::informational:
    case MessageType::confirmation:
    // The town answers these itself.
    case MessageType::status_request:
    case MessageType::status_response:
    case MessageType::ping:
    case MessageType::pong:
    case MessageType::shutdown: return false;
  }
  return false;
}

Ack read_ack(std::string_view text) {
  std::string low(text.substr(0, 4096));
  std::ranges::transform(low, low.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  constexpr std::string_view kRejected = "rejected:";
  if (low.starts_with(kRejected)) {
    text.remove_prefix(kRejected.size());
    const auto begin = text.find_first_not_of(" \t\r\n");
    return {AckKind::rejected,
            begin == std::string_view::npos ? "no reason given" : std::string(text.substr(begin))};
  }
  if (low.starts_with("received")) return {AckKind::received, {}};
  if (low.starts_with("approved")) return {AckKind::approved, {}};
  if (low.contains("thanks") || low.contains("thank you")) return {AckKind::thanks, {}};
  return {AckKind::acknowledged, {}};
}

std::string inbox_queue(const AgentId& agent) { return "inbox:" + agent.str(); }
std::string dead_queue(const AgentId& agent) { return "dead:" + agent.str(); }
std::string quarantine_queue(const AgentId& agent) { return "quarantine:" + agent.str(); }

REEVE_JSON_COMPILE(Message);

}  // namespace reeve
