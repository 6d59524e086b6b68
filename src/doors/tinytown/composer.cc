#include "doors/tinytown/composer.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "aio/all.h"
#include "base/limits.h"
#include "base/logging.h"
#include "base/overloaded.h"
#include "doors/tinytown/streams.h"
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
/// Lines that an agent's activity keeps.
constexpr std::size_t kActivityLines = 10;
/// Keys that one command deletes.
constexpr std::size_t kRemoved = 1000;

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

/// What a batch tells.
struct Composer::Happened {
  struct One {
    Position position;
    Time time;
    Fact fact;
    std::optional<TaskId> task;  ///< that it is about, if it is one
  };
  std::vector<One> all;
  std::map<TaskId, std::string> texts;  ///< of tasks that began
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

/// `fact` is the last that happened.
void Composer::note(const Fact& fact, Changed& changed, Happened& happened) {
  const auto about = concerned(fact);
  changed.agents.insert(about.agents.begin(), about.agents.end());
  const auto mail = mailboxes_of(fact);
  changed.mail.insert(mail.begin(), mail.end());
  changed.tasks.insert(about.tasks.begin(), about.tasks.end());
  changed.backlog = changed.backlog || is_about_backlog(fact);
  if (about.tasks.size() == 1) happened.all.back().task = about.tasks[0];
  std::visit(
      Overloaded{[&](const fact::TaskCreated& f) { happened.texts[f.task.id] = f.task.text; },
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

Async<Status> Composer::events(const std::vector<EventPtr>& events, Guard guard, Writes& writes,
                               Send send) {
  sweep_items();
  Changed changed;
  Happened happened;
  happened.all.reserve(events.size());
  for (const auto& event : events) {
    auto fact = fact_of(*event);
    if (!fact) {
      logging::warn("the mirror passes over an event: {}", fact.error().message());
      continue;
    }
    if (!*fact) continue;
    happened.all.push_back({event->position, event->time, std::move(**fact), std::nullopt});
    note(happened.all.back().fact, changed, happened);
  }
  // Whose mail is looked at is known as an agent, or as none.
  changed.agents.insert(changed.mail.begin(), changed.mail.end());
  Found found;
  auto done = co_await find(changed, found);
  if (done) done = co_await write(changed, found, guard, false, writes, send);
  if (done) tell(happened, found, writes);
  co_return done;
}

/// From the newest to the oldest: most of what is told is overtaken by what is told later.
void Composer::tell(const Happened& happened, const Found& found, Writes& writes) {
  const auto text_of = [&](const std::optional<TaskId>& id) -> std::optional<std::string> {
    if (!id) return std::nullopt;
    if (const auto task = found.tasks.find(*id); task != found.tasks.end() && task->second)
      return task->second->text;
    const auto begun = happened.texts.find(*id);
    return begun == happened.texts.end() ? std::nullopt : std::optional(begun->second);
  };
  Streams streams;
  std::map<AgentId, std::int64_t> rounds;             // of each agent, those told so far
  std::map<AgentId, std::vector<std::string>> lines;  // newest first
  std::map<AgentId, bool> stops;
  for (auto one = happened.all.rbegin(); one != happened.all.rend(); ++one) {
    auto told = told_of(one->fact, one->time, text_of(one->task));
    if (told.event) streams.add(*told.event, one->position);
    if (told.stop) stops.emplace(told.stop->agent, told.stop->set);
    if (!told.activity) continue;
    const auto& id = told.activity->agent;
    auto& line = told.activity->text;
    const auto* agent = found.agent(id);
    if (const auto at = line.find("{round}"); at != std::string::npos) {
      const auto number =
          agent == nullptr ? 0 : std::max<std::int64_t>(agent->spent.rounds - rounds[id]++, 1);
      line.replace(at, std::string_view("{round}").size(), std::to_string(number));
    }
    auto& shown = lines[id];
    if (shown.size() < kActivityLines) shown.push_back(std::move(line));
  }
  // What belonged to one that was pruned goes with it.
  const auto is_gone = [&](const AgentId& id) {
    const auto* agent = found.agent(id);
    return agent != nullptr && agent->pruned;
  };
  for (auto& [id, shown] : lines) {
    std::ranges::reverse(shown);
    if (!is_gone(id)) writes.activity(id, shown);
  }
  std::vector<std::string> no_stops;
  for (const auto& [id, set] : stops) {
    if (is_gone(id)) continue;
    if (set) {
      writes.stop(id);
    } else {
      no_stops.push_back(writes.keys().stop(id));
    }
    if (no_stops.size() == kRemoved) writes.remove(std::exchange(no_stops, {}));
  }
  if (!no_stops.empty()) writes.remove(std::move(no_stops));
  streams.write(writes);
  for (const auto& one : happened.all) tell_broadcast(one.fact, writes);
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
