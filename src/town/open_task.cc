#include "town/open_task.h"

#include <algorithm>

#include "town/asking.h"
#include "town/task_steps.h"

namespace reeve::town {
namespace {

/// Whether the run was given more than the task that rested.
Async<Result<bool>> had_news(store::Store& store, reeve::Run run, TaskId task) {
  for (const auto& id : run.messages) {
    auto message = co_await run::load<Message>(store, id);
    if (!message && run::is_unreadable(message.error())) continue;
    if (!message) co_return fail(message.error());
    const bool again = brings_task(*message) && message->task == task;
    if (!again || message->delivery != Delivery::idle) co_return true;
  }
  co_return false;
}

/// Whether the answer to the question is to come, or waits to be read.
Async<Result<bool>> awaits(store::Store& store, std::optional<MessageId> asked) {
  if (!asked) co_return false;
  auto question = co_await run::load<Message>(store, *asked);
  if (!question && run::is_unreadable(question.error())) co_return false;
  if (!question) co_return fail(question.error());
  if (question->state == MessageState::queued || question->state == MessageState::taken)
    co_return true;
  auto reply = co_await find_reply(store, std::move(*question));
  if (!reply) co_return fail(reply.error());
  co_return *reply && (*reply)->state == MessageState::queued;
}

Async<Result<bool>> waits_in_inbox(run::Draft& draft, store::Store& store, TaskId task) {
  auto messages = co_await bringers_of(draft, store, task);
  if (!messages) co_return fail(messages.error());
  co_return std::ranges::any_of(
      *messages, [](const Message& message) { return message.state == MessageState::queued; });
}

/// It rests in hand, and a message brings it again.
Async<Status> leave_open(run::Draft& draft, Pauses pauses, reeve::Task task, AgentId agent,
                         RunId run, std::int64_t rounds) {
  const auto when = draft.env().now() + rest_after(pauses, rounds);
  const fact::TaskLeftOpen left{task.id, agent, run, rounds, when};
  if (auto added = co_await draft.add(left); !added) co_return added;
  Bringing how;
  how.when_idle = true;
  how.not_before = when;
  const auto from = task.from;
  co_return co_await bring_task(draft, std::move(task), agent, from, how);
}

}  // namespace

AfterSuccess after_success(const reeve::Task& task, Completes completes, const RunId& run,
                           bool awaits) {
  if (awaits) return AfterSuccess::waits;
  if (task.reported == run || completes == Completes::report) return AfterSuccess::again;
  return AfterSuccess::done;
}

Duration rest_after(const Pauses& pauses, std::int64_t rounds) {
  return doubled(pauses.first_rest, pauses.last_rest, rounds);
}

Async<Status> settle_in_hand(run::Draft& draft, store::Store& store, Pauses pauses, reeve::Run run,
                             Completes completes, std::string last_words) {
  auto in_hand = co_await task_in_hand_of(draft, run);
  if (!in_hand) co_return fail(in_hand.error());
  auto& task = *in_hand;
  if (!task) co_return Status();
  auto waits = co_await awaits(store, run.question);
  if (!waits) co_return fail(waits.error());
  switch (after_success(*task, completes, run.id, *waits)) {
    case AfterSuccess::waits: break;
    case AfterSuccess::done: {
      fact::TaskCompleted completed{task->id, *run.agent, run.id, std::move(last_words)};
      co_return co_await end_task(draft, task->id, std::move(completed));
    }
    case AfterSuccess::again: {
      auto brought = co_await waits_in_inbox(draft, store, task->id);
      if (!brought) co_return fail(brought.error());
      if (*brought) break;
      auto news = co_await had_news(store, run, task->id);
      if (!news) co_return fail(news.error());
      const auto rounds = *news ? 1 : task->left_open + 1;
      co_return co_await leave_open(draft, pauses, std::move(*task), *run.agent, run.id, rounds);
    }
  }
  co_return Status();
}

Async<Result<std::optional<reeve::Task>>> task_in_hand(store::Store& store, Agent agent) {
  if (!agent.current_task) co_return std::optional<reeve::Task>();
  auto task = co_await run::load<reeve::Task>(store, *agent.current_task);
  if (!task && run::is_unreadable(task.error())) co_return std::optional<reeve::Task>();
  if (!task) co_return fail(task.error());
  if (is_ended(task->state) || task->agent != agent.id) co_return std::optional<reeve::Task>();
  co_return std::optional(std::move(*task));
}

std::optional<TaskId> held_for(const std::optional<reeve::Task>& in_hand) {
  return in_hand && !in_hand->again_at ? std::optional(in_hand->id) : std::nullopt;
}

Async<Result<bool>> awaits_answer(store::Store& store, reeve::Task in_hand) {
  if (!in_hand.run) co_return false;
  auto run = co_await run::load<reeve::Run>(store, *in_hand.run);
  if (!run && run::is_unreadable(run.error())) co_return false;
  if (!run) co_return fail(run.error());
  co_return co_await awaits(store, run->question);
}

Async<Status> bring_again(run::Draft& draft, store::Store& store, Pauses pauses, AgentId id) {
  auto agent = co_await draft.get<Agent>(id);
  if (!agent) co_return fail(agent.error());
  if (agent->state != AgentState::idle || agent->current_run || !agent->current_task)
    co_return fail(Errc::conflict, agent->name + " has changed");
  auto task = co_await draft.get<reeve::Task>(*agent->current_task);
  if (!task) co_return fail(task.error());
  if (is_ended(task->state)) co_return fail(Errc::conflict, "its task is over since just now");
  auto waits = co_await waits_in_inbox(draft, store, task->id);
  if (!waits) co_return fail(waits.error());
  if (*waits) co_return Status();  // for another task
  const auto run = task->run.value_or(RunId());
  const auto rounds = task->left_open + 1;
  co_return co_await leave_open(draft, pauses, std::move(*task), id, run, rounds);
}

}  // namespace reeve::town
