#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/fact.h"
#include "model/message_api.h"
#include "town/ground.h"

/// Messages: sent, answered, sent to everybody. What becomes of them in an inbox: town/inbox.h.
namespace reeve::town {

/// Whose inbox a reference means: an agent's, or that of the people who run the town ("supervisor",
/// or "conductor"). Errors: find_agent().
struct Addressee {
  AgentId id;
  std::string name;
};
Async<Result<Addressee>> find_addressee(store::Store& store, std::string reference);

/// Puts a message from the caller into an inbox. A ping, a status_request or a shutdown is for the
/// town, which answers it in the same commit; no round reads it. One with Delivery::now interrupts
/// the round in progress.
///
/// conflict: the agent takes no work. invalid_argument: the request does not go together, and says
/// what to change.
///
/// `id`: that it has in another program which shares the town; a message that is there already is
/// answered as it is. One of its own, if absent.
Async<Result<Message>> send(Ground ground, Caller caller, api::SendRequest request,
                            std::optional<MessageId> id = {});
/// invalid_argument, too_large: no such message can be. Pure.
Status check(const api::SendRequest& request);

/// Answers a message that the caller was sent: for knowledge, to its sender, joined with it. An
/// agent that asked begins a round with the answer. A message in the people's mailbox is done with
/// its reply. conflict: its sender has stopped.
Async<Result<Message>> reply(Ground ground, Caller caller, std::string message, std::string text);

/// The same message to every agent that takes work (but the caller), in commits of bounded size: if
/// one fails, a repetition with the same key goes on where it was, and nobody gets it twice.
Async<Result<api::BroadcastReply>> broadcast(Ground ground, Caller caller,
                                             api::SendRequest request);

/// conflict: messages to the agent would not be read; the text names its state.
Status check_takes_mail(const Agent& agent);

/// What has to be known to decide what a message does.
struct Delivering {
  const Agent* to = nullptr;          ///< null: the people's mailbox
  const reeve::Run* round = nullptr;  ///< the addressee's, in progress
  const Message* answers = nullptr;   ///< the message that this one replies to
  std::string from;                   ///< the sender's name
  std::optional<RunId> sent_in;       ///< the run in which it is sent
};
/// What happens with the sending of a message that an inbox takes.
Result<std::vector<Fact>> decide_send(const Message& message, const Delivering& at);
/// What happens with one that the town answers itself; `reply` is its answer's id.
Result<std::vector<Fact>> decide_control(const Message& message, const Delivering& at,
                                         MessageId reply, Time now);
/// Whether the town answers it itself.
bool is_control(MessageType type);

}  // namespace reeve::town
