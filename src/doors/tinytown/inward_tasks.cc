#include <algorithm>

#include "doors/tinytown/ids.h"
#include "doors/tinytown/inward.h"
#include "town/backlog.h"
#include "town/brought.h"
#include "town/inbox.h"
#include "town/task_changes.h"
#include "town/tasks.h"

/// What tt does to tasks and to the backlog.
namespace reeve::doors::tinytown {

Async<Status> Inward::look_at_backlog(std::vector<std::string> before) {
  auto listed = co_await look_.backlog();
  if (!listed) co_return fail(listed.error());
  const std::set<std::string> there(listed->begin(), listed->end());
  std::vector<std::string> ids(there.begin(), there.end());
  for (std::size_t at = 0; at < ids.size(); at += kLookTasks) {
    const auto end = std::min(at + kLookTasks, ids.size());
    std::vector<std::string> part(ids.begin() + static_cast<std::ptrdiff_t>(at),
                                  ids.begin() + static_cast<std::ptrdiff_t>(end));
    auto sights = co_await look_.tasks(std::move(part), true);
    if (!sights) co_return fail(sights.error());
    for (auto& sight : *sights) {
      sight.keys.in_backlog = true;
      auto judged = co_await judge_alone(std::move(sight));
      if (!judged) co_return judged;
    }
  }
  std::erase_if(before, [&](const std::string& id) { return there.contains(id); });
  // None of ours, while the list is cut: the look was not at all of it.
  if (listed->size() >= kLookBacklog) before.clear();
  co_return co_await look_at_missing(std::move(before));
}

/// What is in our backlog and not in tinytown's: claimed, removed, or lost on the way (W-26).
Async<Status> Inward::look_at_missing(std::vector<std::string> missing) {
  const auto missed = std::exchange(missed_, {});
  auto sights = co_await look_.tasks(std::move(missing), true);
  if (!sights) co_return fail(sights.error());
  for (auto& sight : *sights) {
    const auto id = id_of<TaskTag>(sight.id);
    if (!id) continue;
    const auto what = "task " + id->short_str();
    const auto task = co_await run::load<reeve::Task>(ground_.log.store(), *id);
    if (!task) {
      auto done = passed(fail(task.error()), what);
      if (!done) co_return done;
      continue;
    }
    if (task->state != TaskState::pending) continue;  // by ourselves, meanwhile
    const auto verdict = seen(sight.keys, &*task, finder());
    if (verdict.act != Act::nothing) {
      auto done = passed(co_await act(verdict, *id, *task), what);
      if (!done) co_return done;
    } else if (missed.contains(sight.id)) {
      mirror_.touch_backlog();
    } else {
      missed_.insert(sight.id);
    }
  }
  co_return Status();
}

Async<Status> Inward::look_at_tasks(std::vector<std::string> ids) {
  auto sights = co_await look_.tasks(std::move(ids), false);
  if (!sights) co_return fail(sights.error());
  for (auto& sight : *sights) {
    // tt's backlog remove, which the look at the backlog sees as a whole.
    if (!sight.keys.there) sight.keys.in_backlog = true;
    auto judged = co_await judge_alone(std::move(sight));
    if (!judged) co_return judged;
  }
  co_return Status();
}

/// Tasks that no list and no document leads to.
Async<Status> Inward::scan_tasks() {
  for (int i = 0; i < options_.scans; ++i) {
    auto ids = co_await look_.scan(KeyFamily::task, cursor_);
    if (!ids) co_return fail(ids.error());
    auto sights = co_await look_.tasks(std::move(*ids), false);
    if (!sights) co_return fail(sights.error());
    for (auto& sight : *sights) {
      if (!sight.keys.there) continue;
      if (!sight.keys.ours && seen(sight.keys, nullptr, finder()).act == Act::nothing) continue;
      auto judged = co_await judge_alone(std::move(sight));
      if (!judged) co_return judged;
    }
    if (cursor_ == "0") break;
  }
  co_return Status();
}

Async<Status> Inward::judge_alone(TaskSight sight) {
  const auto what = "task " + sight.id;
  co_return passed(co_await judge(std::move(sight)), what);
}

Async<Status> Inward::judge(TaskSight sight) {
  const auto id = id_of<TaskTag>(sight.id);
  if (!id) co_return Status();
  auto loaded = co_await run::load<reeve::Task>(ground_.log.store(), *id);
  if (!loaded && !loaded.error().is(Errc::not_found)) co_return fail(loaded.error());
  std::optional<reeve::Task> task;
  if (loaded) task = std::move(*loaded);
  const auto verdict = seen(sight.keys, task ? &*task : nullptr, finder());
  co_return co_await act(verdict, *id, std::move(task));
}

Async<Status> Inward::act(Verdict verdict, TaskId id, std::optional<reeve::Task> task) {
  const auto reference = id.str();
  Result<reeve::Task> done = task.value_or(reeve::Task());
  switch (verdict.act) {
    case Act::nothing: co_return Status();
    case Act::take: co_return co_await take(id, verdict.agent);
    case Act::claim: co_return co_await claim(id, *verdict.agent, task->state);
    case Act::complete:
    case Act::fail: {
      const auto what = verdict.act == Act::complete ? town::Report::complete : town::Report::fail;
      if (task->agent) task_ended_.insert(*task->agent);
      done = co_await town::report(ground_, caller(), reference, what, verdict.text);
      break;
    }
    case Act::let_go: {
      // Who was spawned since the look began is ours as well: the next one knows.
      const auto known = co_await run::load<Agent>(ground_.log.store(), *verdict.agent);
      if (!known && !known.error().is(Errc::not_found)) co_return fail(known.error());
      if (known && !known->pruned) co_return Status();
      done = co_await town::cancel_task(ground_, caller(), reference, verdict.text);
      break;
    }
    case Act::cancel:
      done = co_await town::cancel_task(ground_, caller(), reference, verdict.text);
      break;
    case Act::requeue:
      done = co_await town::requeue_task(ground_, caller(), reference, verdict.text);
      break;
    default:
      mirror_.touch(id);
      mirror_.touch_backlog();
      co_return Status();
  }
  const auto was =
      settled(done, std::string(enum_name(verdict.act)) + " of task " + id.short_str());
  if (!was) co_return fail(was.error());
  if (*was) co_return Status();
  mirror_.touch(id);
  mirror_.touch_backlog();
  co_return Status();
}

Async<Status> Inward::claim(TaskId id, AgentId agent, TaskState state) {
  if (state != TaskState::pending) {
    const auto freed = co_await town::requeue_task(ground_, caller(), id.str(), "tt claim");
    const auto was = settled(freed, "a claim of task " + id.short_str());
    if (!was) co_return fail(was.error());
  }
  const auto claimed = co_await town::claim_task(ground_, caller(), id.str(), agent.str());
  const auto was = settled(claimed, "a claim of task " + id.short_str());
  if (!was) co_return fail(was.error());
  if (*was) co_return Status();
  mirror_.touch(id);
  mirror_.touch_backlog();
  co_return Status();
}

Async<Status> Inward::take(TaskId id, std::optional<AgentId> agent) {
  if (refused_.contains(id.str())) co_return Status();
  const auto key = mirror_.keys().task(id);
  auto fields = co_await look_.hash(key);
  if (!fields) co_return fail(fields.error());
  const auto task = decode_task(*fields, moment_of(ground_.env.now()));
  if (!task || task->id != id) co_return Status();
  if (!agent) {
    const auto reclaimed = co_await is_reclaimed(id, *task);
    if (!reclaimed) co_return fail(reclaimed.error());
    if (*reclaimed) co_return Status();
  }
  api::AssignRequest request;
  request.text = task->description;
  request.tags = tags_of(task->tags);
  if (task->parent) {
    const auto parent = co_await run::load<reeve::Task>(ground_.log.store(), *task->parent);
    if (parent) request.parent = parent->id.str();
  }
  const auto brought = co_await town::bring_task(ground_, caller(), id, agent, std::move(request));
  const auto was = settled(brought, "task " + id.short_str());
  if (!was) co_return fail(was.error());
  if (!*was && !brought.error().is(Errc::conflict)) refused_.insert(id.str());
  co_return Status();
}

/// tt reclaim --to-backlog makes a task of what waited as free text for an agent that has stopped.
/// So does ours, and keeps the agent's mail in order: tt's own goes.
Async<Result<bool>> Inward::is_reclaimed(TaskId id, const TtTask& task) {
  for (const auto& [agent, watched] : watched_) {
    const auto* from = find(agent);
    if (!watched.emptied || from == nullptr || !is_ended(from->state)) continue;
    const auto view = co_await town::inbox(ground_, agent.str());
    if (!view) co_return fail(view.error());
    const bool waits = std::ranges::any_of(view->messages, [&](const Message& message) {
      // As tt was shown it: a long text is cut.
      return message.type == MessageType::task && form_of(message).text == task.description;
    });
    if (!waits) continue;
    auto moved = co_await move_all(agent, std::nullopt);
    if (!moved) co_return fail(moved.error());
    auto dropped = co_await look_.drop(mirror_.keys().backlog(), id.str());
    if (dropped) dropped = co_await look_.remove_task(id);
    if (!dropped) co_return fail(dropped.error());
    co_return true;
  }
  co_return false;
}

}  // namespace reeve::doors::tinytown
