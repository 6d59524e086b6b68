#include "town/task_place.h"

#include <algorithm>

namespace reeve::town {

std::optional<std::string> misplaced(const reeve::Task& task, const Agent* agent,
                                     const std::vector<Message>& bringers, bool in_backlog) {
  const auto what = "task " + task.id.short_str() + " (" + std::string(enum_name(task.state)) + ")";
  const bool open_and_free = !is_ended(task.state) && !task.agent;
  if (open_and_free && task.state != TaskState::pending) return what + " has no agent";
  if (open_and_free != in_backlog)
    return what + (in_backlog ? " is in the backlog" : " is not in the backlog");
  if (is_ended(task.state) || !task.agent) return std::nullopt;
  if (agent == nullptr) return what + " has an agent that is not there";
  if (task.state == TaskState::pending) return what + " is " + agent->name + "'s";
  if (agent->current_task == task.id) return std::nullopt;
  const bool brought = std::ranges::any_of(bringers, [&](const Message& message) {
    const bool waits =
        message.state == MessageState::queued || message.state == MessageState::taken;
    return waits && !message.withdrawn && message.to == agent->id && message.task == task.id;
  });
  if (brought) return std::nullopt;
  return what + " is " + agent->name + "'s, who has it neither in hand nor in the inbox";
}

}  // namespace reeve::town
