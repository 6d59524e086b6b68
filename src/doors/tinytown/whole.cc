#include "doors/tinytown/whole.h"

#include <algorithm>
#include <ranges>

#include "aio/all.h"
#include "base/limits.h"
#include "doors/tinytown/kinds.h"
#include "doors/tinytown/telling.h"
#include "run/documents.h"
#include "town/directory.h"

namespace reeve::doors::tinytown {
namespace {

/// Of one script call: some milliseconds of Redis' time.
constexpr std::size_t kChunkWrites = 500;
constexpr std::size_t kChunkBytes = 4 << 20;
/// What the town's stream holds, and the lines of an agent's activity.
constexpr std::size_t kEvents = 1000;
constexpr std::size_t kLines = 10;
/// Mailboxes that are read at the same time.
constexpr std::size_t kMailboxes = 64;
/// Redis forgets an agent's activity after that.
constexpr Duration kActivity = std::chrono::hours(1);

std::vector<std::string> texts(const net::RedisReply& reply) {
  std::vector<std::string> out;
  for (const auto& element : reply.elements) out.push_back(element.text);
  return out;
}

}  // namespace

store::DocKey mirror_note_key() { return {"_mirror", "note"}; }

Async<Result<MirrorNote>> load_mirror_note(store::Store& store) {
  auto doc = co_await store.get(mirror_note_key());
  if (!doc) co_return fail(doc.error());
  if (!*doc) co_return MirrorNote();
  co_return run::decode<MirrorNote>(**doc);
}

Whole::Whole(town::Ground& ground, net::RedisConnection& redis, Composer& composer,
             const Keys& keys, LogId owner, Send send)
    : ground_(ground),
      redis_(redis),
      composer_(composer),
      keys_(keys),
      owner_(owner),
      send_(std::move(send)),
      writes_(keys) {}

Async<Status> Whole::write(Position upto) {
  // The backlog's ids are known as ours by the hashes of their tasks.
  auto done = co_await tasks();
  if (done) done = co_await agents();
  if (done) done = co_await state({.agents = {}, .mail = {}, .tasks = {}, .backlog = true});
  if (done) done = co_await remove_others();
  if (done) done = co_await streams(upto);
  if (done) done = co_await flush(true);
  co_return done;
}

Async<Status> Whole::flush(bool all) {
  if (writes_.empty()) co_return Status();
  if (!all && writes_.count() < kChunkWrites && writes_.bytes() < kChunkBytes) co_return Status();
  co_return co_await send_(writes_);
}

Async<Status> Whole::tasks() {
  store::DocQuery query;
  query.kind = run::DocOf<reeve::Task>::kKind;
  query.limit = kChunkWrites;
  for (;;) {
    auto docs = co_await ground_.log.store().list(query);
    if (!docs) co_return fail(docs.error());
    for (const auto& doc : *docs) {
      query.after_rank = doc.rank;
      const auto task = run::decode<reeve::Task>(doc);
      if (!task) {  // as it was written last
        if (const auto id = TaskId::parse(doc.key.id)) written_.insert(keys_.task(*id));
        continue;
      }
      composer_.put(*task, Writes::Guard::over, writes_);
      written_.insert(keys_.task(task->id));
      auto flushed = co_await flush(false);
      if (!flushed) co_return flushed;
    }
    if (docs->size() < query.limit) co_return Status();
  }
}

Async<Status> Whole::agents() {
  auto agents = co_await town::look_through_agents(ground_.log.store());
  if (!agents) co_return fail(agents.error());
  // What is damaged stays as it was written last, with what tt put there for it.
  for (const auto& damaged : agents->damaged) {
    if (const auto id = AgentId::parse(damaged.key.id)) written_.insert(keys_.agent(*id));
  }
  std::vector<AgentId> mailboxes{supervisor_id()};
  for (const auto& agent : agents->readable) {
    if (agent.pruned) continue;
    composer_.put(agent, Writes::Guard::over, writes_);
    written_.insert(keys_.agent(agent.id));
    if (agent.stopping || agent.state == AgentState::draining) {
      writes_.stop(agent.id);
    } else {
      writes_.remove({keys_.stop(agent.id)});
    }
    mailboxes.push_back(agent.id);
  }
  for (std::size_t at = 0; at < mailboxes.size(); at += kMailboxes) {
    const auto end = std::min(at + kMailboxes, mailboxes.size());
    Changed some;
    for (auto i = at; i < end; ++i) some.mail.insert(mailboxes[i]);
    auto mailed = co_await state(std::move(some));
    if (!mailed) co_return mailed;
  }
  co_return Status();
}

Async<Status> Whole::state(Changed changed) {
  auto done =
      co_await composer_.state(std::move(changed), Writes::Guard::over, true, writes_, send_);
  if (done) done = co_await flush(false);
  co_return done;
}

/// Agents and tasks that have a mark of ours and are none of this town (any more).
Async<Status> Whole::remove_others() {
  std::string cursor = "0";
  do {
    net::RedisWords words{"SCAN", cursor, "MATCH", keys_.pattern("*"), "COUNT", "1000"};
    auto page = co_await redis_.ask(std::move(words));
    if (!page) co_return fail(page.error());
    if (page->is_error()) co_return fail(net::redis_error(*page));
    if (page->elements.size() != 2) co_return fail(Errc::corrupt, "no answer to SCAN");
    cursor = page->elements[0].text;
    std::vector<TtKey> strangers;
    std::vector<net::RedisWords> asked;
    for (const auto& key : texts(page->elements[1])) {
      const auto parsed = keys_.parse(key);
      if (!parsed || written_.contains(key) || !parsed->uuid()) continue;
      if (parsed->family != KeyFamily::agent && parsed->family != KeyFamily::task) continue;
      strangers.push_back(*parsed);
      asked.push_back({"HEXISTS", key, std::string(kOwnerField)});
    }
    if (asked.empty()) continue;
    const auto owned = co_await redis_.ask_all(std::move(asked));
    if (!owned) co_return fail(owned.error());
    for (std::size_t i = 0; i < strangers.size(); ++i) {
      if (owned->at(i).integer != 1) continue;
      const auto id = *strangers[i].uuid();
      if (strangers[i].family == KeyFamily::task) {
        writes_.remove({keys_.task(TaskId(id))});
      } else {
        const AgentId agent(id);
        writes_.remove({keys_.agent(agent), keys_.inbox(agent), keys_.urgent(agent),
                        keys_.activity(agent), keys_.stop(agent)});
      }
    }
    auto flushed = co_await flush(false);
    if (!flushed) co_return flushed;
  } while (cursor != "0");
  co_return Status();
}

/// The last event of our log that the town's stream has.
Async<Result<Position>> Whole::last_echo() {
  net::RedisWords words{"XREVRANGE", keys_.events(), "+", "-", "COUNT", std::to_string(kEvents)};
  const auto entries = co_await redis_.ask(std::move(words));
  if (!entries) co_return fail(entries.error());
  Position last;
  for (const auto& entry : entries->elements) {
    if (entry.elements.size() != 2) continue;
    const auto fields = texts(entry.elements[1]);
    for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
      if (fields[i] != kEchoField) continue;
      if (const auto at = position_of_echo(fields[i + 1], owner_)) last = std::max(last, *at);
    }
  }
  co_return last;
}

Async<Status> Whole::streams(Position upto) {
  const auto last = co_await last_echo();
  if (!last) co_return fail(last.error());
  store::EventFilter filter;
  filter.kinds = told_kinds();
  auto newest = co_await ground_.log.store().latest(std::move(filter), kEvents);
  if (!newest) co_return fail(newest.error());
  std::erase_if(*newest, [&](const EventPtr& event) { return event->position > upto; });
  const auto tasks_there = co_await tasks_of(*newest);
  Telling telling;
  std::map<AgentId, std::vector<std::string>> lines;  // newest first
  for (const auto& event : std::views::reverse(*newest)) {
    const auto fact = fact_of(*event);
    if (!fact || !*fact) continue;
    std::optional<std::string> text;
    if (const auto about = concerned(**fact).tasks; about.size() == 1) {
      if (const auto& found = tasks_there.at(about[0])) text = found->text;
    }
    auto told = told_of(**fact, event->time, text);
    if (told.event && event->position > *last)
      telling.add({.event = std::move(told.event), .activity = {}, .stop = {}}, event->position);
    if (!told.activity || ground_.env.now() - event->time >= kActivity) continue;
    auto& [agent, line] = *told.activity;
    // Which round it was is known while it happens only.
    number_round(line, std::nullopt);
    if (lines[agent].size() < kLines) lines[agent].push_back(std::move(line));
  }
  for (auto& [agent, shown] : lines) {
    std::ranges::reverse(shown);
    writes_.remove({keys_.activity(agent)});
    writes_.activity(agent, shown);
    auto flushed = co_await flush(false);
    if (!flushed) co_return flushed;
  }
  while (telling.size() > kChunkWrites) {
    telling.write(writes_, kChunkWrites);
    auto sent = co_await flush(true);
    if (!sent) co_return sent;
  }
  telling.write(writes_, kChunkWrites);
  co_return Status();
}

/// The tasks that events are about.
Async<Whole::Tasks> Whole::tasks_of(const std::vector<EventPtr>& events) {
  Tasks tasks;
  std::vector<Async<Result<reeve::Task>>> reads;
  for (const auto& event : events) {
    const auto fact = fact_of(*event);
    if (!fact || !*fact) continue;
    for (const auto& id : concerned(**fact).tasks) tasks.emplace(id, std::nullopt);
  }
  for (const auto& [id, task] : tasks)
    reads.push_back(run::load<reeve::Task>(ground_.log.store(), id));
  auto found = co_await aio::all(std::move(reads));
  auto one = found.begin();
  for (auto& [id, task] : tasks) {
    if (*one) task = std::move(**one);
    ++one;
  }
  co_return tasks;
}

}  // namespace reeve::doors::tinytown
