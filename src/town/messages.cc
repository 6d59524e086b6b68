#include "town/messages.h"

#include <algorithm>
#include <ranges>

#include "base/limits.h"
#include "base/near_names.h"
#include "town/asking.h"
#include "town/change.h"
#include "town/control.h"
#include "town/directory.h"
#include "town/mailbox.h"

namespace reeve::town {
namespace {

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

/// One line of a few words: a kind, a correlation.
Status check_word(const std::string& text, std::size_t limit, const char* what) {
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (!is_blank(text) && text.size() <= limit && std::ranges::none_of(text, control)) return {};
  return fail(Errc::invalid_argument, std::string(what) + " is one line of at most " +
                                          std::to_string(limit) + " bytes, and not blank");
}

/// Empty: it is sent to no agent at all.
std::optional<AgentId> sending_agent(const Message& message) {
  const auto id = AgentId::parse(message.from);
  if (!id || *id == supervisor_id()) return std::nullopt;
  return *id;
}

/// Where an answer to it goes.
AgentId back_to(const Message& message) { return sending_agent(message).value_or(supervisor_id()); }

std::string state_of(const Agent& agent) {
  if (agent.pruned) return "pruned";
  if (agent.stopping && !is_ended(agent.state)) return "about to stop";
  return std::string(enum_name(agent.state));
}

bool takes_mail(const Agent& agent) {
  return takes_work(agent.state) && !agent.stopping && !agent.pruned;
}

}  // namespace

Status check_takes_mail(const Agent& agent) {
  if (takes_mail(agent)) return {};
  return fail(Errc::conflict, agent.name + " is " + state_of(agent) +
                                  " and reads no mail: restart it, or write to another agent");
}

bool is_control(MessageType type) {
  return type == MessageType::ping || type == MessageType::status_request ||
         type == MessageType::shutdown;
}

Status check(const api::SendRequest& request) {
  switch (request.type) {
    case MessageType::task_assign:
      return fail(Errc::invalid_argument, "a task is given with `reeve assign`");
    case MessageType::task_done:
    case MessageType::task_failed:
      return fail(Errc::invalid_argument,
                  "the town itself tells what became of a task: `reeve task complete` and "
                  "`reeve task fail` report it");
    case MessageType::status_response:
    case MessageType::pong:
      return fail(Errc::invalid_argument, "the town itself answers a ping or status_request");
    default: break;
  }
  if (is_blank(request.text) && !is_control(request.type))
    return fail(Errc::invalid_argument, "the message is empty");
  if (request.text.size() > limits::kText) {
    return fail(Errc::too_large, "the message is too long: put it into a file and name the file");
  }
  if (request.kind.has_value() != (request.type == MessageType::custom)) {
    return fail(Errc::invalid_argument, request.kind ? "a kind is for messages of the type custom"
                                                     : "a custom message says of which kind it is");
  }
  if (request.kind) {
    if (auto good = check_word(*request.kind, limits::kName, "a kind"); !good) return good;
  }
  if (request.correlation) {
    if (auto good = check_word(*request.correlation, limits::kCorrelation, "a correlation"); !good)
      return good;
  }
  if (request.delivery != Delivery::next && !starts_round(request.type)) {
    return fail(Errc::invalid_argument,
                "a message of the type " + std::string(enum_name(request.type)) +
                    " starts no round, so it is neither for now nor for when nothing else waits: "
                    "send a task or a query, or leave that out");
  }
  return {};
}

Async<Result<Addressee>> find_addressee(store::Store& store, std::string reference) {
  const auto low = to_lower(reference);
  if (low == kSupervisor || low == "conductor" || reference == supervisor_id().str())
    co_return Addressee{supervisor_id(), std::string(kSupervisor)};
  auto found = co_await find_agent(store, std::move(reference));
  if (!found) co_return fail(found.error());
  co_return Addressee{found->id, found->name};
}

Result<std::vector<Fact>> decide_send(const Message& message, const Delivering& at) {
  // An answer may be waited for inside the last round of an agent that closes.
  const bool waits = message.reply_to && at.to != nullptr && at.to->current_run;
  if (at.to != nullptr && !waits) {
    if (auto takes = check_takes_mail(*at.to); !takes) return fail(takes.error());
  }
  const auto from = sending_agent(message);
  if (message.delivery == Delivery::now && from == message.to) {
    return fail(Errc::invalid_argument,
                "that would interrupt your own round: leave out that it is for now");
  }
  std::vector<Fact> facts{fact::MessageSent{message, at.sent_in}};
  if (at.to == nullptr && from &&
      (message.type == MessageType::query || message.priority == Priority::urgent))
    facts.emplace_back(fact::ConductorEscalation{*from, message.id, at.sent_in});
  if (message.delivery == Delivery::now && at.round != nullptr && !is_ended(at.round->state) &&
      !at.round->stopping) {
    facts.emplace_back(fact::RunStopRequested{at.round->id, message.to,
                                              "a message from " + at.from + " is to be read now"});
  }
  if (at.answers != nullptr && !from && at.answers->to == supervisor_id() &&
      at.answers->state == MessageState::queued)
    facts.emplace_back(fact::MessagesHandled{supervisor_id(), {at.answers->id}});
  return facts;
}

namespace {

std::string status_text(const Agent& agent) {
  auto text = "state: " + std::string(enum_name(agent.state)) + "\ncurrent task: " +
              (agent.current_task ? agent.current_task->str() : std::string("none"));
  if (agent.attention) text += "\nneeds attention: " + *agent.attention;
  return text;
}

}  // namespace

Result<std::vector<Fact>> decide_control(const Message& message, const Delivering& at,
                                         MessageId reply, Time now) {
  if (at.to == nullptr) {
    return fail(Errc::invalid_argument, "a " + std::string(enum_name(message.type)) +
                                            " is for an agent: people are asked with a query");
  }
  if (message.type == MessageType::ping && is_ended(at.to->state)) {
    return fail(Errc::conflict,
                at.to->name + " is " + std::string(enum_name(at.to->state)) + ": nobody is there");
  }
  std::vector<Fact> facts{fact::MessageSent{message, at.sent_in},
                          fact::MessagesHandled{message.to, {message.id}}};
  if (message.type == MessageType::shutdown) {
    auto closed =
        decide_close(*at.to, "a shutdown from " + at.from +
                                 (is_blank(message.text) || message.text == enum_name(message.type)
                                      ? ""
                                      : ": " + message.text));
    if (!closed) return closed;
    std::ranges::move(*closed, std::back_inserter(facts));
    return facts;
  }
  Message answer;
  answer.id = reply;
  answer.from = message.to.str();
  answer.to = back_to(message);
  const bool ping = message.type == MessageType::ping;
  answer.type = ping ? MessageType::pong : MessageType::status_response;
  answer.text = ping ? std::string("pong") : status_text(*at.to);
  answer.correlation = message.correlation;
  answer.reply_to = message.id;
  answer.created_at = now;
  facts.emplace_back(fact::MessageSent{std::move(answer), std::nullopt});
  return facts;
}

namespace {

/// Adds the facts, and what goes with them in the queues.
Async<Status> carry_out(run::Draft& draft, std::vector<Fact> facts) {
  if (auto added = co_await add_all(draft, facts); !added) co_return added;
  for (const auto& fact : facts) {
    if (const auto* handled = std::get_if<fact::MessagesHandled>(&fact)) {
      for (const auto& id : handled->messages)
        draft.write(store::QueueAck{inbox_queue(handled->agent), id.str()});
    }
    const auto* sent = std::get_if<fact::MessageSent>(&fact);
    if (sent == nullptr) continue;
    auto message = co_await draft.get<Message>(sent->message.id);
    if (!message) co_return fail(message.error());
    if (message->state != MessageState::queued) continue;
    draft.write(store::QueuePush{inbox_queue(message->to), message->id.str(),
                                 static_cast<int>(message->priority)});
    if (message->delivery == Delivery::now && message->to != supervisor_id())
      draft.write(interrupt(*message));
  }
  co_return Status();
}

/// What makes a message of a request, beside the request.
struct Envelope {
  MessageId id;
  MessageId answer;  ///< of the town's own answer, if there will be one
  AgentId to;
  std::string from_name;
  std::optional<MessageId> answers;  ///< the message that it replies to
};

Message message_of(const api::SendRequest& request, const Caller& caller, const Envelope& envelope,
                   Time now) {
  Message message;
  message.id = envelope.id;
  message.from = caller.sender();
  message.to = envelope.to;
  message.type = request.type;
  message.priority = request.delivery == Delivery::now ? Priority::urgent : request.priority;
  message.text = request.text;
  if (is_control(request.type) && is_blank(request.text)) message.text = enum_name(request.type);
  message.delivery = request.delivery;
  message.kind = request.kind;
  message.correlation = request.correlation;
  if (asks(request.type) && !message.correlation) message.correlation = envelope.id.str();
  if (request.type == MessageType::confirmation) message.ack = read_ack(request.text);
  message.reply_to = envelope.answers;
  message.created_at = now;
  return message;
}

/// Drafts one message with all that it does.
Async<Result<Message>> post(Ground ground, Caller caller, run::Draft& draft,
                            api::SendRequest request, Envelope envelope) {
  Delivering at;
  at.from = envelope.from_name;
  if (caller.round) at.sent_in = caller.round->run;
  std::optional<Agent> agent;
  std::optional<reeve::Run> round;
  std::optional<Message> answers;
  if (envelope.to != supervisor_id()) {
    auto loaded = co_await draft.get<Agent>(envelope.to);
    if (!loaded) co_return fail(loaded.error());
    agent = std::move(*loaded);
    at.to = &*agent;
  }
  if (agent && agent->current_run && request.delivery == Delivery::now) {
    auto loaded = co_await draft.get<reeve::Run>(*agent->current_run);
    if (!loaded) co_return fail(loaded.error());
    round = std::move(*loaded);
    at.round = &*round;
  }
  if (envelope.answers) {
    auto loaded = co_await draft.get<Message>(*envelope.answers);
    if (!loaded) co_return fail(loaded.error());
    answers = std::move(*loaded);
    at.answers = &*answers;
    // What is joined is a question and its answers; an answer to an answer is only told.
    if (!request.correlation && !answers->reply_to) request.correlation = answers->correlation;
  }
  const auto now = ground.env.now();
  const auto message = message_of(request, caller, envelope, now);
  auto facts = is_control(message.type) ? decide_control(message, at, envelope.answer, now)
                                        : decide_send(message, at);
  if (!facts) co_return fail(facts.error());
  if (auto done = co_await carry_out(draft, std::move(*facts)); !done) co_return fail(done.error());
  co_return co_await draft.get<Message>(message.id);
}

Async<std::string> name_of(Ground ground, Caller caller) {
  co_return co_await display_name(ground.log.store(), caller.sender());
}

}  // namespace

Async<Result<Message>> send(Ground ground, Caller caller, api::SendRequest request,
                            std::optional<MessageId> id) {
  if (auto good = check(request); !good) co_return fail(good.error());
  auto& store = ground.log.store();
  auto to = co_await find_addressee(store, request.to);
  if (!to) co_return fail(to.error());
  Envelope envelope;
  envelope.id = id ? *id : MessageId(ground.env.uuid4());
  envelope.answer = MessageId(ground.env.uuid4());
  envelope.to = to->id;
  envelope.from_name = co_await name_of(ground, caller);
  if (request.reply_to) {
    auto answers = co_await find_message(store, *request.reply_to, std::nullopt);
    if (!answers) co_return fail(answers.error());
    envelope.answers = answers->id;
  }
  const auto decide = [&](run::Draft& draft) -> Async<Result<Message>> {
    if (id) {
      auto there = co_await draft.get<Message>(*id);
      if (there || !there.error().is(Errc::not_found)) co_return there;
    }
    co_return co_await post(ground, caller, draft, request, envelope);
  };
  co_return co_await change<Message>(ground, caller, decide);
}

Async<Result<Message>> reply(Ground ground, Caller caller, std::string message, std::string text) {
  const auto me = caller.agent.value_or(supervisor_id());
  auto answers = co_await find_message(ground.log.store(), std::move(message), me);
  if (!answers) co_return fail(answers.error());
  api::SendRequest request;
  request.to = back_to(*answers).str();
  request.type = MessageType::informational;
  request.text = std::move(text);
  request.reply_to = answers->id.str();
  co_return co_await send(ground, std::move(caller), std::move(request));
}

// --- To everybody --------------------------------------------------------------------------------

namespace {

/// One commit's share: few enough that nobody waits behind it for long, nor a store has more in
/// hand than a few large texts.
std::size_t batch_size(const std::string& text) {
  constexpr std::size_t kMost = 50;
  constexpr std::size_t kBytes = 16 << 20;
  return std::clamp<std::size_t>(kBytes / (text.size() + 1), 1, kMost);
}

/// To some agents, in one commit.
Async<Result<api::BroadcastReply>> send_to(Ground ground, Caller caller, api::SendRequest request,
                                           std::string from_name, std::vector<AgentId> agents) {
  const auto decide = [&](run::Draft& draft) -> Async<Result<api::BroadcastReply>> {
    api::BroadcastReply told;
    for (const auto& id : agents) {
      auto agent = co_await draft.get<Agent>(id);
      if (!agent) co_return fail(agent.error());
      if (id == caller.agent || !takes_mail(*agent)) {
        told.left_out.push_back(
            {agent->name, id == caller.agent ? "it is the sender" : state_of(*agent)});
        continue;
      }
      Envelope envelope;
      envelope.id = MessageId(ground.env.uuid4());
      envelope.to = id;
      envelope.from_name = from_name;
      auto sent = co_await post(ground, caller, draft, request, std::move(envelope));
      if (!sent) co_return fail(sent.error());
      told.sent.push_back({agent->name, sent->id});
    }
    told.number = static_cast<std::int64_t>(told.sent.size());
    co_return told;
  };
  co_return co_await change<api::BroadcastReply>(ground, caller, decide);
}

}  // namespace

Async<Result<api::BroadcastReply>> broadcast(Ground ground, Caller caller,
                                             api::SendRequest request) {
  if (auto good = check(request); !good) co_return fail(good.error());
  if (is_control(request.type)) {
    co_return fail(Errc::invalid_argument,
                   "a " + std::string(enum_name(request.type)) + " is sent to one agent at a time");
  }
  if (request.reply_to)
    co_return fail(Errc::invalid_argument, "a reply goes to whoever is answered, not to all");
  auto agents = co_await all_agents(ground.log.store());
  if (!agents) co_return fail(agents.error());
  const auto from_name = co_await name_of(ground, caller);
  std::erase_if(*agents, [](const Agent& agent) { return agent.pruned; });
  const auto size = batch_size(request.text);
  api::BroadcastReply whole;
  for (std::size_t part = 0; !agents->empty(); ++part) {
    std::vector<AgentId> share;
    for (const auto& agent : *agents | std::views::take(size)) share.push_back(agent.id);
    auto one = caller;
    one.key = part_key(caller.key, part);
    auto told = co_await send_to(ground, std::move(one), request, from_name, std::move(share));
    if (!told) co_return fail(told.error());
    // Those of a share that an earlier attempt of this request had are not always the same.
    std::erase_if(*agents, [&](const Agent& agent) {
      return std::ranges::count(told->sent, agent.name, &api::BroadcastSent::agent) > 0 ||
             std::ranges::count(told->left_out, agent.name, &api::LeftOut::agent) > 0;
    });
    whole.number += told->number;
    std::ranges::move(told->sent, std::back_inserter(whole.sent));
    std::ranges::move(told->left_out, std::back_inserter(whole.left_out));
  }
  co_return whole;
}

}  // namespace reeve::town
