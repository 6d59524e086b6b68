#include "town/mailbox.h"

#include <algorithm>

#include "base/limits.h"
#include "town/dependencies.h"
#include "town/task_steps.h"

namespace reeve::town {

bool is_settled(const Message& message, const reeve::Task* task) {
  if (message.withdrawn) return true;
  return task != nullptr && brings_task(message) && message.task == task->id &&
         (is_ended(task->state) || task->agent != message.to);
}

bool only_when_idle(const Message& message) {
  return message.delivery == Delivery::idle && run::is_reason(message);
}

Async<Result<std::vector<store::QueueItem>>> all_items(store::Store& store, std::string queue) {
  std::vector<store::QueueItem> all;
  for (store::QueuePlace after;;) {
    auto page = co_await store.items(queue, limits::kPage, after);
    if (!page) co_return fail(page.error());
    if (!page->empty()) after = page->back().place();
    const bool last = page->size() < limits::kPage;
    std::ranges::move(*page, std::back_inserter(all));
    if (last) co_return all;
  }
}

Async<Result<std::variant<Message, Unreadable>>> read_item(store::Store& store, AgentId owner,
                                                           store::QueueItem item) {
  using Read = std::variant<Message, Unreadable>;
  const auto poison = [&](std::string why) {
    return Read(Unreadable{item.item, item.priority, std::move(why)});
  };
  const auto id = MessageId::parse(item.item);
  if (!id) co_return poison("it is no message's id");
  auto message = co_await run::load<Message>(store, *id);
  if (!message && message.error().is(Errc::not_found)) co_return poison("there is no such message");
  if (!message && message.error().is(Errc::corrupt)) co_return poison(message.error().message());
  if (!message) co_return fail(message.error());
  if (message->id != *id) co_return poison("its document is that of another message");
  if (message->to != owner) co_return poison("it is a message to somebody else");
  co_return Read(std::move(*message));
}

namespace {

/// Null: the message brings none. An unreadable one makes the message so: `poison` says why.
Async<Result<std::optional<reeve::Task>>> read_task(store::Store& store, Message message,
                                                    std::string& poison) {
  if (!message.task) co_return std::optional<reeve::Task>();
  auto task = co_await run::load<reeve::Task>(store, *message.task);
  if (task) co_return std::optional(std::move(*task));
  if (!run::is_unreadable(task.error())) co_return fail(task.error());
  poison = "its task cannot be read: " + task.error().message();
  co_return std::optional<reeve::Task>();
}

/// How many messages that wait are a reason for a round. Costs the same however many there are.
Async<Result<std::uint64_t>> count_work(store::Store& store, AgentId agent) {
  co_return co_await store.count(run::DocOf<Message>::kKind, run::work_mark(agent));
}

/// Whether the message brings a task that cannot begin yet.
Async<Result<bool>> waits_for_tasks(store::Store& store, Message message,
                                    std::optional<reeve::Task> task,
                                    std::optional<TaskId> in_hand) {
  if (!task || !brings_task(message)) co_return false;
  if (message.delivery == Delivery::idle && in_hand && in_hand != task->id) co_return true;
  if (task->after.empty()) co_return false;
  auto unfinished = co_await unfinished_before(store, std::move(*task));
  if (!unfinished) co_return fail(unfinished.error());
  co_return !unfinished->empty();
}

/// A message that a round may take, or empty: it waits for other tasks, or is noted in the box as
/// settled or unreadable.
Async<Result<std::optional<Message>>> sort_item(store::Store& store, AgentId agent,
                                                store::QueueItem item,
                                                std::optional<TaskId> in_hand, Mailbox& box) {
  auto letter = co_await read_item(store, agent, item);
  if (!letter) co_return fail(letter.error());
  if (auto* poison = std::get_if<Unreadable>(&*letter)) {
    box.unreadable.push_back(std::move(*poison));
    co_return std::optional<Message>();
  }
  auto& message = std::get<Message>(*letter);
  std::string poison;
  const auto task = co_await read_task(store, message, poison);
  if (!task) co_return fail(task.error());
  if (!poison.empty()) {
    box.unreadable.push_back({item.item, item.priority, std::move(poison)});
    co_return std::optional<Message>();
  }
  if (is_settled(message, *task ? &**task : nullptr)) {
    box.settled.push_back(message.id);
    co_return std::optional<Message>();
  }
  auto waits = co_await waits_for_tasks(store, message, *task, in_hand);
  if (!waits) co_return fail(waits.error());
  if (*waits) co_return std::optional<Message>();
  co_return std::optional(std::move(message));
}

/// Fills in what is ready. True: something of it starts a round whatever else waits.
///
/// It looks behind the first page only while work must be there: an inbox may be full of what is
/// for knowledge.
Async<Result<bool>> read_ready(store::Store& store, AgentId agent, Time now,
                               std::optional<TaskId> in_hand, Mailbox& box) {
  bool starts = false;
  std::uint64_t idle = 0;
  store::QueuePlace after;
  for (bool first = true;; first = false) {
    auto page = co_await store.ready(inbox_queue(agent), now, limits::kPage, after);
    if (!page) co_return fail(page.error());
    for (const auto& item : *page) {
      auto message = co_await sort_item(store, agent, item, in_hand, box);
      if (!message) co_return fail(message.error());
      if (!*message) continue;
      if (only_when_idle(**message)) {
        if (idle++ == 0) box.ready.push_back(std::move(**message));
        continue;
      }
      const bool starter = run::is_reason(**message);
      if (first || starter) box.ready.push_back(std::move(**message));
      starts = starts || starter;
      if (starts && !first) co_return true;
    }
    if (starts || page->size() < limits::kPage) co_return starts;
    auto work = co_await count_work(store, agent);
    if (!work) co_return fail(work.error());
    if (*work <= idle) co_return false;
    after = page->back().place();
  }
}

/// Fills in what has a pause. True: something of it starts a round whatever else waits.
Async<Result<bool>> read_pausing(store::Store& store, AgentId agent, Time now,
                                 std::optional<TaskId> in_hand, Mailbox& box) {
  bool starts = false;
  for (store::QueuePlace after;;) {
    auto page = co_await store.items(inbox_queue(agent), limits::kPage, after);
    if (!page) co_return fail(page.error());
    for (const auto& item : *page) {
      if (!item.lease.empty() || item.not_before <= now) continue;
      auto message = co_await sort_item(store, agent, item, in_hand, box);
      if (!message) co_return fail(message.error());
      if (!*message) continue;
      box.later = std::min(box.later.value_or(item.not_before), item.not_before);
      starts = starts || (run::is_reason(**message) && !only_when_idle(**message));
    }
    if (page->size() < limits::kPage) co_return starts;
    after = page->back().place();
  }
}

}  // namespace

Async<Result<Mailbox>> open_mailbox(store::Store& store, AgentId agent, Time now,
                                    std::optional<TaskId> in_hand) {
  Mailbox box;
  auto starts = co_await read_ready(store, agent, now, in_hand, box);
  if (!starts) co_return fail(starts.error());
  if (*starts) co_return box;
  auto soon = co_await read_pausing(store, agent, now, in_hand, box);
  if (!soon) co_return fail(soon.error());
  if (*soon) std::erase_if(box.ready, only_when_idle);  // something else waits
  co_return box;
}

Async<Result<bool>> has_work(store::Store& store, AgentId agent) {
  for (store::QueuePlace after;;) {
    auto page = co_await store.items(inbox_queue(agent), limits::kPage, after);
    if (!page) co_return fail(page.error());
    for (const auto& item : *page) {
      auto letter = co_await read_item(store, agent, item);
      if (!letter) co_return fail(letter.error());
      const auto* message = std::get_if<Message>(&*letter);
      if (message != nullptr && run::is_reason(*message)) co_return true;
    }
    if (page->size() < limits::kPage) co_return false;
    auto work = co_await count_work(store, agent);
    if (!work) co_return fail(work.error());
    if (*work == 0) co_return false;
    after = page->back().place();
  }
}

Async<Status> put_into_quarantine(run::Draft& draft, store::Store& store, AgentId agent,
                                  Unreadable item) {
  draft.write(store::QueueAck{inbox_queue(agent), item.item});
  draft.write(store::QueuePush{quarantine_queue(agent), item.item, item.priority});
  fact::MessageQuarantined told{agent, item.item, item.reason};
  if (auto added = co_await draft.add(std::move(told)); !added) co_return added;
  // Its own document, where it can be read, says that it waits: a sweep would put it back.
  const auto id = MessageId::parse(item.item);
  if (!id) co_return Status();
  auto message = co_await run::load<Message>(store, *id);
  if (!message && run::is_unreadable(message.error())) co_return Status();
  if (!message) co_return fail(message.error());
  if (message->id != *id || message->to != agent || message->withdrawn) co_return Status();
  fact::MessageWithdrawn withdrawn{agent, *id, "in quarantine: " + item.reason};
  if (auto added = co_await draft.add(std::move(withdrawn)); !added) co_return added;
  if (message->state != MessageState::taken) co_return Status();
  fact::MessagesHandled handled{agent, {*id}};  // the run that has it does not end it
  co_return co_await draft.add(std::move(handled));
}

Async<Status> quarantine(Ground ground, AgentId agent, std::vector<Unreadable> items) {
  if (items.size() > limits::kPage) items.resize(limits::kPage);  // the rest at the next look
  run::Draft draft(ground.env, ground.log.store(), run::Caller{.origin = "town"});
  const auto reason = items.front().reason;
  for (auto& one : items) {
    draft.require(store::QueueHolds{inbox_queue(agent), one.item, ""});
    auto put = co_await put_into_quarantine(draft, ground.log.store(), agent, std::move(one));
    if (!put) co_return put;
  }
  if (auto told = co_await tell_of_quarantine(draft, agent, reason); !told) co_return told;
  const auto committed = co_await draft.commit();
  if (!committed) co_return fail(committed.error());
  co_return Status();
}

Async<Status> tell_of_quarantine(run::Draft& draft, AgentId agent, std::string reason) {
  if (agent == supervisor_id()) co_return Status();
  fact::AgentNeedsAttention told{
      agent, "what came into its inbox cannot be read (reeve inbox shows it): " + reason};
  co_return co_await draft.add(std::move(told));
}

namespace {

store::DocKey interrupt_key(const AgentId& agent) { return {run::kInterruptKind, agent.str()}; }

}  // namespace

Async<Result<std::uint64_t>> interrupts_seen(store::Store& store, AgentId agent) {
  auto last = co_await store.get(interrupt_key(agent));
  if (!last) co_return fail(last.error());
  co_return *last ? (*last)->version : 0;
}

store::Precondition no_interrupt_since(AgentId agent, std::uint64_t seen) {
  if (seen == 0) return store::DocAbsent{interrupt_key(agent)};
  return store::DocAt{interrupt_key(agent), seen};
}

store::Write interrupt(const Message& message) {
  return store::PutDoc{interrupt_key(message.to), write_json_of(message.id), {}};
}

}  // namespace reeve::town
