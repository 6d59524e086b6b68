#include "doors/tinytown/composer.h"

#include <algorithm>
#include <variant>

#include "base/limits.h"
#include "base/logging.h"
#include "base/overloaded.h"
#include "run/documents.h"
#include "town/task_steps.h"

namespace reeve::doors::tinytown {
namespace {

/// Messages of one list that tinytown sees, and their bytes: the first that will be served.
constexpr std::size_t kListItems = limits::kPage;
constexpr std::size_t kListBytes = 4 << 20;

/// From so many items on a list is written by its changes; no more than so many may be gone.
constexpr std::size_t kLongList = 64;
constexpr std::size_t kGone = 256;

/// A document, if there is one.
template <class D>
Async<Result<std::optional<D>>> find(store::Store& store, typename run::DocOf<D>::Key id) {
  auto doc = co_await store.get(run::key_of<D>(id));
  if (!doc) co_return fail(doc.error());
  if (!*doc) co_return std::optional<D>();
  auto value = run::decode<D>(**doc);
  if (!value) co_return fail(value.error());
  co_return std::optional<D>(std::move(*value));
}

/// What is in nobody's inbox any more is not remembered for long.
constexpr std::size_t kItems = 4 * limits::kPage;

bool is_about_backlog(const Fact& fact) {
  return std::holds_alternative<fact::TaskCreated>(fact) ||
         std::holds_alternative<fact::TaskAssigned>(fact) ||
         std::holds_alternative<fact::TaskDelegated>(fact) ||
         std::holds_alternative<fact::TaskRequeued>(fact) ||
         std::holds_alternative<fact::TaskCancelled>(fact) ||
         std::holds_alternative<fact::TaskCompleted>(fact) ||
         std::holds_alternative<fact::TaskFailed>(fact) ||
         std::holds_alternative<fact::TaskStarted>(fact) ||
         std::holds_alternative<fact::OrphanMended>(fact);
}

/// Whose inbox may be another after the fact: a look at a long one is not for nothing.
std::vector<AgentId> mailboxes_of(const Fact& fact) {
  const Overloaded see{
      [](const fact::MessageSent& f) { return std::vector{f.message.to}; },
      [](const fact::AgentStateChanged&) { return std::vector<AgentId>(); },
      [](const fact::AgentStopRequested&) { return std::vector<AgentId>(); },
      [](const fact::AgentInterrupted&) { return std::vector<AgentId>(); },
      [](const fact::AgentResumed&) { return std::vector<AgentId>(); },
      [](const fact::AgentParked&) { return std::vector<AgentId>(); },
      [](const fact::AgentNeedsAttention&) { return std::vector<AgentId>(); },
      [](const fact::TaskProgressed&) { return std::vector<AgentId>(); },
      [](const fact::SessionStarted&) { return std::vector<AgentId>(); },
      [](const fact::RunSilent&) { return std::vector<AgentId>(); },
      [](const fact::RunStopRequested&) { return std::vector<AgentId>(); },
      [&](const auto&) { return concerned(fact).agents; },
  };
  return std::visit(see, fact);
}

}  // namespace

/// What a batch changed, and the documents as they are by now.
struct Composer::Touched {
  std::set<AgentId> agents;
  std::set<AgentId> mail;  ///< of these
  std::set<TaskId> tasks;
  bool backlog = false;
  std::vector<std::pair<std::size_t, Fact>> facts;  ///< by the number of their event
  std::map<AgentId, std::int64_t> rounds;           ///< that each agent has had
  std::map<TaskId, std::string> texts;
};

Composer::Composer(Env& env, store::Store& store, LogId owner)
    : env_(env), store_(store), owner_(owner) {}

void Composer::forget() {
  lists_.clear();
  backlog_.reset();
  items_.clear();
  broadcast_.reset();
  broadcast_count_ = 0;
}

void Composer::put(const Agent& agent, Guard guard, Writes& writes) const {
  // Of one that has ended nobody asks whether it is alive.
  const auto form =
      form_of(agent, owner_, is_ended(agent.state) ? agent.last_active_at : env_.now());
  writes.hash(writes.keys().agent(agent.id), encode(form), agent_guard(), guard_of(form), guard);
}

void Composer::put(const Task& task, Guard guard, Writes& writes) const {
  const auto form = form_of(task, owner_);
  writes.hash(writes.keys().task(task.id), encode(form), task_guard(), guard_of(form), guard);
}

Async<Status> Composer::agent(AgentId id, Guard guard, Writes& writes) {
  auto found = co_await find<Agent>(store_, id);
  if (!found) co_return fail(found.error());
  // An id that is no agent's of ours may be one of tinytown's.
  if (!*found) co_return Status();
  const auto& keys = writes.keys();
  if ((*found)->pruned) {
    writes.remove(
        {keys.agent(id), keys.inbox(id), keys.urgent(id), keys.activity(id), keys.stop(id)});
    lists_.erase(id);
    co_return Status();
  }
  put(**found, guard, writes);
  co_return Status();
}

Async<Status> Composer::task(TaskId id, Guard guard, Writes& writes) {
  auto found = co_await find<Task>(store_, id);
  if (!found) co_return fail(found.error());
  if (*found) put(**found, guard, writes);
  co_return Status();
}

Async<Result<Composer::Item>> Composer::item(MessageId id) {
  if (const auto known = items_.find(id); known != items_.end()) co_return known->second;
  auto found = co_await find<Message>(store_, id);
  if (!found) co_return fail(found.error());
  Item item;
  if (*found && !(*found)->withdrawn) item = {is_urgent(**found), item_of(**found, owner_)};
  co_return items_.emplace(id, std::move(item)).first->second;
}

Async<Status> Composer::mail(AgentId id, bool always, Writes& writes) {
  auto waiting = co_await store_.items(inbox_queue(id), kListItems);
  if (!waiting) co_return fail(waiting.error());
  Lists lists;
  std::vector<std::string> inbox, urgent;
  std::size_t bytes = 0;
  for (const auto& entry : *waiting) {
    const auto message = MessageId::parse(entry.item);
    if (!entry.lease.empty() || !message || bytes > kListBytes) continue;
    auto shown = co_await item(*message);
    if (!shown) co_return fail(shown.error());
    if (shown->text.empty()) continue;
    bytes += shown->text.size();
    (shown->urgent ? lists.urgent : lists.inbox).push_back(*message);
    (shown->urgent ? urgent : inbox).push_back(std::move(shown->text));
  }
  const auto found = lists_.find(id);
  const auto* known = always || found == lists_.end() ? nullptr : &found->second;
  const auto& keys = writes.keys();
  put_list(keys.inbox(id), known != nullptr ? &known->inbox : nullptr, lists.inbox,
           std::move(inbox), writes);
  put_list(keys.urgent(id), known != nullptr ? &known->urgent : nullptr, lists.urgent,
           std::move(urgent), writes);
  lists_[id] = std::move(lists);
  co_return Status();
}

/// A short list is written whole, which also mends it; of a long one only what has changed, if that
/// is at its end or gone.
void Composer::put_list(std::string key, const std::vector<MessageId>* known,
                        const std::vector<MessageId>& now, std::vector<std::string> items,
                        Writes& writes) const {
  if (known != nullptr && *known == now) return;
  if (known == nullptr || known->size() < kLongList) return writes.messages(std::move(key), items);
  const std::set<MessageId> there(now.begin(), now.end());
  std::vector<std::string> gone;
  std::size_t stayed = 0;
  for (const auto& id : *known) {
    if (there.contains(id)) {
      if (now[stayed++] != id) return writes.messages(std::move(key), items);
      continue;
    }
    const auto text = items_.find(id);
    if (text == items_.end() || text->second.text.empty() || gone.size() == kGone)
      return writes.messages(std::move(key), items);
    gone.push_back(text->second.text);
  }
  items.erase(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(stayed));
  writes.change_messages(std::move(key), gone, items);
}

Async<Status> Composer::backlog(bool always, Writes& writes) {
  auto waiting = co_await store_.items(town::kBacklog, kListItems);
  if (!waiting) co_return fail(waiting.error());
  std::vector<std::string> ids;
  for (auto& entry : *waiting) ids.push_back(std::move(entry.item));
  if (always || backlog_ != ids) writes.backlog(ids);
  backlog_ = std::move(ids);
  co_return Status();
}

void Composer::note(const Fact& fact, Touched& touched) {
  const auto about = concerned(fact);
  touched.agents.insert(about.agents.begin(), about.agents.end());
  const auto mail = mailboxes_of(fact);
  touched.mail.insert(mail.begin(), mail.end());
  touched.tasks.insert(about.tasks.begin(), about.tasks.end());
  touched.backlog = touched.backlog || is_about_backlog(fact);
  std::visit(Overloaded{[&](const fact::TaskCreated& f) { touched.texts[f.task.id] = f.task.text; },
                        [&](const fact::MessageSent& f) {
                          items_[f.message.id] = {is_urgent(f.message), item_of(f.message, owner_)};
                        },
                        [&](const fact::MessageMoved& f) { items_.erase(f.message); },
                        [&](const fact::MessageWithdrawn& f) { items_.erase(f.message); },
                        [](const auto&) {}},
             fact);
}

/// Forgets what stands in no list any more, when that has become much.
void Composer::sweep_items() {
  if (items_.size() < items_limit_) return;
  std::set<MessageId> listed;
  for (const auto& [agent, lists] : lists_) {
    listed.insert(lists.inbox.begin(), lists.inbox.end());
    listed.insert(lists.urgent.begin(), lists.urgent.end());
  }
  std::erase_if(items_, [&](const auto& entry) { return !listed.contains(entry.first); });
  items_limit_ = 2 * items_.size() + kItems;
}

Async<Status> Composer::events(const std::vector<EventPtr>& events, Guard guard, Writes& writes) {
  sweep_items();
  Touched touched;
  for (std::size_t i = 0; i < events.size(); ++i) {
    auto fact = fact_of(*events[i]);
    if (!fact) {
      logging::warn("the mirror passes over an event: {}", fact.error().message());
      continue;
    }
    if (!*fact) continue;
    note(**fact, touched);
    touched.facts.emplace_back(i, std::move(**fact));
  }
  for (const auto& id : touched.agents) {
    auto found = co_await find<Agent>(store_, id);
    if (!found) co_return fail(found.error());
    if (*found && !(*found)->pruned) {
      touched.rounds[id] = (*found)->spent.rounds;
      put(**found, guard, writes);
    } else if (*found) {
      auto removed = co_await agent(id, guard, writes);
      if (!removed) co_return removed;
      continue;
    }
    // Also the people's mailbox, which is no agent.
    if (!*found && id != supervisor_id()) continue;
    if (!touched.mail.contains(id)) continue;
    auto mailed = co_await mail(id, false, writes);
    if (!mailed) co_return mailed;
  }
  for (const auto& id : touched.tasks) {
    auto found = co_await find<Task>(store_, id);
    if (!found) co_return fail(found.error());
    if (!*found) continue;
    touched.texts[id] = (*found)->text;
    put(**found, guard, writes);
  }
  if (touched.backlog) {
    auto listed = co_await backlog(false, writes);
    if (!listed) co_return listed;
  }
  tell(events, touched, writes);
  co_return Status();
}

void Composer::tell(const std::vector<EventPtr>& events, const Touched& touched, Writes& writes) {
  // Of each agent, how many of its rounds ended in this batch behind the one that is told.
  std::map<AgentId, std::int64_t> later;
  std::vector<std::int64_t> rounds(touched.facts.size(), 0);
  for (auto i = touched.facts.size(); i-- > 0;) {
    const auto told = told_of(touched.facts[i].second, Time());
    if (!told.activity || !told.activity->text.contains("{round}")) continue;
    const auto all = touched.rounds.find(told.activity->agent);
    if (all != touched.rounds.end())
      rounds[i] = std::max<std::int64_t>(all->second - later[told.activity->agent]++, 1);
  }
  for (std::size_t i = 0; i < touched.facts.size(); ++i) {
    const auto& [number, fact] = touched.facts[i];
    const auto& event = *events[number];
    std::optional<std::string> text;
    if (const auto about = concerned(fact).tasks; about.size() == 1) {
      if (const auto known = touched.texts.find(about[0]); known != touched.texts.end())
        text = known->second;
    }
    auto told = told_of(fact, event.time, text);
    if (told.event) writes.event(*told.event, echo_of(owner_, event.position));
    if (told.activity) {
      auto& line = told.activity->text;
      if (const auto at = line.find("{round}"); at != std::string::npos)
        line.replace(at, std::string_view("{round}").size(), std::to_string(rounds[i]));
      writes.activity(told.activity->agent, std::move(line));
    }
    if (told.stop && told.stop->set) writes.stop(told.stop->agent);
    if (told.stop && !told.stop->set) writes.remove({writes.keys().stop(told.stop->agent)});
    tell_broadcast(fact, writes);
  }
}

/// The second of several that are alike shows that they are one broadcast.
void Composer::tell_broadcast(const Fact& fact, Writes& writes) {
  const auto* sent = std::get_if<fact::MessageSent>(&fact);
  if (sent == nullptr) return;
  auto mark = broadcast_mark(sent->message);
  broadcast_count_ = mark && mark == broadcast_ ? broadcast_count_ + 1 : 1;
  broadcast_ = std::move(mark);
  if (broadcast_count_ != 2) return;
  auto form = form_of(sent->message);
  form.to = supervisor_id();
  writes.publish(encode(form));
}

}  // namespace reeve::doors::tinytown
