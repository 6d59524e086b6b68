#include "doors/tinytown/composer.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <variant>

#include "aio/all.h"
#include "aio/run.h"
#include "base/limits.h"
#include "base/logging.h"
#include "base/overloaded.h"
#include "doors/tinytown/kinds.h"
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

/// Reads that are under way at the same time: they share a round trip, and hold up nobody for long.
constexpr std::size_t kReads = 256;
/// Messages that are read at the same time.
constexpr std::size_t kMessages = 32;
/// Of one script call: some milliseconds of Redis' time.
constexpr std::size_t kCallBytes = 4 << 20;
/// Events that one call tells: some milliseconds of Redis' time at most, in which nobody else is
/// served.
constexpr std::size_t kToldAtATime = 256;
/// Events that are read, and looked at, in one go: some tenths of a millisecond of ours.
constexpr std::size_t kReadAtATime = 64;
constexpr std::size_t kSeenAtATime = 1024;

/// A document, if there is one.
template <class D>
Async<Status> find_doc(store::Store& store, typename run::DocOf<D>::Key id, std::optional<D>& out) {
  auto doc = co_await store.get(run::key_of<D>(id));
  if (!doc) co_return fail(doc.error());
  if (!*doc) co_return Status();
  auto value = run::decode<D>(**doc);
  if (!value) co_return fail(value.error());
  out = std::move(*value);
  co_return Status();
}

/// Messages that wait in an inbox and that nobody holds, the first that will be served.
Async<Status> find_waiting(store::Store& store, AgentId id, std::vector<MessageId>& out) {
  auto items = co_await store.items(inbox_queue(id), kListItems);
  if (!items) co_return fail(items.error());
  for (const auto& entry : *items) {
    const auto message = MessageId::parse(entry.item);
    if (entry.lease.empty() && message) out.push_back(*message);
  }
  co_return Status();
}

Async<Status> find_backlog(store::Store& store, std::vector<std::string>& out) {
  auto items = co_await store.items(town::kBacklog, kListItems);
  if (!items) co_return fail(items.error());
  for (auto& entry : *items) out.push_back(std::move(entry.item));
  co_return Status();
}

/// The first that went wrong.
Async<Status> do_all(std::vector<Async<Status>> reads) {
  for (std::size_t at = 0; at < reads.size(); at += kReads) {
    const auto end = std::min(at + kReads, reads.size());
    std::vector<Async<Status>> some;
    for (auto i = at; i < end; ++i) some.push_back(std::move(reads[i]));
    const auto done = co_await aio::all(std::move(some));
    for (const auto& one : done) {
      if (!one) co_return one;
    }
  }
  co_return Status();
}

/// What is in nobody's inbox any more is not remembered for long.
constexpr std::size_t kItems = 4 * limits::kPage;

}  // namespace

/// The documents of what changed, as they are by now.
struct Composer::Found {
  std::map<AgentId, std::optional<Agent>> agents;
  std::map<TaskId, std::optional<Task>> tasks;
  std::map<AgentId, std::vector<MessageId>> waiting;
  std::vector<std::string> backlog;

  [[nodiscard]] const Agent* agent(const AgentId& id) const {
    const auto found = agents.find(id);
    return found == agents.end() || !found->second ? nullptr : &*found->second;
  }
};

/// The numbers of rounds, from the newest to the oldest. An agent's are counted from its last
/// (re)start: before that, nobody knows any more.
class Composer::Rounds {
 public:
  std::optional<std::int64_t> number(const AgentId& id, const Agent* agent) {
    if (agent == nullptr || restarted_.contains(id)) return std::nullopt;
    return std::max<std::int64_t>(agent->spent.rounds - told_[id]++, 1);
  }
  void restarted(const AgentId& id) { restarted_.insert(id); }

 private:
  std::map<AgentId, std::int64_t> told_;
  std::set<AgentId> restarted_;
};

/// What was to be read of a batch before what it tells.
struct Composer::Happened {
  struct One {
    std::size_t number;  ///< among the events
    Fact fact;
    std::optional<std::string> broadcast;
  };
  std::vector<One> read;
  std::vector<std::optional<Aspects>> aspects;  ///< of each event
  std::map<TaskId, std::string> texts;          ///< of tasks that began
};

void Changed::add(const Changed& other) {
  agents.insert(other.agents.begin(), other.agents.end());
  mail.insert(other.mail.begin(), other.mail.end());
  tasks.insert(other.tasks.begin(), other.tasks.end());
  backlog = backlog || other.backlog;
}

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

Async<Status> Composer::find(const Changed& changed, Found& found) {
  std::vector<Async<Status>> reads;
  for (const auto& id : changed.agents)
    reads.push_back(find_doc<Agent>(store_, id, found.agents[id]));
  for (const auto& id : changed.tasks) reads.push_back(find_doc<Task>(store_, id, found.tasks[id]));
  for (const auto& id : changed.mail) reads.push_back(find_waiting(store_, id, found.waiting[id]));
  if (changed.backlog) reads.push_back(find_backlog(store_, found.backlog));
  co_return co_await do_all(std::move(reads));
}

Async<Status> Composer::write(const Changed& changed, const Found& found, Guard guard, bool always,
                              Writes& writes, const Send& send) {
  const auto& keys = writes.keys();
  const auto send_much = [&]() -> Async<Status> {
    if (writes.bytes() < kCallBytes) co_return Status();
    co_return co_await send(writes);
  };
  // The backlog's ids are known as ours by the hashes of their tasks.
  for (const auto& [id, task] : found.tasks) {
    if (task) put(*task, guard, writes);
    if (auto sent = co_await send_much(); !sent) co_return sent;
  }
  for (const auto& [id, agent] : found.agents) {
    // An id that is no agent's of ours may be one of tinytown's.
    if (!agent) continue;
    if (agent->pruned) {
      writes.remove(
          {keys.agent(id), keys.inbox(id), keys.urgent(id), keys.activity(id), keys.stop(id)});
      lists_.erase(id);
    } else {
      put(*agent, guard, writes);
    }
  }
  for (const auto& [id, waiting] : found.waiting) {
    // Also the people's mailbox, which is no agent.
    const auto* agent = found.agent(id);
    if (agent != nullptr ? agent->pruned : found.agents.contains(id) && id != supervisor_id())
      continue;
    auto mailed = co_await mail(id, waiting, always, writes);
    if (mailed) mailed = co_await send_much();
    if (!mailed) co_return mailed;
  }
  if (changed.backlog) put_backlog(found.backlog, always, writes);
  co_return Status();
}

Async<Status> Composer::state(Changed changed, Guard guard, bool always, Writes& writes,
                              Send send) {
  Found found;
  auto done = co_await find(changed, found);
  if (done) done = co_await write(changed, found, guard, always, writes, send);
  co_return done;
}

/// Those that are not known from there on, a few.
Async<Status> Composer::find_items(const std::vector<MessageId>& waiting, std::size_t from) {
  std::map<MessageId, std::optional<Message>> found;
  std::vector<Async<Status>> reads;
  for (auto i = from; i < waiting.size() && reads.size() < kMessages; ++i) {
    if (!items_.contains(waiting[i]) && !found.contains(waiting[i]))
      reads.push_back(find_doc<Message>(store_, waiting[i], found[waiting[i]]));
  }
  auto done = co_await do_all(std::move(reads));
  if (!done) co_return done;
  for (const auto& [id, message] : found) {
    Item item;
    if (message && !message->withdrawn) item = {is_urgent(*message), item_of(*message, owner_)};
    items_.emplace(id, std::move(item));
  }
  co_return Status();
}

Async<Status> Composer::mail(AgentId id, const std::vector<MessageId>& waiting, bool always,
                             Writes& writes) {
  Lists lists;
  std::vector<std::string> inbox, urgent;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < waiting.size() && bytes <= kListBytes; ++i) {
    auto known = items_.find(waiting[i]);
    if (known == items_.end()) {
      auto done = co_await find_items(waiting, i);
      if (!done) co_return done;
      known = items_.find(waiting[i]);
    }
    const auto& shown = known->second;
    if (shown.text.empty()) continue;
    bytes += shown.text.size();
    (shown.urgent ? lists.urgent : lists.inbox).push_back(waiting[i]);
    (shown.urgent ? urgent : inbox).push_back(shown.text);
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

void Composer::put_backlog(std::vector<std::string> ids, bool always, Writes& writes) {
  if (always || backlog_ != ids) writes.backlog(ids);
  backlog_ = std::move(ids);
}

void Composer::note(const Fact& fact, Changed& changed) {
  std::visit(Overloaded{[&](const fact::MessageSent& f) {
                          changed.mail.insert(f.message.to);
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

/// Reads what has to be. What the others changed is known by their scopes, which are what they
/// concern.
Async<> Composer::look_at(const std::vector<EventPtr>& events, Changed& changed,
                          Happened& happened) {
  std::unordered_set<std::string_view> seen, seen_mail;
  happened.aspects.reserve(events.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (i % kSeenAtATime == kSeenAtATime - 1) co_await aio::yield();
    const auto& event = *events[i];
    const auto& aspects = happened.aspects.emplace_back(aspects_of(event));
    if (!aspects) continue;
    for (const auto& scope : event.scopes) {
      const bool mail = aspects->mail && seen_mail.insert(scope.str()).second;
      if (!seen.insert(scope.str()).second && !mail) continue;
      const auto id = Uuid::parse(scope.id());
      if (!id) continue;
      if (scope.family() == "task") changed.tasks.insert(TaskId(*id));
      if (scope.family() != "agent") continue;
      changed.agents.insert(AgentId(*id));
      if (mail) changed.mail.insert(AgentId(*id));
    }
    changed.backlog = changed.backlog || aspects->backlog;
    if (!aspects->whole) continue;
    auto fact = fact_of(event);
    if (!fact) logging::warn("the mirror passes over an event: {}", fact.error().message());
    if (!fact || !*fact) continue;
    note(**fact, changed);
    if (const auto* created = std::get_if<fact::TaskCreated>(&**fact))
      happened.texts[created->task.id] = created->task.text;
    auto broadcast = broadcast_of(**fact);
    happened.read.push_back({i, std::move(**fact), std::move(broadcast)});
    if (happened.read.size() % kReadAtATime == 0) co_await aio::yield();
  }
}

Async<Status> Composer::events(const std::vector<EventPtr>& events, Guard guard, Writes& writes,
                               SendTold send) {
  sweep_items();
  Changed changed;
  Happened happened;
  co_await look_at(events, changed, happened);
  // Whose mail is looked at is known as an agent, or as none.
  changed.agents.insert(changed.mail.begin(), changed.mail.end());
  Found found;
  auto done = co_await find(changed, found);
  const Send send_state = [&send](Writes& part) { return send(part, std::nullopt); };
  if (done) done = co_await write(changed, found, guard, false, writes, send_state);
  if (!done) co_return done;
  Telling telling;
  co_await tell(events, happened, found, telling);
  while (telling.size() > kToldAtATime) {
    const auto upto = telling.write(writes, kToldAtATime);
    done = co_await send(writes, upto);
    if (!done) co_return done;
  }
  telling.write(writes, kToldAtATime);
  co_return Status();
}

/// From the newest to the oldest: most of what is told is overtaken by what is told later.
Async<> Composer::tell(const std::vector<EventPtr>& events, Happened& happened, const Found& found,
                       Telling& telling) {
  const auto text_of = [&](const Fact& fact) -> std::optional<std::string> {
    const auto tasks = concerned(fact).tasks;
    if (tasks.size() != 1) return std::nullopt;
    if (const auto task = found.tasks.find(tasks[0]); task != found.tasks.end() && task->second)
      return task->second->text;
    const auto begun = happened.texts.find(tasks[0]);
    return begun == happened.texts.end() ? std::nullopt : std::optional(begun->second);
  };
  // What belonged to one that was pruned goes with it.
  const auto is_gone = [&](const AgentId& id) {
    const auto* agent = found.agent(id);
    return agent != nullptr && agent->pruned;
  };
  Rounds rounds;
  std::size_t read = 0;
  for (auto i = events.size(); i-- > 0;) {
    const auto& event = *events[i];
    std::optional<Happened::One> one;
    if (!happened.read.empty() && happened.read.back().number == i) {
      one = std::move(happened.read.back());
      happened.read.pop_back();
    } else {
      const auto& aspects = happened.aspects[i];
      if (!aspects || !aspects->told || aspects->whole) continue;
      if (telling.is_overtaken(event.scopes, aspects->line)) continue;
      auto fact = fact_of(event);
      if (!fact) logging::warn("the mirror passes over an event: {}", fact.error().message());
      if (!fact || !*fact) continue;
      one = {i, std::move(**fact), std::nullopt};
    }
    if (++read % kReadAtATime == 0) co_await aio::yield();
    auto told = told_of(one->fact, event.time, text_of(one->fact));
    if (told.activity) {
      auto& [id, line] = *told.activity;
      if (wants_round(line)) number_round(line, rounds.number(id, found.agent(id)));
      if (is_gone(id)) told.activity.reset();
    }
    if (const auto* again = std::get_if<fact::AgentRestarted>(&one->fact))
      rounds.restarted(again->agent);
    if (told.stop && is_gone(told.stop->agent)) told.stop.reset();
    telling.add(std::move(told), event.position, std::move(one->broadcast));
  }
}

/// The second of several that are alike shows that they are one broadcast.
std::optional<std::string> Composer::broadcast_of(const Fact& fact) {
  const auto* sent = std::get_if<fact::MessageSent>(&fact);
  if (sent == nullptr) return std::nullopt;
  auto mark = broadcast_mark(sent->message);
  broadcast_count_ = mark && mark == broadcast_ ? broadcast_count_ + 1 : 1;
  broadcast_ = std::move(mark);
  if (broadcast_count_ != 2) return std::nullopt;
  auto form = form_of(sent->message);
  form.to = supervisor_id();
  return encode(form);
}

}  // namespace reeve::doors::tinytown
