#pragma once

#include <optional>
#include <vector>

#include "model/message.h"
#include "model/task.h"
#include "run/documents.h"

/// An agent's inbox, as its next round sees it.
namespace reeve::town {

using aio::Async;

/// Whether no round needs to read a message any more: it was withdrawn, or brings a task that has
/// ended, or is not its reader's any more. `task`: the message's, if it has one. Pure.
bool is_settled(const Message& message, const reeve::Task* task);

/// What is in a queue, all of it, in serving order.
Async<Result<std::vector<store::QueueItem>>> all_items(store::Store& store, std::string queue);

struct Mailbox {
  /// In serving order. The first one that starts a round is among them, however many wait before
  /// it; of the others, no more than a round could take.
  std::vector<Message> ready;
  /// These can go without a round.
  std::vector<MessageId> settled;
  /// When the first one that has a pause is ready; looked for where nothing ready starts a round.
  std::optional<Time> later;
};
/// `in_hand`: the agent's current task. A task that waits for others is neither ready nor settled,
/// nor is one that was put aside for what is in hand: their events wake the agent.
Async<Result<Mailbox>> open_mailbox(store::Store& store, AgentId agent, Time now,
                                    std::optional<TaskId> in_hand = std::nullopt);

/// Whether there is a reason for a round in it, now or after a pause.
Async<Result<bool>> has_work(store::Store& store, AgentId agent);

}  // namespace reeve::town
