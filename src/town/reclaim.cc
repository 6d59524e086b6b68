#include "town/reclaim.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/limits.h"
#include "base/utf8.h"
#include "town/change.h"
#include "town/directory.h"
#include "town/mailbox.h"
#include "town/sweep.h"
#include "town/task_steps.h"

namespace reeve::town {
namespace {

/// Things in one commit, and bytes of their texts, which it writes anew.
constexpr std::size_t kBatch = 100;
constexpr std::size_t kBatchBytes = 4 << 20;
/// Tasks that one answer lists.
constexpr std::size_t kTold = 200;

/// An agent that nobody works for any more.
struct Ended {
  AgentId id;
  std::string name;   ///< or its id, where there is no such agent
  std::string state;  ///< "gone": there is none
  bool gone = false;
  std::vector<TaskId> tasks;  ///< its open ones
};

Ended ended_of(const Agent& agent) {
  return {agent.id,
          agent.name,
          agent.pruned ? std::string("pruned") : std::string(enum_name(agent.state)),
          false,
          {}};
}

bool has_ended(const Agent& agent) { return agent.pruned || is_ended(agent.state); }

/// Fills in the open tasks of those that have ended; with `all`, adds agents that are not there.
Async<Status> read_tasks(store::Store& store, std::map<AgentId, Ended>& ended, bool all) {
  std::set<AgentId> alive;
  store::DocQuery query;
  query.kind = run::DocOf<reeve::Task>::kKind;
  query.mark = run::kOpen;
  query.limit = kBatch;
  for (;;) {
    auto docs = co_await store.list(query);
    if (!docs) co_return fail(docs.error());
    for (const auto& doc : *docs) {
      query.after_rank = doc.rank;
      const auto task = run::decode<reeve::Task>(doc);
      if (!task || !task->agent || alive.contains(*task->agent)) continue;
      auto found = ended.find(*task->agent);
      if (found == ended.end()) {
        if (!all) continue;
        auto agent = co_await run::load<Agent>(store, *task->agent);
        if (!agent && !agent.error().is(Errc::not_found)) co_return fail(agent.error());
        if (agent) {
          alive.insert(*task->agent);
          continue;
        }
        found =
            ended.emplace(*task->agent, Ended{*task->agent, task->agent->str(), "gone", true, {}})
                .first;
      }
      found->second.tasks.push_back(task->id);
    }
    if (docs->size() < query.limit) co_return Status();
  }
}

Async<Result<std::map<AgentId, Ended>>> find_ended(store::Store& store,
                                                   const api::ReclaimRequest& request) {
  std::map<AgentId, Ended> ended;
  if (request.from) {
    auto agent = co_await find_agent(store, *request.from);
    if (!agent) co_return fail(agent.error());
    if (!has_ended(*agent)) {
      co_return fail(Errc::conflict, agent->name + " is " + std::string(enum_name(agent->state)) +
                                         ": only what waits for agents that have ended is "
                                         "reclaimed (reeve kill " +
                                         agent->name + ")");
    }
    ended.emplace(agent->id, ended_of(*agent));
  } else {
    auto agents = co_await all_agents(store);
    if (!agents) co_return fail(agents.error());
    for (const auto& agent : *agents) {
      if (has_ended(agent)) ended.emplace(agent.id, ended_of(agent));
    }
  }
  auto read = co_await read_tasks(store, ended, !request.from);
  if (!read) co_return fail(read.error());
  co_return ended;
}

// --- Looking -------------------------------------------------------------------------------------

Async<Result<api::ReclaimOf>> count_waiting(store::Store& store, const Ended& ended) {
  api::ReclaimOf of;
  of.agent = ended.name;
  of.state = ended.state;
  of.tasks = static_cast<std::int64_t>(ended.tasks.size());
  auto items = co_await all_items(store, inbox_queue(ended.id));
  if (!items) co_return fail(items.error());
  for (const auto& item : *items) {
    ++of.messages;
    if (item.priority >= static_cast<int>(Priority::urgent)) ++of.urgent;
    const auto id = MessageId::parse(item.item);
    if (!id) continue;
    auto message = co_await run::load<Message>(store, *id);
    if (message && message->type == MessageType::task) ++of.texts;
  }
  co_return of;
}

std::string first_line(const std::string& text) {
  constexpr std::size_t kShown = 200;
  return std::string(head_of(std::string_view(text).substr(0, text.find('\n')), kShown));
}

Async<Status> list_waiting(store::Store& store, const std::map<AgentId, Ended>& all,
                           const api::ReclaimRequest& request, api::ReclaimReport& report) {
  for (const auto& [id, ended] : all) {
    auto of = co_await count_waiting(store, ended);
    if (!of) co_return fail(of.error());
    if (of->tasks > 0 || (of->messages > 0 && !request.orphan_tasks))
      report.agents.push_back(std::move(*of));
    if (!request.orphan_tasks) continue;
    for (const auto& task_id : ended.tasks) {
      if (report.tasks.size() == kTold) {
        ++report.more;
        continue;
      }
      auto task = co_await run::load<reeve::Task>(store, task_id);
      if (!task) co_return fail(task.error());
      report.tasks.push_back({task_id.str(), first_line(task->text), ended.name,
                              ended.gone ? "its agent is gone" : "its agent is " + ended.state});
    }
  }
  std::ranges::sort(report.agents, {}, [](const auto& of) { return of.agent; });
  co_return Status();
}

// --- Moving --------------------------------------------------------------------------------------

/// Where things go, and why.
struct Destination {
  std::optional<AgentId> to;  ///< none: the backlog, or nowhere
  bool cancel = false;
  bool tasks_only = false;
  std::string reason;
};

/// One commit in the making: what waits for `ended` goes to `where`.
class Batch {
 public:
  Batch(run::Draft& draft, const Ended& ended, const Destination& where)
      : draft_(draft), ended_(ended), where_(where) {}

  /// It has ended still, and the other takes work still.
  Async<Status> check() {
    if (!ended_.gone) {
      auto agent = co_await draft_.get<Agent>(ended_.id);
      if (!agent) co_return fail(agent.error());
      if (!has_ended(*agent)) {
        co_return fail(Errc::conflict, agent->name +
                                           " has been restarted meanwhile: what waits "
                                           "for it now stays");
      }
      current_ = agent->current_task;
    }
    if (!where_.to) co_return Status();
    auto to = co_await draft_.get<Agent>(*where_.to);
    if (!to) co_return fail(to.error());
    if (takes_work(to->state) && !to->stopping && !to->pruned) co_return Status();
    co_return fail(Errc::conflict,
                   to->name + " is " +
                       (to->pruned ? std::string("pruned") : std::string(enum_name(to->state))) +
                       " and takes no work");
  }

  Async<Status> take(const store::QueueItem& item) {
    const auto id = MessageId::parse(item.item);
    auto message = id ? co_await draft_.get<Message>(*id)
                      : Result<Message>(fail(Errc::not_found, "no message"));
    if (!message || !item.lease.empty()) {
      // A run has it, or nobody can read it: for the sweep, and the quarantine.
      if (message && message->task) done_tasks.insert(*message->task);
      if (!where_.tasks_only) ++done.left;
      co_return Status();
    }
    bytes += message->text.size();
    std::optional<reeve::Task> task;
    if (message->task) {
      auto found = co_await draft_.get<reeve::Task>(*message->task);
      if (!found && !found.error().is(Errc::not_found)) co_return fail(found.error());
      if (found) task = std::move(*found);
    }
    const bool brings = message->type == MessageType::task_assign && task &&
                        !is_ended(task->state) && task->agent == ended_.id;
    if (where_.tasks_only && !brings) co_return Status();
    if (is_settled(*message, task ? &*task : nullptr)) {
      ++done.settled;
      co_return co_await settle(*message);
    }
    if (brings) done_tasks.insert(task->id);
    if (where_.to) co_return co_await move(*message, brings ? &*task : nullptr);
    if (brings) {
      if (auto settled = co_await settle(*message); !settled) co_return settled;
      co_return co_await let_go(*task);
    }
    if (message->type == MessageType::task) co_return co_await make_task(*message);
    ++done.left;
    co_return Status();
  }

  /// A task that no message brings.
  Async<Status> take(TaskId id) {
    auto task = co_await draft_.get<reeve::Task>(id);
    if (!task) co_return fail(task.error());
    if (is_ended(task->state) || task->agent != ended_.id) co_return Status();
    bytes += task->text.size();
    if (!where_.to) co_return co_await let_go(*task);
    ++done.tasks;
    std::vector<Fact> facts{fact::TaskRequeued{id, ended_.id, where_.reason},
                            fact::TaskAssigned{id, *where_.to}};
    if (auto given = co_await add_all(draft_, std::move(facts)); !given) co_return given;
    const auto from = task->from;
    const Bringing at_once;
    co_return co_await bring_task(draft_, std::move(*task), *where_.to, from, at_once);
  }

  api::ReclaimDone done;
  std::set<TaskId> done_tasks;  ///< that were brought by what was taken, or is held
  std::size_t bytes = 0;

 private:
  void leave_inbox(const Message& message) {
    draft_.require(store::QueueHolds{inbox_queue(ended_.id), message.id.str(), ""});
    draft_.write(store::QueueAck{inbox_queue(ended_.id), message.id.str()});
  }

  Async<Status> settle(const Message& message) {
    leave_inbox(message);
    co_return co_await draft_.add(fact::MessagesHandled{ended_.id, {message.id}});
  }

  Async<Status> move(const Message& message, const reeve::Task* task) {
    leave_inbox(message);
    draft_.write(store::QueuePush{inbox_queue(*where_.to), message.id.str(),
                                  static_cast<int>(message.priority)});
    ++done.messages;
    std::vector<Fact> facts{fact::MessageMoved{message.id, ended_.id, *where_.to, where_.reason}};
    if (task != nullptr) {
      // Its former agent lets go of it first.
      if (current_ == task->id)
        facts.emplace_back(fact::TaskRequeued{task->id, ended_.id, where_.reason});
      facts.emplace_back(fact::TaskAssigned{task->id, *where_.to});
      ++done.tasks;
    }
    co_return co_await add_all(draft_, std::move(facts));
  }

  /// To the backlog, or nowhere.
  Async<Status> let_go(const reeve::Task& task) {
    if (where_.cancel) {
      ++done.cancelled;
      co_return co_await end_task(
          draft_, task.id, fact::TaskCancelled{task.id, ended_.id, std::nullopt, where_.reason});
    }
    ++done.requeued;
    draft_.write(store::QueuePush{kBacklog, task.id.str(), static_cast<int>(task.priority)});
    co_return co_await draft_.add(fact::TaskRequeued{task.id, ended_.id, where_.reason});
  }

  /// Work in free text becomes a task of the backlog.
  Async<Status> make_task(const Message& message) {
    if (auto settled = co_await settle(message); !settled) co_return settled;
    auto task = task_of(message, TaskId(draft_.env().uuid4()), draft_.env().now());
    ++done.created;
    draft_.write(store::QueuePush{kBacklog, task.id.str(), static_cast<int>(task.priority)});
    co_return co_await draft_.add(fact::TaskCreated{std::move(task)});
  }

  run::Draft& draft_;
  const Ended& ended_;
  const Destination& where_;
  std::optional<TaskId> current_;
};

void add_up(api::ReclaimDone& sum, const api::ReclaimDone& part) {
  sum.messages += part.messages;
  sum.tasks += part.tasks;
  sum.requeued += part.requeued;
  sum.created += part.created;
  sum.cancelled += part.cancelled;
  sum.settled += part.settled;
  sum.left += part.left;
}

/// Empties an inbox from its front, a commit at a time; answers the tasks that this was about.
Async<Result<std::set<TaskId>>> move_mail(Ground ground, Caller caller, const Ended& ended,
                                          const Destination& where, api::ReclaimDone& sum) {
  std::set<TaskId> tasks;
  store::QueuePlace after;
  for (bool more = true; more;) {
    store::QueuePlace seen;
    std::set<TaskId> of_batch;
    const auto decide = [&](run::Draft& draft) -> Async<Result<api::ReclaimDone>> {
      Batch batch(draft, ended, where);
      if (auto good = co_await batch.check(); !good) co_return fail(good.error());
      auto items = co_await ground.log.store().items(inbox_queue(ended.id), kBatch, after);
      if (!items) co_return fail(items.error());
      more = items->size() == kBatch;
      seen = after;
      for (const auto& item : *items) {
        if (auto taken = co_await batch.take(item); !taken) co_return fail(taken.error());
        seen = item.place();
        if (batch.bytes < kBatchBytes) continue;
        more = true;
        break;
      }
      of_batch = batch.done_tasks;
      co_return batch.done;
    };
    auto done = co_await change<api::ReclaimDone>(ground, caller, decide);
    if (!done) co_return fail(done.error());
    add_up(sum, *done);
    tasks.merge(of_batch);
    after = seen;
  }
  co_return tasks;
}

/// The tasks that no message of its inbox brings.
Async<Status> move_tasks(Ground ground, Caller caller, const Ended& ended, const Destination& where,
                         std::vector<TaskId> tasks, api::ReclaimDone& sum) {
  for (std::size_t begin = 0; begin < tasks.size();) {
    std::size_t end = begin;
    const auto decide = [&](run::Draft& draft) -> Async<Result<api::ReclaimDone>> {
      Batch batch(draft, ended, where);
      if (auto good = co_await batch.check(); !good) co_return fail(good.error());
      end = begin;
      while (end < tasks.size() && end - begin < kBatch && batch.bytes < kBatchBytes) {
        if (auto taken = co_await batch.take(tasks[end++]); !taken) co_return fail(taken.error());
      }
      co_return batch.done;
    };
    auto done = co_await change<api::ReclaimDone>(ground, caller, decide);
    if (!done) co_return fail(done.error());
    add_up(sum, *done);
    begin = end;
  }
  co_return Status();
}

}  // namespace

Status check_reclaim(const api::ReclaimRequest& request) {
  const int ways = (request.to_backlog ? 1 : 0) + (request.to ? 1 : 0) + (request.cancel ? 1 : 0);
  if (ways > 1)
    return fail(Errc::invalid_argument, "one of: to the backlog, to an agent, cancelled");
  if (request.cancel && !request.orphan_tasks)
    return fail(Errc::invalid_argument,
                "only tasks can be cancelled: say orphan_tasks (--orphan-tasks), too");
  return {};
}

Async<Result<api::ReclaimReport>> reclaim(Ground ground, Caller caller,
                                          api::ReclaimRequest request) {
  if (auto good = check_reclaim(request); !good) co_return fail(good.error());
  auto& store = ground.log.store();
  auto ended = co_await find_ended(store, request);
  if (!ended) co_return fail(ended.error());
  api::ReclaimReport report;
  report.dry_run = !request.to_backlog && !request.to && !request.cancel;
  Destination where;
  where.cancel = request.cancel;
  where.tasks_only = request.orphan_tasks;
  if (request.to) {
    auto to = co_await find_agent(store, *request.to);
    if (!to) co_return fail(to.error());
    where.to = to->id;
  }
  auto listed = co_await list_waiting(store, *ended, request, report);
  if (!listed) co_return fail(listed.error());
  if (report.dry_run) co_return report;
  // A repetition does what is left to do; the first answer would say nothing of that.
  caller.key.reset();
  for (const auto& [id, one] : *ended) {
    where.reason =
        one.gone ? std::string("its agent is gone") : "its agent " + one.name + " is " + one.state;
    std::set<TaskId> handled;
    auto moved = co_await move_mail(ground, caller, one, where, report.done);
    if (!moved) co_return fail(moved.error());
    handled = std::move(*moved);
    std::vector<TaskId> rest;
    std::ranges::copy_if(one.tasks, std::back_inserter(rest),
                         [&](const TaskId& task) { return !handled.contains(task); });
    auto all = co_await move_tasks(ground, caller, one, where, std::move(rest), report.done);
    if (!all) co_return fail(all.error());
  }
  co_return report;
}

}  // namespace reeve::town
