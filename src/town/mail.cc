#include <algorithm>

#include "base/limits.h"
#include "town/change.h"
#include "town/directory.h"
#include "town/services.h"

namespace reeve::town {
namespace {

bool is_supervisor(const std::string& reference) {
  return reference == kSupervisor || reference == "conductor" || reference == supervisor_id().str();
}

Async<Result<std::vector<Message>>> letters(store::Store& store, std::string queue) {
  auto waiting = co_await store.items(std::move(queue), limits::kPage);
  if (!waiting) co_return fail(waiting.error());
  std::vector<Message> out;
  for (const auto& item : *waiting) {
    const auto id = MessageId::parse(item.item);
    if (!id) continue;
    auto message = co_await run::load<Message>(store, *id);
    if (!message) co_return fail(message.error());
    out.push_back(std::move(*message));
  }
  co_return out;
}

}  // namespace

Async<Result<Message>> send(Ground ground, Caller caller, api::SendRequest request) {
  if (request.text.find_first_not_of(" \t\r\n") == std::string::npos) {
    co_return fail(Errc::invalid_argument, "the message is empty");
  }
  if (request.text.size() > limits::kText) {
    co_return fail(Errc::too_large,
                   "the message is too long: put it into a file and name the file");
  }
  auto to = supervisor_id();
  if (!is_supervisor(request.to)) {
    auto found = co_await find_agent(ground.log.store(), request.to);
    if (!found) co_return fail(found.error());
    to = found->id;
  }
  const MessageId id(ground.env.uuid4());
  const auto run = caller.round ? std::optional(caller.round->run) : std::nullopt;
  const auto decide = [&](run::Draft& draft) -> Async<Result<Message>> {
    if (to != supervisor_id()) {
      auto agent = co_await draft.get<Agent>(to);
      if (!agent) co_return fail(agent.error());
      if (!takes_work(agent->state) || agent->stopping) {
        co_return fail(Errc::conflict, agent->name + " is " + std::string(enum_name(agent->state)) +
                                           " and reads no mail");
      }
    }
    Message message;
    message.id = id;
    message.from = caller.sender();
    message.to = to;
    message.type = request.type;
    message.priority = request.priority;
    message.text = request.text;
    message.correlation = request.correlation;
    message.created_at = ground.env.now();
    if (auto added = co_await draft.add(fact::MessageSent{message, run}); !added)
      co_return fail(added.error());
    draft.write(store::QueuePush{inbox_queue(to), id.str(), static_cast<int>(request.priority)});
    co_return message;
  };
  co_return co_await change<Message>(ground, caller, decide);
}

Async<Result<api::InboxView>> inbox(Ground ground, std::string reference) {
  api::InboxView view;
  auto of = supervisor_id();
  view.agent = kSupervisor;
  if (!is_supervisor(reference)) {
    auto agent = co_await find_agent(ground.log.store(), std::move(reference));
    if (!agent) co_return fail(agent.error());
    of = agent->id;
    view.agent = agent->name;
  }
  auto waiting = co_await letters(ground.log.store(), inbox_queue(of));
  if (!waiting) co_return fail(waiting.error());
  view.messages = std::move(*waiting);
  auto dead = co_await letters(ground.log.store(), dead_queue(of));
  if (!dead) co_return fail(dead.error());
  view.dead = std::move(*dead);
  for (auto* list : {&view.messages, &view.dead}) {
    for (auto& message : *list)
      message.from = co_await display_name(ground.log.store(), message.from);
  }
  co_return view;
}

}  // namespace reeve::town
