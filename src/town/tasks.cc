#include "town/tasks.h"

#include <array>

#include "base/limits.h"
#include "town/change.h"
#include "town/directory.h"

namespace reeve::town {
namespace {

Status check_text(const std::string& text, const char* what) {
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return fail(Errc::invalid_argument, std::string(what) + " is empty");
  }
  if (text.size() > limits::kText) {
    return fail(Errc::too_large, std::string(what) + " has " + std::to_string(text.size()) +
                                     " bytes, the limit is " + std::to_string(limits::kText) +
                                     ": put it into a file and name the file");
  }
  return {};
}

}  // namespace

Async<Result<reeve::Task>> assign(Ground ground, Caller caller, std::string agent,
                                  api::AssignRequest request) {
  if (auto good = check_text(request.text, "the task's text"); !good) co_return fail(good.error());
  auto found = co_await find_agent(ground.log.store(), std::move(agent));
  if (!found) co_return fail(found.error());
  const auto agent_id = found->id;
  const TaskId task_id(ground.env.uuid4());
  const MessageId message_id(ground.env.uuid4());

  const auto decide = [&](run::Draft& draft) -> Async<Result<reeve::Task>> {
    auto to = co_await draft.get<Agent>(agent_id);
    if (!to) co_return fail(to.error());
    if (!takes_work(to->state) || to->stopping) {
      co_return fail(Errc::conflict,
                     to->name + " is " + std::string(enum_name(to->state)) + " and takes no work");
    }
    reeve::Task task;
    task.id = task_id;
    task.text = request.text;
    task.tags = request.tags;
    task.created_at = task.updated_at = ground.env.now();
    Message message;
    message.id = message_id;
    message.from = caller.sender();
    message.to = agent_id;
    message.type = MessageType::task_assign;
    message.priority = request.priority;
    message.text = request.text;
    message.task = task_id;
    message.created_at = task.created_at;
    std::vector<Fact> facts{fact::TaskCreated{std::move(task)},
                            fact::TaskAssigned{task_id, agent_id},
                            fact::MessageSent{message, std::nullopt}};
    if (auto added = co_await add_all(draft, std::move(facts)); !added)
      co_return fail(added.error());
    draft.write(store::QueuePush{inbox_queue(agent_id), message_id.str(),
                                 static_cast<int>(message.priority)});
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
    auto facts = decide_report(*current, run, what, text);
    if (!facts) co_return fail(facts.error());
    if (auto added = co_await add_all(draft, std::move(*facts)); !added)
      co_return fail(added.error());
    co_return co_await draft.get<reeve::Task>(id);
  };
  co_return co_await change<reeve::Task>(ground, std::move(caller), decide);
}

namespace {

Async<api::TaskView> view_task(Ground ground, reeve::Task task) {
  api::TaskView view;
  if (task.agent) view.agent = co_await display_name(ground.log.store(), task.agent->str());
  view.task = std::move(task);
  co_return view;
}

}  // namespace

Async<Result<api::TaskView>> show_task(Ground ground, std::string reference) {
  auto task = co_await find_task(ground.log.store(), std::move(reference));
  if (!task) co_return fail(task.error());
  co_return co_await view_task(ground, std::move(*task));
}

Async<Result<api::TaskPage>> list_tasks(Ground ground, std::string state, std::uint64_t after,
                                        std::size_t limit) {
  store::DocQuery query;
  query.kind = run::DocOf<reeve::Task>::kKind;
  query.descending = true;
  query.after_rank = after;
  query.limit = std::clamp<std::size_t>(limit, 1, limits::kPage);
  if (!state.empty()) {
    if (state != run::kOpen && !enum_from_name<TaskState>(state)) {
      co_return fail(Errc::invalid_argument,
                     "\"" + state +
                         "\" is no state of a task: open, pending, assigned, running, completed, "
                         "failed or cancelled");
    }
    query.mark = state == run::kOpen ? state : run::state_mark(state);
  }
  auto docs = co_await ground.log.store().list(query);
  if (!docs) co_return fail(docs.error());
  api::TaskPage page;
  for (const auto& doc : *docs) {
    auto task = run::decode<reeve::Task>(doc);
    if (!task) co_return fail(task.error());
    page.tasks.push_back(co_await view_task(ground, std::move(*task)));
  }
  if (docs->size() == query.limit) page.next = docs->back().rank;
  co_return page;
}

Async<Result<api::TaskView>> current_task(Ground ground, std::string agent) {
  auto found = co_await find_agent(ground.log.store(), std::move(agent));
  if (!found) co_return fail(found.error());
  if (!found->current_task) co_return fail(Errc::not_found, found->name + " has no current task");
  auto task = co_await run::load<reeve::Task>(ground.log.store(), *found->current_task);
  if (!task) co_return fail(task.error());
  co_return co_await view_task(ground, std::move(*task));
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
