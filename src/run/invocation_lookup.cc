// Runs that are known by their id: found again, followed, and ended where a process left them.

#include <algorithm>

#include "base/limits.h"
#include "run/invocation_active.h"

namespace reeve::run {

Async<Result<RunHandle>> Invocation::find(RunId run, bool with_events) {
  std::unique_ptr<log::Subscription> told;
  if (with_events) told = events_of(Scope::of(run), log::From::beginning());
  if (const auto found = active_.find(run); found != active_.end())
    co_return handle_of(found->second, std::move(told));
  log::SubscribeOptions follow;
  follow.filter.scopes = {Scope::of(run)};
  auto events = log_.subscribe(std::move(follow));
  auto doc = co_await load<reeve::Run>(log_.store(), run);
  if (!doc) co_return fail(doc.error());
  auto active = std::make_shared<Active>(executor_);
  active->agents = doc->agent.has_value();
  active->pending->run = run;
  active->pending->session = doc->thread;
  active->pending->began = true;
  auto handle = handle_of(active, std::move(told));
  if (is_ended(doc->state)) {
    active->pending->finish(co_await result_of(run));
  } else {
    group_.spawn("follow a run", follow_run(active, std::move(events)));
  }
  co_return handle;
}

Async<Result<RunHandle>> Invocation::find_asked(std::string id, bool with_events) {
  const auto run = RunId::parse(id);
  if (!run) co_return fail(run.error().during("the run's id"));
  auto found = co_await find(*run, with_events);
  if (found || !found.error().is(Errc::not_found)) co_return found;
  const auto message = MessageId::parse(id);
  const auto doc = co_await load<Message>(log_.store(), *message);
  if (!doc) co_return fail(Errc::not_found, "no run " + id);
  const auto active = follow_message(*doc, log_.head(), Control());
  if (doc->run && active->pending->run.is_nil()) {
    // What has happened is known at once: following tells what comes.
    if (const auto known = co_await load<reeve::Run>(log_.store(), *doc->run);
        known && active->pending->run.is_nil()) {
      active->pending->run = known->id;
      active->pending->session = known->thread;
      active->pending->began = true;
    }
  }
  std::unique_ptr<log::Subscription> told;
  if (with_events) told = events_of(Scope::of(doc->to), log::From::beginning());
  co_return handle_of(active, std::move(told));
}

Async<> Invocation::follow_run(ActivePtr active, std::unique_ptr<log::Subscription> events) {
  for (;;) {
    auto frames = co_await events->next();
    if (!frames) {
      finish(*active, fail(frames.error()));
      co_return;
    }
    const auto doc = co_await load<reeve::Run>(log_.store(), active->pending->run);
    if (doc && !is_ended(doc->state)) continue;
    finish(*active, co_await result_of(active->pending->run));
    co_return;
  }
}

Async<Result<RunResult>> Invocation::result_of(RunId id) {
  auto run = co_await load<reeve::Run>(log_.store(), id);
  if (!run) co_return fail(run.error());
  store::DocQuery query;
  query.mark = run_mark(id);
  query.limit = limits::kPage;
  auto messages = co_await load_list<reeve::ThreadMessage>(log_.store(), std::move(query));
  if (!messages) co_return fail(messages.error());
  std::ranges::sort(*messages, {}, &ThreadMessage::number);
  RunResult result;
  result.run = id;
  result.session = run->thread;
  result.state = run->state;
  result.reason = run->code.empty() && run->state == RunState::completed ? "stop" : run->code;
  result.error = run->error;
  result.text = run->text;
  result.usage = run->usage;
  for (auto& message : *messages) {
    if (message.message.role == ChatRole::assistant) ++result.steps;
    result.messages.push_back(std::move(message.message));
  }
  co_return result;
}

Async<Result<std::size_t>> Invocation::recover() {
  auto open = co_await load_all<reeve::Run>(log_.store(), std::string(kOpen));
  if (!open) co_return fail(open.error());
  std::size_t ended = 0;
  for (const auto& run : *open) {
    if (run.provider.empty()) continue;
    Draft draft(env_, log_.store(), Caller{.origin = "provider:" + run.provider});
    fact::RunEnd end;
    end.run = run.id;
    end.agent = run.agent;
    end.thread = run.thread;
    end.code = "interrupted";
    end.error = "the daemon ended while the run was going on";
    if (auto added = co_await draft.add(fact::RunFailed{end}); !added)
      co_return fail(added.error());
    draft.require(store::RunAt{run.id, run.epoch});
    draft.write(store::SetRunEpoch{run.id, std::nullopt});
    if (auto done = co_await draft.commit(); !done) co_return fail(done.error());
    ++ended;
  }
  co_return ended;
}

}  // namespace reeve::run
