#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/agent.h"
#include "model/message.h"
#include "model/task.h"

namespace reeve::town {

/// What a round is about, with the names that people use.
struct Letter {
  Message message;
  std::string from;                    ///< the sender's name
  std::optional<reeve::Task> task;     ///< of a task message
  std::optional<std::string> answers;  ///< the text of the message that this one replies to
};
struct Briefing {
  std::string town;
  Agent agent;
  std::optional<reeve::Task> task;  ///< the task that this round carries
  std::vector<Letter> letters;
  /// Why the round that had these letters before was stopped, in the same conversation.
  std::optional<std::string> stopped;
};

/// The text that a CLI is given for one round: the whole task, every message, and how to report.
/// Pure.
std::string write_prompt(const Briefing& briefing);

/// Which of the waiting messages, in serving order, one round takes: everything but a second task,
/// and nothing at all while none of them starts a round. One with Delivery::idle is taken only
/// where no other starts a round, and only one of them. What does not fit waits for the next round.
/// Pure.
std::vector<Message> choose_messages(const std::vector<Message>& waiting);

}  // namespace reeve::town
