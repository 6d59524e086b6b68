#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <ostream>

#include "base/limits.h"
#include "cli/commands.h"
#include "cli/task_options.h"
#include "cli/town_text.h"

namespace reeve::cli {
namespace {

void print_task(Session& session, const api::TaskView& view) {
  const auto& task = view.task;
  const auto state = enum_name(task.state);
  session.out << "task " << task.id.str() << "  " << session.paint(colour_of_state(state), state)
              << '\n';
  if (view.agent) session.out << "agent    " << *view.agent << '\n';
  session.out << "from     " << view.from << (task.notify ? ", who is told when it is over" : "")
              << '\n';
  if (task.priority != Priority::normal)
    session.out << "priority " << enum_name(task.priority) << '\n';
  if (task.parent) session.out << "part of  " << task.parent->str() << '\n';
  for (const auto& before : task.after) session.out << "after    " << before.str() << '\n';
  if (!task.tags.empty()) {
    session.out << "tags    ";
    for (const auto& tag : task.tags) session.out << ' ' << printable(tag);
    session.out << '\n';
  }
  session.out << "created  " << to_rfc3339(task.created_at) << '\n';
  if (task.started_at) session.out << "started  " << to_rfc3339(*task.started_at) << '\n';
  if (task.ended_at) session.out << "ended    " << to_rfc3339(*task.ended_at) << '\n';
  if (task.attempts > 0) session.out << "rounds   " << task.attempts << '\n';
  if (task.again_at) session.out << "again    " << to_rfc3339(*task.again_at) << '\n';
  for (const auto& before : view.waits_for) {
    session.out << session.paint(Colour::yellow, "waits for ") << before.id.short_str() << " ("
                << enum_name(before.state) << ") " << printable(before.text);
    if (before.state == TaskState::failed || before.state == TaskState::cancelled)
      session.out << ": reeve task retry " << before.id.short_str();
    session.out << '\n';
  }
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
    task_.declare(options);
  }
  Status run(Session& session) override {
    auto request = task_.read();
    if (!request) return fail(request.error());
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto task = client->assign(agent_, *request);
    if (!task) return fail(task.error());
    if (session.json) {
      session.print_json(*task);
    } else {
      session.out << "assigned task " << task->id.str() << " to " << agent_ << '\n';
    }
    return {};
  }
  std::string agent_;
  TaskOptions task_;
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
        "--state", query_.state,
        {"", "open", "pending", "assigned", "running", "completed", "failed", "cancelled"},
        "Only those");
    options.value("--agent", query_.agent, "Only that agent's");
    options.value("--tag", query_.tag, "Only those with that tag");
    options.limit("-n,--limit", limit_, "At most so many");
    options.flag("--all", all_, "Every page; with --json a line for each");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    bool none = true;
    std::optional<std::uint64_t> next = 0;
    while (next && all_) {
      auto page = read_page(*client, limits::kPage, *next);
      if (!page) return fail(page.error());
      none = none && page->tasks.empty();
      next = page->next;
      show(session, *page);
    }
    if (!all_) {
      auto page = first_page(*client);
      if (!page) return fail(page.error());
      none = page->tasks.empty();
      next = page->next;
      show(session, *page);
    }
    if (session.json) return {};
    if (next) session.err << "there are more: --all, or --limit N\n";
    if (none) session.err << "no tasks\n";
    return {};
  }
  Result<api::TaskPage> read_page(client::Client& client, std::size_t limit, std::uint64_t after) {
    query_.after = after;
    query_.limit = limit;
    return client.tasks(query_);
  }
  /// As many as were asked for: a page of several conditions may hold fewer, and go on.
  Result<api::TaskPage> first_page(client::Client& client) {
    api::TaskPage all;
    all.next = 0;
    while (all.next && all.tasks.size() < limit_) {
      auto page = read_page(client, limit_ - all.tasks.size(), *all.next);
      if (!page) return page;
      std::ranges::move(page->tasks, std::back_inserter(all.tasks));
      all.next = page->next;
    }
    return all;
  }
  static void show(Session& session, const api::TaskPage& page) {
    if (session.json)
      session.print_json(page);
    else
      print_tasks(session, page.tasks);
  }
  client::TaskQuery query_;
  std::uint64_t limit_ = 50;
  bool all_ = false;
};

class TaskResult final : public Command {
  void declare(Options& options) override {
    options.positional("ID", id_, "A task's id, or its first digits");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto reply = client->task_result(id_);
    if (!reply) return fail(reply.error());
    if (session.json) {
      session.print_json(*reply);
    } else {
      session.err << "the task is " << reply->state << '\n';
      if (reply->result) session.out << printable(*reply->result) << '\n';
    }
    return {};
  }
  std::string id_;
};

class TaskStart final : public Command {
  void declare(Options& options) override {
    options.positional("ID", id_, "A task's id, or its first digits");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    return tell_change(session, client->start_task(id_), "is in hand");
  }
  std::string id_;
};

class TaskChange : public Command {
 protected:
  TaskChange(const char* change, const char* past) : change_(change), past_(past) {}

 private:
  void declare(Options& options) override {
    options.positional("ID", id_, "A task's id, or its first digits");
    options.value("--reason", reason_, "Why, for the log");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    return tell_change(session, client->change_task(id_, change_, reason_), past_);
  }
  const char* change_;
  const char* past_;
  std::string id_;
  std::string reason_;
};

class TaskCancel final : public TaskChange {
 public:
  TaskCancel() : TaskChange("cancel", "is cancelled") {}
};
class TaskRequeue final : public TaskChange {
 public:
  TaskRequeue() : TaskChange("requeue", "is in the backlog") {}
};

class TaskRetry final : public Command {
  void declare(Options& options) override {
    options.positional("ID", id_, "A task's id, or its first digits");
    options.value("--to", request_.to, "An agent; else the one that had it, or the backlog");
    options.value("--reason", request_.reason, "Why, for the log");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto task = client->retry_task(id_, request_);
    return tell_change(session, task,
                       task && task->agent ? "is its agent's again" : "is in the backlog");
  }
  std::string id_;
  api::RetryRequest request_;
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
    return tell_change(session, client->report(id_, report_, text_), past_);
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
std::unique_ptr<Command> make_task_result() { return make_command<TaskResult>(); }
std::unique_ptr<Command> make_task_start() { return make_command<TaskStart>(); }
std::unique_ptr<Command> make_task_cancel() { return make_command<TaskCancel>(); }
std::unique_ptr<Command> make_task_requeue() { return make_command<TaskRequeue>(); }
std::unique_ptr<Command> make_task_retry() { return make_command<TaskRetry>(); }
std::unique_ptr<Command> make_task_complete() { return make_command<TaskComplete>(); }
std::unique_ptr<Command> make_task_fail() { return make_command<TaskFail>(); }
std::unique_ptr<Command> make_task_progress() { return make_command<TaskProgress>(); }

}  // namespace reeve::cli
