// emit to agents of the town: a message in an inbox, and the round that answers it.

#include <algorithm>

#include "base/logging.h"
#include "base/overloaded.h"
#include "run/invocation_active.h"

namespace reeve::run {

Async<Result<RunHandle>> Invocation::emit_agent(EmitRequest request, Control control,
                                                bool with_events) {
  if (desk_ == nullptr)
    co_return fail(Errc::unsupported, "there are no agents here: name a provider");
  const auto before = log_.head();
  Caller caller{.origin = "emit"};
  caller.key = key_of_request(request);
  auto message = co_await desk_->hand_over(std::move(request), std::move(caller));
  if (!message) co_return fail(message.error());
  const auto active = follow_message(*message, before, std::move(control));
  std::unique_ptr<log::Subscription> events;
  if (with_events) events = events_of(Scope::of(message->to), log::From::after(before));
  co_return handle_of(active, std::move(events));
}

/// Whoever asks about the message shares what is known of it.
Invocation::ActivePtr Invocation::follow_message(const Message& message, Position after,
                                                 Control control) {
  auto& known = asked_[message.id];
  if (auto alive = known.lock()) return alive;
  auto active = std::make_shared<Active>(executor_);
  known = active;
  active->called_at = env_.uptime();
  active->agents = true;
  active->pending->control = std::move(control);
  active->pending->message = message.id;
  log::SubscribeOptions follow;
  follow.from = log::From::after(after);
  follow.filter.scopes = {Scope::of(message.to)};
  follow.filter.kinds = {"RunStarted",       "RunCompleted",        "RunFailed",
                         "RunCancelled",     "MessageDeadLettered", "MessagesHandled",
                         "MessageWithdrawn", "AgentStopped"};
  static_cast<void>(handle_of(active, nullptr));
  watch_control(active);
  active->interrupt = group_.spawn(
      "ask an agent", wait_for_message(active, message, log_.subscribe(std::move(follow))));
  return active;
}

namespace {

/// What an event means for whoever waits for the message.
struct News {
  std::optional<reeve::Run> began;
  bool over = false;
  std::string why;  ///< ... without a run
};

News news_of(const Event& event, const Message& message, const RunId& run) {
  News news;
  const auto fact = fact_of(event);
  if (!fact || !*fact) return news;
  const auto has = [&](const std::vector<MessageId>& ids) {
    return std::ranges::count(ids, message.id) > 0;
  };
  const auto ended = [&](const fact::RunEnd& end) {
    news.over = end.run == run && has(end.messages);
  };
  std::visit(
      Overloaded{[&](const fact::RunStarted& f) {
                   if (has(f.run.messages)) news.began = f.run;
                 },
                 [&](const fact::RunCompleted& f) { ended(f); },
                 [&](const fact::RunFailed& f) { ended(f); },
                 [&](const fact::RunCancelled& f) { ended(f); },
                 [&](const fact::MessagesHandled& f) { news.over = has(f.messages); },
                 [&](const fact::MessageDeadLettered& f) { news.over = f.message == message.id; },
                 [&](const fact::MessageWithdrawn& f) {
                   // One that has begun ends by itself.
                   news.over = f.message == message.id && run.is_nil();
                   news.why = f.reason;
                 },
                 [&](const fact::AgentStopped& f) {
                   news.over = true;
                   news.why = "the agent was stopped: " + f.reason;
                 },
                 [](const auto&) {}},
      **fact);
  return news;
}

}  // namespace

/// Waits until a run has handled the message, or none ever will.
Async<> Invocation::wait_for_message(ActivePtr active, Message message,
                                     std::unique_ptr<log::Subscription> events) {
  auto& pending = *active->pending;
  // A repeated request: what happened before we followed is in the document.
  if (const auto now = co_await load<Message>(log_.store(), message.id)) {
    if (now->run) {
      const auto run = co_await load<reeve::Run>(log_.store(), *now->run);
      if (run) pending.session = run->thread;
      pending.run = *now->run;
      pending.began = true;
      pending.changed.notify();
    }
    if (now->state == MessageState::handled || now->state == MessageState::dead) {
      co_await end_message(active, now->withdrawn.value_or("it was handled without a run"));
      co_return;
    }
  }
  for (;;) {
    auto frames = co_await events->next();
    if (!frames) {
      asked_.erase(message.id);
      finish(*active, fail(frames.error()));
      co_return;
    }
    for (const auto& frame : *frames) {
      const auto* event = std::get_if<EventPtr>(&frame);
      if (event == nullptr) continue;
      auto news = news_of(**event, message, pending.run);
      if (news.began) {
        pending.run = news.began->id;
        pending.session = news.began->thread;
        pending.began = true;
        pending.changed.notify();
      }
      if (!news.over) continue;
      co_await end_message(active, std::move(news.why));
      co_return;
    }
  }
}

Async<> Invocation::end_message(ActivePtr active, std::string why) {
  auto& pending = *active->pending;
  asked_.erase(*pending.message);
  const bool late = active->stopped && active->stopped->first == Stop::timeout;
  if (pending.run.is_nil()) {
    finish(*active, fail(late ? Errc::timeout : Errc::cancelled, "ended before it began: " + why));
    co_return;
  }
  auto result = co_await result_of(pending.run);
  if (result && late && result->state == RunState::cancelled) result->reason = "timeout";
  finish(*active, std::move(result));
}

}  // namespace reeve::run
