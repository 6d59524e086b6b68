#include "town/desk.h"

#include "town/change.h"
#include "town/messages.h"
#include "town/task_steps.h"

namespace reeve::town {
namespace {

/// What the input says, its parts one below the other.
std::string text_of(const std::vector<ChatPart>& input) {
  std::string text;
  for (const auto& part : input) {
    const auto* words = std::get_if<TextPart>(&part);
    if (words == nullptr) continue;  // check(EmitRequest) lets no other pass
    if (!text.empty()) text += '\n';
    text += words->text;
  }
  return text;
}

/// A round may still come of it.
bool is_open(const Message& message) {
  return !message.withdrawn &&
         (message.state == MessageState::queued || message.state == MessageState::taken);
}

}  // namespace

Async<Result<Message>> Desk::hand_over(EmitRequest request, Caller caller) {
  api::SendRequest letter;
  letter.to = request.agent;
  letter.text = text_of(request.input);
  letter.type = MessageType::task;
  co_return co_await send(ground_, std::move(caller), std::move(letter));
}

Async<Status> Desk::take_back(MessageId id, std::string reason) {
  const auto decide = [&](run::Draft& draft) -> Async<Result<Message>> {
    auto message = co_await draft.get<Message>(id);
    if (!message) co_return fail(message.error());
    if (message->state == MessageState::taken && message->run) {
      if (auto asked = co_await town::stop_run(draft, *message->run, reason); !asked)
        co_return fail(asked.error());
    }
    if (!is_open(*message)) co_return message;
    if (auto done = co_await withdraw_message(draft, *message, reason); !done)
      co_return fail(done.error());
    co_return message;
  };
  const auto done = co_await change<Message>(ground_, Caller{.origin = "emit"}, decide);
  if (!done) co_return fail(done.error());
  co_return Status();
}

Async<Status> Desk::stop_run(RunId id, std::string reason) {
  const auto decide = [&](run::Draft& draft) -> Async<Result<reeve::Run>> {
    auto run = co_await draft.get<reeve::Run>(id);
    if (!run) co_return fail(run.error());
    if (is_ended(run->state)) co_return run;
    if (auto asked = co_await town::stop_run(draft, id, reason); !asked)
      co_return fail(asked.error());
    for (const auto& taken : run->messages) {
      auto message = co_await draft.get<Message>(taken);
      if (!message) co_return fail(message.error());
      if (message->task || !is_open(*message)) continue;
      if (auto done = co_await withdraw_message(draft, std::move(*message), reason); !done)
        co_return fail(done.error());
    }
    co_return run;
  };
  const auto done = co_await change<reeve::Run>(ground_, Caller{.origin = "emit"}, decide);
  if (!done) co_return fail(done.error());
  co_return Status();
}

}  // namespace reeve::town
