#include "town/pruning.h"

#include "base/limits.h"
#include "town/change.h"
#include "town/directory.h"
#include "town/mailbox.h"
#include "town/one_by_one.h"
#include "town/task_steps.h"

namespace reeve::town {
namespace {

/// So many messages leave an inbox in one commit.
constexpr std::size_t kBatch = 200;

std::string some(std::size_t number, const char* what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

bool is_its_own(const reeve::Task& task, const Agent& agent) {
  return !is_ended(task.state) && task.agent == agent.id;
}

/// A task leaves the agent.
Disposal part_with(const Agent& agent, const reeve::Task& task, api::Leftovers how,
                   const std::string& reason) {
  if (how == api::Leftovers::drop)
    return {{fact::TaskCancelled{task.id, agent.id, std::nullopt, reason}}, {}};
  return {{fact::TaskRequeued{task.id, agent.id, reason}}, {task}};
}

Async<Status> write_disposal(run::Draft& draft, Disposal disposal) {
  for (const auto& task : disposal.to_backlog) {
    draft.write(store::QueuePush{kBacklog, task.id.str(), static_cast<int>(task.priority)});
  }
  for (auto& fact : disposal.facts) {
    const auto* cancelled = std::get_if<fact::TaskCancelled>(&fact);
    const auto task = cancelled != nullptr ? std::optional(cancelled->task) : std::nullopt;
    auto added = task ? co_await end_task(draft, *task, std::move(fact))
                      : co_await draft.add(std::move(fact));
    if (!added) co_return added;
  }
  co_return Status();
}

/// Takes what it refers to from the store. Nothing: the item names no message that can be read.
Async<Result<std::optional<Leftover>>> read_leftover(run::Draft& draft, std::string item) {
  const auto id = MessageId::parse(item);
  if (!id) co_return std::optional<Leftover>();
  auto message = co_await draft.get<Message>(*id);
  if (!message && run::is_unreadable(message.error())) co_return std::optional<Leftover>();
  if (!message) co_return fail(message.error());
  Leftover leftover{std::move(*message), {}};
  if (leftover.message.task) {
    auto task = co_await draft.get<reeve::Task>(*leftover.message.task);
    if (!task && !run::is_unreadable(task.error())) co_return fail(task.error());
    if (task) leftover.task = std::move(*task);
  }
  co_return std::optional(std::move(leftover));
}

struct Estate {
  std::vector<store::QueueItem> items;
  std::vector<Leftover> leftovers;     // of these, those that are to be read
  std::vector<MessageId> settled;      // and those that are not
  std::optional<reeve::Task> current;  // begun and not over
};

Async<Result<Estate>> look_through(run::Draft& draft, store::Store& store, Agent agent) {
  Estate estate;
  auto items = co_await store.items(inbox_queue(agent.id), kBatch);
  if (!items) co_return fail(items.error());
  estate.items = std::move(*items);
  for (const auto& item : estate.items) {
    auto leftover = co_await read_leftover(draft, item.item);
    if (!leftover) co_return fail(leftover.error());
    if (!*leftover) continue;
    const auto* task = (*leftover)->task ? &*(*leftover)->task : nullptr;
    if (is_settled((*leftover)->message, task))
      estate.settled.push_back((*leftover)->message.id);
    else
      estate.leftovers.push_back(std::move(**leftover));
  }
  if (agent.current_task) {
    auto task = co_await draft.get<reeve::Task>(*agent.current_task);
    if (!task && !run::is_unreadable(task.error())) co_return fail(task.error());
    if (task && is_its_own(*task, agent)) estate.current = std::move(*task);
  }
  co_return estate;
}

/// Everything of it goes, with what it brings.
Async<Status> clear(run::Draft& draft, Agent agent, Estate estate, api::PruneRequest request) {
  const auto queue = inbox_queue(agent.id);
  for (const auto& item : estate.items) {
    draft.require(store::QueueHolds{queue, item.item, item.lease});
    draft.write(store::QueueAck{queue, item.item});
  }
  if (!estate.settled.empty()) {
    fact::MessagesHandled handled{agent.id, std::move(estate.settled)};
    if (auto added = co_await draft.add(std::move(handled)); !added) co_return added;
  }
  if (estate.current) {
    auto parted = part_with(agent, *estate.current, request.leftovers, request.reason);
    if (auto written = co_await write_disposal(draft, std::move(parted)); !written)
      co_return written;
  }
  for (const auto& leftover : estate.leftovers) {
    auto disposal = dispose(agent, leftover, request.leftovers, request.reason,
                            TaskId(draft.env().uuid4()), draft.env().now());
    if (estate.current && leftover.task && leftover.task->id == estate.current->id) {
      // Its task has gone already.
      disposal = {{fact::MessageWithdrawn{agent.id, leftover.message.id, request.reason}}, {}};
    }
    if (auto written = co_await write_disposal(draft, std::move(disposal)); !written)
      co_return written;
  }
  co_return Status();
}

Async<Result<Agent>> load_ended(run::Draft& draft, AgentId id) {
  auto agent = co_await draft.get<Agent>(id);
  if (!agent) co_return fail(agent.error());
  if (agent->pruned) co_return fail(Errc::not_found, agent->name + " is out of the town (pruned)");
  if (auto may = decide_prune(*agent, 0, 0, api::Leftovers::refuse); !may)
    co_return fail(may.error());
  co_return agent;
}

/// What is beside its inbox: no document says more of it than the messages' own.
Async<Status> empty_queue(run::Draft& draft, store::Store& store, std::string queue) {
  auto items = co_await store.items(queue, limits::kPage);
  if (!items) co_return fail(items.error());
  for (const auto& item : *items) draft.write(store::QueueAck{queue, item.item});
  co_return Status();
}

}  // namespace

Status decide_prune(const Agent& agent, std::size_t messages, std::size_t tasks,
                    api::Leftovers leftovers) {
  if (!is_ended(agent.state) || agent.current_run) {
    return fail(Errc::conflict, agent.name + " is " + std::string(enum_name(agent.state)) +
                                    (agent.current_run ? " and a round of it is not over" : "") +
                                    ": stop it first (reeve kill " + agent.name + ")");
  }
  if (leftovers != api::Leftovers::refuse || messages + tasks == 0) return {};
  std::string what;
  if (messages > 0) what = some(messages, "message") + (messages < kBatch ? "" : " or more");
  if (tasks > 0) what += (what.empty() ? "" : " and ") + some(tasks, "open task");
  return fail(Errc::conflict, agent.name + " has " + what +
                                  " still: --requeue puts its work into the backlog, --drop "
                                  "cancels and withdraws it");
}

Disposal dispose(const Agent& agent, const Leftover& leftover, api::Leftovers how,
                 const std::string& reason, TaskId fresh, Time now) {
  const auto& message = leftover.message;
  Disposal out;
  if (message.type == MessageType::task_assign && leftover.task &&
      is_its_own(*leftover.task, agent)) {
    out = part_with(agent, *leftover.task, how, reason);
  } else if (message.type == MessageType::task && how == api::Leftovers::requeue) {
    const auto task = task_of(message, fresh, now);
    out = {{fact::TaskCreated{task}}, {task}};
  }
  out.facts.emplace_back(fact::MessageWithdrawn{agent.id, message.id, reason});
  return out;
}

Async<Result<Agent>> prune(Ground ground, Caller caller, std::string reference,
                           api::PruneRequest request) {
  auto& store = ground.log.store();
  // Its name means nobody, or somebody else, once it is done.
  auto before = co_await answered_before<Agent>(ground, caller);
  if (!before) co_return fail(before.error());
  if (*before) co_return std::move(**before);
  auto found = co_await find_agent(store, std::move(reference));
  if (!found) co_return fail(found.error());
  const auto id = found->id;
  if (request.reason.empty()) request.reason = found->name + " was pruned";

  const auto clear_some = [&](run::Draft& draft) -> Async<Result<Agent>> {
    auto agent = co_await load_ended(draft, id);
    if (!agent) co_return fail(agent.error());
    auto estate = co_await look_through(draft, store, *agent);
    if (!estate) co_return fail(estate.error());
    // Of a task that is in its inbox, too, the message is the one that counts.
    const auto brings_current = [&](const Leftover& each) {
      return estate->current && each.task && each.task->id == estate->current->id;
    };
    std::size_t tasks = 0;
    for (const auto& each : estate->leftovers) {
      if (each.task && is_its_own(*each.task, *agent) && !brings_current(each)) ++tasks;
    }
    if (estate->current) ++tasks;
    auto may = decide_prune(*agent, estate->leftovers.size(), tasks, request.leftovers);
    if (!may) co_return fail(may.error());
    const bool all = estate->items.size() < kBatch;
    if (auto done = co_await clear(draft, *agent, std::move(*estate), request); !done)
      co_return fail(done.error());
    if (!all) co_return co_await draft.get<Agent>(id);
    for (auto queue : {dead_queue(id), quarantine_queue(id)}) {
      if (auto done = co_await empty_queue(draft, store, std::move(queue)); !done)
        co_return fail(done.error());
    }
    if (auto added = co_await draft.add(fact::AgentPruned{id, request.reason}); !added)
      co_return fail(added.error());
    draft.write(store::RemoveDoc{name_key(agent->name)});
    if (agent->nickname) draft.write(store::RemoveDoc{name_key(*agent->nickname)});
    draft.write(store::RemoveDoc{{run::kEnvKind, id.str()}});
    co_return co_await draft.get<Agent>(id);
  };
  for (;;) {
    auto waiting = co_await store.items(inbox_queue(id), kBatch);
    if (!waiting) co_return fail(waiting.error());
    const bool last = waiting->size() < kBatch;  // an agent that is over is sent nothing more
    auto by = caller;
    if (!last) by.key.reset();  // what is answered is the pruning
    auto agent = co_await change<Agent>(ground, by, clear_some);
    if (!agent || agent->pruned) co_return agent;
  }
}

Async<Result<api::AgentOutcomes>> prune_all(Ground ground, Caller caller,
                                            api::PruneRequest request) {
  auto before = co_await answered_before<api::AgentOutcomes>(ground, caller);
  if (!before) co_return fail(before.error());
  if (*before) co_return std::move(**before);
  std::vector<Agent> over;
  for (const auto state : {AgentState::error, AgentState::stopped}) {
    auto agents =
        co_await run::load_all<Agent>(ground.log.store(), run::state_mark(enum_name(state)));
    if (!agents) co_return fail(agents.error());
    std::ranges::move(*agents, std::back_inserter(over));
  }
  const auto prune_one = [&](const Agent& agent) {
    return prune(ground, for_one(caller, agent.id), agent.id.str(), request);
  };
  auto all = co_await one_by_one(std::move(over), prune_one);
  if (!all) co_return all;
  co_return co_await remember(ground, caller, std::move(*all));
}

}  // namespace reeve::town
