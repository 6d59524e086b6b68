#include "town/asking.h"

#include "base/limits.h"
#include "log/log.h"
#include "town/directory.h"
#include "town/messages.h"

namespace reeve::town {
namespace {

/// Whether it answers the question: it says so, or it comes back with its correlation.
bool replies_to(const Message& message, const Message& question) {
  if (message.reply_to) return *message.reply_to == question.id;
  const auto asker = AgentId::parse(question.from);
  return message.id != question.id && message.from == question.to.str() &&
         message.to == asker.value_or(supervisor_id()) && message.created_at >= question.created_at;
}

}  // namespace

Async<Result<std::optional<Message>>> find_reply(store::Store& store, Message question) {
  if (!question.correlation) co_return std::optional<Message>();
  auto related =
      co_await run::load_all<Message>(store, run::correlation_mark(*question.correlation));
  if (!related) co_return fail(related.error());
  for (auto& message : *related) {
    if (replies_to(message, question)) co_return std::optional(std::move(message));
  }
  co_return std::optional<Message>();
}

namespace {

/// Nothing: there is no such document.
template <class D>
Async<Result<std::optional<D>>> find_doc(store::Store& store,
                                         std::optional<typename run::DocOf<D>::Key> id) {
  if (!id) co_return std::optional<D>();
  auto doc = co_await run::load<D>(store, *id);
  if (!doc && doc.error().is(Errc::not_found)) co_return std::optional<D>();
  if (!doc) co_return fail(doc.error());
  co_return std::optional(std::move(*doc));
}

Async<Result<Asked>> look(store::Store& store, MessageId id) {
  Asked asked;
  auto question = co_await run::load<Message>(store, id);
  if (!question) co_return fail(question.error());
  asked.question = std::move(*question);
  auto reply = co_await find_reply(store, asked.question);
  if (!reply) co_return fail(reply.error());
  asked.reply = std::move(*reply);
  auto round = co_await find_doc<reeve::Run>(store, asked.question.run);
  if (!round) co_return fail(round.error());
  asked.round = std::move(*round);
  if (asked.question.to == supervisor_id()) co_return asked;
  auto agent = co_await find_doc<Agent>(store, asked.question.to);
  if (!agent) co_return fail(agent.error());
  asked.agent = std::move(*agent);
  co_return asked;
}

}  // namespace

bool asks(MessageType type) {
  return type == MessageType::query || type == MessageType::ping ||
         type == MessageType::status_request;
}

Result<std::optional<api::AnswerReply>> answer_of(const Asked& asked) {
  const auto& question = asked.question;
  const auto who = asked.agent ? asked.agent->name : std::string(kSupervisor);
  api::AnswerReply answer;
  answer.question = question.id;
  answer.from = who;
  if (asked.reply) {
    answer.by = "message";
    answer.text = asked.reply->text;
    answer.message = asked.reply->id;
    answer.run = question.run;
    return std::optional(std::move(answer));
  }
  const auto never = [&](Errc code, const std::string& why) {
    return fail(code, "question " + question.id.str() + " gets no answer: " + why);
  };
  if (question.withdrawn) return never(Errc::cancelled, *question.withdrawn);
  switch (question.state) {
    case MessageState::handled:
      if (asked.round && asked.round->state == RunState::completed) {
        answer.by = "run";
        answer.text = asked.round->text;
        answer.run = asked.round->id;
        return std::optional(std::move(answer));
      }
      return never(Errc::cancelled, "it was marked as done without one");
    case MessageState::dead:
      return never(Errc::conflict,
                   "the rounds of " + who +
                       " that had it failed, and it is a dead letter (reeve inbox " + who +
                       " shows it, reeve inbox retry " + question.id.str() + " asks it once more)");
    case MessageState::queued:
    case MessageState::taken: break;
  }
  // One that still has a round ends it first.
  if (asked.agent && is_ended(asked.agent->state) && !asked.agent->current_run) {
    return never(Errc::conflict, who + " is " + std::string(enum_name(asked.agent->state)) +
                                     "; the question stays in its inbox (reeve restart " + who +
                                     ", then reeve ask --wait " + question.id.str() + ")");
  }
  return std::optional<api::AnswerReply>();
}

Async<Result<api::AnswerReply>> wait_answer(Ground ground, std::string reference) {
  auto& store = ground.log.store();
  auto found = co_await find_message(store, std::move(reference), std::nullopt);
  if (!found) co_return fail(found.error());
  if (!asks(found->type)) {
    co_return fail(Errc::invalid_argument,
                   "message " + found->id.short_str() + " is a " +
                       std::string(enum_name(found->type)) +
                       " and asks nothing: `reeve ask` and `reeve send --query` do");
  }
  const auto asker = AgentId::parse(found->from).value_or(supervisor_id());
  // A question may be moved to another agent, and is followed there.
  for (auto to = found->to;;) {
    log::SubscribeOptions options;
    options.filter.scopes = {Scope::of(asker)};
    if (to != asker) options.filter.scopes.push_back(Scope::of(to));
    options.filter.kinds = {"MessageSent",      "MessagesHandled", "MessageDeadLettered",
                            "MessageWithdrawn", "MessageMoved",    "MessageQuarantined",
                            "RunCompleted",     "RunFailed",       "RunCancelled",
                            "AgentStopped",     "AgentFailed",     "AgentPruned"};
    options.hold_as = "a question";
    const auto events = ground.log.subscribe(std::move(options));
    for (;;) {
      auto asked = co_await look(store, found->id);
      if (!asked) co_return fail(asked.error());
      auto answer = answer_of(*asked);
      if (!answer) co_return fail(answer.error());
      if (*answer) co_return std::move(**answer);
      if (asked->question.to != to) {
        to = asked->question.to;
        break;
      }
      for (bool woken = false; !woken;) {
        auto frames = co_await events->next();
        if (!frames) co_return fail(frames.error());
        for (const auto& frame : *frames) woken = woken || std::holds_alternative<EventPtr>(frame);
      }
    }
  }
}

}  // namespace reeve::town
