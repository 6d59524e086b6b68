#pragma once

#include <string>
#include <vector>

#include "model/fact.h"
#include "model/message_api.h"
#include "town/ground.h"

/// What waits in inboxes, and what a person does about it.
namespace reeve::town {

/// What waits for the agent or the supervisor, in serving order, the dead letters, and what cannot
/// be read. Consumes nothing.
Async<Result<api::InboxView>> inbox(Ground ground, std::string reference);

/// One message, by its id or first digits. Consumes nothing.
Async<Result<api::MessageView>> show_message(Ground ground, std::string reference);

/// Takes out what is done with: messages of the people's mailbox, dead letters, what is in
/// quarantine. What is out already is passed over. conflict: a message waits for an agent, whose
/// rounds read its inbox. denied: an agent asks that for the people's mailbox.
Async<Result<api::DoneReply>> done_with(Ground ground, Caller caller, api::DoneRequest request);

/// Puts a dead letter back into its inbox, as if it had never failed. conflict: it is none, its
/// task is over, or its agent takes no work.
Async<Result<Message>> retry_message(Ground ground, Caller caller, std::string reference);
Result<std::vector<Fact>> decide_retry(const Message& message, const Agent& agent,
                                       const reeve::Task* task);

}  // namespace reeve::town
