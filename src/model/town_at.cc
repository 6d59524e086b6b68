#include "model/town_at.h"

#include <algorithm>
#include <tuple>

namespace reeve {
namespace {

template <class T>
bool is(const Scope& scope, const Id<T>& id) {
  return scope == Scope::of(id);
}
template <class T>
bool is(const Scope& scope, const std::optional<Id<T>>& id) {
  return id && is(scope, *id);
}
template <class... T>
bool any(const Scope& scope, const T&... ids) {
  return scope.is_town() || (is(scope, ids) || ...);
}

void count(api::TaskCounts& counts, TaskState state) {
  switch (state) {
    case TaskState::pending: ++counts.pending; break;
    case TaskState::assigned: ++counts.assigned; break;
    case TaskState::running: ++counts.running; break;
    case TaskState::completed: ++counts.completed; break;
    case TaskState::failed: ++counts.failed; break;
    case TaskState::cancelled: ++counts.cancelled; break;
  }
}

template <class... D>
void collect(const Fold& fold, const Scope& scope, std::vector<FoldedDoc>& out) {
  const auto one = [&]<class T>(const Fold::Docs<T>& docs) {
    for (const auto& [id, doc] : docs) {
      if (is_about(doc, scope)) out.push_back({{kDocKind<T>, id.str()}, write_json_of(doc)});
    }
  };
  (one.template operator()<D>(fold.all<D>()), ...);
}

}  // namespace

bool is_about(const Agent& agent, const Scope& scope) {
  return any(scope, agent.id, agent.thread, agent.current_run, agent.current_task);
}
bool is_about(const Task& task, const Scope& scope) {
  return any(scope, task.id, task.agent, task.run, task.parent);
}
bool is_about(const Message& message, const Scope& scope) {
  return any(scope, message.to, message.task, message.run) ||
         scope.str() == "agent:" + message.from;
}
bool is_about(const Run& run, const Scope& scope) {
  return any(scope, run.id, run.agent, run.thread, run.task, run.parent);
}
bool is_about(const Thread& thread, const Scope& scope) {
  return any(scope, thread.id, thread.agent);
}
bool is_about(const ThreadMessage& message, const Scope& scope) {
  return any(scope, message.thread, message.run);
}
bool is_about(const Webhook& webhook, const Scope& scope) {
  return scope.is_town() || std::ranges::find(webhook.scopes, scope) != webhook.scopes.end();
}

TownAt town_at(const Fold& fold, const Scope& scope) {
  TownAt town;
  for (const auto& [id, task] : fold.all<Task>()) {
    if (is_about(task, scope)) count(town.tasks, task.state);
  }
  std::map<AgentId, api::AgentView> mail;
  for (const auto& [id, message] : fold.all<Message>()) {
    auto& box = mail[message.to];
    if (message.state == MessageState::dead) ++box.dead;
    if (message.state != MessageState::queued) continue;
    ++box.inbox;
    if (message.priority >= Priority::urgent) ++box.urgent;
  }
  if (scope.is_town()) town.supervisor_inbox = mail[supervisor_id()].inbox;
  for (const auto& [id, agent] : fold.all<Agent>()) {
    if (agent.pruned || !is_about(agent, scope)) continue;
    auto view = std::move(mail[id]);
    if (agent.current_task) {
      if (const auto* task = fold.find<Task>(*agent.current_task)) {
        view.task = task->text;
        view.again_at = task->again_at;
      }
    }
    view.agent = agent;
    town.agents.push_back(std::move(view));
  }
  std::ranges::sort(town.agents, {}, [](const api::AgentView& view) {
    return std::tuple(view.agent.created_at, view.agent.id);
  });
  return town;
}

std::vector<FoldedDoc> documents_about(const Fold& fold, const Scope& scope) {
  if (scope.is_town()) return fold.documents();
  std::vector<FoldedDoc> out;
  collect<Agent, Task, Message, Run, Thread, ThreadMessage, Webhook>(fold, scope, out);
  std::ranges::sort(out, {}, &FoldedDoc::name);
  return out;
}

std::string documents_json(std::span<const FoldedDoc> docs) {
  std::string text = "[";
  for (const auto& doc : docs) {
    if (text.size() > 1) text += ',';
    text += "{\"kind\":" + write_json_of(doc.name.kind) + ",\"id\":" + write_json_of(doc.name.id) +
            ",\"body\":" + doc.body + '}';
  }
  return text + ']';
}

}  // namespace reeve
