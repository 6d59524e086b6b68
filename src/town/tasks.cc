#include "town/tasks.h"

#include <algorithm>
#include <array>

#include "base/limits.h"
#include "base/near_names.h"
#include "town/change.h"
#include "town/dependencies.h"
#include "town/directory.h"
#include "town/task_steps.h"

namespace reeve::town {
namespace {

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

Status check_text(const std::string& text, const char* what) {
  if (is_blank(text)) {
    return fail(Errc::invalid_argument, std::string(what) + " is empty");
  }
  if (text.size() > limits::kText) {
    return fail(Errc::too_large, std::string(what) + " has " + std::to_string(text.size()) +
                                     " bytes, the limit is " + std::to_string(limits::kText) +
                                     ": put it into a file and name the file");
  }
  return {};
}

/// Each once, in whatever case; invalid_argument: what cannot be a tag.
Result<std::vector<std::string>> check_tags(std::vector<std::string> tags) {
  std::vector<std::string> once;
  for (auto& tag : tags) {
    const bool plain = std::ranges::none_of(
        tag, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    if (is_blank(tag) || !plain || tag.size() > limits::kName) {
      return fail(Errc::invalid_argument,
                  "a tag is a word of at most " + std::to_string(limits::kName) + " bytes");
    }
    const auto same = [&](const std::string& other) { return to_lower(other) == to_lower(tag); };
    if (std::ranges::none_of(once, same)) once.push_back(std::move(tag));
  }
  if (once.size() > limits::kTaskTags) {
    return fail(Errc::invalid_argument,
                "a task has at most " + std::to_string(limits::kTaskTags) + " tags");
  }
  return once;
}

}  // namespace

Status check_takes_work(const Agent& agent) {
  if (takes_work(agent.state) && !agent.stopping) return {};
  return fail(Errc::conflict,
              agent.name + " is " +
                  (agent.stopping ? std::string("stopping") : std::string(enum_name(agent.state))) +
                  " and takes no work (reeve list shows who does)");
}

Async<Result<reeve::Task>> new_task(Ground ground, Caller caller, TaskId id,
                                    api::AssignRequest request) {
  if (auto good = check_text(request.text, "the task's text"); !good) co_return fail(good.error());
  auto tags = check_tags(std::move(request.tags));
  if (!tags) co_return fail(tags.error());
  if (request.after.size() > limits::kTaskAfter) {
    co_return fail(Errc::invalid_argument,
                   "a task comes after at most " + std::to_string(limits::kTaskAfter) + " others");
  }
  reeve::Task task;
  task.id = id;
  task.text = std::move(request.text);
  task.from = caller.sender();
  task.notify = request.notify;
  task.priority = request.priority;
  task.tags = std::move(*tags);
  if (request.parent) {
    auto parent = co_await find_task(ground.log.store(), *request.parent);
    if (!parent) co_return fail(parent.error().during("its parent"));
    task.parent = parent->id;
  }
  for (const auto& reference : request.after) {
    auto before = co_await find_task(ground.log.store(), reference);
    if (!before) co_return fail(before.error().during("what it comes after"));
    if (std::ranges::find(task.after, before->id) == task.after.end())
      task.after.push_back(before->id);
  }
  task.created_at = task.updated_at = ground.env.now();
  co_return task;
}

Async<Result<reeve::Task>> assign(Ground ground, Caller caller, std::string agent,
                                  api::AssignRequest request) {
  const TaskId task_id(ground.env.uuid4());
  auto made = co_await new_task(ground, caller, task_id, std::move(request));
  if (!made) co_return fail(made.error());
  auto found = co_await find_agent(ground.log.store(), std::move(agent));
  if (!found) co_return fail(found.error());
  const auto agent_id = found->id;

  const auto decide = [&](run::Draft& draft) -> Async<Result<reeve::Task>> {
    auto to = co_await draft.get<Agent>(agent_id);
    if (!to) co_return fail(to.error());
    if (auto takes = check_takes_work(*to); !takes) co_return fail(takes.error());
    if (auto added = co_await draft.add(fact::TaskCreated{*made}); !added)
      co_return fail(added.error());
    if (auto given = co_await give_task(draft, *made, agent_id, caller); !given)
      co_return fail(given.error());
    co_return co_await draft.get<reeve::Task>(task_id);
  };
  co_return co_await change<reeve::Task>(ground, caller, decide);
}

Result<std::vector<Fact>> decide_report(const reeve::Task& task, std::optional<RunId> run,
                                        Report report, const std::string& text) {
  if (is_ended(task.state)) {
    const bool same = (report == Report::complete && task.state == TaskState::completed) ||
                      (report == Report::fail && task.state == TaskState::failed);
    if (same && task.result == text) return std::vector<Fact>{};
    return fail(Errc::conflict, "task " + task.id.short_str() + " is " +
                                    std::string(enum_name(task.state)) + " already");
  }
  switch (report) {
    case Report::complete:
      return std::vector<Fact>{fact::TaskCompleted{task.id, task.agent, run, text}};
    case Report::fail: return std::vector<Fact>{fact::TaskFailed{task.id, task.agent, run, text}};
    case Report::progress:
      return std::vector<Fact>{fact::TaskProgressed{task.id, task.agent, run, text}};
  }
  return std::vector<Fact>{};
}

Async<Result<reeve::Task>> report(Ground ground, Caller caller, std::string task, Report what,
                                  std::string text) {
  const bool may_be_empty = what == Report::complete && text.empty();
  if (!may_be_empty) {
    if (auto good = check_text(text, "the report's text"); !good) co_return fail(good.error());
  }
  auto found = co_await find_task(ground.log.store(), std::move(task));
  if (!found) co_return fail(found.error());
  const auto id = found->id;
  const auto run = caller.round ? std::optional(caller.round->run) : std::nullopt;
  const auto decide = [&](run::Draft& draft) -> Async<Result<reeve::Task>> {
    auto current = co_await draft.get<reeve::Task>(id);
    if (!current) co_return fail(current.error());
    if (caller.agent && current->agent != *caller.agent) {
      auto whose = current->agent ? co_await display_name(ground.log.store(), current->agent->str())
                                  : std::string();
      co_return fail(Errc::denied,
                     "task " + id.short_str() +
                         (whose.empty() ? " is in the backlog: claim it first (reeve backlog claim)"
                                        : " is " + whose + "'s, and so is the report on it"));
    }
    auto facts = decide_report(*current, run, what, text);
    if (!facts) co_return fail(facts.error());
    for (auto& fact : *facts) {
      auto added = what == Report::progress ? co_await draft.add(std::move(fact))
                                            : co_await end_task(draft, id, std::move(fact));
      if (!added) co_return fail(added.error());
    }
    co_return co_await draft.get<reeve::Task>(id);
  };
  co_return co_await change<reeve::Task>(ground, caller, decide);
}

Async<Result<std::vector<api::TaskNote>>> waits_for(Ground ground, reeve::Task task) {
  std::vector<api::TaskNote> notes;
  if (task.state != TaskState::pending && task.state != TaskState::assigned) co_return notes;
  auto unfinished = co_await unfinished_before(ground.log.store(), std::move(task));
  if (!unfinished) co_return fail(unfinished.error());
  for (const auto& one : *unfinished) notes.push_back(note_of(one));
  co_return notes;
}

namespace {

Async<Result<api::TaskView>> view_task(Ground ground, reeve::Task task) {
  api::TaskView view;
  if (task.agent) view.agent = co_await display_name(ground.log.store(), task.agent->str());
  view.from = co_await display_name(ground.log.store(), task.from);
  auto waits = co_await waits_for(ground, task);
  if (!waits) co_return fail(waits.error());
  view.waits_for = std::move(*waits);
  view.task = std::move(task);
  co_return view;
}

/// The conditions of a list, of which one is the mark that the store looks for.
struct Conditions {
  std::string mark;
  bool exact = true;  ///< the mark says it all
  std::optional<TaskState> state;
  bool open = false;
  std::optional<AgentId> agent;
  std::string tag;  ///< in lower case

  [[nodiscard]] bool hold(const reeve::Task& task) const {
    if (state && task.state != *state) return false;
    if (open && is_ended(task.state)) return false;
    if (agent && task.agent != *agent) return false;
    const auto is_it = [&](const std::string& other) { return to_lower(other) == tag; };
    return tag.empty() || std::ranges::any_of(task.tags, is_it);
  }
};

Async<Result<Conditions>> conditions_of(Ground ground, TaskFilter filter) {
  Conditions all;
  all.tag = to_lower(filter.tag);
  if (!filter.state.empty()) {
    all.open = filter.state == run::kOpen;
    all.state = enum_from_name<TaskState>(filter.state);
    if (!all.open && !all.state) {
      co_return fail(Errc::invalid_argument,
                     "\"" + filter.state +
                         "\" is no state of a task: open, pending, assigned, running, completed, "
                         "failed or cancelled");
    }
    all.mark = all.open ? filter.state : run::state_mark(filter.state);
  }
  if (!all.tag.empty()) all.mark = run::tag_mark(all.tag);
  if (!filter.agent.empty()) {
    auto agent = co_await find_agent(ground.log.store(), std::move(filter.agent));
    if (!agent) co_return fail(agent.error());
    all.agent = agent->id;
    const bool open = all.open || (all.state && !is_ended(*all.state));
    all.mark = open ? run::open_mark(agent->id) : run::agent_mark(agent->id);
  }
  const auto number = (filter.state.empty() ? 0 : 1) + (all.tag.empty() ? 0 : 1);
  all.exact = number + (all.agent ? 1 : 0) <= 1 || (all.agent && all.open && all.tag.empty());
  co_return all;
}

}  // namespace

Async<Result<api::TaskView>> show_task(Ground ground, std::string reference) {
  auto task = co_await find_task(ground.log.store(), std::move(reference));
  if (!task) co_return fail(task.error());
  co_return co_await view_task(ground, std::move(*task));
}

Async<Result<api::TaskPage>> list_tasks(Ground ground, TaskFilter filter, std::uint64_t after,
                                        std::size_t limit) {
  limit = std::clamp<std::size_t>(limit, 1, limits::kPage);
  auto wanted = co_await conditions_of(ground, std::move(filter));
  if (!wanted) co_return fail(wanted.error());
  store::DocQuery query;
  query.kind = run::DocOf<reeve::Task>::kKind;
  query.mark = wanted->mark;
  query.descending = true;
  query.after_rank = after;
  constexpr std::size_t kChunk = 250;
  query.limit = wanted->exact ? limit : kChunk;

  api::TaskPage page;
  for (std::size_t seen = 0; page.tasks.size() < limit && seen < limits::kPage;) {
    auto docs = co_await ground.log.store().list(query);
    if (!docs) co_return fail(docs.error());
    page.next.reset();
    for (const auto& doc : *docs) {
      if (page.tasks.size() == limit) {
        page.next = query.after_rank;
        break;
      }
      query.after_rank = doc.rank;
      ++seen;
      auto task = run::decode<reeve::Task>(doc);
      if (!task) co_return fail(task.error());
      if (!wanted->hold(*task)) continue;
      auto view = co_await view_task(ground, std::move(*task));
      if (!view) co_return fail(view.error());
      page.tasks.push_back(std::move(*view));
    }
    if (docs->size() < query.limit) break;
    page.next = query.after_rank;
  }
  co_return page;
}

Async<Result<api::TaskView>> current_task(Ground ground, std::string agent) {
  auto& store = ground.log.store();
  auto found = co_await find_agent(store, std::move(agent));
  if (!found) co_return fail(found.error());
  if (found->current_task) {
    auto task = co_await run::load<reeve::Task>(store, *found->current_task);
    if (!task) co_return fail(task.error());
    co_return co_await view_task(ground, std::move(*task));
  }
  store::DocQuery query;
  query.mark = run::open_mark(found->id);
  query.limit = 2;
  auto waiting = co_await run::load_list<reeve::Task>(store, std::move(query));
  if (!waiting) co_return fail(waiting.error());
  if (waiting->size() == 1) co_return co_await view_task(ground, std::move(waiting->front()));
  co_return fail(
      Errc::not_found,
      found->name + (waiting->empty() ? " has no current task"
                                      : " has no current task; several wait for it (reeve task "
                                        "list --agent " +
                                            found->name + ")"));
}

Async<Result<api::WaitReply>> task_result(Ground ground, std::string reference) {
  auto task = co_await find_task(ground.log.store(), std::move(reference));
  if (!task) co_return fail(task.error());
  const auto state = std::string(enum_name(task->state));
  if (!is_ended(task->state)) {
    co_return fail(Errc::conflict, "task " + task->id.short_str() + " is " + state +
                                       ": reeve wait --task " + task->id.short_str() +
                                       " returns when it is over");
  }
  co_return api::WaitReply{state, task->result};
}

Async<Result<api::TaskCounts>> count_tasks(Ground ground) {
  api::TaskCounts counts;
  const std::array<std::pair<TaskState, std::int64_t*>, 6> all{
      {{TaskState::pending, &counts.pending},
       {TaskState::assigned, &counts.assigned},
       {TaskState::running, &counts.running},
       {TaskState::completed, &counts.completed},
       {TaskState::failed, &counts.failed},
       {TaskState::cancelled, &counts.cancelled}}};
  for (const auto& [state, count] : all) {
    auto number = co_await ground.log.store().count(run::DocOf<reeve::Task>::kKind,
                                                    run::state_mark(enum_name(state)));
    if (!number) co_return fail(number.error());
    *count = static_cast<std::int64_t>(*number);
  }
  co_return counts;
}

}  // namespace reeve::town
