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

namespace {

/// Nothing: the item names no message.
Async<Result<std::optional<Message>>> read_letter(store::Store& store, std::string item) {
  const auto id = MessageId::parse(item);
  if (!id) co_return std::optional<Message>();
  auto message = co_await run::load<Message>(store, *id);
  if (!message) co_return fail(message.error());
  co_return std::optional(std::move(*message));
}

enum class Standing {
  ready,
  settled,  ///< no round needs it
  waits,    ///< for other tasks
};

Async<Result<Standing>> standing_of(store::Store& store, Message message,
                                    std::optional<TaskId> in_hand) {
  if (!brings_task(message))
    co_return is_settled(message, nullptr) ? Standing::settled : Standing::ready;
  auto task = co_await run::load<reeve::Task>(store, *message.task);
  if (!task) co_return fail(task.error());
  if (is_settled(message, &*task)) co_return Standing::settled;
  if (message.delivery == Delivery::idle && in_hand && in_hand != task->id)
    co_return Standing::waits;
  if (task->after.empty()) co_return Standing::ready;
  auto unfinished = co_await unfinished_before(store, std::move(*task));
  if (!unfinished) co_return fail(unfinished.error());
  co_return unfinished->empty() ? Standing::ready : Standing::waits;
}

/// Whether it is worth looking behind a first page in which nothing starts a round: an inbox may be
/// full of what is for knowledge.
Async<Result<bool>> has_more_work(store::Store& store, AgentId agent) {
  auto number = co_await store.count(run::DocOf<Message>::kKind, run::work_mark(agent));
  if (!number) co_return fail(number.error());
  co_return *number > 0;
}

/// Fills in what is ready. True: something of it starts a round.
Async<Result<bool>> read_ready(store::Store& store, AgentId agent, Time now,
                               std::optional<TaskId> in_hand, Mailbox& box) {
  bool starts = false;
  store::QueuePlace after;
  for (bool first = true;; first = false) {
    auto page = co_await store.ready(inbox_queue(agent), now, limits::kPage, after);
    if (!page) co_return fail(page.error());
    for (const auto& item : *page) {
      auto letter = co_await read_letter(store, item.item);
      if (!letter) co_return fail(letter.error());
      if (!*letter) continue;
      auto& message = **letter;
      auto standing = co_await standing_of(store, message, in_hand);
      if (!standing) co_return fail(standing.error());
      if (*standing == Standing::settled) box.settled.push_back(message.id);
      if (*standing != Standing::ready) continue;
      const bool starter = starts_round(message.type);
      if (first || starter) box.ready.push_back(std::move(message));
      starts = starts || starter;
      if (starts && !first) co_return true;
    }
    if (starts || page->size() < limits::kPage) co_return starts;
    if (first) {
      auto more = co_await has_more_work(store, agent);
      if (!more) co_return fail(more.error());
      if (!*more) co_return false;
    }
    after = page->back().place();
  }
}

/// Fills in what has a pause.
Async<Status> read_pausing(store::Store& store, AgentId agent, Time now,
                           std::optional<TaskId> in_hand, Mailbox& box) {
  for (store::QueuePlace after;;) {
    auto page = co_await store.items(inbox_queue(agent), limits::kPage, after);
    if (!page) co_return fail(page.error());
    for (const auto& item : *page) {
      if (!item.lease.empty() || item.not_before <= now) continue;
      auto letter = co_await read_letter(store, item.item);
      if (!letter) co_return fail(letter.error());
      if (!*letter) continue;
      auto standing = co_await standing_of(store, **letter, in_hand);
      if (!standing) co_return fail(standing.error());
      if (*standing == Standing::settled) box.settled.push_back((*letter)->id);
      if (*standing == Standing::ready)
        box.later = std::min(box.later.value_or(item.not_before), item.not_before);
    }
    if (page->size() < limits::kPage) co_return Status();
    after = page->back().place();
  }
}

}  // namespace

Async<Result<Mailbox>> open_mailbox(store::Store& store, AgentId agent, Time now,
                                    std::optional<TaskId> in_hand) {
  Mailbox box;
  auto starts = co_await read_ready(store, agent, now, in_hand, box);
  if (!starts) co_return fail(starts.error());
  if (!*starts) {
    if (auto read = co_await read_pausing(store, agent, now, in_hand, box); !read)
      co_return fail(read.error());
  }
  co_return box;
}

Async<Result<bool>> has_work(store::Store& store, AgentId agent) {
  for (store::QueuePlace after;;) {
    auto page = co_await store.items(inbox_queue(agent), limits::kPage, after);
    if (!page) co_return fail(page.error());
    for (const auto& item : *page) {
      auto letter = co_await read_letter(store, item.item);
      if (!letter) co_return fail(letter.error());
      if (*letter && starts_round((*letter)->type)) co_return true;
    }
    if (page->size() < limits::kPage) co_return false;
    auto more = co_await has_more_work(store, agent);
    if (!more || !*more) co_return more;
    after = page->back().place();
  }
}

}  // namespace reeve::town
