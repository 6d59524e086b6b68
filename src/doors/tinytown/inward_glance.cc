#include <algorithm>

#include "doors/tinytown/inward.h"
#include "run/documents.h"
#include "town/directory.h"

/// A look at a few keys only, right after they changed.
namespace reeve::doors::tinytown {
namespace {

/// What one write of tt's shows for certain. All else may be half of a verb, the work of a loop, or
/// a reclaim that goes on.
bool is_plain(Act act) {
  switch (act) {
    case Act::interrupt:
    case Act::resume:
    case Act::close:
    case Act::kill:
    case Act::restart:
    case Act::complete:
    case Act::fail:
    case Act::claim:
    case Act::take:
    case Act::let_go: return true;
    default: return false;
  }
}

}  // namespace

void Inward::hear(const std::vector<std::string>& keys) {
  if (keys.empty()) return wake();
  bool news = false;
  for (const auto& key : keys) {
    if (mirror_.is_our_write(key)) continue;
    const auto parsed = mirror_.keys().parse(key);
    if (!parsed) continue;
    const auto id = parsed->uuid();
    switch (parsed->family) {
      case KeyFamily::agent:
      case KeyFamily::inbox:
      case KeyFamily::urgent:
      case KeyFamily::stop:
        // Only of ours, as far as they were there at the last look.
        if (!id || find(AgentId(*id)) == nullptr) continue;
        heard_.agents.insert(AgentId(*id));
        break;
      case KeyFamily::task:
        if (!id) continue;
        heard_.tasks.insert(TaskId(*id));
        break;
      case KeyFamily::backlog: heard_.backlog = true; break;
      default: continue;
    }
    news = true;
  }
  if (news) wake_.notify();
}

void Inward::note_notices(Notices::How how, const std::string& why) {
  mirror_.set_slow_sight(how == Notices::How::none ? why : "");
  // What changed before that nobody has told of.
  if (how != Notices::How::none) wake();
}

Async<Status> Inward::glance() {
  auto heard = std::exchange(heard_, {});
  if (mirror_.view().state != api::MirrorState::following) co_return Status();
  auto done = co_await caught_up();
  if (done) done = co_await glance_at_agents(std::move(heard.agents));
  if (done) done = co_await glance_at_tasks(std::move(heard.tasks), heard.backlog);
  co_return done;
}

/// What the last look knew of it may be old.
Async<Status> Inward::find_again(AgentId id) {
  auto agent = co_await run::load<Agent>(ground_.log.store(), id);
  if (!agent && !agent.error().is(Errc::not_found)) co_return fail(agent.error());
  if (agent && !agent->pruned) {
    before_.agents.insert_or_assign(id, std::move(*agent));
  } else {
    before_.agents.erase(id);
  }
  co_return Status();
}

Async<Status> Inward::glance_at_agents(std::set<AgentId> ids) {
  std::vector<Look::Wanted> wanted;
  for (const auto& id : ids) {
    auto found = co_await find_again(id);
    if (!found) co_return found;
    if (find(id) != nullptr) wanted.push_back({id, mirror_.listed(id), mirror_.listed(id)});
  }
  for (std::size_t at = 0; at < wanted.size(); at += kLookAgents) {
    const auto end = std::min(at + kLookAgents, wanted.size());
    std::vector<Look::Wanted> part(wanted.begin() + static_cast<std::ptrdiff_t>(at),
                                   wanted.begin() + static_cast<std::ptrdiff_t>(end));
    auto sights = co_await look_.agents(part);
    if (!sights) co_return fail(sights.error());
    for (std::size_t i = 0; i < part.size(); ++i) {
      auto& sight = (*sights)[i];
      const auto id = part[i].id;
      const auto* agent = find(id);
      if (!sight.keys.there || agent == nullptr) continue;
      const auto watched = watched_.find(id);
      sight.keys.loop = watched != watched_.end() && watched->second.loop;
      const auto verdict = seen(sight.keys, *agent);
      Status done;
      if (is_plain(verdict.act)) done = co_await act(verdict, *agent, sight.keys);
      if (done) done = co_await take_all(id, std::move(sight.urgent), true);
      if (done) done = co_await take_all(id, std::move(sight.inbox), false);
      if (!done) co_return done;
    }
  }
  co_return Status();
}

/// Whether what is new in tt's backlog may have waited for one of ours that has stopped, and be on
/// its way (tt reclaim --to-backlog).
Async<Result<bool>> Inward::may_be_reclaimed() {
  // Also of those that were spawned since the last look.
  const auto agents = co_await town::all_agents(ground_.log.store());
  if (!agents) co_return fail(agents.error());
  co_return std::ranges::any_of(*agents, [this](const Agent& agent) {
    const auto waits = mirror_.listed(agent.id);
    return is_ended(agent.state) && waits && waits->inbox + waits->urgent > 0;
  });
}

Async<Status> Inward::glance_at_tasks(std::set<TaskId> ids, bool backlog) {
  std::vector<std::string> wanted;
  for (const auto& id : ids) wanted.push_back(id.str());
  std::set<std::string> listed;
  if (backlog) {
    auto there = co_await look_.backlog();
    if (!there) co_return fail(there.error());
    const std::set<std::string> ours(before_.backlog.begin(), before_.backlog.end());
    for (auto& id : *there) {
      if (ours.contains(id) || !listed.insert(id).second) continue;
      if (std::ranges::find(wanted, id) == wanted.end()) wanted.push_back(id);
    }
  }
  for (std::size_t at = 0; at < wanted.size(); at += kLookTasks) {
    const auto end = std::min(at + kLookTasks, wanted.size());
    std::vector<std::string> part(wanted.begin() + static_cast<std::ptrdiff_t>(at),
                                  wanted.begin() + static_cast<std::ptrdiff_t>(end));
    auto sights = co_await look_.tasks(std::move(part), false);
    if (!sights) co_return fail(sights.error());
    for (auto& sight : *sights) {
      const auto id = TaskId::parse(sight.id);
      if (!sight.keys.there || !id) continue;
      sight.keys.in_backlog = listed.contains(sight.id);
      auto loaded = co_await run::load<reeve::Task>(ground_.log.store(), *id);
      if (!loaded && !loaded.error().is(Errc::not_found)) co_return fail(loaded.error());
      std::optional<reeve::Task> task;
      if (loaded) task = std::move(*loaded);
      for (const auto& agent : {AgentId::parse(sight.keys.assigned_to),
                                task && task->agent ? Result<AgentId>(*task->agent)
                                                    : Result<AgentId>(fail(Errc::not_found, ""))}) {
        if (!agent) continue;
        auto found = co_await find_again(*agent);
        if (!found) co_return found;
      }
      const auto verdict = seen(sight.keys, task ? &*task : nullptr, finder());
      if (!is_plain(verdict.act)) continue;
      if (verdict.act == Act::take && !verdict.agent) {
        const auto reclaims = co_await may_be_reclaimed();
        if (!reclaims) co_return fail(reclaims.error());
        if (*reclaims) continue;
      }
      auto done = co_await act(verdict, *id, std::move(task));
      if (!done) co_return done;
    }
  }
  co_return Status();
}

}  // namespace reeve::doors::tinytown
