#include "town/sweep.h"

#include <algorithm>
#include <type_traits>

#include "aio/real_env.h"
#include "base/limits.h"
#include "base/logging.h"
#include "run/damaged_runs.h"
#include "town/change.h"
#include "town/mailbox.h"
#include "town/task_steps.h"

namespace reeve::town {
namespace {

/// Small enough that nobody waits long behind the reading of one.
constexpr std::size_t kStep = 200;
/// Orphans that are told one by one.
constexpr std::size_t kTold = 200;

api::DamagedDoc told_of(const run::Damaged& damaged, std::string_view meaning) {
  return {damaged.key.kind, damaged.key.id, damaged.why + ": " + std::string(meaning)};
}

template <class D>
std::string_view what_becomes_of() {
  if constexpr (std::is_same_v<D, Agent>)
    return "it gets no rounds, and what waits for it stays where it is";
  return "whoever comes to it goes on without it";
}

/// What is open of a kind, with its version.
template <class D, class Keep>
Async<Result<std::vector<Sighting::Seen<D>>>> read_open(store::Store& store, std::string mark,
                                                        Keep keep, Sighting& sighting) {
  store::DocQuery query;
  query.kind = run::DocOf<D>::kKind;
  query.mark = std::move(mark);
  query.limit = kStep;
  std::vector<Sighting::Seen<D>> all;
  for (;;) {
    auto docs = co_await store.list(query);
    if (!docs) co_return fail(docs.error());
    for (const auto& doc : *docs) {
      query.after_rank = doc.rank;
      auto value = run::decode<D>(doc);
      if (!value) {
        sighting.damaged.push_back(
            told_of({doc.key, value.error().message()}, what_becomes_of<D>()));
        continue;
      }
      if (keep(*value)) all.push_back({std::move(*value), doc.version});
    }
    if (docs->size() < query.limit) co_return all;
  }
}

}  // namespace

Async<Result<Sighting>> look_at_work(Ground ground) {
  auto& store = ground.log.store();
  const std::string open(run::kOpen);
  Sighting seen;
  const auto lighter = [](auto& document) {
    document.text = {};  // texts may be long, and there may be many
    return true;
  };
  auto tasks = co_await read_open<reeve::Task>(store, open, lighter, seen);
  if (!tasks) co_return fail(tasks.error());
  seen.tasks = std::move(*tasks);
  const auto here = [](const Agent& agent) { return !agent.pruned; };
  auto agents = co_await read_open<Agent>(store, "", here, seen);
  if (!agents) co_return fail(agents.error());
  seen.agents = std::move(*agents);
  auto messages = co_await read_open<Message>(store, open, lighter, seen);
  if (!messages) co_return fail(messages.error());
  seen.messages = std::move(*messages);
  auto runs = co_await run::look_through<reeve::Run>(store, open);
  if (!runs) co_return fail(runs.error());
  for (const auto& run : runs->readable) seen.runs.insert(run.id);
  for (const auto& damaged : runs->damaged) {
    if (const auto id = RunId::parse(damaged.key.id)) seen.runs.insert(*id);
    seen.damaged.push_back(
        told_of(damaged, "its round's end makes it anew; a later daemon gives it up"));
  }
  store::DocQuery given_up;
  given_up.kind = run::kDamagedRunKind;
  given_up.limit = limits::kPage;
  auto docs = co_await store.list(std::move(given_up));
  if (!docs) co_return fail(docs.error());
  for (const auto& doc : *docs) {
    store::DocKey key{run::DocOf<reeve::Run>::kKind, doc.key.id};
    auto anew = co_await store.get(key);
    if (!anew) co_return fail(anew.error());
    seen.damaged.push_back(
        {key.kind, key.id,
         "run " + key.id + " could not be read: " +
             (*anew ? "it was made anew of what the log tells" : "it was given up") +
             ", its document and its folder are kept"});
  }
  std::vector<AgentId> boxes{supervisor_id()};
  for (const auto& agent : seen.agents) boxes.push_back(agent.doc.id);
  for (const auto& box : boxes) {
    auto items = co_await all_items(store, inbox_queue(box));
    if (!items) co_return fail(items.error());
    if (!items->empty()) seen.inboxes.emplace(box, std::move(*items));
  }
  auto backlog = co_await all_items(store, kBacklog);
  if (!backlog) co_return fail(backlog.error());
  seen.backlog = std::move(*backlog);
  co_return seen;
}

namespace {

/// One look through a sighting.
class Search {
 public:
  Search(const Sighting& sighting, const SweepRules& rules, Time now)
      : seen_(sighting), rules_(rules), now_(now) {
    for (const auto& agent : seen_.agents) agents_.emplace(agent.doc.id, &agent);
    for (const auto& [agent, items] : seen_.inboxes) {
      for (const auto& item : items) items_.emplace(std::pair(agent, item.item), &item);
    }
    for (const auto& item : seen_.backlog) listed_.insert(item.item);
    for (const auto& damaged : seen_.damaged) damaged_.insert(damaged.id);
  }

  std::vector<Suspect> run() {
    for (const auto& message : seen_.messages) look(message);
    for (const auto& task : seen_.tasks) look(task);
    for (const auto& agent : seen_.agents) look(agent);
    look_at_items();
    look_at_backlog();
    return std::move(found_);
  }

 private:
  using Kind = Suspect::Kind;

  [[nodiscard]] bool is_fresh(Time changed) const {
    // A time that is yet to come says nothing: the clock was set back.
    return changed <= now_ && now_ - changed < rules_.grace;
  }
  [[nodiscard]] Duration longest_pause(const Message& message) const {
    return message.delivery == Delivery::idle ? rules_.longest_rest : rules_.longest_pause;
  }
  [[nodiscard]] const Sighting::Seen<Agent>* find_agent(const AgentId& id) const {
    const auto found = agents_.find(id);
    return found == agents_.end() ? nullptr : found->second;
  }
  [[nodiscard]] bool is_over(const std::optional<RunId>& run) const {
    return !run || !seen_.runs.contains(*run);
  }
  [[nodiscard]] bool is_held_by_an_open_run(const store::QueueItem& item) const {
    const auto run = RunId::parse(item.lease);
    return run && seen_.runs.contains(*run);
  }

  Suspect& add(Kind kind, std::string id, std::uint64_t version, const AgentId& agent,
               std::string text) {
    auto& suspect = found_.emplace_back();
    suspect.kind = kind;
    suspect.id = std::move(id);
    suspect.version = version;
    suspect.agent = agent;
    if (const auto* who = find_agent(agent)) {
      suspect.name = who->doc.name;
      suspect.agent_version = who->version;
    } else if (agent == supervisor_id()) {
      suspect.name = kSupervisor;
    } else if (!agent.is_nil()) {
      suspect.name = agent.str();
    }
    suspect.text = std::move(text);
    return suspect;
  }

  void look(const Sighting::Seen<Message>& seen) {
    const auto& message = seen.doc;
    if (message.to != supervisor_id() && find_agent(message.to) == nullptr) return;
    const auto found = items_.find({message.to, message.id.str()});
    if (found == items_.end()) {
      if (is_fresh(message.created_at)) return;
      add(Kind::message_lost, message.id.str(), seen.version, message.to, "it was in no inbox");
      return;
    }
    const auto& item = *found->second;
    known_.insert(found->first);
    if (message.task && message.type == MessageType::task_assign)
      brought_.emplace(message.to, *message.task);
    const bool held = !item.lease.empty();
    if (held ? !is_held_by_an_open_run(item) : message.state == MessageState::taken) {
      if (is_fresh(message.created_at)) return;
      add(Kind::message_held, message.id.str(), seen.version, message.to,
          held ? "a run that is over held it" : "it was taken, and no run has it")
          .item = item;
    } else if (!held && item.not_before > now_ + longest_pause(message)) {
      add(Kind::pause, message.id.str(), seen.version, message.to,
          "it paused until " + to_rfc3339(item.not_before) + ", longer than any pause")
          .item = item;
    }
  }

  void look(const Sighting::Seen<reeve::Task>& seen) {
    const auto& task = seen.doc;
    if (!task.agent || task.state == TaskState::pending) {
      const bool listed =
          task.state == TaskState::pending && !task.agent && listed_.contains(task.id.str());
      if (listed || is_fresh(task.updated_at)) return;
      add(Kind::task_unlisted, task.id.str(), seen.version, task.agent.value_or(AgentId()),
          "it waits for an agent, and was not in the backlog");
      return;
    }
    if (is_fresh(task.updated_at)) return;
    const auto* agent = find_agent(*task.agent);
    if (agent == nullptr && damaged_.contains(task.agent->str())) return;  // told of on its own
    if (agent == nullptr || is_ended(agent->doc.state)) {
      const auto state =
          agent == nullptr ? std::string("gone") : std::string(enum_name(agent->doc.state));
      auto& suspect = add(Kind::task_stranded, task.id.str(), seen.version, *task.agent, "");
      suspect.text = "its agent " + suspect.name + " is " + state +
                     ": reeve reclaim --orphan-tasks gives it to somebody else";
      return;
    }
    if (agent->doc.current_task == task.id || brought_.contains({*task.agent, task.id})) return;
    add(Kind::task_unbrought, task.id.str(), seen.version, *task.agent,
        "no message brought it to its agent");
  }

  void look(const Sighting::Seen<Agent>& seen) {
    const auto& agent = seen.doc;
    const bool has_run = !is_over(agent.current_run);
    const bool needs_run = agent.state == AgentState::working ||
                           agent.state == AgentState::draining || agent.stopping.has_value() ||
                           agent.current_run.has_value();
    if (has_run || !needs_run || is_ended(agent.state) || is_fresh(agent.last_active_at)) return;
    add(Kind::agent, agent.id.str(), seen.version, agent.id,
        "it was " + std::string(enum_name(agent.state)) +
            (agent.stopping ? " and to be stopped" : "") + ", and no run of it is in progress");
  }

  /// What is in an inbox, and no message that is not over is it.
  void look_at_items() {
    for (const auto& [agent, items] : seen_.inboxes) {
      for (const auto& item : items) {
        if (known_.contains({agent, item.item}) || is_held_by_an_open_run(item)) continue;
        if (!MessageId::parse(item.item)) continue;  // for the quarantine
        add(Kind::item_over, item.item, 0, agent, "it is over, and was in the inbox still").item =
            item;
      }
    }
  }

  void look_at_backlog() {
    std::set<std::string> waiting;
    for (const auto& task : seen_.tasks) {
      if (task.doc.state == TaskState::pending && !task.doc.agent)
        waiting.insert(task.doc.id.str());
    }
    for (const auto& item : seen_.backlog) {
      if (waiting.contains(item.item)) continue;
      add(Kind::backlog_item, item.item, 0, AgentId(),
          "it was in the backlog, and does not wait for an agent")
          .item = item;
    }
  }

  const Sighting& seen_;
  const SweepRules& rules_;
  Time now_;
  std::map<AgentId, const Sighting::Seen<Agent>*> agents_;
  std::map<std::pair<AgentId, std::string>, const store::QueueItem*> items_;
  std::set<std::pair<AgentId, std::string>> known_;  // items whose message is not over
  std::set<std::pair<AgentId, TaskId>> brought_;
  std::set<std::string> listed_;   // in the backlog
  std::set<std::string> damaged_;  // ids of documents that cannot be read
  std::vector<Suspect> found_;
};

}  // namespace

std::vector<Suspect> find_orphans(const Sighting& sighting, const SweepRules& rules, Time now) {
  return Search(sighting, rules, now).run();
}

namespace {

using Kind = Suspect::Kind;

/// What is done with a suspect; nothing, where it is reported only.
struct Mending {
  std::string what;
  std::string done;
};

void hold(run::Draft& draft, const char* kind, const std::string& id, std::uint64_t version) {
  if (version > 0) draft.require(store::DocAt{{kind, id}, version});
}

Async<Result<std::optional<Mending>>> mend_task(run::Draft& draft, const Suspect& suspect) {
  const auto id = TaskId::parse(suspect.id);
  if (!id) co_return std::optional<Mending>();
  hold(draft, run::DocOf<reeve::Task>::kKind, suspect.id, suspect.version);
  auto task = co_await draft.get<reeve::Task>(*id);
  if (!task) co_return fail(task.error());
  if (suspect.kind == Kind::task_stranded) co_return std::optional(Mending{"task", ""});
  if (suspect.kind == Kind::task_unlisted) {
    if (task->agent || task->state != TaskState::pending) {
      auto added = co_await draft.add(
          fact::TaskRequeued{*id, task->agent, "it belonged to nobody: a sweep found it"});
      if (!added) co_return fail(added.error());
    }
    draft.write(store::QueuePush{kBacklog, suspect.id, static_cast<int>(task->priority)});
    co_return std::optional(Mending{"task", "it is in the backlog now"});
  }
  hold(draft, run::DocOf<Agent>::kKind, suspect.agent.str(), suspect.agent_version);
  if (task->state == TaskState::running && task->run) {
    auto added = co_await draft.add(fact::TaskReturned{*id, suspect.agent, *task->run});
    if (!added) co_return fail(added.error());
  }
  const auto from = task->from;
  const Bringing at_once;
  auto brought = co_await bring_task(draft, std::move(*task), suspect.agent, from, at_once);
  if (!brought) co_return fail(brought.error());
  co_return std::optional(Mending{"task", "a message brings it now"});
}

Async<Result<std::optional<Mending>>> mend_backlog(run::Draft& draft, const Suspect& suspect) {
  if (const auto id = TaskId::parse(suspect.id)) {
    auto task = co_await draft.get<reeve::Task>(*id);
    if (!task && !task.error().is(Errc::not_found)) co_return fail(task.error());
    // It came back meanwhile.
    if (task && task->state == TaskState::pending && !task->agent)
      co_return std::optional<Mending>();
  }
  draft.require(store::QueueHolds{kBacklog, suspect.id, suspect.item.lease});
  draft.write(store::QueueAck{kBacklog, suspect.id});
  co_return std::optional(Mending{"task", "it is out of the backlog now"});
}

Async<Result<bool>> is_done_with(run::Draft& draft, const Message& message) {
  if (!message.task) co_return is_settled(message, nullptr);
  auto task = co_await draft.get<reeve::Task>(*message.task);
  if (!task && task.error().is(Errc::not_found)) co_return is_settled(message, nullptr);
  if (!task) co_return fail(task.error());
  co_return is_settled(message, &*task);
}

Async<Result<std::optional<Mending>>> mend_message(run::Draft& draft, const Suspect& suspect) {
  const auto id = MessageId::parse(suspect.id);
  if (!id) co_return std::optional<Mending>();
  hold(draft, run::DocOf<Message>::kKind, suspect.id, suspect.version);
  auto message = co_await draft.get<Message>(*id);
  if (!message && message.error().is(Errc::not_found)) co_return std::optional<Mending>();
  if (!message) co_return fail(message.error());
  const auto queue = inbox_queue(suspect.agent);
  const bool queued = !suspect.item.item.empty();
  if (queued) draft.require(store::QueueHolds{queue, suspect.id, suspect.item.lease});
  const bool open = message->state == MessageState::queued || message->state == MessageState::taken;
  if (suspect.kind == Kind::item_over) {
    // It came meanwhile, or it is another's.
    if (open && message->to == suspect.agent) co_return std::optional<Mending>();
    draft.write(store::QueueAck{queue, suspect.id});
    co_return std::optional(Mending{"message", "it is out of the inbox now"});
  }
  auto done = co_await is_done_with(draft, *message);
  if (!done) co_return fail(done.error());
  if (*done) {
    auto added = co_await draft.add(fact::MessagesHandled{suspect.agent, {*id}});
    if (!added) co_return fail(added.error());
    if (queued) draft.write(store::QueueAck{queue, suspect.id});
    co_return std::optional(Mending{"message", "nobody needs to read it any more"});
  }
  if (message->state == MessageState::taken) {
    auto added = co_await draft.add(
        fact::MessagesReturned{suspect.agent, message->run.value_or(RunId()), {*id}, false, {}});
    if (!added) co_return fail(added.error());
  }
  const bool held = suspect.kind == Kind::message_held;
  if (queued) {
    draft.write(store::QueueReturn{queue, suspect.id, message->attempt, {}});
  } else {
    draft.write(store::QueuePush{
        queue, suspect.id, static_cast<int>(message->priority), {}, message->attempt});
  }
  co_return std::optional(Mending{held ? "lease" : "message", "it waits in the inbox now"});
}

Async<Result<std::optional<Mending>>> mend_agent(run::Draft& draft, const Suspect& suspect) {
  hold(draft, run::DocOf<Agent>::kKind, suspect.id, suspect.version);
  auto agent = co_await draft.get<Agent>(suspect.agent);
  if (!agent) co_return fail(agent.error());
  const bool stops = agent->stopping || agent->state == AgentState::draining;
  std::vector<Fact> facts;
  const auto reason = std::string("no run of it is in progress: a sweep found it");
  if (agent->state == AgentState::working || agent->current_run || !stops)
    facts.emplace_back(fact::AgentStateChanged{agent->id, agent->state, AgentState::idle, reason});
  if (stops) {
    facts.emplace_back(fact::AgentStopped{agent->id,
                                          facts.empty() ? agent->state : AgentState::idle,
                                          agent->stopping.value_or(reason)});
  } else if (agent->state != AgentState::working && agent->state != AgentState::idle) {
    // Only its run was wrong.
    facts.emplace_back(fact::AgentStateChanged{agent->id, AgentState::idle, agent->state, reason});
  }
  if (auto added = co_await add_all(draft, std::move(facts)); !added) co_return fail(added.error());
  co_return std::optional(Mending{"agent", stops ? "it is stopped now" : "it is set right now"});
}

Async<Result<std::optional<Mending>>> decide_mending(run::Draft& draft, const Suspect& suspect) {
  switch (suspect.kind) {
    case Kind::task_unbrought:
    case Kind::task_stranded:
    case Kind::task_unlisted: co_return co_await mend_task(draft, suspect);
    case Kind::backlog_item: co_return co_await mend_backlog(draft, suspect);
    case Kind::message_lost:
    case Kind::message_held:
    case Kind::item_over:
    case Kind::pause: co_return co_await mend_message(draft, suspect);
    case Kind::agent: co_return co_await mend_agent(draft, suspect);
  }
  co_return std::optional<Mending>();
}

/// Nothing: it was not as it had been seen.
Async<Result<std::optional<api::Orphan>>> mend(Ground ground, Suspect suspect, bool dry_run) {
  using Nothing = std::optional<api::Orphan>;
  run::Draft draft(ground.env, ground.log.store(), run::Caller{});
  auto mending = co_await decide_mending(draft, suspect);
  if (!mending && mending.error().is(Errc::not_found)) co_return Nothing();
  if (!mending) co_return fail(mending.error());
  if (!*mending) co_return Nothing();
  api::Orphan orphan;
  orphan.what = (*mending)->what;
  orphan.id = suspect.id;
  if (!suspect.name.empty()) orphan.agent = suspect.name;
  orphan.text = suspect.text;
  if ((*mending)->done.empty()) co_return orphan;
  orphan.text += ": " + (*mending)->done;
  if (dry_run) co_return orphan;
  const bool known = !suspect.agent.is_nil() && suspect.agent != supervisor_id();
  auto told = co_await draft.add(fact::OrphanMended{
      orphan.what, suspect.id, known ? std::optional(suspect.agent) : std::nullopt, orphan.text});
  if (!told) co_return fail(told.error());
  const auto committed = co_await draft.commit();
  if (!committed && committed.error().is(Errc::conflict)) co_return Nothing();
  if (!committed) co_return fail(committed.error());
  orphan.mended = true;
  co_return orphan;
}

bool is_trouble_of_the_store(const Error& error) {
  return error.is(Errc::unavailable) || error.is(Errc::storage_full) || error.is(Errc::read_only) ||
         error.is(Errc::unknown_outcome);
}

}  // namespace

Async<Result<Swept>> sweep(Ground ground, SweepRules rules) {
  auto seen = co_await look_at_work(ground);
  if (!seen) co_return fail(seen.error());
  Swept swept;
  swept.agents = static_cast<std::int64_t>(seen->agents.size());
  swept.tasks = static_cast<std::int64_t>(seen->tasks.size());
  swept.messages = static_cast<std::int64_t>(seen->messages.size());
  auto suspects = find_orphans(*seen, rules, ground.env.now());
  swept.damaged = std::move(seen->damaged);
  for (auto& suspect : suspects) {
    auto orphan = co_await mend(ground, std::move(suspect), rules.dry_run);
    if (!orphan && is_trouble_of_the_store(orphan.error())) co_return fail(orphan.error());
    if (!orphan) {  // the others are mended all the same
      logging::warn("a sweep could not mend what it found: {}", orphan.error().message());
      continue;
    }
    if (!*orphan) continue;
    if ((*orphan)->mended) ++swept.mended;
    if (swept.orphans.size() < kTold)
      swept.orphans.push_back(std::move(**orphan));
    else
      ++swept.more;
  }
  co_return swept;
}

Async<> Sweeper::run() {
  for (;;) {
    const auto swept = co_await sweep(ground_, options_.rules);
    if (!swept) {
      logging::warn("the sweep for what belongs nowhere failed: {}", swept.error().message());
    } else if (swept->mended > 0) {
      logging::warn("a sweep mended {} that belonged nowhere (reeve events --kind OrphanMended)",
                    swept->mended);
    }
    co_await aio::sleep(ground_.env, options_.every);
  }
}

}  // namespace reeve::town
