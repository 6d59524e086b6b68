#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "town/backlog.h"
#include "town/task_changes.h"
#include "town/task_place.h"
#include "town/task_steps.h"
#include "town/testing.h"

/// What the tests of tasks share. Not part of the library.
namespace reeve::town {

/// What is wrong with the invariant of work, over the whole store.
inline Async<Result<std::vector<std::string>>> misplaced_in(store::Store& store) {
  auto tasks = co_await run::load_all<reeve::Task>(store, "");
  if (!tasks) co_return fail(tasks.error());
  auto messages = co_await run::load_all<Message>(store, "");
  if (!messages) co_return fail(messages.error());
  auto backlog = co_await store.items(kBacklog, limits::kPage);
  if (!backlog) co_return fail(backlog.error());
  std::vector<std::string> wrong;
  for (const auto& task : *tasks) {
    std::optional<Agent> agent;
    std::vector<store::QueueItem> inbox;
    if (task.agent) {
      auto found = co_await run::load<Agent>(store, *task.agent);
      if (found) agent = *found;
      auto items = co_await store.items(inbox_queue(*task.agent), limits::kPage);
      if (!items) co_return fail(items.error());
      inbox = std::move(*items);
    }
    std::vector<Message> bringers;
    for (const auto& message : *messages) {
      if (!brings_task(message) || message.task != task.id || message.withdrawn) continue;
      if (message.state == MessageState::handled) continue;
      const auto item = std::ranges::find(inbox, message.id.str(), &store::QueueItem::item);
      const bool there = item != inbox.end();
      if (there) bringers.push_back(message);
      const bool free = there && item->lease.empty();
      if (message.state == MessageState::queued && message.to == task.agent && !free)
        wrong.push_back("message " + message.id.str() + " is queued, but not in the inbox");
    }
    if (!is_ended(task.state) && bringers.size() > 1)
      wrong.push_back("task " + task.id.short_str() + " is brought twice");
    const bool waits = std::ranges::count(*backlog, task.id.str(), &store::QueueItem::item) > 0;
    if (auto why = misplaced(task, agent ? &*agent : nullptr, bringers, waits))
      wrong.push_back(*why);
    // The marks that wake and list them.
    store::DocQuery query;
    query.kind = run::DocOf<Message>::kKind;
    query.mark = run::task_mark(task.id);
    auto marked = co_await store.list(query);
    if (!marked) co_return fail(marked.error());
    for (const auto& bringer : bringers) {
      const auto is_it = [&](const store::Doc& doc) { return doc.key.id == bringer.id.str(); };
      if (std::ranges::none_of(*marked, is_it))
        wrong.push_back("message " + bringer.id.str() + " has no mark of its task");
    }
  }
  for (const auto& item : *backlog) {
    const auto is_it = [&](const reeve::Task& task) { return task.id.str() == item.item; };
    if (std::ranges::none_of(*tasks, is_it))
      wrong.push_back("the backlog has no task " + item.item);
  }
  co_return wrong;
}

/// The services of tasks, for a town without a daemon.
class TownTasks : public ServicesTest {
 protected:
  ~TownTasks() override { expect_placed(); }
  void expect_placed() {
    if (world_.store.down) return;
    const auto wrong = world_.await(misplaced_in(world_.store));
    ASSERT_TRUE(wrong) << wrong.error().message();
    for (const auto& one : *wrong) ADD_FAILURE() << one;
  }
  Result<reeve::Task> give(std::string agent, api::AssignRequest request, Caller caller = {}) {
    return world_.await(
        town::assign(ground_, std::move(caller), std::move(agent), std::move(request)));
  }
  Result<reeve::Task> add(api::AssignRequest request, Caller caller = {}) {
    return world_.await(add_task(ground_, std::move(caller), std::move(request)));
  }
  Result<reeve::Task> add(std::string text, std::vector<std::string> tags = {},
                          Priority priority = Priority::normal) {
    return add({.text = std::move(text), .tags = std::move(tags), .priority = priority});
  }
  Result<reeve::Task> claim(const TaskId& task, std::string agent, Caller caller = {}) {
    return world_.await(
        claim_task(ground_, std::move(caller), task.str(), std::optional(std::move(agent))));
  }
  Result<reeve::Task> cancel(const TaskId& task, std::string reason = "", Caller caller = {}) {
    return world_.await(cancel_task(ground_, std::move(caller), task.str(), std::move(reason)));
  }
  Result<reeve::Task> requeue(const TaskId& task, Caller caller = {}) {
    return world_.await(requeue_task(ground_, std::move(caller), task.str(), ""));
  }
  Result<reeve::Task> retry(const TaskId& task, std::optional<std::string> to = {},
                            Caller caller = {}) {
    return world_.await(retry_task(ground_, std::move(caller), task.str(), {std::move(to), ""}));
  }
  Result<reeve::Task> start(const TaskId& task, Caller caller = {}) {
    return world_.await(start_task(ground_, std::move(caller), task.str()));
  }
  Result<reeve::Task> remove(const TaskId& task, Caller caller = {}) {
    return world_.await(remove_task(ground_, std::move(caller), task.str(), ""));
  }
  api::TaskView show(const TaskId& task) {
    return world_.await(show_task(ground_, task.str())).value();
  }
  api::TaskPage list(TaskFilter filter, std::uint64_t after = 0, std::size_t limit = 100) {
    return world_.await(list_tasks(ground_, std::move(filter), after, limit)).value();
  }
  api::BacklogPage backlog(std::uint64_t after = 0, std::size_t limit = 100) {
    return world_.await(list_backlog(ground_, after, limit)).value();
  }
  std::vector<std::string> in_backlog() {
    std::vector<std::string> texts;
    for (const auto& view : backlog().tasks) texts.push_back(view.task.text);
    return texts;
  }
  /// A command of the agent, outside of any round that is known to the store.
  static Caller by(const Agent& agent) {
    Caller caller;
    caller.agent = agent.id;
    caller.origin = "agent:" + agent.name;
    return caller;
  }
  reeve::Task task(const TaskId& id) { return world_.get<reeve::Task>(id); }
  Agent agent(const AgentId& id) { return world_.get<Agent>(id); }
  template <class T>
  static std::string text_of(const Result<T>& failed) {
    return failed ? "" : failed.error().message();
  }
};

/// A town with a daemon, and what is asked of it about tasks.
class TaskRounds : public DaemonTest {
 protected:
  ~TaskRounds() override {
    if (world_.store.down) return;
    const auto wrong = world_.await(misplaced_in(world_.store));
    EXPECT_TRUE(wrong) << wrong.error().message();
    for (const auto& one : wrong.value_or(std::vector<std::string>())) ADD_FAILURE() << one;
  }

  Agent claimer(std::string name) {
    api::SpawnRequest request;
    request.name = std::move(name);
    request.cli = "worker";
    request.claims = true;
    return world_.await(town::spawn(ground_, Caller{}, std::move(request))).value();
  }
  reeve::Task give(const Agent& agent, api::AssignRequest request, Caller caller = {}) {
    return world_
        .await(town::assign(ground_, std::move(caller), agent.id.str(), std::move(request)))
        .value();
  }
  reeve::Task add(api::AssignRequest request) {
    return world_.await(add_task(ground_, Caller{}, std::move(request))).value();
  }
  Result<reeve::Task> start(const reeve::Task& task, Caller caller) {
    return world_.await(start_task(ground_, std::move(caller), task.id.str()));
  }
  Result<reeve::Task> cancel(const reeve::Task& task, Caller caller = {}) {
    return world_.await(cancel_task(ground_, std::move(caller), task.id.str(), ""));
  }
  Result<reeve::Task> requeue(const reeve::Task& task, Caller caller = {}) {
    return world_.await(requeue_task(ground_, std::move(caller), task.id.str(), ""));
  }
  Result<reeve::Task> retry(const reeve::Task& task) {
    return world_.await(retry_task(ground_, Caller{}, task.id.str(), {}));
  }
  reeve::Task now(const reeve::Task& task) { return world_.get<reeve::Task>(task.id); }
  Agent now(const Agent& agent) { return world_.get<Agent>(agent.id); }
  std::string prompt() { return world_.machine.process().stdin_text; }
  bool until_stopping() {
    return world_.until([&] { return !world_.machine.process().stops.empty(); });
  }
  /// Lets a while go by, as a clock does.
  void pass(Duration time, Duration step = 10s) {
    for (; time > Duration::zero(); time -= step) {
      world_.env.advance(std::min(step, time));
      world_.quiet();
    }
  }
  /// Nothing more begins, whatever time it gets.
  void expect_no_more_rounds_than(std::size_t rounds) {
    world_.quiet();
    pass(120s);
    EXPECT_EQ(world_.machine.started(), rounds);
  }
};

}  // namespace reeve::town
