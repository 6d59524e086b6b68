#include "log/log.h"
#include "town/agents.h"
#include "town/directory.h"
#include "town/mailbox.h"
#include "town/tasks.h"

namespace reeve::town {
namespace {

/// Looks, then waits for events of `scope` and looks again.
template <class T, class Look>
Async<Result<T>> until(Ground ground, Scope scope, Look look) {
  log::SubscribeOptions options;
  options.filter.scopes = {std::move(scope)};
  options.hold_as = "a wait";
  const auto events = ground.log.subscribe(std::move(options));
  for (;;) {
    Result<std::optional<T>> seen = co_await look();
    if (!seen) co_return fail(seen.error());
    if (*seen) co_return std::move(**seen);
    for (bool woken = false; !woken;) {
      auto frames = co_await events->next();
      if (!frames) co_return fail(frames.error());
      for (const auto& frame : *frames) woken = woken || std::holds_alternative<EventPtr>(frame);
    }
  }
}

}  // namespace

Async<Result<api::WaitReply>> wait_agent(Ground ground, std::string reference,
                                         std::optional<AgentState> state) {
  auto found = co_await find_agent(ground.log.store(), std::move(reference));
  if (!found) co_return fail(found.error());
  const auto id = found->id;
  const auto look = [&]() -> Async<Result<std::optional<api::WaitReply>>> {
    auto& store = ground.log.store();
    auto agent = co_await run::load<Agent>(store, id);
    if (!agent) co_return fail(agent.error());
    const auto reply = [&] {
      return std::optional(api::WaitReply{std::string(enum_name(agent->state)), agent->attention});
    };
    if (agent->pruned) co_return fail(Errc::conflict, agent->name + " is out of the town (pruned)");
    if (state) {
      const bool settled = !agent->current_run || *state == AgentState::working;
      if (agent->state == *state && settled) co_return reply();
      co_return std::nullopt;
    }
    if (is_ended(agent->state)) co_return reply();
    if (agent->state != AgentState::idle || agent->current_run) co_return std::nullopt;
    auto work = co_await has_work(store, id);
    if (!work) co_return fail(work.error());
    if (*work) co_return std::nullopt;
    co_return reply();
  };
  co_return co_await until<api::WaitReply>(ground, Scope::of(id), look);
}

Async<Result<api::WaitReply>> wait_task(Ground ground, std::string reference) {
  auto found = co_await find_task(ground.log.store(), std::move(reference));
  if (!found) co_return fail(found.error());
  const auto id = found->id;
  const auto look = [&]() -> Async<Result<std::optional<api::WaitReply>>> {
    auto task = co_await run::load<reeve::Task>(ground.log.store(), id);
    if (!task) co_return fail(task.error());
    if (!is_ended(task->state)) co_return std::nullopt;
    co_return std::optional(api::WaitReply{std::string(enum_name(task->state)), task->result});
  };
  co_return co_await until<api::WaitReply>(ground, Scope::of(id), look);
}

}  // namespace reeve::town
