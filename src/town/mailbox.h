#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/message.h"
#include "model/task.h"
#include "run/documents.h"
#include "run/draft.h"
#include "town/ground.h"

/// An agent's inbox, as its next round sees it.
namespace reeve::town {

using aio::Async;

/// Whether no round needs to read a message any more: it was withdrawn, or brings a task that has
/// ended, or is not its reader's any more. `task`: the message's, if it has one. Pure.
bool is_settled(const Message& message, const reeve::Task* task);

/// Whether it waits for a round that begins for nothing else. Pure.
bool only_when_idle(const Message& message);

/// What is in a queue, all of it, in serving order.
Async<Result<std::vector<store::QueueItem>>> all_items(store::Store& store, std::string queue);

/// What stands in an inbox and is no message to its agent.
struct Unreadable {
  std::string item;  ///< as the queue has it
  int priority = 0;
  std::string reason;  ///< for a person
};

/// A letter as a queue has it: the message, or why it cannot be read. Errors are the store's.
Async<Result<std::variant<Message, Unreadable>>> read_item(store::Store& store, AgentId owner,
                                                           store::QueueItem item);

struct Mailbox {
  /// In serving order. The first one that starts a round is among them, however many wait before
  /// it; of the others, no more than a round could take. One with Delivery::idle is among them only
  /// while nothing else waits that starts a round, now or after a pause.
  std::vector<Message> ready;
  /// These can go without a round.
  std::vector<MessageId> settled;
  /// These never will have one: quarantine().
  std::vector<Unreadable> unreadable;
  /// When the first one that has a pause is ready; looked for where nothing ready starts a round.
  std::optional<Time> later;
};
/// `in_hand`: the task that those which were put aside wait for (open_task.h: held_for). They are
/// neither ready nor settled then, nor is a task that comes after others: their events wake the
/// agent.
Async<Result<Mailbox>> open_mailbox(store::Store& store, AgentId agent, Time now,
                                    std::optional<TaskId> in_hand = std::nullopt);

/// Whether there is a reason for a round in it, now or after a pause.
Async<Result<bool>> has_work(store::Store& store, AgentId agent);

/// The steps of that, for a commit that does more: one item goes, whoever holds it ...
Async<Status> put_into_quarantine(run::Draft& draft, store::Store& store, AgentId agent,
                                  Unreadable item);
/// ... and a person is to look.
Async<Status> tell_of_quarantine(run::Draft& draft, AgentId agent, std::string reason);
/// Takes what cannot be read out of the inbox into `quarantine:AGENT`, and has a person look.
/// conflict: it is not there, or held by a run.
Async<Status> quarantine(Ground ground, AgentId agent, std::vector<Unreadable> items);

/// How a message with Delivery::now is in the very next round even if it is sent while that one
/// begins: whoever starts a round asks for this before looking at the inbox ...
Async<Result<std::uint64_t>> interrupts_seen(store::Store& store, AgentId agent);
/// ... and its commit has this condition: a conflict then means to look again.
store::Precondition no_interrupt_since(AgentId agent, std::uint64_t seen);
/// What goes with the sending of such a message.
store::Write interrupt(const Message& message);

}  // namespace reeve::town
