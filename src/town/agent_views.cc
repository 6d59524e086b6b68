#include "town/agent_views.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/limits.h"
#include "proc/preset.h"
#include "town/directory.h"

namespace reeve::town {
namespace {

/// What the user should know where a CLI cannot be held to what was asked for.
std::optional<std::string> permissions_note(const Agent& agent) {
  const auto* preset = proc::find_preset(agent.cli);
  if ((preset != nullptr && preset->honours_permissions) ||
      agent.permissions == Permissions::bypass)
    return std::nullopt;
  return agent.cli + " cannot be held to \"" + std::string(enum_name(agent.permissions)) +
         "\": it may do whatever you may";
}

struct Mail {
  std::int64_t waiting = 0;
  std::int64_t urgent = 0;
};

/// Of documents that an earlier version wrote the marks know nothing, so what was seen counts too.
Async<Result<std::int64_t>> at_least(store::Store& store, std::int64_t seen, std::string mark) {
  auto counted = co_await store.count(run::DocOf<Message>::kKind, std::move(mark));
  if (!counted) co_return fail(counted.error());
  co_return std::max(seen, static_cast<std::int64_t>(*counted));
}

/// Looks at the beginning of a queue; one that is longer is counted by the marks of its messages.
constexpr std::size_t kGlance = 32;

Async<Result<Mail>> count_mail(store::Store& store, AgentId of) {
  auto items = co_await store.items(inbox_queue(of), kGlance);
  if (!items) co_return fail(items.error());
  Mail mail;
  for (const auto& item : *items) {
    if (!item.lease.empty()) continue;
    ++mail.waiting;
    if (item.priority >= static_cast<int>(Priority::urgent)) ++mail.urgent;
  }
  if (items->size() < kGlance) co_return mail;
  auto waiting = co_await at_least(store, mail.waiting, run::waiting_mark(of));
  if (!waiting) co_return fail(waiting.error());
  auto urgent = co_await at_least(store, mail.urgent, run::urgent_mark(of));
  if (!urgent) co_return fail(urgent.error());
  co_return Mail{*waiting, *urgent};
}

Async<Result<std::int64_t>> count_dead(store::Store& store, AgentId of) {
  auto items = co_await store.items(dead_queue(of), kGlance);
  if (!items) co_return fail(items.error());
  const auto seen = static_cast<std::int64_t>(items->size());
  if (items->size() < kGlance) co_return seen;
  co_return co_await at_least(store, seen, run::dead_mark(of));
}

constexpr std::array kStates{AgentState::cold,    AgentState::starting, AgentState::idle,
                             AgentState::working, AgentState::paused,   AgentState::draining,
                             AgentState::stopped, AgentState::error};

Async<Result<std::int64_t>> count_marked(store::Store& store, std::vector<std::string> marks) {
  std::int64_t sum = 0;
  for (auto& mark : marks) {
    auto number = co_await store.count(run::DocOf<Agent>::kKind, std::move(mark));
    if (!number) co_return fail(number.error());
    sum += static_cast<std::int64_t>(*number);
  }
  co_return sum;
}

Result<std::vector<std::string>> marks_of(const std::string& state) {
  if (state.empty()) return marks_of_every_agent();
  if (state == run::kOpen) return std::vector{state};
  if (enum_from_name<AgentState>(state)) return std::vector{run::state_mark(state)};
  std::string names = "open";
  for (const auto each : kStates) names += ", " + std::string(enum_name(each));
  return fail(Errc::invalid_argument,
              "\"" + state.substr(0, limits::kName) + "\" is no state of an agent: " + names);
}

}  // namespace

Async<Result<api::AgentView>> view_agent(Ground ground, Agent agent) {
  auto& store = ground.log.store();
  api::AgentView view;
  auto mail = co_await count_mail(store, agent.id);
  if (!mail) co_return fail(mail.error());
  view.inbox = mail->waiting;
  view.urgent = mail->urgent;
  auto dead = co_await count_dead(store, agent.id);
  if (!dead) co_return fail(dead.error());
  view.dead = *dead;
  if (agent.current_task) {
    auto task = co_await run::load<reeve::Task>(store, *agent.current_task);
    if (task) {
      view.task = std::move(task->text);
      view.again_at = task->again_at;
    }
  }
  view.permissions_note = permissions_note(agent);
  view.agent = std::move(agent);
  co_return view;
}

Async<Result<std::int64_t>> count_inbox(Ground ground, AgentId of) {
  auto mail = co_await count_mail(ground.log.store(), of);
  if (!mail) co_return fail(mail.error());
  co_return mail->waiting;
}

Async<Result<api::AgentPage>> list_agents(Ground ground, AgentQuery query) {
  auto& store = ground.log.store();
  auto marks = marks_of(query.state);
  if (!marks) co_return fail(marks.error());
  const auto limit = std::clamp<std::size_t>(query.limit, 1, limits::kPage);
  api::AgentPage page;
  auto total = co_await count_marked(store, *marks);
  if (!total) co_return fail(total.error());
  page.total = *total;
  auto docs = co_await agents_behind(store, std::move(*marks), query.after, limit);
  if (!docs) co_return fail(docs.error());
  for (const auto& doc : *docs) {
    auto agent = run::decode<Agent>(doc);
    if (!agent) continue;  // reeve recover tells of it
    auto view = co_await view_agent(ground, std::move(*agent));
    if (!view) co_return fail(view.error());
    page.agents.push_back(std::move(*view));
  }
  if (docs->size() == limit) page.next = docs->back().rank;
  co_return page;
}

Async<Result<api::AgentCounts>> count_agents(Ground ground) {
  api::AgentCounts counts;
  const std::array<std::int64_t*, kStates.size()> targets{
      &counts.cold,   &counts.starting, &counts.idle,    &counts.working,
      &counts.paused, &counts.draining, &counts.stopped, &counts.error};
  for (std::size_t i = 0; i < kStates.size(); ++i) {
    std::vector<std::string> mark{run::state_mark(enum_name(kStates.at(i)))};
    auto number = co_await count_marked(ground.log.store(), std::move(mark));
    if (!number) co_return fail(number.error());
    *targets.at(i) = *number;
  }
  co_return counts;
}

Async<Result<std::vector<api::AgentView>>> notable_agents(Ground ground, std::size_t most) {
  std::vector<std::string> order{run::state_mark("working"), std::string(run::kNeeds)};
  for (const auto* state : {"error", "paused", "draining", "starting", "idle", "stopped", "cold"})
    order.push_back(run::state_mark(state));
  std::vector<api::AgentView> views;
  std::set<std::uint64_t> seen;
  for (const auto& mark : order) {
    if (views.size() >= most) break;
    std::vector<std::string> marks{mark};
    // Enough: of these no more have been seen before than there are views already.
    auto docs = co_await agents_behind(ground.log.store(), std::move(marks), 0,
                                       std::min(most, limits::kPage));
    if (!docs) co_return fail(docs.error());
    for (const auto& doc : *docs) {
      if (views.size() >= most || !seen.insert(doc.rank).second) continue;
      auto agent = run::decode<Agent>(doc);
      if (!agent) continue;
      auto view = co_await view_agent(ground, std::move(*agent));
      if (!view) co_return fail(view.error());
      views.push_back(std::move(*view));
    }
  }
  co_return views;
}

Async<Result<api::TaskView>> last_result(Ground ground, std::string reference) {
  auto& store = ground.log.store();
  auto agent = co_await find_agent(store, std::move(reference));
  if (!agent) co_return fail(agent.error());
  if (!agent->last_task)
    co_return fail(Errc::not_found, agent->name + " has completed no task yet");
  auto task = co_await run::load<reeve::Task>(store, *agent->last_task);
  if (!task) co_return fail(task.error());
  api::TaskView view;
  if (task->agent) view.agent = co_await display_name(store, task->agent->str());
  view.task = std::move(*task);
  co_return view;
}

}  // namespace reeve::town
