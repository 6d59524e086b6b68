#include <algorithm>

#include "doors/tinytown/inward.h"
#include "town/brought.h"
#include "town/control.h"
#include "town/pruning.h"

/// What tt does to agents.
namespace reeve::doors::tinytown {
namespace {

bool is_verb(Act act) {
  return act == Act::interrupt || act == Act::resume || act == Act::close || act == Act::kill ||
         act == Act::restart;
}

/// A loop's last word, once it has taken the flag. tt kill says the same, and leaves its flag.
bool has_left(const AgentSight& sight) {
  return sight.keys.state == enum_name(AgentState::stopped) && !sight.flag;
}

}  // namespace

Async<Status> Inward::look_at_agents(bool closely) {
  std::vector<Look::Wanted> wanted{{supervisor_id(), std::nullopt, std::nullopt}};
  for (const auto& [id, agent] : before_.agents) wanted.push_back({id, std::nullopt, std::nullopt});
  std::erase_if(watched_, [&](const auto& entry) { return find(entry.first) == nullptr; });
  pruned_.clear();
  living_gone_ = false;
  for (std::size_t at = 0; at < wanted.size(); at += kLookAgents) {
    const auto end = std::min(at + kLookAgents, wanted.size());
    std::vector<Look::Wanted> part(wanted.begin() + static_cast<std::ptrdiff_t>(at),
                                   wanted.begin() + static_cast<std::ptrdiff_t>(end));
    std::vector<std::optional<Listed>> expected;
    for (auto& one : part) {
      one.ours = mirror_.listed(one.id);
      expected.push_back(one.ours);
      if (closely || !one.ours) continue;
      one.length = one.ours;
      // What waits with tt for one that has ended was seen before, and is left there.
      const auto* agent = find(one.id);
      if (agent == nullptr || !is_ended(agent->state)) continue;
      const auto& left = watched_[one.id].others;
      one.length->inbox += left.inbox;
      one.length->urgent += left.urgent;
    }
    auto sights = co_await look_.agents(part);
    if (!sights) co_return fail(sights.error());
    for (std::size_t i = 0; i < part.size(); ++i) {
      auto& sight = (*sights)[i];
      const auto inbox = std::move(sight.inbox), urgent = std::move(sight.urgent);
      const auto what = "agent " + part[i].id.short_str();
      auto done = passed(co_await judge(part[i].id, std::move(sight), expected[i]), what);
      if (done) done = co_await take_all(part[i].id, urgent, true);
      if (done) done = co_await take_all(part[i].id, inbox, false);
      if (!done) co_return done;
    }
  }
  task_ended_.clear();
  co_return co_await prune();
}

Async<Status> Inward::judge(AgentId id, AgentSight sight, std::optional<Listed> expected) {
  // Ours were there, and are not, and it was not the mirror.
  const bool popped =
      expected && mirror_.listed(id) == expected &&
      (sight.listed.inbox < expected->inbox || sight.listed.urgent < expected->urgent);
  if (id == supervisor_id()) {
    if (popped || !mirror_.listed(id)) mirror_.touch_mail(id);
    co_return Status();
  }
  auto& watched = watched_[id];
  // Where nothing was done, what it was before the look is enough.
  const bool quiet = sight.keys.there && !sight.keys.stop && !popped && !watched.loop &&
                     !sight.keys.wrote.empty() && sight.keys.state == sight.keys.wrote &&
                     mirror_.listed(id);
  if (!quiet) {
    auto found = co_await find_again(id);
    if (!found) co_return found;
  }
  if (find(id) == nullptr) co_return Status();
  auto agent = *find(id);
  const auto now = ground_.env.uptime();
  if (!sight.keys.stop) watched.stop_since.reset();
  if (sight.keys.stop && !watched.stop_since) watched.stop_since = now;
  sight.keys.patient = !watched.stop_since || now - *watched.stop_since < options_.stop_patience;
  const bool ended = is_ended(agent.state);
  // A list that a loop has emptied stays so while it is there: one sign, not one at each look.
  const bool now_popped = popped && !ended && watched.listed != sight.listed;
  watched.listed = sight.listed;
  watched.others = sight.others;
  const bool signs = watched.signs.look(
      {sight.keys.wrote, sight.keys.state, sight.heartbeat, now_popped, task_ended_.contains(id)},
      ground_.env.now());
  if (signs && quiet) {
    auto found = co_await find_again(id);
    if (!found || find(id) == nullptr) co_return found;
    agent = *find(id);
  }
  const bool left = watched.loop && has_left(sight);
  const bool loop = signs && !left;
  // For one that has ended, one that is new was begun by tt restart.
  sight.keys.loop = (loop && !ended) || watched.loop;
  if (!sight.keys.there && !ended) living_gone_ = true;
  const auto verdict = seen(sight.keys, agent);
  if (verdict.act == Act::prune) {
    pruned_.push_back(agent);
    co_return Status();
  }
  auto done = co_await act(verdict, agent, sight.keys);
  if (done) done = co_await watch_loop(agent, sight, loop);
  mend_mail(id, popped, (loop && !ended) || watched_[id].loop, ended);
  co_return done;
}

Async<Status> Inward::act(Verdict verdict, Agent agent, AgentKeys keys) {
  const auto id = agent.id.str();
  // What a loop says that tt restart has begun stays until it has gone.
  const bool loops = keys.state == enum_name(AgentState::working);
  if (is_verb(verdict.act) && keys.state != keys.wrote && !loops) {
    const auto noted = co_await look_.note_seen(agent.id, keys.state);
    if (!noted) co_return fail(noted.error());
    if (!*noted) co_return Status();  // tt goes on: seen at the next look
  }
  const auto verb = std::string(enum_name(verdict.act));
  const auto because = "tt " + verb;
  Result<Agent> done = agent;
  switch (verdict.act) {
    case Act::interrupt: done = co_await town::interrupt(ground_, caller(), id, because); break;
    case Act::resume: done = co_await town::resume(ground_, caller(), id, because); break;
    case Act::close: done = co_await town::close(ground_, caller(), id, because); break;
    case Act::kill: done = co_await town::kill(ground_, caller(), id, because); break;
    case Act::restart: {
      api::RestartRequest request;
      request.reason = because;
      done = co_await town::restart(ground_, caller(), id, std::move(request));
      break;
    }
    case Act::rewrite: mirror_.touch(agent.id); co_return Status();
    case Act::drop_stop: co_return co_await look_.drop_stop(agent.id);
    default: co_return Status();
  }
  const auto was = settled(done, verb + " of " + agent.name);
  if (!was) co_return fail(was.error());
  if (!*was) mirror_.touch(agent.id);
  co_return Status();
}

/// An agent that a tt loop works for begins no round, and the loop is sent away.
Async<Status> Inward::watch_loop(Agent agent, const AgentSight& sight, bool loop) {
  auto& watched = watched_[agent.id];
  const bool parked = agent.parked && agent.parked->code == kLoopCode;
  const auto now = ground_.env.now();
  if (loop) {
    watched.loop = true;
    if (is_ended(agent.state)) {
      if (sight.flag) co_return Status();
      co_return co_await look_.send_away(agent.id);
    }
    const auto time = std::chrono::duration_cast<Duration>(options_.parked);
    if (parked && agent.parked->until - now > time / 2) co_return Status();
    fact::AgentParked fact{agent.id, kLoopCode,
                           "a loop of tinytown's works for it: it is asked to leave, and no round "
                           "begins here meanwhile",
                           now + time};
    const auto done = co_await town::park(ground_, caller(), agent.id, std::move(fact));
    const auto was = settled(done, "the loop of " + agent.name);
    if (!was) co_return fail(was.error());
    co_return co_await look_.send_away(agent.id);
  }
  if (!watched.loop) co_return Status();
  const bool left = has_left(sight);
  if (!left && parked && agent.parked->until > now) co_return Status();
  watched = Watched();
  mirror_.touch(agent.id);
  if (!left || !parked) co_return Status();
  const auto done = co_await town::resume(ground_, caller(), agent.id.str(), "the loop has left");
  const auto was = settled(done, "the end of a loop of " + agent.name);
  if (!was) co_return fail(was.error());
  co_return Status();
}

/// What waits here stands there as well. A loop would only take it again; tt reclaim is let finish.
void Inward::mend_mail(const AgentId& id, bool popped, bool loop, bool ended) {
  auto& watched = watched_[id];
  if (!mirror_.listed(id)) return mirror_.touch_mail(id);
  if (!popped) return watched.emptied.reset();
  if (loop) return;
  const auto now = ground_.env.uptime();
  if (!watched.emptied) watched.emptied = now;
  if (!ended || now - *watched.emptied >= options_.reclaim_patience) mirror_.touch_mail(id);
}

/// What was stopped and is gone was pruned, unless living ones are gone as well: whoever deletes
/// those means something else, and all of them come back.
Async<Status> Inward::prune() {
  for (const auto& agent : std::exchange(pruned_, {})) {
    if (living_gone_) {
      mirror_.touch(agent.id);
      continue;
    }
    api::PruneRequest request;
    request.reason = "tt prune";
    request.leftovers = api::Leftovers::requeue;
    const auto done = co_await town::prune(ground_, caller(), agent.id.str(), std::move(request));
    const auto was = settled(done, "pruning of " + agent.name);
    if (!was) co_return fail(was.error());
    if (!*was) mirror_.touch(agent.id);
  }
  co_return Status();
}

}  // namespace reeve::doors::tinytown
