#include "doors/tinytown/seen.h"

#include <algorithm>

#include "base/json.h"
#include "base/limits.h"
#include "doors/tinytown/ids.h"
#include "model/task_api.h"

namespace reeve::doors::tinytown {

// --- Agents -------------------------------------------------------------------------------------

namespace {

/// tt has changed nothing of the hash; there may be a flag.
Verdict of_flag(const AgentKeys& keys, const Agent& agent) {
  if (!keys.stop || agent.stopping || agent.state == AgentState::draining) return {};
  // A loop that works for it yet is to see it.
  if (is_ended(agent.state)) return {keys.loop ? Act::nothing : Act::drop_stop};
  return {keys.patient ? Act::wait : Act::kill};
}

bool has_ended(const std::string& guard) {
  const auto state = enum_from_name<AgentState>(guard);
  return state && is_ended(*state);
}

Verdict of_idle(const AgentKeys& keys, const Agent& agent) {
  const auto before = enum_from_name<AgentState>(keys.wrote);
  if (!before) return {Act::rewrite};
  // What a loop says that has outlived its agent is no restart.
  if (is_ended(agent.state) && is_ended(*before)) return {keys.loop ? Act::rewrite : Act::restart};
  // tt kill && tt restart, and its round is just being ended.
  if (agent.stopping && is_ended(*before)) return {Act::wait};
  if (agent.state == AgentState::paused && *before == AgentState::paused) return {Act::resume};
  return {Act::rewrite};
}

}  // namespace

Verdict seen(const AgentKeys& keys, const Agent& agent) {
  const bool ended = is_ended(agent.state);
  if (!keys.there) {
    // tt prunes what is stopped or in error; one that lives was pruned with --all, by a reset of
    // agents, or by mistake.
    return {ended && agent.state != AgentState::cold && !agent.current_run ? Act::prune
                                                                           : Act::rewrite};
  }
  if (keys.wrote.empty()) return {Act::rewrite};
  if (keys.state == keys.wrote) return of_flag(keys, agent);
  const auto state = enum_from_name<AgentState>(keys.state);
  if (!state || *state == agent.state) return {Act::rewrite};
  switch (*state) {
    case AgentState::paused:
      return {ended || agent.stopping || agent.state == AgentState::draining ? Act::rewrite
                                                                             : Act::interrupt};
    case AgentState::idle: return of_idle(keys, agent);
    case AgentState::draining:
      // A loop that had nothing to do for long drains itself.
      return {ended || agent.stopping || (keys.loop && !keys.stop) ? Act::rewrite : Act::close};
    case AgentState::stopped:
      if (agent.stopping) return {};
      if (ended || !keys.stop) return {Act::rewrite};
      return {Act::kill};
    case AgentState::working:
      // What its loop says; it is left to it until it has gone.
      if (keys.loop) return {};
      // tt restart begins a loop, which may be at work before a look.
      return {ended && has_ended(keys.wrote) ? Act::restart : Act::rewrite};
    default: return {Act::rewrite};
  }
}

bool LoopSigns::look(const Sight& sight, Time now) {
  constexpr auto kWindow = std::chrono::seconds(30);
  constexpr auto kApart = std::chrono::seconds(2);
  constexpr auto kLongest = std::chrono::minutes(15);
  const auto forget_old = [&](std::vector<Time>& times) {
    std::erase_if(times, [&](Time time) { return now - time > kWindow; });
  };
  forget_old(beats_);
  forget_old(pops_);
  // Ours are to the millisecond.
  const auto moment = read_moment(sight.heartbeat);
  const bool theirs = moment && moment_of(time_of(*moment)) != *moment;
  if (theirs && sight.heartbeat != heartbeat_) {
    heartbeat_ = sight.heartbeat;
    const bool apart = beats_.empty() || now - beats_.back() >= kApart;
    if (!sight.task_ended && apart) beats_.push_back(now);
  }
  if (sight.popped) pops_.push_back(now);
  // Only a loop says that an agent works. One that died over it says so for ever.
  const bool working = sight.state == enum_name(AgentState::working) && sight.wrote != sight.state;
  if (!working) working_since_.reset();
  if (working && !working_since_) working_since_ = now;
  if (working) return now - *working_since_ < kLongest;
  return beats_.size() >= 3 || pops_.size() >= 2;
}

// --- Tasks --------------------------------------------------------------------------------------

std::string guard_of(const TaskKeys& keys) { return keys.state + "|" + keys.assigned_to; }

namespace {

const Agent* ours(const OurAgent& agents, std::string_view id) {
  const auto parsed = AgentId::parse(id);
  return parsed ? agents(*parsed) : nullptr;
}

TaskState state_of(const TaskKeys& keys) {
  if (keys.state == "in_flight") return TaskState::running;
  return enum_from_name<TaskState>(keys.state).value_or(TaskState::pending);
}

bool takes_more(const Agent& agent) { return takes_work(agent.state) && !agent.stopping; }

Verdict of_foreign(const TaskKeys& keys, const OurAgent& agents) {
  const auto state = state_of(keys);
  if (is_ended(state)) return {};
  if (const auto* agent = ours(agents, keys.assigned_to)) {
    // One that takes no work is given it when it is restarted, as tinytown's would read it then.
    return takes_more(*agent) ? Verdict{Act::take, "", agent->id} : Verdict{};
  }
  if (keys.assigned_to.empty() && state == TaskState::pending && keys.in_backlog)
    return {Act::take};
  return {};
}

std::string or_default(const std::string& text, const char* otherwise) {
  return text.empty() ? otherwise : text;
}

/// It is given to somebody by tinytown.
Verdict of_given(const TaskKeys& keys, const Task& task, const OurAgent& agents) {
  const auto to = AgentId::parse(keys.assigned_to);
  if (!to || (task.agent && task.agent == *to)) return {Act::rewrite};
  const auto* has = task.agent ? agents(*task.agent) : nullptr;
  // What an agent that works has is its own.
  if (task.agent && has != nullptr && !is_ended(has->state)) return {Act::rewrite};
  if (const auto* agent = agents(*to))
    return takes_more(*agent) ? Verdict{Act::claim, "", *to} : Verdict{Act::rewrite};
  return {Act::let_go, "claimed by " + to->str() + ", an agent of tinytown's", *to};
}

}  // namespace

Verdict seen(const TaskKeys& keys, const Task* task, const OurAgent& agents) {
  if (task == nullptr) return keys.there && !keys.ours ? of_foreign(keys, agents) : Verdict{};
  const bool ended = is_ended(task->state);
  if (!keys.there) {
    // tt backlog remove takes the id out of the backlog first.
    return task->state == TaskState::pending && !keys.in_backlog
               ? Verdict{Act::cancel, "removed from the backlog (tt backlog remove)"}
               : Verdict{Act::rewrite};
  }
  const auto* has = task->agent ? agents(*task->agent) : nullptr;
  const bool orphan = task->agent && (has == nullptr || is_ended(has->state));
  if (keys.ours && guard_of(keys) == keys.wrote) {
    // tt reclaim --to-backlog lists the id and leaves the task with the agent that has stopped.
    if (keys.in_backlog && !ended && orphan)
      return {Act::requeue, "reclaimed from an agent that has stopped (tt reclaim)"};
    return {};
  }
  const auto state = state_of(keys);
  if (ended) {
    const bool let_go = task->state == TaskState::cancelled && !keys.assigned_to.empty() &&
                        ours(agents, keys.assigned_to) == nullptr;
    return {let_go ? Act::nothing : Act::rewrite};
  }
  switch (state) {
    case TaskState::completed: return {Act::complete, or_default(keys.result, "Completed")};
    case TaskState::failed: return {Act::fail, or_default(keys.result, "Failed")};
    case TaskState::cancelled:
      // tt calls off what an agent has that it takes for gone. One that works is not.
      if (task->agent && !orphan && !is_of_mission(task->tags)) return {Act::rewrite};
      return {Act::cancel, or_default(keys.result, "cancelled in tinytown")};
    case TaskState::pending:
      return orphan ? Verdict{Act::requeue, "requeued in tinytown"} : Verdict{Act::rewrite};
    case TaskState::assigned:
    case TaskState::running: return of_given(keys, *task, agents);
  }
  return {Act::rewrite};
}

// --- Messages -----------------------------------------------------------------------------------

Letter letter_of(const TtMessage& message, bool urgent) {
  Letter letter;
  letter.type = message.type;
  letter.text = message.text;
  letter.priority = urgent ? Priority::urgent : message.priority;
  if (message.correlation) letter.correlation = message.correlation->str();
  switch (message.type) {
    case MessageType::confirmation:
      letter.text = enum_name(message.ack.kind);
      if (message.ack.kind == AckKind::rejected) letter.text += ": " + message.ack.reason;
      break;
    case MessageType::custom: letter.kind = message.kind; break;
    case MessageType::task_assign:
      letter.type = MessageType::informational;
      letter.text = "tinytown gave you task " + message.task_id + ", which is not there any more";
      break;
    case MessageType::task_done:
    case MessageType::task_failed:
      letter.type = MessageType::informational;
      letter.text = "task " + message.task_id +
                    (message.type == MessageType::task_done ? " is done: " : " has failed: ") +
                    message.text;
      break;
    case MessageType::status_response:
      letter.type = MessageType::informational;
      letter.text =
          "state: " + message.state + "\ncurrent task: " + message.current_task.value_or("none");
      break;
    case MessageType::pong:
      letter.type = MessageType::informational;
      letter.text = "pong";
      break;
    default: break;
  }
  return letter;
}

std::vector<std::string> tags_of(const std::vector<std::string>& tags) {
  std::vector<std::string> good;
  for (const auto& tag : tags) {
    const bool plain = std::ranges::none_of(
        tag, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    const bool blank = tag.find_first_not_of(' ') == std::string::npos;
    if (plain && !blank && tag.size() <= limits::kName && good.size() < limits::kTaskTags)
      good.push_back(tag);
  }
  return good;
}

bool is_of_mission(const std::vector<std::string>& tags) {
  return std::ranges::any_of(tags, [](const std::string& tag) {
    return tag.starts_with("mission:") || tag.starts_with("mission-");
  });
}

}  // namespace reeve::doors::tinytown
