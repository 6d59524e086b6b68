#include <ostream>

#include "base/limits.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/town_text.h"

namespace reeve::cli {
namespace {

void print_task(Session& session, const api::TaskView& view) {
  const auto& task = view.task;
  const auto state = enum_name(task.state);
  session.out << "task " << task.id.str() << "  " << session.paint(colour_of_state(state), state)
              << '\n';
  if (view.agent) session.out << "agent    " << *view.agent << '\n';
  if (!task.tags.empty()) {
    session.out << "tags    ";
    for (const auto& tag : task.tags) session.out << ' ' << printable(tag);
    session.out << '\n';
  }
  session.out << "created  " << to_rfc3339(task.created_at) << '\n';
  if (task.started_at) session.out << "started  " << to_rfc3339(*task.started_at) << '\n';
  if (task.ended_at) session.out << "ended    " << to_rfc3339(*task.ended_at) << '\n';
  session.out << '\n' << printable(task.text) << '\n';
  if (task.progress) session.out << "\nprogress: " << printable(*task.progress) << '\n';
  if (task.result) session.out << "\nresult: " << printable(*task.result) << '\n';
}

/// What a command ends with whose answer is one task.
Status answer(Session& session, const Result<api::TaskView>& task) {
  if (!task) return fail(task.error());
  if (session.json) {
    session.print_json(*task);
  } else {
    print_task(session, *task);
  }
  return {};
}

class Assign final : public Command {
  void declare(Options& options) override {
    options.positional("AGENT", agent_, "Name, id, or the id's first digits");
    options.text("TEXT", request_.text, "What is to be done; - reads it from standard input");
    options.values("--tag", request_.tags, "A word to find it by (repeatable)");
    options.flag("--urgent", urgent_, "Before everything else in its inbox");
  }
  Status run(Session& session) override {
    auto text = read_text(request_.text);
    if (!text) return fail(text.error());
    request_.text = std::move(*text);
    if (urgent_) request_.priority = Priority::urgent;
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto task = client->assign(agent_, request_);
    if (!task) return fail(task.error());
    if (session.json) {
      session.print_json(*task);
    } else {
      session.out << "assigned task " << task->id.str() << " to " << agent_ << '\n';
    }
    return {};
  }
  std::string agent_;
  api::AssignRequest request_;
  bool urgent_ = false;
};

class TaskShow final : public Command {
  void declare(Options& options) override {
    options.positional("ID", id_, "A task's id, or its first digits");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    return answer(session, client->task(id_));
  }
  std::string id_;
};

class TaskCurrent final : public Command {
  void declare(Options& options) override {
    options.positional("AGENT", agent_, "An agent; inside a round it is the one at work", false);
  }
  Status run(Session& session) override {
    if (agent_.empty()) {
      const char* me = std::getenv("REEVE_AGENT_ID");
      if (me == nullptr)
        return fail(Errc::invalid_argument, "say which agent (inside a round it is known)");
      agent_ = me;
    }
    auto client = session.client();
    if (!client) return fail(client.error());
    return answer(session, client->current_task(agent_));
  }
  std::string agent_;
};

class TaskList final : public Command {
  void declare(Options& options) override {
    options.choice(
        "--state", state_,
        {"", "open", "pending", "assigned", "running", "completed", "failed", "cancelled"},
        "Only those");
    options.number("-n,--limit", limit_, "At most so many");
    options.flag("--all", all_, "Every page");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    std::uint64_t after = 0;
    std::vector<api::TaskView> tasks;
    std::optional<std::uint64_t> next;
    do {
      auto page =
          client->tasks(state_, after, all_ ? limits::kPage : static_cast<std::size_t>(limit_));
      if (!page) return fail(page.error());
      std::ranges::move(page->tasks, std::back_inserter(tasks));
      next = page->next;
      after = next.value_or(0);
    } while (all_ && next);
    if (session.json) {
      session.print_json(api::TaskPage{std::move(tasks), all_ ? std::nullopt : next});
      return {};
    }
    print_tasks(session, tasks);
    if (next && !all_) session.err << "there are more: --all, or --limit N\n";
    if (tasks.empty()) session.err << "no tasks\n";
    return {};
  }
  std::string state_;
  std::uint64_t limit_ = 50;
  bool all_ = false;
};

class TaskReport : public Command {
 protected:
  TaskReport(const char* report, const char* past) : report_(report), past_(past) {}
  void declare(Options& options) override {
    options.positional("ID", id_, "A task's id, or its first digits");
    options.text("TEXT", text_, "What to say");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto task = client->report(id_, report_, text_);
    if (!task) return fail(task.error());
    if (session.json) {
      session.print_json(*task);
    } else {
      session.out << "task " << task->id.short_str() << " " << past_ << '\n';
    }
    return {};
  }
  std::string id_;
  std::string text_;

 private:
  const char* report_;
  const char* past_;
};

class TaskComplete final : public TaskReport {
 public:
  TaskComplete() : TaskReport("complete", "is completed") {}

 private:
  void declare(Options& options) override {
    options.positional("ID", id_, "A task's id, or its first digits");
    options.value("--result", text_, "What came of it, in a line");
  }
};
class TaskFail final : public TaskReport {
 public:
  TaskFail() : TaskReport("fail", "has failed") {}
};
class TaskProgress final : public TaskReport {
 public:
  TaskProgress() : TaskReport("progress", "goes on") {}
};

}  // namespace

std::unique_ptr<Command> make_assign() { return make_command<Assign>(); }
std::unique_ptr<Command> make_task_show() { return make_command<TaskShow>(); }
std::unique_ptr<Command> make_task_list() { return make_command<TaskList>(); }
std::unique_ptr<Command> make_task_current() { return make_command<TaskCurrent>(); }
std::unique_ptr<Command> make_task_complete() { return make_command<TaskComplete>(); }
std::unique_ptr<Command> make_task_fail() { return make_command<TaskFail>(); }
std::unique_ptr<Command> make_task_progress() { return make_command<TaskProgress>(); }

}  // namespace reeve::cli
