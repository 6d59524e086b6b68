#pragma once

#include <string>

#include "model/message_api.h"
#include "town/ground.h"

/// Messages and inboxes.
namespace reeve::town {

/// Puts a message from the caller into an inbox. conflict: the agent takes no work.
Async<Result<Message>> send(Ground ground, Caller caller, api::SendRequest request);
/// What waits for the agent or the supervisor, in serving order, and the dead letters. Consumes
/// nothing.
Async<Result<api::InboxView>> inbox(Ground ground, std::string reference);

}  // namespace reeve::town
