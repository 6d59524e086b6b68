#include <algorithm>
#include <ostream>

#include "cli/commands.h"
#include "model/recovery_api.h"

namespace reeve::cli {
namespace {

std::string count_of(std::int64_t number, const char* one, const char* more) {
  return std::to_string(number) + " " + (number == 1 ? one : more);
}

class Recover final : public Command {
  void declare(Options& options) override {
    options.flag("--dry-run", dry_run_, "Only say what would be mended");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto report = client->recover(dry_run_);
    if (!report) return fail(report.error());
    if (session.json) {
      session.print_json(*report);
    } else {
      print(session, *report);
    }
    return {};
  }

  static void print(Session& session, const api::RecoveryReport& report) {
    auto& out = session.out;
    if (report.daemon_started_at) {
      out << "the daemon started at " << to_rfc3339(*report.daemon_started_at) << " and took up "
          << count_of(report.rounds_found, "round", "rounds") << "; "
          << count_of(report.rounds, "run is", "runs are") << " in progress\n";
    }
    out << "looked at " << count_of(report.agents, "agent", "agents") << ", "
        << count_of(report.tasks, "open task", "open tasks") << ", "
        << count_of(report.messages, "message", "messages") << ": ";
    const auto found = static_cast<std::int64_t>(report.orphans.size()) + report.more;
    if (found == 0) {
      out << "nothing belongs nowhere\n";
    } else {
      out << count_of(found, "thing belongs", "things belong") << " nowhere, " << report.mended
          << (report.dry_run ? " mended (a dry run)\n" : " mended\n");
    }
    Table table;
    for (const auto& orphan : report.orphans) {
      table.row({orphan.mended ? session.paint(Colour::green, "mended")
                               : session.paint(Colour::yellow, "found"),
                 orphan.what, orphan.id.substr(0, 8), printable(orphan.agent.value_or("-")),
                 printable(orphan.text)});
    }
    table.print(out);
    if (report.more > 0) out << "... and " << report.more << " more\n";
    for (const auto& trouble : report.trouble) {
      out << session.paint(Colour::yellow,
                           "! " + printable(trouble.agent) + " is " + trouble.state + ": ")
          << printable(trouble.reason) << "\n    " << printable(trouble.advice) << '\n';
    }
    for (const auto& damaged : report.damaged)
      out << session.paint(Colour::red, "! damaged: ") << printable(damaged.text) << '\n';
  }

  bool dry_run_ = false;
};

class Reclaim final : public Command {
  void declare(Options& options) override {
    options.flag("--to-backlog", request_.to_backlog,
                 "Tasks, and work in free text, wait in the backlog then");
    options.value("--to", request_.to, "Everything goes to this agent");
    options.value("--from", request_.from, "Only what waits for this agent");
    options.flag("--orphan-tasks", request_.orphan_tasks,
                 "Only tasks, also those of agents that are gone");
    options.flag("--cancel", request_.cancel, "With --orphan-tasks: they are cancelled");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto report = client->reclaim(request_);
    if (!report) return fail(report.error());
    if (session.json) {
      session.print_json(*report);
    } else {
      print(session, *report);
    }
    return {};
  }

  static void print(Session& session, const api::ReclaimReport& report) {
    auto& out = session.out;
    if (report.agents.empty()) {
      out << "nothing waits for agents that have ended\n";
      return;
    }
    Table table;
    table.row({session.paint(Colour::dim, "AGENT"), session.paint(Colour::dim, "STATE"),
               session.paint(Colour::dim, "TASKS"), session.paint(Colour::dim, "MESSAGES")});
    for (const auto& of : report.agents) {
      auto messages = std::to_string(of.messages);
      if (of.urgent > 0) messages += " (" + std::to_string(of.urgent) + " urgent)";
      table.row({session.paint(Colour::bold, printable(of.agent)), of.state,
                 std::to_string(of.tasks), std::move(messages)});
    }
    table.print(out);
    Table tasks;
    for (const auto& task : report.tasks)
      tasks.row({task.id.substr(0, 8), one_line(task.text, 56), printable(task.why)});
    tasks.print(out);
    if (report.more > 0) out << "... and " << report.more << " more tasks\n";
    if (report.dry_run) {
      out << "nothing was moved: --to-backlog, --to AGENT, or --orphan-tasks --cancel does it\n";
      return;
    }
    const auto& done = report.done;
    const auto tell = [&](std::int64_t number, const char* one, const char* more) {
      if (number > 0) out << count_of(number, one, more) << '\n';
    };
    tell(done.messages, "message moved", "messages moved");
    tell(done.tasks, "task reassigned", "tasks reassigned");
    tell(done.requeued, "task is in the backlog now", "tasks are in the backlog now");
    tell(done.created, "message became a task of the backlog",
         "messages became tasks of the backlog");
    tell(done.cancelled, "task cancelled", "tasks cancelled");
    tell(done.settled, "message was of a task that is over",
         "messages were of tasks that are over");
    tell(done.left, "message stays where it is", "messages stay where they are");
  }

  api::ReclaimRequest request_;
};

}  // namespace

std::unique_ptr<Command> make_recover() { return make_command<Recover>(); }
std::unique_ptr<Command> make_reclaim() { return make_command<Reclaim>(); }

}  // namespace reeve::cli
