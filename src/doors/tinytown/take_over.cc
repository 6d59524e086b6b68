#include "doors/tinytown/take_over.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/limits.h"
#include "base/utf8.h"
#include "doors/tinytown/ids.h"
#include "model/task_api.h"
#include "proc/preset.h"

namespace reeve::doors::tinytown {
namespace {

/// Of one part: below what a commit and a request take.
constexpr std::size_t kPartItems = 800;
constexpr std::size_t kPartBytes = 8 << 20;

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

/// A line of at most some eighty bytes, for notes.
std::string brief(std::string_view text) {
  constexpr std::size_t kBrief = 80;
  auto line = std::string(text.substr(0, text.find('\n')));
  if (line.size() > kBrief) line = line.substr(0, kBrief) + "...";
  return to_utf8(line);
}

AgentState our_state(AgentState state, bool cold) {
  switch (state) {
    case AgentState::starting:
    case AgentState::idle:
    case AgentState::working: return cold ? AgentState::cold : AgentState::idle;
    case AgentState::paused: return cold ? AgentState::cold : AgentState::paused;
    case AgentState::draining: return AgentState::stopped;  // it takes nothing more
    case AgentState::cold:
    case AgentState::stopped:
    case AgentState::error: return state;
  }
  return AgentState::stopped;
}

/// "1763718816059-3", so that texts compare as the ids do.
std::string sortable(std::string_view id) {
  const auto dash = std::min(id.find('-'), id.size());
  const auto padded = [](std::string_view digits) {
    constexpr std::size_t kWidth = 20;
    return std::string(kWidth - std::min(kWidth, digits.size()), '0') + std::string(digits);
  };
  return padded(id.substr(0, dash)) + "-" +
         padded(dash < id.size() ? id.substr(dash + 1) : std::string_view("0"));
}

class Taking {
 public:
  Taking(const TtTown& town, const TakeOver& how) : town_(town), how_(how) {
    out_.all.origin = "tinytown";
    out_.all.town = town.name;
    out_.notes = town.notes;
  }

  TakenOver run() {
    auto agents = town_.agents;
    std::ranges::sort(agents, {}, [](const TtAgent& a) { return std::pair(a.created_at, a.id); });
    for (const auto& agent : agents) take(agent);
    for (const auto& agent : out_.all.agents) agents_.insert(agent.id);
    take_tasks();
    take_messages();
    note_strays();
    bring_open_tasks();
    take_events();
    if (town_.missions > 0) {
      note(std::to_string(town_.missions) +
           " keys of missions stay in Redis as they are: missions are not taken over");
    }
    return std::move(out_);
  }

 private:
  void note(std::string text) { out_.notes.push_back(std::move(text)); }

  void take(const TtAgent& tt) {
    if (tt.id == supervisor_id()) return;
    Agent agent;
    agent.id = tt.id;
    agent.name = tt.name;
    agent.nickname = tt.nickname;
    agent.role = tt.role;
    agent.parent = tt.parent;
    agent.state = our_state(tt.state, how_.cold);
    const auto named = how_.clis.find(tt.cli);
    const bool ours = proc::find_preset(tt.cli) != nullptr || named == how_.clis.end();
    agent.cli = our_cli(ours ? tt.cli : named->second);
    agent.limits = how_.limits;
    agent.rounds_completed = static_cast<std::int64_t>(tt.rounds_completed);
    agent.tasks_completed = static_cast<std::int64_t>(tt.tasks_completed);
    agent.created_at = time_of(tt.created_at);
    agent.last_active_at = time_of(tt.last_active_at);
    if (tt.state == AgentState::error)
      agent.attention = "it was in state error in tinytown; reeve restart lets it work again";
    out_.all.agents.push_back(std::move(agent));
  }

  /// Those of the backlog in its order, then the others as they were made.
  void take_tasks() {
    std::map<TaskId, std::size_t> place;
    for (const auto& text : town_.backlog) {
      if (const auto id = TaskId::parse(text))
        place.emplace(*id, place.size());
      else
        note("the backlog has \"" + brief(text) + "\", which is no task");
    }
    auto tasks = town_.tasks;
    std::ranges::sort(tasks, {}, [&](const TtTask& task) {
      const auto at = place.find(task.id);
      return std::tuple(at == place.end() ? place.size() : at->second, task.created_at, task.id);
    });
    for (const auto& task : tasks) {
      take(task, place.contains(task.id));
      place.erase(task.id);
    }
    for (const auto& [id, at] : place)
      note("task " + id.str() + " is in the backlog, and nothing is known of it");
  }

  void take(const TtTask& tt, bool in_backlog) {
    reeve::Task task;
    task.id = tt.id;
    task.text = is_blank(tt.description) ? "(no description)" : tt.description;
    if (task.text.size() > limits::kText) {
      note("task " + tt.id.str() + " is too long, and was left out");
      return;
    }
    task.state = tt.state;
    task.from = kSupervisor;
    task.parent = tt.parent;
    take_tags(tt, task);
    task.result = tt.result;
    task.created_at = time_of(tt.created_at);
    task.updated_at = time_of(tt.updated_at);
    if (tt.started_at) task.started_at = time_of(*tt.started_at);
    if (tt.completed_at) task.ended_at = time_of(*tt.completed_at);
    const bool open = !is_ended(task.state);
    // What is assigned to the supervisor, or to one that is gone, may be with whoever its message
    // is for: see note_strays().
    if (tt.assigned_to && (!open || (agents_.contains(*tt.assigned_to) && !in_backlog)))
      task.agent = tt.assigned_to;
    if (open && tt.assigned_to && !agents_.contains(*tt.assigned_to)) {
      strays_[tt.id] = tt.assigned_to == supervisor_id() ? "was the supervisor's, and in no inbox"
                                                         : "was the task of an agent that is gone";
    } else if (open && !tt.assigned_to && !in_backlog) {
      strays_[tt.id] = "was nobody's and in no list";
    }
    if (open) {
      // What was begun is begun again.
      task.state = task.agent ? TaskState::assigned : TaskState::pending;
      task.started_at.reset();
      task.ended_at.reset();
      task.result.reset();
    }
    if (open) open_.emplace(task.id, out_.all.tasks.size());
    tasks_.insert(task.id);
    out_.all.tasks.push_back(std::move(task));
  }

  void take_tags(const TtTask& tt, reeve::Task& task) {
    for (const auto& tag : tt.tags) {
      const bool plain = std::ranges::none_of(
          tag, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
      if (!is_blank(tag) && plain && tag.size() <= limits::kName &&
          task.tags.size() < limits::kTaskTags) {
        if (std::ranges::find(task.tags, tag) == task.tags.end()) task.tags.push_back(tag);
      } else {
        note("task " + tt.id.str() + " loses the tag \"" + brief(tag) + "\"");
      }
    }
  }

  void take_messages() {
    std::set<AgentId> mailboxes;
    for (const auto& [id, list] : town_.urgent) mailboxes.insert(id);
    for (const auto& [id, list] : town_.inbox) mailboxes.insert(id);
    for (const auto& id : mailboxes) {
      if (id != supervisor_id() && !agents_.contains(id)) {
        note("messages wait for " + id.str() + ", and there is no such agent: they were left out");
        continue;
      }
      if (const auto found = town_.urgent.find(id); found != town_.urgent.end())
        for (const auto& text : found->second) take(id, text, true);
      if (const auto found = town_.inbox.find(id); found != town_.inbox.end())
        for (const auto& text : found->second) take(id, text, false);
    }
  }

  void take(const AgentId& to, const std::string& text, bool urgent) {
    const auto tt = decode_message(text);
    if (!tt) {
      note("a message for " + to.str() + " cannot be read (" + tt.error().message() +
           "): " + brief(text));
      return;
    }
    if (!seen_.insert(tt->id).second) {
      note("message " + tt->id.str() + " waits twice: it was taken once");
      return;
    }
    Message message;
    message.id = tt->id;
    message.from = our_sender(tt->from);
    message.to = to;
    message.type = tt->type;
    // It has one order for normal and low ones, and so they keep it.
    message.priority = urgent                          ? Priority::urgent
                       : tt->priority == Priority::low ? Priority::normal
                                                       : tt->priority;
    message.text = tt->text;
    message.created_at = time_of(tt->created_at);
    if (tt->correlation) message.correlation = tt->correlation->str();
    if (tt->type == MessageType::confirmation) message.ack = tt->ack;
    if (tt->type == MessageType::custom) message.kind = tt->kind;
    if (tt->type == MessageType::status_response) {
      message.text = "is " + tt->state;
      if (tt->current_task) message.text += ", works on " + *tt->current_task;
    }
    if (!tt->task_id.empty() && !take_task_of(*tt, message)) return;
    if (message.text.size() > limits::kText) {
      note("message " + tt->id.str() + " is too long, and was left out");
      return;
    }
    out_.all.messages.push_back(std::move(message));
  }

  /// False: the message brings nothing.
  bool take_task_of(const TtMessage& tt, Message& message) {
    const auto id = id_of<TaskTag>(tt.task_id);
    if (tt.type != MessageType::task_assign) {
      if (id) message.task = *id;
      return true;
    }
    const auto open = id ? open_.find(*id) : open_.end();
    if (open == open_.end()) {
      note("message " + tt.id.str() + " brings task " + brief(tt.task_id) + ", which " +
           (id && tasks_.contains(*id) ? "is over" : "is not there") + ": it was left out");
      return false;
    }
    auto& task = out_.all.tasks[open->second];
    if (task.agent && *task.agent != message.to) {
      note("message " + tt.id.str() + " brings task " + id->str() +
           " to another agent than has it: it was left out");
      return false;
    }
    if (!brought_.insert(*id).second) return false;
    task.agent = message.to;
    task.state = TaskState::assigned;
    message.task = *id;
    message.text = task.text;
    return true;
  }

  void note_strays() {
    for (const auto& task : out_.all.tasks) {
      const auto stray = strays_.find(task.id);
      if (stray == strays_.end() || task.agent) continue;
      note("task " + task.id.str() + " (" + brief(task.text) + ") " + stray->second +
           ": it waits in the backlog");
    }
  }

  /// tinytown takes messages out of the inbox before the work is done: what they brought is brought
  /// again.
  void bring_open_tasks() {
    for (const auto& task : out_.all.tasks) {
      if (is_ended(task.state) || !task.agent || brought_.contains(task.id)) continue;
      Message message;
      // The same each time, so that a second import finds it.
      message.id = MessageId(task.id.uuid);
      message.from = kSupervisor;
      message.to = *task.agent;
      message.type = MessageType::task_assign;
      message.text = task.text;
      message.task = task.id;
      message.created_at = task.updated_at;
      out_.all.messages.push_back(std::move(message));
    }
  }

  void take_events() {
    for (const auto& [id, data] : town_.events) {
      const auto tt = decode_event(data);
      if (!tt) {
        note("event " + id + " cannot be read: " + brief(data));
        continue;
      }
      api::ImportedEvent event;
      event.id = sortable(id);
      event.time = time_of(tt->timestamp);
      event.what = enum_name(tt->type);
      event.agent = tt->agent;
      event.task = tt->task;
      event.text = tt->message;
      out_.all.events.push_back(std::move(event));
    }
  }

  const TtTown& town_;
  const TakeOver& how_;
  TakenOver out_;
  std::set<AgentId> agents_;
  std::set<TaskId> tasks_;
  std::map<TaskId, const char*> strays_;  // open ones that nobody has, and why
  std::map<TaskId, std::size_t> open_;    // where they stand in out_
  std::set<TaskId> brought_;              // those that a message brings
  std::set<MessageId> seen_;
};

}  // namespace

TakenOver take_over(const TtTown& town, const TakeOver& how) { return Taking(town, how).run(); }

std::string our_cli(const std::string& cli) {
  if (cli.empty() || proc::find_preset(cli) != nullptr || proc::split_words(cli)) return cli;
  std::string quoted;
  for (const char c : cli) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return "sh -c '" + quoted + "'";
}

std::vector<api::ImportRequest> parts_of(api::ImportRequest all) {
  std::vector<api::ImportRequest> parts;
  std::size_t items = 0;
  std::size_t bytes = 0;
  const auto part = [&](std::size_t size) -> api::ImportRequest& {
    if (parts.empty() || items == kPartItems || bytes + size > kPartBytes) {
      auto& fresh = parts.emplace_back();
      fresh.origin = all.origin;
      fresh.town = all.town;
      items = bytes = 0;
    }
    ++items;
    bytes += size;
    return parts.back();
  };
  for (auto& one : all.events) part(one.text.size()).events.push_back(std::move(one));
  for (auto& one : all.agents) part(one.cli.size()).agents.push_back(std::move(one));
  for (auto& one : all.tasks) {
    const auto size = one.text.size() + one.result.value_or("").size();
    part(size).tasks.push_back(std::move(one));
  }
  for (auto& one : all.messages) part(one.text.size()).messages.push_back(std::move(one));
  return parts;
}

}  // namespace reeve::doors::tinytown
