#include "cli/town_text.h"

#include <ostream>

namespace reeve::cli {
namespace {

std::string state_text(const Session& session, const Agent& agent) {
  const auto name = enum_name(agent.state);
  auto text = session.paint(colour_of_state(name), name);
  if (agent.stopping) text += " (stopping)";
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

void print_agents(Session& session, const std::vector<api::AgentView>& agents) {
  Table table;
  table.row({session.paint(Colour::dim, "AGENT"), session.paint(Colour::dim, "ID"),
             session.paint(Colour::dim, "STATE"), session.paint(Colour::dim, "CLI"),
             session.paint(Colour::dim, "MAY"), session.paint(Colour::dim, "INBOX"),
             session.paint(Colour::dim, "ROUNDS"), session.paint(Colour::dim, "TASKS"),
             session.paint(Colour::dim, "NOW")});
  for (const auto& view : agents) {
    const auto& agent = view.agent;
    auto inbox = std::to_string(view.inbox);
    if (view.urgent > 0) inbox += " (" + std::to_string(view.urgent) + " urgent)";
    auto rounds = std::to_string(agent.rounds_completed);
    if (agent.rounds_failed > 0) rounds += "+" + std::to_string(agent.rounds_failed) + " failed";
    table.row({session.paint(Colour::bold, agent.name), agent.id.short_str(),
               state_text(session, agent), one_line(agent.cli, 24),
               std::string(enum_name(agent.permissions)) + (view.permissions_note ? "*" : ""),
               std::move(inbox), std::move(rounds), std::to_string(agent.tasks_completed),
               view.task ? one_line(*view.task, 48) : ""});
  }
  table.print(session.out);
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

void print_tasks(Session& session, const std::vector<api::TaskView>& tasks) {
  Table table;
  for (const auto& view : tasks) {
    const auto state = enum_name(view.task.state);
    table.row({view.task.id.short_str(), session.paint(colour_of_state(state), state),
               view.agent.value_or("-"), one_line(view.task.text, 64)});
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
