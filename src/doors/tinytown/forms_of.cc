#include "doors/tinytown/forms_of.h"

#include <algorithm>
#include <charconv>

#include "base/json.h"
#include "base/overloaded.h"
#include "base/utf8.h"
#include "doors/tinytown/ids.h"
#include "doors/tinytown/seen.h"

namespace reeve::doors::tinytown {
namespace {

constexpr std::string_view kCut = "... (cut: reeve shows it whole)";
/// Behind this stands a log's id, then the end of the object.
constexpr std::string_view kItemMark = R"(,"reeve":")";
constexpr std::size_t kUuidText = 36;
/// Stands for the number of a round, and the blank before it.
constexpr std::string_view kRound = " {round}";

std::string shown(const std::string& text) {
  if (text.size() <= kShownText) return text;
  return std::string(head_of(text, kShownText)) + std::string(kCut);
}

std::uint64_t count(std::int64_t number) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(number, 0));
}

std::string with_reason(std::string text, const std::string& reason) {
  return reason.empty() ? text : text + ": " + shown(reason);
}

std::string first_line(const std::string& text) {
  constexpr std::size_t kLine = 120;
  const std::string line = text.substr(0, text.find('\n'));
  return line.size() <= kLine ? line : std::string(head_of(line, kLine)) + "...";
}

TtEvent event_of(TtEventType type, std::string message, Time at) {
  TtEvent event;
  event.type = type;
  event.message = std::move(message);
  event.timestamp = moment_of(at);
  return event;
}

/// Says what each fact is to tinytown.
struct Teller {
  Time at;
  const std::optional<std::string>& task;
  Told told;

  TtEvent& event(TtEventType type, std::string message) {
    return told.event.emplace(event_of(type, std::move(message), at));
  }
  void state(TtEventType type, const AgentId& agent, std::string message,
             std::optional<AgentState> from, std::optional<AgentState> to) {
    auto& made = event(type, std::move(message));
    made.agent = agent;
    if (from) made.old_state = tt_state_word(*from);
    if (to) made.new_state = tt_state_word(*to);
  }
  void of_task(TtEventType type, const TaskId& id, const std::optional<AgentId>& agent,
               std::string message) {
    if (task) message += ": " + first_line(*task);
    auto& made = event(type, std::move(message));
    made.agent = agent;
    made.task = id;
  }
  void activity(const AgentId& agent, std::string text) {
    told.activity = Told::Activity{agent, std::move(text)};
  }
  void stop(const AgentId& agent, bool set) { told.stop = Told::Stop{agent, set}; }
  void round_over(const fact::RunEnd& end, const std::string& how) {
    if (!end.agent) return;
    state(TtEventType::agent_state_changed, *end.agent, "Round " + how, AgentState::working,
          std::nullopt);
    const std::string sign = how == "completed" ? "✅ " : how == "failed" ? "❌ " : "🛑 ";
    activity(*end.agent, "Round" + std::string(kRound) + ": " + sign + how +
                             (end.code.empty() ? "" : " (" + first_line(end.code) + ")"));
  }

  void operator()(const fact::AgentSpawned& f) {
    state(TtEventType::agent_spawned, f.agent.id, "Agent spawned", std::nullopt, f.agent.state);
    told.event->parent_agent = f.agent.parent;
    if (f.agent.parent) told.event->child_agent = f.agent.id;
    told.event->spawn_mode = std::string(tt_spawn_mode(f.agent.spawn_mode));
  }
  void operator()(const fact::AgentStateChanged& f) {
    if (f.to == AgentState::draining) {
      state(TtEventType::agent_stopped, f.agent, "Agent closing (draining then stop)", f.from,
            f.to);
      activity(f.agent, "🔻 Closing (draining then stop)");
      stop(f.agent, true);
      return;
    }
    state(TtEventType::agent_state_changed, f.agent,
          with_reason("Agent " + std::string(enum_name(f.to)), f.reason), f.from, f.to);
  }
  void operator()(const fact::AgentStopRequested& f) {
    activity(f.agent, "🛑 Stop requested");
    stop(f.agent, true);
  }
  void operator()(const fact::AgentStopped& f) {
    state(TtEventType::agent_stopped, f.agent, with_reason("Agent stopped", f.reason), f.from,
          AgentState::stopped);
    activity(f.agent, "🛑 Stopped");
    stop(f.agent, false);
  }
  void operator()(const fact::AgentRestarted& f) {
    state(TtEventType::agent_state_changed, f.agent, with_reason("Agent restarted", f.reason),
          f.from, AgentState::idle);
    activity(f.agent,
             "🔄 Restarted" + (f.rounds ? " with " + std::to_string(*f.rounds) + " rounds" : ""));
    stop(f.agent, false);
  }
  void operator()(const fact::AgentInterrupted& f) {
    state(TtEventType::agent_interrupted, f.agent, "Agent interrupted (paused)", f.from,
          AgentState::paused);
    activity(f.agent, "⏸️ Interrupted (paused)");
  }
  void operator()(const fact::AgentResumed& f) {
    state(TtEventType::agent_resumed, f.agent, "Agent resumed", f.from, AgentState::idle);
    activity(f.agent, "▶️ Resumed");
    stop(f.agent, false);
  }
  void operator()(const fact::AgentFailed& f) {
    state(TtEventType::agent_failed, f.agent, with_reason("Agent failed", f.reason), f.from,
          AgentState::error);
    activity(f.agent, "❌ " + first_line(with_reason("Failed", f.reason)));
  }
  void operator()(const fact::AgentCompleted& f) {
    state(TtEventType::agent_completed, f.agent,
          "Agent completed " + std::to_string(f.tasks_completed) + " tasks", std::nullopt,
          std::nullopt);
    told.event->task = f.last_task;
  }
  void operator()(const fact::TaskAssigned& f) {
    of_task(TtEventType::task_assigned, f.task, f.agent, "Task assigned");
  }
  void operator()(const fact::TaskDelegated& f) {
    of_task(TtEventType::task_delegated, f.task, f.to, "Task delegated");
    told.event->parent_agent = f.from;
    told.event->child_agent = f.to;
  }
  void operator()(const fact::TaskCompleted& f) {
    of_task(TtEventType::task_completed, f.task, f.agent, "Task completed");
  }
  void operator()(const fact::TaskFailed& f) {
    of_task(TtEventType::task_failed, f.task, f.agent, with_reason("Task failed", f.error));
  }
  void operator()(const fact::ConductorEscalation& f) {
    event(TtEventType::conductor_escalation, "Agent asks the people who run the town").agent =
        f.agent;
  }
  void operator()(const fact::RunStarted& f) {
    if (!f.run.agent) return;
    state(TtEventType::agent_state_changed, *f.run.agent, "Round started", std::nullopt,
          AgentState::working);
    told.event->task = f.run.task;
  }
  void operator()(const fact::RunCompleted& f) { round_over(f, "completed"); }
  void operator()(const fact::RunFailed& f) { round_over(f, "failed"); }
  void operator()(const fact::RunCancelled& f) { round_over(f, "stopped by request"); }
  template <class Other>
  void operator()(const Other& /*fact*/) {}
};

}  // namespace

const std::vector<std::string>& agent_guard() {
  static const std::vector<std::string> kFields{"state"};
  return kFields;
}
const std::vector<std::string>& task_guard() {
  static const std::vector<std::string> kFields{"state", "assigned_to"};
  return kFields;
}
std::string guard_of(const TtAgent& agent) { return std::string(enum_name(agent.state)); }
std::string guard_of(const TtTask& task) {
  return std::string(enum_name(task.state)) + "|" +
         (task.assigned_to ? task.assigned_to->str() : "");
}

TtAgent form_of(const Agent& agent, const LogId& owner, Time heartbeat) {
  TtAgent form;
  form.id = agent.id;
  form.name = agent.name;
  form.state = agent.state;
  form.cli = shown(agent.cli);
  form.created_at = moment_of(agent.created_at);
  form.last_heartbeat = moment_of(heartbeat);
  form.tasks_completed = count(agent.tasks_completed);
  // Since it was started, as tt counts them.
  form.rounds_completed = count(agent.spent.rounds);
  form.last_active_at = moment_of(agent.last_active_at);
  form.spawn_mode = agent.spawn_mode;
  form.current_task = agent.current_task;
  form.nickname = agent.nickname;
  form.role = agent.role;
  form.parent = agent.parent;
  form.owner = owner.str();
  return form;
}

TtTask form_of(const Task& task, const LogId& owner) {
  TtTask form;
  form.id = task.id;
  form.description = shown(task.text);
  form.state = task.state;
  form.created_at = moment_of(task.created_at);
  form.updated_at = moment_of(task.updated_at);
  form.tags = task.tags;
  form.assigned_to = task.agent;
  if (task.started_at) form.started_at = moment_of(*task.started_at);
  if (task.ended_at) form.completed_at = moment_of(*task.ended_at);
  if (task.result) form.result = shown(*task.result);
  // A mission takes up what its task came to: without words, tt's own.
  if (task.state == TaskState::completed && form.result.value_or("").empty() &&
      is_of_mission(task.tags))
    form.result = "Completed";
  form.parent = task.parent;
  form.owner = owner.str();
  return form;
}

TtMessage form_of(const Message& message) {
  TtMessage form;
  form.id = message.id;
  form.from = tt_sender(message.from);
  form.to = message.to;
  form.type = message.type;
  form.text = shown(message.text);
  if (message.task) form.task_id = message.task->str();
  if (message.ack) {
    form.ack = *message.ack;
    form.ack.reason = shown(form.ack.reason);
  }
  form.kind = message.kind.value_or("");
  if (message.type == MessageType::status_response) form.state = form.text;
  // As its own senders say it: that it is urgent is told by its list.
  form.priority = is_urgent(message) ? Priority::normal : message.priority;
  form.created_at = moment_of(message.created_at);
  form.correlation = tt_correlation(message.correlation);
  return form;
}

bool is_urgent(const Message& message) { return message.priority >= Priority::urgent; }

std::string item_of(const Message& message, const LogId& owner) {
  auto text = encode(form_of(message));
  text.pop_back();  // the object's end
  return text + std::string(kItemMark) + owner.str() + "\"}";
}

bool is_our_item(std::string_view item) {
  const auto tail = kItemMark.size() + kUuidText + 2;
  if (item.size() < tail || !item.ends_with("\"}")) return false;
  item.remove_prefix(item.size() - tail);
  return item.starts_with(kItemMark) && Uuid::parse(item.substr(kItemMark.size(), kUuidText));
}

Told told_of(const Fact& fact, Time at, const std::optional<std::string>& task) {
  Teller teller{at, task, {}};
  std::visit(teller, fact);
  return std::move(teller.told);
}

bool wants_round(std::string_view line) { return line.contains(kRound); }

void number_round(std::string& line, std::optional<std::int64_t> number) {
  const auto at = line.find(kRound);
  if (at != std::string::npos)
    line.replace(at, kRound.size(), number ? " " + std::to_string(*number) : "");
}

std::vector<AgentId> readers_of(const TtEvent& event) {
  std::vector<AgentId> readers;
  for (const auto& agent : {event.agent, event.parent_agent, event.child_agent}) {
    if (agent && std::ranges::find(readers, *agent) == readers.end()) readers.push_back(*agent);
  }
  return readers;
}

std::optional<std::string> broadcast_mark(const Message& message) {
  if (message.task || message.reply_to) return std::nullopt;
  return message.from + '\n' + std::string(enum_name(message.type)) + '\n' +
         std::to_string(to_ms(message.created_at)) + '\n' + message.text;
}

std::string echo_of(const LogId& owner, Position position) {
  return owner.str() + ":" + std::to_string(position.value);
}

std::optional<Position> position_of_echo(std::string_view echo, const LogId& owner) {
  const auto prefix = owner.str() + ":";
  if (!echo.starts_with(prefix)) return std::nullopt;
  echo.remove_prefix(prefix.size());
  Position position;
  const auto read = std::from_chars(echo.begin(), echo.end(), position.value);
  if (read.ec != std::errc() || read.ptr != echo.end()) return std::nullopt;
  return position;
}

}  // namespace reeve::doors::tinytown
