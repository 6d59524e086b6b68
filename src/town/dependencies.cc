#include "town/dependencies.h"

#include "base/limits.h"
#include "base/utf8.h"

namespace reeve::town {

Async<Result<std::vector<reeve::Task>>> unfinished_before(store::Store& store, reeve::Task task) {
  std::vector<reeve::Task> unfinished;
  for (const auto& id : task.after) {
    auto before = co_await run::load<reeve::Task>(store, id);
    if (!before && before.error().is(Errc::not_found)) {
      // Of a damaged town: it is shown, and waited for, rather than nothing else being read.
      reeve::Task missing;
      missing.id = id;
      missing.text = "(this task is missing)";
      unfinished.push_back(std::move(missing));
      continue;
    }
    if (!before) co_return fail(before.error());
    if (before->state != TaskState::completed) unfinished.push_back(std::move(*before));
  }
  co_return unfinished;
}

Async<Result<Followers>> followers_of(store::Store& store, TaskId task) {
  Followers followers;
  auto waiting = co_await run::load_all<reeve::Task>(store, run::after_mark(task));
  if (!waiting) co_return fail(waiting.error());
  for (const auto& one : *waiting) {
    if (one.agent)
      followers.agents.insert(*one.agent);
    else
      followers.backlog = true;
  }
  co_return followers;
}

api::TaskNote note_of(const reeve::Task& task) {
  constexpr std::size_t kBeginning = 120;
  const std::string_view text(task.text);
  const auto begin = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  const auto line = text.substr(begin, text.find('\n', begin) - begin);
  return {task.id, task.state, std::string(head_of(line, kBeginning))};
}

std::string list_of(const std::vector<reeve::Task>& tasks) {
  std::string list;
  for (const auto& task : tasks) {
    list += (list.empty() ? "" : ", ") + task.id.short_str() + " (" +
            std::string(enum_name(task.state)) + ")";
  }
  return list;
}

}  // namespace reeve::town
