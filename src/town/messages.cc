#include "town/messages.h"

#include <algorithm>

#include "base/limits.h"
#include "town/change.h"
#include "town/directory.h"
#include "town/mailbox.h"

namespace reeve::town {
namespace {

/// What an answer may hold: a client takes no more.
constexpr std::size_t kShownBytes = limits::kResponseBody / 4;

/// Reads what is in a queue into `out`. Those that one answer cannot hold are counted in `more`.
Async<Status> read_letters(store::Store& store, std::string queue, std::vector<Message>& out,
                           std::int64_t& more) {
  auto waiting = co_await all_items(store, std::move(queue));
  if (!waiting) co_return fail(waiting.error());
  std::size_t bytes = 0;
  for (const auto& item : *waiting) {
    const auto id = MessageId::parse(item.item);
    if (!id) continue;
    if (bytes > kShownBytes) {
      ++more;
      continue;
    }
    auto message = co_await run::load<Message>(store, *id);
    if (!message) co_return fail(message.error());
    constexpr std::size_t kRest = 512;  // of its JSON, about
    bytes += message->text.size() + kRest;
    out.push_back(std::move(*message));
  }
  co_return Status();
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
  auto& store = ground.log.store();
  if (auto read = co_await read_letters(store, inbox_queue(of), view.messages, view.more); !read)
    co_return fail(read.error());
  if (auto read = co_await read_letters(store, dead_queue(of), view.dead, view.more_dead); !read)
    co_return fail(read.error());
  for (auto* list : {&view.messages, &view.dead}) {
    for (auto& message : *list)
      message.from = co_await display_name(ground.log.store(), message.from);
  }
  co_return view;
}

}  // namespace reeve::town
