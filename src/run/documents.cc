#include "run/documents.h"

#include <algorithm>

#include "base/near_names.h"

namespace reeve::run {

std::string agent_mark(const AgentId& agent) { return "agent:" + agent.str(); }
std::string thread_mark(const ThreadId& thread) { return "thread:" + thread.str(); }
std::string run_mark(const RunId& run) { return "run:" + run.str(); }
bool is_reason(const Message& message) {
  if (starts_round(message.type)) return true;
  return message.type == MessageType::informational && message.reply_to && message.correlation;
}
std::string work_mark(const AgentId& agent) { return "work:" + agent.str(); }
std::string correlation_mark(std::string_view correlation) {
  return "correlation:" + std::string(correlation);
}
std::string state_mark(std::string_view state) { return "state:" + std::string(state); }
std::string waiting_mark(const AgentId& agent) { return "waiting:" + agent.str(); }
std::string urgent_mark(const AgentId& agent) { return "urgent:" + agent.str(); }
std::string dead_mark(const AgentId& agent) { return "dead:" + agent.str(); }
std::string open_mark(const AgentId& agent) { return "open:" + agent.str(); }
std::string tag_mark(std::string_view tag) { return "tag:" + to_lower(tag); }
std::string after_mark(const TaskId& task) { return "after:" + task.str(); }
std::string task_mark(const TaskId& task) { return "task:" + task.str(); }

namespace {

/// Marks stand once each.
void add_mark(std::vector<std::string>& marks, std::string mark) {
  if (std::ranges::find(marks, mark) == marks.end()) marks.push_back(std::move(mark));
}

}  // namespace

std::vector<std::string> DocOf<reeve::Agent>::marks(const reeve::Agent& agent) {
  if (agent.pruned) return {std::string(kPruned)};
  std::vector<std::string> marks{state_mark(enum_name(agent.state))};
  if (agent.attention || agent.parked) marks.emplace_back(kNeeds);
  if (!is_ended(agent.state)) {
    marks.emplace_back(kOpen);
    if (agent.claims) marks.emplace_back(kClaims);
  }
  return marks;
}

std::vector<std::string> DocOf<reeve::Task>::marks(const reeve::Task& task) {
  std::vector<std::string> marks{state_mark(enum_name(task.state))};
  if (task.agent) marks.push_back(agent_mark(*task.agent));
  for (const auto& tag : task.tags) add_mark(marks, tag_mark(tag));
  if (is_ended(task.state)) return marks;
  marks.emplace_back(kOpen);
  if (task.agent) marks.push_back(open_mark(*task.agent));
  for (const auto& before : task.after) add_mark(marks, after_mark(before));
  return marks;
}

std::vector<std::string> DocOf<reeve::Message>::marks(const reeve::Message& message) {
  std::vector<std::string> marks{agent_mark(message.to)};
  if (message.type == MessageType::task_assign && message.task && !message.withdrawn &&
      message.state != MessageState::handled)
    marks.push_back(task_mark(*message.task));
  // A store takes no other as a mark; town/messages.h lets none in.
  if (message.correlation && message.correlation->size() <= limits::kCorrelation &&
      !message.correlation->contains('\n'))
    marks.push_back(correlation_mark(*message.correlation));
  if (message.state == MessageState::dead) marks.push_back(dead_mark(message.to));
  if (message.state == MessageState::queued || message.state == MessageState::taken)
    marks.emplace_back(kOpen);
  if (message.state != MessageState::queued) return marks;
  marks.push_back(waiting_mark(message.to));
  if (message.priority >= Priority::urgent) marks.push_back(urgent_mark(message.to));
  if (is_reason(message)) marks.push_back(work_mark(message.to));
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
