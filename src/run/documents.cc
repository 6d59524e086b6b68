#include "run/documents.h"

namespace reeve::run {

std::string agent_mark(const AgentId& agent) { return "agent:" + agent.str(); }
std::string thread_mark(const ThreadId& thread) { return "thread:" + thread.str(); }
std::string run_mark(const RunId& run) { return "run:" + run.str(); }
std::string work_mark(const AgentId& agent) { return "work:" + agent.str(); }
std::string state_mark(std::string_view state) { return "state:" + std::string(state); }

std::vector<std::string> DocOf<reeve::Agent>::marks(const reeve::Agent& agent) {
  std::vector<std::string> marks{state_mark(enum_name(agent.state))};
  if (!is_ended(agent.state)) marks.emplace_back(kOpen);
  return marks;
}

std::vector<std::string> DocOf<reeve::Task>::marks(const reeve::Task& task) {
  std::vector<std::string> marks{state_mark(enum_name(task.state))};
  if (!is_ended(task.state)) marks.emplace_back(kOpen);
  if (task.agent) marks.push_back(agent_mark(*task.agent));
  return marks;
}

std::vector<std::string> DocOf<reeve::Message>::marks(const reeve::Message& message) {
  std::vector<std::string> marks{agent_mark(message.to)};
  const bool waits = message.state == MessageState::queued;
  if (waits && starts_round(message.type)) marks.push_back(work_mark(message.to));
  if (waits || message.state == MessageState::taken) marks.emplace_back(kOpen);
  return marks;
}

std::vector<std::string> DocOf<reeve::Run>::marks(const reeve::Run& run) {
  std::vector<std::string> marks;
  if (run.agent) marks.push_back(agent_mark(*run.agent));
  if (!is_ended(run.state)) marks.emplace_back(kOpen);
  return marks;
}

std::vector<std::string> DocOf<reeve::Thread>::marks(const reeve::Thread& thread) {
  if (!thread.agent) return {};
  return {agent_mark(*thread.agent)};
}

std::vector<std::string> DocOf<reeve::ThreadMessage>::marks(const reeve::ThreadMessage& message) {
  return {thread_mark(message.thread), run_mark(message.run)};
}

std::vector<std::string> DocOf<reeve::Webhook>::marks(const reeve::Webhook& webhook) {
  std::vector<std::string> marks{state_mark(enum_name(webhook.state))};
  if (webhook.state != WebhookState::removed) marks.emplace_back(kOpen);
  return marks;
}

}  // namespace reeve::run
