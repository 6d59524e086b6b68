#include "town/task_steps.h"

#include <algorithm>
#include <set>

#include "base/limits.h"
#include "town/dependencies.h"

namespace reeve::town {
namespace {

Async<Status> post(run::Draft& draft, Message message, std::optional<RunId> run,
                   Time not_before = {}) {
  draft.write(store::QueuePush{inbox_queue(message.to), message.id.str(),
                               static_cast<int>(message.priority), not_before});
  co_return co_await draft.add(fact::MessageSent{std::move(message), run});
}

std::optional<RunId> run_of(const run::Caller& caller) {
  return caller.round ? std::optional(caller.round->run) : std::nullopt;
}

/// What is said to whoever made a task and wanted to know.
Message news_of(run::Draft& draft, const reeve::Task& task, const AgentId& to) {
  Message message;
  message.id = MessageId(draft.env().uuid4());
  message.from = task.agent ? task.agent->str() : std::string(kSupervisor);
  message.to = to;
  message.type =
      task.state == TaskState::completed ? MessageType::task_done : MessageType::task_failed;
  message.task = task.id;
  message.text =
      "task " + task.id.short_str() + " (" + note_of(task).text + ") " +
      (task.state == TaskState::failed ? "has failed" : "is " + std::string(enum_name(task.state)));
  if (task.result && !task.result->empty()) message.text += ": " + *task.result;
  message.created_at = draft.env().now();
  return message;
}

Async<Status> notify(run::Draft& draft, reeve::Task task) {
  auto to = supervisor_id();
  if (const auto id = AgentId::parse(task.from); id && *id != supervisor_id()) {
    auto agent = co_await draft.get<Agent>(*id);
    if (!agent && agent.error().is(Errc::not_found)) co_return Status();
    if (!agent) co_return fail(agent.error());
    if (is_ended(agent->state) || agent->pruned) co_return Status();
    to = *id;
  }
  auto news = news_of(draft, task, to);
  co_return co_await post(draft, std::move(news), std::nullopt);
}

}  // namespace

bool brings_task(const Message& message) {
  return message.type == MessageType::task_assign && message.task.has_value();
}

reeve::Task task_of(const Message& message, TaskId id, Time now) {
  reeve::Task task;
  task.id = id;
  task.text = message.text;
  task.from = message.from;
  task.priority = message.priority;
  task.created_at = task.updated_at = now;
  return task;
}

Async<Status> bring_task(run::Draft& draft, reeve::Task task, AgentId to, std::string from,
                         Bringing how) {
  Message message;
  message.id = MessageId(draft.env().uuid4());
  message.from = from.empty() ? std::string(kSupervisor) : std::move(from);
  message.to = to;
  message.type = MessageType::task_assign;
  message.text = std::move(task.text);
  message.task = task.id;
  if (how.when_idle) {
    message.delivery = Delivery::idle;
  } else {
    message.priority = task.priority;
  }
  message.created_at = draft.env().now();
  co_return co_await post(draft, std::move(message), how.run, how.not_before);
}

Async<Status> withdraw_message(run::Draft& draft, Message message, std::string reason) {
  if (message.state == MessageState::queued) {
    draft.require(store::QueueHolds{inbox_queue(message.to), message.id.str(), ""});
    draft.write(store::QueueAck{inbox_queue(message.to), message.id.str()});
  } else if (message.state == MessageState::dead) {
    draft.write(store::QueueAck{dead_queue(message.to), message.id.str()});
  }
  fact::MessageWithdrawn withdrawn{message.to, message.id, std::move(reason)};
  co_return co_await draft.add(std::move(withdrawn));
}

Async<Result<std::vector<Message>>> bringers_of(run::Draft& draft, store::Store& store,
                                                TaskId task) {
  auto marked = co_await run::load_all<Message>(store, run::task_mark(task));
  if (!marked) co_return fail(marked.error());
  std::vector<Message> messages;
  for (const auto& one : *marked) {
    auto message = co_await draft.get<Message>(one.id);             // as it stands in this draft
    if (!message && run::is_unreadable(message.error())) continue;  // it brings nothing
    if (!message) co_return fail(message.error());
    if (!message->withdrawn && message->state != MessageState::handled)
      messages.push_back(std::move(*message));
  }
  co_return messages;
}

Async<Status> give_task(run::Draft& draft, reeve::Task task, AgentId to, run::Caller caller) {
  if (auto added = co_await draft.add(fact::TaskAssigned{task.id, to}); !added) co_return added;
  if (caller.agent && *caller.agent != to) {
    fact::TaskDelegated delegated{task.id, *caller.agent, to, run_of(caller)};
    if (auto added = co_await draft.add(delegated); !added) co_return added;
  }
  Bringing how;
  how.run = run_of(caller);
  co_return co_await bring_task(draft, std::move(task), to, caller.sender(), how);
}

Async<Status> stop_run(run::Draft& draft, RunId id, std::string reason) {
  auto run = co_await draft.get<reeve::Run>(id);
  if (!run) co_return fail(run.error());
  if (is_ended(run->state) || run->stopping) co_return Status();
  fact::RunStopRequested stop{id, run->agent, std::move(reason)};
  co_return co_await draft.add(std::move(stop));
}

Async<Status> withdraw_task(run::Draft& draft, store::Store& store, reeve::Task task,
                            std::string reason, run::Caller caller) {
  if (task.state == TaskState::pending) {
    draft.require(store::QueueHolds{kBacklog, task.id.str(), ""});
    draft.write(store::QueueAck{kBacklog, task.id.str()});
  }
  std::set<RunId> runs;
  const bool open = !is_ended(task.state);
  if (task.state == TaskState::running && task.run) runs.insert(*task.run);
  auto messages = co_await bringers_of(draft, store, task.id);
  if (!messages) co_return fail(messages.error());
  for (const auto& message : *messages) {
    if (open && message.state == MessageState::taken && message.run) runs.insert(*message.run);
    auto done = co_await withdraw_message(draft, message, reason);
    if (!done) co_return done;
  }
  if (caller.round) runs.erase(caller.round->run);
  for (const auto& run : runs) {
    if (auto stopped = co_await stop_run(draft, run, reason); !stopped) co_return stopped;
  }
  co_return Status();
}

Async<Status> to_backlog(run::Draft& draft, store::Store& store, reeve::Task task,
                         std::string reason, run::Caller caller) {
  if (auto done = co_await withdraw_task(draft, store, task, reason, std::move(caller)); !done)
    co_return done;
  fact::TaskRequeued requeued{task.id, task.agent, std::move(reason)};
  if (auto added = co_await draft.add(std::move(requeued)); !added) co_return added;
  draft.write(store::QueuePush{kBacklog, task.id.str(), static_cast<int>(task.priority)});
  co_return Status();
}

Async<Status> end_task(run::Draft& draft, TaskId id, Fact end) {
  auto before = co_await draft.get<reeve::Task>(id);
  if (!before) co_return fail(before.error());
  if (auto added = co_await draft.add(std::move(end)); !added) co_return added;
  // It may be out of there by an earlier step.
  if (before->state == TaskState::pending) draft.write(store::QueueAck{kBacklog, id.str()});
  if (!before->notify) co_return Status();
  auto after = co_await draft.get<reeve::Task>(id);
  if (!after) co_return fail(after.error());
  co_return co_await notify(draft, std::move(*after));
}

Async<Status> put_aside(run::Draft& draft, store::Store& store, AgentId id, RunId run) {
  auto agent = co_await draft.get<Agent>(id);
  if (!agent) co_return fail(agent.error());
  if (!agent->current_task) co_return Status();
  auto task = co_await draft.get<reeve::Task>(*agent->current_task);
  if (!task && run::is_unreadable(task.error())) co_return Status();
  if (!task) co_return fail(task.error());
  if (is_ended(task->state)) co_return Status();
  auto messages = co_await bringers_of(draft, store, task->id);
  if (!messages) co_return fail(messages.error());
  bool waits = false;
  for (const auto& message : *messages) {
    // The one that this very run took is handled with it, and would bring nothing back.
    waits = waits || message.state == MessageState::queued;
    if (message.state != MessageState::taken) continue;
    auto done = co_await withdraw_message(draft, message, "its task was put aside");
    if (!done) co_return done;
  }
  // Of the run that takes its place: the one that worked on it may be long over.
  fact::TaskReturned returned{task->id, id, run};
  if (auto added = co_await draft.add(returned); !added) co_return added;
  if (waits) co_return Status();
  Bringing later;
  later.when_idle = true;
  const auto from = task->from;
  co_return co_await bring_task(draft, std::move(*task), id, from, later);
}

Async<Status> take_in_hand(run::Draft& draft, store::Store& store, TaskId task, AgentId id,
                           RunId run) {
  auto agent = co_await draft.get<Agent>(id);
  if (!agent) co_return fail(agent.error());
  if (agent->current_task != task) {
    if (auto aside = co_await put_aside(draft, store, id, run); !aside) co_return aside;
  }
  auto messages = co_await bringers_of(draft, store, task);
  if (!messages) co_return fail(messages.error());
  for (const auto& message : *messages) {
    if (message.state != MessageState::queued) continue;
    if (auto done = co_await withdraw_message(draft, message, "its task is in hand"); !done)
      co_return done;
  }
  co_return co_await draft.add(fact::TaskStarted{task, id, run});
}

Async<Result<std::optional<reeve::Task>>> task_in_hand_of(run::Draft& draft, reeve::Run run) {
  using Nothing = std::optional<reeve::Task>;
  if (!run.agent) co_return Nothing();
  auto agent = co_await draft.get<Agent>(*run.agent);
  if (!agent) co_return fail(agent.error());
  if (!agent->current_task) co_return Nothing();
  auto task = co_await draft.get<reeve::Task>(*agent->current_task);
  if (!task && run::is_unreadable(task.error())) co_return Nothing();
  if (!task) co_return fail(task.error());
  if (is_ended(task->state) || task->run != run.id) co_return Nothing();
  co_return std::optional(std::move(*task));
}

Async<Status> give_back_begun(run::Draft& draft, store::Store& store, reeve::Run run) {
  auto in_hand = co_await task_in_hand_of(draft, run);
  if (!in_hand) co_return fail(in_hand.error());
  const auto& task = *in_hand;
  if (!task) co_return Status();
  bool begun = run.task != task->id;
  for (const auto& id : run.messages) {  // it was put aside, and taken up again
    auto message = co_await draft.get<Message>(id);
    if (!message && run::is_unreadable(message.error())) continue;
    if (!message) co_return fail(message.error());
    begun = begun || (brings_task(*message) && message->task == task->id && message->withdrawn);
  }
  if (!begun) co_return Status();
  co_return co_await put_aside(draft, store, *run.agent, run.id);
}

}  // namespace reeve::town
