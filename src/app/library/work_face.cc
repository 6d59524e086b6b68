#include "app/library/work_face.h"

#include "app/library/face.h"
#include "base/json.h"

namespace reeve::library {
namespace {

/// The public enums have the order of ours.
template <class To, class From>
To same(From value) {
  return static_cast<To>(static_cast<int>(value));
}
static_assert(static_cast<int>(v1::AgentState::error) == static_cast<int>(AgentState::error));
static_assert(static_cast<int>(v1::AgentState::draining) == static_cast<int>(AgentState::draining));
static_assert(static_cast<int>(v1::TaskState::running) == static_cast<int>(TaskState::running));
static_assert(static_cast<int>(v1::TaskState::cancelled) == static_cast<int>(TaskState::cancelled));
static_assert(static_cast<int>(v1::Priority::urgent) == static_cast<int>(Priority::urgent));
static_assert(static_cast<int>(v1::Delivery::idle) == static_cast<int>(Delivery::idle));
static_assert(static_cast<int>(v1::Permissions::bypass) == static_cast<int>(Permissions::bypass));

template <class Id>
std::optional<std::string> text_of(const std::optional<Id>& id) {
  if (!id) return std::nullopt;
  return id->str();
}

}  // namespace

AgentState inner(v1::AgentState state) { return same<AgentState>(state); }
TaskState inner(v1::TaskState state) { return same<TaskState>(state); }
Priority inner(v1::Priority priority) { return same<Priority>(priority); }
Delivery inner(v1::Delivery delivery) { return same<Delivery>(delivery); }
Permissions inner(v1::Permissions permissions) { return same<Permissions>(permissions); }

v1::AgentInfo face(const Agent& agent) {
  v1::AgentInfo info;
  info.id = agent.id.str();
  info.name = agent.name;
  info.nickname = agent.nickname;
  info.role = agent.role;
  info.parent = text_of(agent.parent);
  info.state = same<v1::AgentState>(agent.state);
  info.cli = agent.cli;
  info.model = agent.model;
  info.run = text_of(agent.current_run);
  info.task = text_of(agent.current_task);
  info.attention = agent.attention;
  if (agent.parked) info.parked_until = agent.parked->until;
  info.rounds_completed = agent.rounds_completed;
  info.rounds_failed = agent.rounds_failed;
  info.tasks_completed = agent.tasks_completed;
  info.usage = face(agent.usage);
  info.cost_usd = agent.cost_usd;
  info.json = write_json_of(agent);
  return info;
}

v1::TaskInfo face(const Task& task) {
  v1::TaskInfo info;
  info.id = task.id.str();
  info.text = task.text;
  info.state = same<v1::TaskState>(task.state);
  info.agent = text_of(task.agent);
  info.run = text_of(task.run);
  info.tags = task.tags;
  info.parent = text_of(task.parent);
  for (const auto& before : task.after) info.after.push_back(before.str());
  info.attempts = task.attempts;
  info.progress = task.progress;
  info.result = task.result;
  info.json = write_json_of(task);
  return info;
}

v1::LetterInfo face(const Message& message) {
  v1::LetterInfo info;
  info.id = message.id.str();
  info.from = message.from;
  info.type = enum_name(message.type);
  info.text = message.text;
  info.state = enum_name(message.state);
  info.correlation = message.correlation;
  info.reply_to = text_of(message.reply_to);
  info.json = write_json_of(message);
  return info;
}

}  // namespace reeve::library
