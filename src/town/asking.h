#pragma once

#include <optional>
#include <string>

#include "model/message_api.h"
#include "model/run.h"
#include "town/ground.h"

/// Questions that are waited for.
namespace reeve::town {

/// Whether an answer to it may be waited for.
bool asks(MessageType type);

/// Returns when a question has its answer: the message that replies to it, or, if the round that
/// read it ended without one, that round's last words. Woken by events. Cancellable; the question
/// stays asked then, and can be waited for again by its id.
///
/// invalid_argument: the message asks nothing. conflict: no answer will come, for the agent has
/// stopped or the question is a dead letter; the text says what to do. cancelled: it was withdrawn,
/// or marked as done without an answer.
Async<Result<api::AnswerReply>> wait_answer(Ground ground, std::string reference);

/// The first message that answers the question, if there is one.
Async<Result<std::optional<Message>>> find_reply(store::Store& store, Message question);

/// What is known of a question.
struct Asked {
  Message question;
  std::optional<Message> reply;
  std::optional<reeve::Run> round;  ///< that read it, or is reading it
  std::optional<Agent> agent;       ///< that is asked; absent: people are
};
/// Empty: to be waited for. Pure.
Result<std::optional<api::AnswerReply>> answer_of(const Asked& asked);

}  // namespace reeve::town
