#include "town/agents.h"

#include <algorithm>

#include "aio/real_env.h"
#include "base/limits.h"
#include "base/near_names.h"
#include "proc/preset.h"
#include "town/change.h"
#include "town/directory.h"

namespace reeve::town {
namespace {

Status check_names(const api::SpawnRequest& request) {
  if (auto named = check_name(request.name); !named) return named;
  if (AgentId::parse(request.name)) {
    return fail(Errc::invalid_argument,
                request.name + " is an id, and would be taken for another agent's");
  }
  if (!request.nickname) return {};
  if (auto named = check_name(*request.nickname); !named)
    return fail(named.error().during("the nickname"));
  if (AgentId::parse(*request.nickname))
    return fail(Errc::invalid_argument, "the nickname " + *request.nickname + " is an id");
  if (to_lower(*request.nickname) == to_lower(request.name))
    return fail(Errc::invalid_argument, "the nickname is the name: leave it out");
  return {};
}

/// The presets that have the ability, for a sentence.
std::string presets_that(bool proc::Preset::* can) {
  std::string names;
  for (const auto& preset : proc::presets()) {
    if (preset.*can) names += (names.empty() ? "" : ", ") + std::string(preset.name);
  }
  return names;
}

Status check_mode(SpawnMode mode, const std::string& cli) {
  if (mode == SpawnMode::fresh) return {};
  const auto can = mode == SpawnMode::resumed ? &proc::Preset::resumes : &proc::Preset::forks;
  const auto* preset = proc::find_preset(cli);
  if (preset != nullptr && preset->*can) return {};
  return fail(Errc::unsupported, cli + " cannot " +
                                     (mode == SpawnMode::resumed ? "resume" : "fork") +
                                     " a session; these can: " + presets_that(can));
}

std::string cli_of(const Ground& ground, const api::SpawnRequest& request) {
  return request.cli.empty() ? ground.default_cli : request.cli;
}

/// Whether a session of one is understood by the other.
bool same_vendor(const std::string& one, const std::string& other) {
  const auto* first = proc::find_preset(one);
  const auto* second = proc::find_preset(other);
  return one == other ||
         (first != nullptr && second != nullptr && first->program == second->program);
}

/// The vendor's session of an agent.
Async<Result<std::string>> session_of(Ground ground, Agent agent, SpawnMode mode, std::string cli) {
  if (!same_vendor(agent.cli, cli)) {
    co_return fail(Errc::conflict, "the session of " + agent.name + " is one of " + agent.cli +
                                       ": " + cli + " cannot go on with it");
  }
  if (mode == SpawnMode::resumed && !is_ended(agent.state)) {
    co_return fail(Errc::conflict,
                   agent.name +
                       " goes on with its session itself: fork it (--mode forked_context), "
                       "or stop " +
                       agent.name + " first (reeve kill " + agent.name + ")");
  }
  std::optional<std::string> session;
  if (agent.thread) {
    auto thread = co_await run::load<Thread>(ground.log.store(), *agent.thread);
    if (!thread) co_return fail(thread.error());
    session = thread->session;
  }
  if (!session) co_return fail(Errc::conflict, agent.name + " has had no session yet");
  co_return *session;
}

Async<Result<Kin>> look_up_kin(Ground ground, Caller caller, api::SpawnRequest request) {
  auto& store = ground.log.store();
  Kin kin;
  std::optional<Agent> parent;
  if (request.parent) {
    auto found = co_await find_agent(store, *request.parent);
    if (!found) co_return fail(found.error().during("the parent"));
    parent = std::move(*found);
  } else if (caller.agent) {
    auto found = co_await run::load<Agent>(store, *caller.agent);
    if (!found) co_return fail(found.error());
    parent = std::move(*found);
  }
  if (parent) kin.parent = parent->id;
  if (request.mode == SpawnMode::fresh) {
    if (request.session) {
      co_return fail(Errc::invalid_argument,
                     "a session is gone on with by --mode resumed or forked_context");
    }
    co_return kin;
  }
  // Of what can never be, nobody's session is looked for.
  if (auto can = check_mode(request.mode, cli_of(ground, request)); !can)
    co_return fail(can.error());
  auto whose = parent;
  if (request.session) {
    auto found = co_await find_agent(store, *request.session);
    if (!found && !found.error().is(Errc::not_found)) co_return fail(found.error());
    if (!found) {
      kin.session = request.session;  // not an agent's: the vendor knows it
      co_return kin;
    }
    whose = std::move(*found);
  }
  if (!whose) {
    co_return fail(Errc::invalid_argument,
                   "say whose session: --session with an agent or the vendor's id, or --parent");
  }
  auto session = co_await session_of(ground, *whose, request.mode, cli_of(ground, request));
  if (!session) co_return fail(session.error());
  kin.session = std::move(*session);
  co_return kin;
}

}  // namespace

Result<std::vector<Fact>> decide_spawn(const Ground& ground, const api::SpawnRequest& request,
                                       AgentId id, const Kin& kin) {
  if (auto named = check_names(request); !named) return fail(named.error());
  Agent agent;
  agent.id = id;
  agent.name = request.name;
  agent.nickname = request.nickname;
  agent.role = request.role;
  agent.parent = kin.parent;
  agent.spawn_mode = request.mode;
  agent.cli = cli_of(ground, request);
  agent.args = request.args;
  agent.model = request.model;
  agent.permissions = request.permissions;
  agent.durability = request.durability.value_or(ground.runs);
  agent.completes = request.completes;
  for (const auto& [name, value] : request.env) agent.env.push_back(name);
  auto limits = api::limits_over(ground.limits, request.limits);
  if (!limits) return fail(limits.error());
  agent.limits = *limits;
  agent.claims = request.claims.value_or(ground.claims);
  agent.created_at = ground.env.now();
  agent.last_active_at = agent.created_at;
  if (proc::find_preset(agent.cli) == nullptr) {
    // Not a preset: it must at least be words that can be run without a shell.
    if (auto words = proc::split_words(agent.cli); !words) return fail(words.error());
  }
  if (auto can = check_mode(request.mode, agent.cli); !can) return fail(can.error());
  std::vector<Fact> facts{fact::AgentSpawned{agent}};
  if (request.mode != SpawnMode::fresh) {
    Thread thread;
    thread.id = ThreadId(ground.env.uuid4());
    thread.agent = id;
    (request.mode == SpawnMode::resumed ? thread.session : thread.fork_of) = kin.session;
    thread.created_at = thread.updated_at = agent.created_at;
    facts.emplace_back(fact::ThreadStarted{std::move(thread)});
  }
  return facts;
}

namespace {

Async<Result<std::optional<std::string>>> look_ahead(Ground ground, api::SpawnRequest request) {
  if (!ground.preflight || request.unchecked) co_return std::nullopt;
  auto work = [preflight = ground.preflight,
               cli = request.cli.empty() ? ground.default_cli : request.cli, args = request.args,
               variables = request.env] { return preflight(cli, args, variables); };
  co_return co_await aio::blocking(ground.env, std::move(work));
}

}  // namespace

Async<Result<api::SpawnReply>> spawn(Ground ground, Caller caller, api::SpawnRequest request,
                                     std::optional<AgentId> given) {
  const auto ready = co_await look_ahead(ground, request);
  const auto decide = [&](run::Draft& draft) -> Async<Result<api::SpawnReply>> {
    // What is no name is said so before anybody is looked for by it.
    if (auto named = check_names(request); !named) co_return fail(named.error());
    std::vector<std::string> names{request.name};
    if (request.nickname) names.push_back(*request.nickname);
    // Said here for a clear text; the preconditions below are what decides.
    for (const auto& name : names) {
      if (auto is_free = co_await check_name_free(ground.log.store(), name); !is_free)
        co_return fail(is_free.error());
    }
    auto kin = co_await look_up_kin(ground, caller, request);
    if (!kin) co_return fail(kin.error());
    const AgentId id = given ? *given : AgentId(ground.env.uuid4());
    if (given) {
      const auto there = co_await draft.get<Agent>(id);
      if (there) {
        co_return fail(Errc::conflict, there->name + " is the town's already" +
                                           (there->pruned ? ", and was pruned" : ""));
      }
      if (!there.error().is(Errc::not_found)) co_return fail(there.error());
    }
    auto facts = decide_spawn(ground, request, id, *kin);
    if (!facts) co_return fail(facts.error());
    if (!ready) co_return fail(ready.error());
    if (auto added = co_await add_all(draft, std::move(*facts)); !added)
      co_return fail(added.error());
    for (const auto& name : names) {
      draft.require(store::DocAbsent{name_key(name)});
      draft.write(store::PutDoc{name_key(name), write_json_of(id), {}});
    }
    // An id whose first digits are somebody's name: the next attempt draws another.
    for (auto& taken : names_like(id)) draft.require(store::DocAbsent{std::move(taken)});
    if (!request.env.empty()) {
      draft.write(store::PutDoc{{run::kEnvKind, id.str()}, write_json_of(request.env), {}});
    }
    auto agent = co_await draft.get<Agent>(id);
    if (!agent) co_return fail(agent.error());
    co_return api::SpawnReply{std::move(*agent), *ready};
  };
  co_return co_await change<api::SpawnReply>(ground, caller, decide);
}

}  // namespace reeve::town
