#include "cli/town_text.h"

#include <fmt/format.h>

#include <ostream>

namespace reeve::cli {
namespace {

std::string state_text(const Session& session, const api::AgentView& view) {
  const auto& agent = view.agent;
  const auto name = enum_name(agent.state);
  auto text = session.paint(colour_of_state(name), name);
  if (agent.stopping) text += " (stopping)";
  if (agent.state == AgentState::paused && agent.current_run) text += " (its round is ending)";
  if (agent.parked) text += " (parked until " + to_rfc3339(agent.parked->until) + ")";
  if (view.again_at && agent.state == AgentState::idle && !agent.parked)
    text += " (goes on at " + to_rfc3339(*view.again_at) + ")";
  return text;
}

}  // namespace

void print_counts(Session& session, const api::TaskCounts& tasks, std::int64_t mail) {
  session.out << "tasks: " << tasks.running << " running, " << tasks.assigned + tasks.pending
              << " waiting, " << tasks.completed << " completed, " << tasks.failed << " failed";
  if (tasks.cancelled > 0) session.out << ", " << tasks.cancelled << " cancelled";
  session.out << '\n';
  if (mail > 0) {
    session.out << session.paint(Colour::yellow, std::to_string(mail) + " messages for you")
                << " (reeve inbox)\n";
  }
}

void print_agents(Session& session, const std::vector<api::AgentView>& agents, bool heading) {
  Table table;
  if (heading) {
    table.row({session.paint(Colour::dim, "AGENT"), session.paint(Colour::dim, "ID"),
               session.paint(Colour::dim, "STATE"), session.paint(Colour::dim, "CLI"),
               session.paint(Colour::dim, "MAY"), session.paint(Colour::dim, "INBOX"),
               session.paint(Colour::dim, "ROUNDS"), session.paint(Colour::dim, "TASKS"),
               session.paint(Colour::dim, "NOW")});
  }
  for (const auto& view : agents) {
    const auto& agent = view.agent;
    auto inbox = std::to_string(view.inbox);
    if (view.urgent > 0) inbox += " (" + std::to_string(view.urgent) + " urgent)";
    auto rounds = std::to_string(agent.rounds_completed);
    if (agent.rounds_failed > 0) rounds += "+" + std::to_string(agent.rounds_failed) + " failed";
    table.row({session.paint(Colour::bold, agent.name), agent.id.short_str(),
               state_text(session, view), one_line(agent.cli, 24),
               std::string(enum_name(agent.permissions)) + (view.permissions_note ? "*" : ""),
               std::move(inbox), std::move(rounds), std::to_string(agent.tasks_completed),
               view.task ? one_line(*view.task, 48) : ""});
  }
  table.print(session.out);
}

std::string count_text(const api::AgentCounts& counts) {
  std::string text;
  const auto add = [&](std::int64_t number, const char* state) {
    if (number > 0) text += (text.empty() ? "" : ", ") + std::to_string(number) + " " + state;
  };
  add(counts.working, "working");
  add(counts.idle, "idle");
  add(counts.starting, "starting");
  add(counts.paused, "paused");
  add(counts.draining, "draining");
  add(counts.error, "in error");
  add(counts.stopped, "stopped");
  add(counts.cold, "cold");
  return text;
}

namespace {

std::string of_limit(const std::string& spent, const std::string& limit) {
  return spent + (limit.empty() ? "" : " of " + limit);
}

std::string limits_text(const Agent& agent) {
  const auto& limits = agent.limits;
  const auto whole = [](std::optional<std::int64_t> limit) {
    return limit ? std::to_string(*limit) : std::string();
  };
  const auto cost = [](double usd) { return fmt::format("{:.2f} USD", usd); };
  auto text = of_limit(std::to_string(agent.spent.rounds), whole(limits.rounds)) + " rounds, " +
              of_limit(std::to_string(agent.spent.tokens), whole(limits.tokens)) + " tokens, " +
              of_limit(cost(agent.spent.cost_usd), limits.cost_usd ? cost(*limits.cost_usd) : "") +
              ", " + std::to_string(agent.failures_in_a_row) + " of " +
              std::to_string(limits.failures) + " failures in a row";
  if (limits.round_ms) text += ", a round may take " + age(*limits.round_ms);
  if (limits.idle_ms) text += ", stops after " + age(*limits.idle_ms) + " without work";
  return text;
}

}  // namespace

void print_agent(Session& session, const api::AgentView& view,
                 const std::optional<api::TaskView>& last) {
  const auto& agent = view.agent;
  session.out << session.paint(Colour::bold, agent.name) << "  " << agent.id.str() << "  "
              << state_text(session, view) << '\n';
  if (agent.pruned) session.out << "out of the town (pruned)\n";
  if (agent.nickname) session.out << "nickname  " << *agent.nickname << '\n';
  if (agent.role) session.out << "role      " << printable(*agent.role) << '\n';
  session.out << "cli       " << printable(agent.cli)
              << (agent.model.empty() ? "" : ", model " + agent.model)
              << ", may: " << enum_name(agent.permissions) << '\n';
  if (agent.stopping) session.out << "stopping  " << printable(*agent.stopping) << '\n';
  if (agent.parked) session.out << "parked    " << printable(agent.parked->reason) << '\n';
  session.out << "inbox     " << view.inbox << " waiting, " << view.urgent << " urgent, "
              << view.dead << " dead letters\n"
              << "spent     " << limits_text(agent) << '\n'
              << "ever      " << agent.rounds_completed << " rounds completed, "
              << agent.rounds_failed << " failed, " << agent.tasks_completed << " tasks\n"
              << "since     " << to_rfc3339(agent.created_at) << ", active "
              << to_rfc3339(agent.last_active_at) << '\n';
  if (view.task && agent.current_task) {
    session.out << "\ntask " << agent.current_task->str() << ":\n" << printable(*view.task) << '\n';
  }
  if (last) {
    session.out << "\nlast task " << last->task.id.str() << ": " << one_line(last->task.text, 72)
                << "\nresult: " << printable(last->task.result.value_or("")) << '\n';
  }
  print_notes(session, {view});
}

void print_notes(Session& session, const std::vector<api::AgentView>& agents) {
  for (const auto& view : agents) {
    if (view.permissions_note) session.out << "* " << printable(*view.permissions_note) << '\n';
    if (view.agent.attention) {
      session.out << session.paint(Colour::yellow, "! " + view.agent.name + " needs attention: ")
                  << printable(*view.agent.attention) << '\n';
    }
    if (view.dead > 0) {
      session.out << session.paint(Colour::red, "! " + view.agent.name + " has " +
                                                    std::to_string(view.dead) + " dead letters")
                  << " (reeve inbox " << view.agent.name << ")\n";
    }
  }
}

namespace {

std::string priority_text(const Session& session, Priority priority) {
  if (priority == Priority::normal) return {};
  return session.paint(priority == Priority::urgent ? Colour::red : Colour::none,
                       enum_name(priority));
}

/// What a task is about: its text, its tags, what it waits for.
std::string about(const Session& session, const Task& task,
                  const std::vector<api::TaskNote>& waits_for) {
  auto text = one_line(task.text, 64);
  for (const auto& tag : task.tags) text += session.paint(Colour::dim, " #" + printable(tag));
  if (waits_for.empty()) return text;
  std::string ids;
  for (const auto& before : waits_for) {
    ids += " " + before.id.short_str();
    if (is_ended(before.state)) ids += " (" + std::string(enum_name(before.state)) + ")";
  }
  return text + session.paint(Colour::yellow, " waits for" + ids);
}

}  // namespace

void print_tasks(Session& session, const std::vector<api::TaskView>& tasks) {
  Table table;
  for (const auto& view : tasks) {
    const auto state = enum_name(view.task.state);
    table.row({view.task.id.short_str(), session.paint(colour_of_state(state), state),
               view.agent.value_or("-"), priority_text(session, view.task.priority),
               about(session, view.task, view.waits_for)});
  }
  table.print(session.out);
}

Status tell_change(Session& session, const Result<Task>& task, std::string_view what) {
  if (!task) return fail(task.error());
  if (session.json) {
    session.print_json(*task);
  } else {
    session.out << "task " << task->id.short_str() << ' ' << what << '\n';
  }
  return {};
}

void print_backlog(Session& session, const std::vector<api::BacklogView>& tasks) {
  Table table;
  for (const auto& view : tasks) {
    std::string takers;
    for (const auto& name : view.takers) takers += (takers.empty() ? "" : ", ") + name;
    if (view.takers.size() == api::kTakers) takers += ", ...";
    table.row({view.task.id.short_str(), priority_text(session, view.task.priority),
               takers.empty() ? "-" : std::move(takers),
               about(session, view.task, view.waits_for)});
  }
  table.print(session.out);
}

void print_messages(Session& session, const std::vector<Message>& messages) {
  const auto now = std::chrono::floor<Duration>(std::chrono::system_clock::now());
  Table table;
  for (const auto& message : messages) {
    std::string marks;
    if (message.priority == Priority::urgent) {
      marks = session.paint(Colour::red, "urgent");
    } else if (message.priority != Priority::normal) {
      marks = enum_name(message.priority);
    }
    if (message.delivery == Delivery::idle) marks += marks.empty() ? "when idle" : ", when idle";
    table.row(
        {message.id.short_str(),
         std::string(message.kind ? one_line(*message.kind, 24)
                                  : std::string(enum_name(message.type))),
         "from " + message.from, age(now - message.created_at), std::move(marks),
         message.state == MessageState::taken ? session.paint(Colour::blue, "being read") : "",
         one_line(message.text, 72)});
  }
  table.print(session.out);
}

}  // namespace reeve::cli
