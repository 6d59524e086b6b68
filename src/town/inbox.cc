#include "town/inbox.h"

#include <algorithm>
#include <ranges>

#include "base/limits.h"
#include "town/change.h"
#include "town/directory.h"
#include "town/mailbox.h"
#include "town/messages.h"
#include "town/task_steps.h"

namespace reeve::town {
namespace {

/// What an answer may hold: a client takes no more.
constexpr std::size_t kShownBytes = limits::kResponseBody / 4;

/// Reads what is in a queue into `out`. Those that one answer cannot hold are counted in `more`.
Async<Status> read_letters(store::Store& store, AgentId owner, std::string queue,
                           api::InboxView& view, std::vector<Message>& out, std::int64_t& more) {
  auto waiting = co_await all_items(store, std::move(queue));
  if (!waiting) co_return fail(waiting.error());
  std::size_t bytes = 0;
  for (const auto& item : *waiting) {
    if (bytes > kShownBytes) {
      ++more;
      continue;
    }
    auto letter = co_await read_item(store, owner, item);
    if (!letter) co_return fail(letter.error());
    constexpr std::size_t kRest = 512;  // of its JSON, about
    if (auto* poison = std::get_if<Unreadable>(&*letter)) {
      view.quarantined.push_back({std::move(poison->item), std::move(poison->reason)});
      bytes += kRest;
      continue;
    }
    auto& message = std::get<Message>(*letter);
    bytes += message.text.size() + kRest;
    message.from = co_await display_name(store, message.from);
    out.push_back(std::move(message));
  }
  co_return Status();
}

/// What is in quarantine, and as far as it can be told, why.
Async<Status> read_quarantine(store::Store& store, AgentId owner, api::InboxView& view) {
  auto items = co_await all_items(store, quarantine_queue(owner));
  if (!items) co_return fail(items.error());
  for (const auto& item : *items) {
    auto letter = co_await read_item(store, owner, item);
    if (!letter) co_return fail(letter.error());
    const auto* poison = std::get_if<Unreadable>(&*letter);
    view.quarantined.push_back(
        {item.item, poison != nullptr ? poison->reason : "its task cannot be read"});
  }
  co_return Status();
}

}  // namespace

Async<Result<api::InboxView>> inbox(Ground ground, std::string reference) {
  auto& store = ground.log.store();
  const auto of = co_await find_addressee(store, std::move(reference));
  if (!of) co_return fail(of.error());
  api::InboxView view;
  view.agent = of->name;
  auto read =
      co_await read_letters(store, of->id, inbox_queue(of->id), view, view.messages, view.more);
  if (read)
    read =
        co_await read_letters(store, of->id, dead_queue(of->id), view, view.dead, view.more_dead);
  if (read) read = co_await read_quarantine(store, of->id, view);
  if (!read) co_return fail(read.error());
  co_return view;
}

Async<Result<api::MessageView>> show_message(Ground ground, std::string reference) {
  auto& store = ground.log.store();
  auto message = co_await find_message(store, std::move(reference), std::nullopt);
  if (!message) co_return fail(message.error());
  api::MessageView view;
  view.from = co_await display_name(store, message->from);
  view.to = co_await display_name(store, message->to.str());
  view.message = std::move(*message);
  co_return view;
}

// --- Done with -----------------------------------------------------------------------------------

namespace {

/// An item that somebody is done with, and the queue that it is in.
struct Spent {
  AgentId owner;
  std::string queue;
  std::string item;
};

bool is_message(const Spent& spent) { return spent.queue != quarantine_queue(spent.owner); }

Async<Result<Spent>> find_spent(Ground ground, std::string reference, std::optional<Addressee> of) {
  auto& store = ground.log.store();
  if (of) {
    auto items = co_await all_items(store, quarantine_queue(of->id));
    if (!items) co_return fail(items.error());
    if (std::ranges::count(*items, reference, &store::QueueItem::item) > 0)
      co_return Spent{of->id, quarantine_queue(of->id), std::move(reference)};
  }
  const auto mailbox = of ? std::optional(of->id) : std::nullopt;
  auto message = co_await find_message(store, std::move(reference), mailbox);
  if (!message) co_return fail(message.error());
  const auto id = message->id.str();
  if (message->state == MessageState::dead || message->state == MessageState::handled)
    co_return Spent{message->to, dead_queue(message->to), id};
  if (message->to == supervisor_id()) co_return Spent{message->to, inbox_queue(message->to), id};
  const auto name = co_await display_name(store, message->to.str());
  co_return fail(Errc::conflict, "message " + message->id.short_str() + " waits for " + name +
                                     ": its rounds read its inbox, nobody else empties it");
}

/// All that is to be done with: nothing that comes later.
Async<Result<std::vector<Spent>>> all_spent(Ground ground, Addressee of) {
  auto& store = ground.log.store();
  std::vector<std::string> queues{dead_queue(of.id), quarantine_queue(of.id)};
  if (of.id == supervisor_id()) queues.push_back(inbox_queue(of.id));
  std::vector<Spent> spent;
  for (const auto& queue : queues) {
    auto items = co_await all_items(store, queue);
    if (!items) co_return fail(items.error());
    for (auto& item : *items) spent.push_back({of.id, queue, std::move(item.item)});
  }
  co_return spent;
}

/// One of the items: the message is handled, what is none just goes.
Async<Result<bool>> spend(run::Draft& draft, Spent spent) {
  draft.write(store::QueueAck{spent.queue, spent.item});
  if (!is_message(spent)) co_return true;
  const auto id = MessageId::parse(spent.item);
  if (!id) co_return true;
  auto message = co_await draft.get<Message>(*id);
  if (!message && (message.error().is(Errc::not_found) || message.error().is(Errc::corrupt)))
    co_return true;
  if (!message) co_return fail(message.error());
  if (message->to != spent.owner) co_return true;
  if (message->state == MessageState::handled) co_return false;
  const bool dead = message->state == MessageState::dead;
  if (!dead && spent.owner != supervisor_id()) {
    co_return fail(Errc::conflict, "message " + id->short_str() + " is no dead letter any more");
  }
  const std::vector<MessageId> handled{*id};
  fact::MessagesHandled fact{spent.owner, handled};
  if (auto added = co_await draft.add(std::move(fact)); !added) co_return fail(added.error());
  co_return true;
}

/// A few at a time: what is done with here goes in one commit.
constexpr std::size_t kShare = 500;

}  // namespace

Async<Result<api::DoneReply>> done_with(Ground ground, Caller caller, api::DoneRequest request) {
  auto& store = ground.log.store();
  if (request.all != request.ids.empty()) {
    co_return fail(Errc::invalid_argument, "say which messages you are done with, or all");
  }
  std::optional<Addressee> of;
  if (!request.agent.empty()) {
    auto found = co_await find_addressee(store, request.agent);
    if (!found) co_return fail(found.error());
    of = std::move(*found);
  }
  std::vector<Spent> waiting;
  if (request.all) {
    if (!of) of = Addressee{supervisor_id(), std::string(kSupervisor)};
    auto all = co_await all_spent(ground, *of);
    if (!all) co_return fail(all.error());
    waiting = std::move(*all);
  }
  for (const auto& reference : request.ids) {
    auto one = co_await find_spent(ground, reference, of);
    if (!one) co_return fail(one.error());
    waiting.push_back(std::move(*one));
  }
  const bool peoples = std::ranges::count(waiting, supervisor_id(), &Spent::owner) > 0;
  if (peoples && caller.agent) {
    co_return fail(Errc::denied, "the supervisor's mailbox is for people: agents write to it");
  }
  api::DoneReply whole;
  for (std::size_t part = 0; part == 0 || !waiting.empty(); ++part) {
    std::vector<Spent> share;
    std::ranges::copy(waiting | std::views::take(kShare), std::back_inserter(share));
    auto one = caller;
    one.key = part_key(caller.key, part);
    const auto decide = [&](run::Draft& draft) -> Async<Result<api::DoneReply>> {
      api::DoneReply told;
      for (const auto& spent : share) {
        auto gone = co_await spend(draft, spent);
        if (!gone) co_return fail(gone.error());
        told.done.push_back(spent.item);
        told.number += *gone ? 1 : 0;
      }
      co_return told;
    };
    auto told = co_await change<api::DoneReply>(ground, std::move(one), decide);
    if (!told) co_return fail(told.error());
    std::erase_if(waiting, [&](const Spent& spent) {
      return std::ranges::count(told->done, spent.item) > 0;
    });
    whole.number += told->number;
    std::ranges::move(told->done, std::back_inserter(whole.done));
  }
  co_return whole;
}

// --- Once more -----------------------------------------------------------------------------------

Result<std::vector<Fact>> decide_retry(const Message& message, const Agent& agent,
                                       const reeve::Task* task) {
  if (message.state != MessageState::dead) {
    return fail(Errc::conflict, "message " + message.id.short_str() + " is no dead letter: it is " +
                                    std::string(enum_name(message.state)));
  }
  if (message.withdrawn) {
    return fail(Errc::conflict,
                "message " + message.id.short_str() + " was withdrawn: " + *message.withdrawn);
  }
  if (task != nullptr && brings_task(message) && is_ended(task->state)) {
    return fail(Errc::conflict, "its task " + task->id.short_str() + " is " +
                                    std::string(enum_name(task->state)) +
                                    ": `reeve task retry` tries that again");
  }
  if (auto takes = check_takes_mail(agent); !takes) return fail(takes.error());
  return std::vector<Fact>{fact::MessageMoved{message.id, message.to, message.to, "tried again"}};
}

Async<Result<Message>> retry_message(Ground ground, Caller caller, std::string reference) {
  auto found = co_await find_message(ground.log.store(), std::move(reference), std::nullopt);
  if (!found) co_return fail(found.error());
  const auto id = found->id;
  const auto decide = [&](run::Draft& draft) -> Async<Result<Message>> {
    auto message = co_await draft.get<Message>(id);
    if (!message) co_return fail(message.error());
    if (message->to == supervisor_id())
      co_return fail(Errc::conflict, "message " + id.short_str() + " is no dead letter");
    auto agent = co_await draft.get<Agent>(message->to);
    if (!agent) co_return fail(agent.error());
    std::optional<reeve::Task> task;
    if (message->task) {
      auto loaded = co_await draft.get<reeve::Task>(*message->task);
      if (!loaded) co_return fail(loaded.error());
      task = std::move(*loaded);
    }
    auto facts = decide_retry(*message, *agent, task ? &*task : nullptr);
    if (!facts) co_return fail(facts.error());
    if (auto added = co_await add_all(draft, std::move(*facts)); !added)
      co_return fail(added.error());
    draft.write(store::QueueAck{dead_queue(message->to), id.str()});
    draft.write(
        store::QueuePush{inbox_queue(message->to), id.str(), static_cast<int>(message->priority)});
    co_return co_await draft.get<Message>(id);
  };
  co_return co_await change<Message>(ground, std::move(caller), decide);
}

}  // namespace reeve::town
