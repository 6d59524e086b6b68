#include <algorithm>
#include <ostream>

#include "base/limits.h"
#include "cli/commands.h"
#include "cli/task_options.h"
#include "cli/town_text.h"

/// Commands of the backlog.
namespace reeve::cli {
namespace {

class BacklogAdd final : public Command {
  void declare(Options& options) override { task_.declare(options); }
  Status run(Session& session) override {
    auto request = task_.read();
    if (!request) return fail(request.error());
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto task = client->add_task(*request);
    if (!task) return fail(task.error());
    if (session.json) {
      session.print_json(*task);
    } else {
      session.out << "task " << task->id.str() << " is in the backlog\n";
    }
    return {};
  }
  TaskOptions task_;
};

class BacklogList final : public Command {
  void declare(Options& options) override {
    options.limit("-n,--limit", limit_, "At most so many");
    options.flag("--all", all_, "Every page");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    std::optional<std::uint64_t> next = 0;
    bool none = true;
    do {
      const auto page =
          client->backlog(*next, all_ ? limits::kPage : static_cast<std::size_t>(limit_));
      if (!page) return fail(page.error());
      none = none && page->tasks.empty();
      next = page->next;
      if (session.json)
        session.print_json(*page);
      else
        print_backlog(session, page->tasks);
    } while (all_ && next);
    if (session.json) return {};
    if (none) session.err << "the backlog is empty\n";
    if (next) session.err << "there are more: --all, or --limit N\n";
    return {};
  }
  std::uint64_t limit_ = 50;
  bool all_ = false;
};

class BacklogClaim final : public Command {
  void declare(Options& options) override {
    options.positional("ID", id_, "A task's id, or its first digits");
    options.positional("AGENT", agent_, "Who gets it; inside a round the agent at work", false);
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    return tell_change(session, client->claim_task(id_, agent_),
                       "is claimed" + (agent_.empty() ? "" : " for " + agent_));
  }
  std::string id_;
  std::string agent_;
};

class BacklogAssignAll final : public Command {
  void declare(Options& options) override {
    options.positional("AGENT", agent_, "Name, id, or the id's first digits");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto report = client->claim_all(agent_);
    if (!report) return fail(report.error());
    if (session.json) {
      session.print_json(*report);
      return {};
    }
    for (const auto& task : report->tasks) {
      if (task.error) {
        session.out << session.paint(Colour::yellow, "left: ") << printable(*task.error) << '\n';
      } else {
        session.out << task.task.short_str() << "  " << one_line(task.text, 72) << '\n';
      }
    }
    session.out << report->claimed << " of " << report->tasks.size() << " given to "
                << report->agent << '\n';
    return {};
  }
  std::string agent_;
};

class BacklogRemove final : public Command {
  void declare(Options& options) override {
    options.positional("ID", id_, "A task's id, or its first digits");
    options.value("--reason", reason_, "Why, for the log");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    return tell_change(session, client->remove_task(id_, reason_),
                       "is out of the backlog, and cancelled");
  }
  std::string id_;
  std::string reason_;
};

}  // namespace

std::unique_ptr<Command> make_backlog_add() { return make_command<BacklogAdd>(); }
std::unique_ptr<Command> make_backlog_list() { return make_command<BacklogList>(); }
std::unique_ptr<Command> make_backlog_claim() { return make_command<BacklogClaim>(); }
std::unique_ptr<Command> make_backlog_assign_all() { return make_command<BacklogAssignAll>(); }
std::unique_ptr<Command> make_backlog_remove() { return make_command<BacklogRemove>(); }

}  // namespace reeve::cli
