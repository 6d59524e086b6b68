#include "town/agents.h"

#include <algorithm>

#include "base/limits.h"
#include "proc/preset.h"
#include "town/change.h"
#include "town/directory.h"
#include "town/mailbox.h"

namespace reeve::town {

Result<std::vector<Fact>> decide_spawn(const Ground& ground, const api::SpawnRequest& request,
                                       AgentId id) {
  if (auto named = check_name(request.name); !named) return fail(named.error());
  Agent agent;
  agent.id = id;
  agent.name = request.name;
  agent.role = request.role;
  agent.cli = request.cli.empty() ? ground.default_cli : request.cli;
  agent.args = request.args;
  agent.model = request.model;
  agent.permissions = request.permissions;
  agent.durability = request.durability.value_or(ground.runs);
  agent.completes = request.completes;
  agent.claims = request.claims;
  for (const auto& [name, value] : request.env) agent.env.push_back(name);
  agent.limits = request.limits;
  agent.created_at = ground.env.now();
  agent.last_active_at = agent.created_at;
  if (proc::find_preset(agent.cli) == nullptr) {
    // Not a preset: it must at least be words that can be run without a shell.
    if (auto words = proc::split_words(agent.cli); !words) return fail(words.error());
  }
  return std::vector<Fact>{fact::AgentSpawned{std::move(agent)}};
}

Async<Result<Agent>> spawn(Ground ground, Caller caller, api::SpawnRequest request) {
  const AgentId id(ground.env.uuid4());
  const auto taken = name_key(request.name);
  const auto decide = [&](run::Draft& draft) -> Async<Result<Agent>> {
    // Said here for a clear text; the precondition below is what decides.
    auto named = co_await ground.log.store().get(taken);
    if (named && *named) {
      co_return fail(Errc::conflict, "there is an agent " + request.name + " already");
    }
    auto facts = decide_spawn(ground, request, id);
    if (!facts) co_return fail(facts.error());
    if (auto added = co_await add_all(draft, std::move(*facts)); !added)
      co_return fail(added.error());
    draft.require(store::DocAbsent{taken});
    draft.write(store::PutDoc{taken, write_json_of(id), {}});
    if (!request.env.empty()) {
      draft.write(store::PutDoc{{run::kEnvKind, id.str()}, write_json_of(request.env), {}});
    }
    co_return co_await draft.get<Agent>(id);
  };
  co_return co_await change<Agent>(ground, std::move(caller), decide);
}

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

}  // namespace

Async<Result<api::AgentView>> view_agent(Ground ground, Agent agent) {
  api::AgentView view;
  auto waiting = co_await all_items(ground.log.store(), inbox_queue(agent.id));
  if (!waiting) co_return fail(waiting.error());
  for (const auto& item : *waiting) {
    if (!item.lease.empty()) continue;
    ++view.inbox;
    if (item.priority >= static_cast<int>(Priority::urgent)) ++view.urgent;
  }
  auto dead = co_await all_items(ground.log.store(), dead_queue(agent.id));
  if (!dead) co_return fail(dead.error());
  view.dead = static_cast<std::int64_t>(dead->size());
  if (agent.current_task) {
    auto task = co_await run::load<reeve::Task>(ground.log.store(), *agent.current_task);
    if (task) view.task = task->text;
  }
  view.permissions_note = permissions_note(agent);
  view.agent = std::move(agent);
  co_return view;
}

Async<Result<std::vector<api::AgentView>>> list_agents(Ground ground) {
  auto agents = co_await all_agents(ground.log.store());
  if (!agents) co_return fail(agents.error());
  std::vector<api::AgentView> views;
  views.reserve(agents->size());
  for (auto& agent : *agents) {
    auto view = co_await view_agent(ground, std::move(agent));
    if (!view) co_return fail(view.error());
    views.push_back(std::move(*view));
  }
  co_return views;
}

std::vector<Fact> decide_kill(const Agent& agent, const std::string& reason) {
  if (agent.state == AgentState::stopped) return {};
  if (!agent.current_run) return {fact::AgentStopped{agent.id, agent.state, reason}};
  std::vector<Fact> facts;
  if (!agent.stopping) facts.emplace_back(fact::AgentStopRequested{agent.id, reason});
  facts.emplace_back(fact::RunStopRequested{*agent.current_run, agent.id, reason});
  return facts;
}

Async<Result<Agent>> kill(Ground ground, Caller caller, std::string reference, std::string reason) {
  if (reason.empty()) reason = "killed";
  auto found = co_await find_agent(ground.log.store(), std::move(reference));
  if (!found) co_return fail(found.error());
  const auto id = found->id;
  const auto decide = [&](run::Draft& draft) -> Async<Result<Agent>> {
    auto agent = co_await draft.get<Agent>(id);
    if (!agent) co_return fail(agent.error());
    if (auto added = co_await add_all(draft, decide_kill(*agent, reason)); !added)
      co_return fail(added.error());
    co_return co_await draft.get<Agent>(id);
  };
  co_return co_await change<Agent>(ground, std::move(caller), decide);
}

}  // namespace reeve::town
