#include "doors/tinytown/inward.h"

#include "aio/real_env.h"
#include "aio/within.h"
#include "base/backoff.h"
#include "base/near_names.h"
#include "town/agents.h"
#include "town/directory.h"
#include "town/task_steps.h"

namespace reeve::doors::tinytown {
namespace {

net::RedisOptions named(const char* name) {
  net::RedisOptions options;
  options.name = name;
  return options;
}

/// Of the open tasks a look takes so many.
constexpr std::size_t kTasks = 500;
/// What a look waits for the mirror.
constexpr std::chrono::seconds kPatience{2};
/// Each so many looks, lists are read that have as many items as we wrote.
constexpr std::uint64_t kClosely = 15;
constexpr const char* kBlockMs = "5000";

}  // namespace

Inward::Inward(town::Ground ground, aio::asio::any_io_executor executor, Mirror& mirror,
               net::RedisAddress where, Options options)
    : ground_(std::move(ground)),
      mirror_(mirror),
      options_(options),
      redis_(executor, ground_.env, where, named("reeve-mirror-look")),
      stream_(executor, ground_.env, where, named("reeve-mirror-wait")),
      look_(redis_, mirror_.keys(), ground_.town, mirror_.owner(), ground_.env.uuid4().str(),
            [this] { return mirror_.place(); }),
      notices_(
          executor, ground_.env, where, mirror_.keys(),
          [this](const std::vector<std::string>& keys) { hear(keys); },
          [this](Notices::How how, const std::string& why) { note_notices(how, why); }),
      wake_(executor),
      progress_(executor),
      group_(std::move(executor)) {
  mirror_.on_changed([this](const TtKey& key) {
    const auto id = key.uuid();
    if (id && key.family == KeyFamily::task) changed_.insert(TaskId(*id));
    wake();
  });
}

Inward::~Inward() = default;

void Inward::start() {
  group_.spawn("look at what tt does", run());
  group_.spawn("wait for what tt tells", listen());
}

Async<> Inward::close() {
  mirror_.on_changed({});
  group_.cancel();
  co_await group_.join();
  co_await notices_.close();
  co_await redis_.close();
  co_await stream_.close();
}

void Inward::wake() {
  woken_ = true;
  wake_.notify();
}

Async<bool> Inward::looked() {
  const auto wanted = begun_ + 1;
  wake();
  while (finished_ < wanted) co_await progress_.wait();
  co_return true;
}

run::Caller Inward::caller() const {
  run::Caller caller;
  caller.origin = "tinytown";
  return caller;
}

const Agent* Inward::find(const AgentId& id) const {
  const auto found = before_.agents.find(id);
  return found == before_.agents.end() ? nullptr : &found->second;
}

Async<> Inward::run() {
  for (;;) {
    const bool asked = std::exchange(woken_, false);
    const auto begun = ++begun_;
    const bool follows = mirror_.view().state == api::MirrorState::following;
    bool looked = false;
    if (follows) {
      trouble_.clear();
      auto done = co_await look_around();
      looked = done.has_value();
      note_unseen(done);
    }
    if (looked) finished_ = begun;
    progress_.notify();
    // Who asks while there is no mirror is not forgotten.
    if (asked && !follows) woken_ = true;
    if (!woken_) {
      co_await wait_for_next();
    } else if (!looked) {
      // Asked for while it could not be: once more, when the mirror is there.
      static_cast<void>(co_await aio::within(ground_.env, options_.every, mirror_.caught_up()));
    }
  }
}

void Inward::note_unseen(const Status& done) {
  const auto error = done ? trouble_ : done.error().message();
  if (!error.empty() && error != error_) logging::warn("what tt did is not seen: {}", error);
  error_ = error;
  // Whoever emptied its keys did it unknown to the mirror, so far: it tells that itself, and that
  // it is behind.
  const bool its_own = !done && (done.error().is(Errc::conflict) || done.error().is(Errc::timeout));
  mirror_.set_unseen(its_own || error.empty() ? "" : "what tt did is not seen: " + error);
  if (!done && done.error().is(Errc::conflict)) mirror_.touch_backlog();
}

Status Inward::passed(Status done, const std::string& what) {
  if (done) return done;
  switch (done.error().code()) {
    case Errc::conflict:  // of Look: of what stands there nothing can be said
    case Errc::timeout:
    case Errc::cancelled:
    case Errc::unavailable:
    case Errc::unknown_outcome:
    case Errc::storage_full:
    case Errc::read_only: return done;
    default: break;
  }
  if (trouble_.empty()) trouble_ = what + ": " + done.error().message();
  return {};
}

/// Until the next look is due or asked for, with glances meanwhile.
Async<> Inward::wait_for_next() {
  woken_ = false;
  const auto due = ground_.env.uptime() + options_.every;
  for (auto left = options_.every; left.count() > 0 && !woken_; left = due - ground_.env.uptime()) {
    if (!heard_.any()) {
      const auto told = co_await aio::within(ground_.env, left, next());
      if (!told || woken_) co_return;
      if (!heard_.any()) continue;
    }
    co_await pause(options_.gather);
    if (woken_) co_return;
    const auto done = co_await glance();
    // Where it fails, the next look says why.
    if (!done) heard_ = {};
    // No more than so often, whatever tt does.
    co_await pause(options_.gather);
  }
}

/// Whatever is heard meanwhile; a look that is asked for ends it.
Async<> Inward::pause(std::chrono::nanoseconds time) {
  const auto until = ground_.env.uptime() + time;
  for (auto left = time; left.count() > 0 && !woken_; left = until - ground_.env.uptime())
    static_cast<void>(co_await aio::within(ground_.env, left, next()));
}

Async<bool> Inward::next() {
  co_await wake_.wait();
  co_return true;
}

/// An entry of tinytown's in its stream of events tells that there is something to see.
Async<> Inward::listen() {
  std::string last = "$";
  for (Backoff trouble;;) {
    net::RedisWords words{
        "XREAD", "COUNT", "100", "BLOCK", kBlockMs, "STREAMS", mirror_.keys().events(), last};
    const auto reply = co_await stream_.ask(std::move(words));
    if (!reply || reply->is_error()) {
      last = "$";
      co_await aio::sleep(ground_.env, trouble.next());
      continue;
    }
    trouble.reset();
    if (reply->elements.empty() || reply->elements[0].elements.size() != 2) continue;
    bool theirs = false;
    for (const auto& entry : reply->elements[0].elements[1].elements) {
      if (entry.elements.size() != 2) continue;
      last = entry.elements[0].text;
      bool ours = false;
      const auto& fields = entry.elements[1].elements;
      for (std::size_t i = 0; i < fields.size(); i += 2)
        ours = ours || fields[i].text == kEchoField;
      theirs = theirs || !ours;
    }
    if (theirs) wake();
  }
}

/// What the town has, before it is looked what of it stands in Redis.
Async<Result<Inward::Before>> Inward::remember() {
  auto& store = ground_.log.store();
  Before before;
  auto agents = co_await town::all_agents(store);
  if (!agents) co_return fail(agents.error());
  for (auto& agent : *agents) {
    const auto id = agent.id;
    before.agents.emplace(id, std::move(agent));
  }
  auto backlog = co_await store.items(town::kBacklog, limits::kPage);
  if (!backlog) co_return fail(backlog.error());
  for (auto& item : *backlog) before.backlog.push_back(std::move(item.item));
  store::DocQuery query;
  query.kind = run::DocOf<reeve::Task>::kKind;
  query.mark = run::kOpen;
  query.limit = kTasks;
  query.after_rank = tasks_after_;
  auto tasks = co_await store.list(std::move(query));
  if (!tasks) co_return fail(tasks.error());
  tasks_after_ = tasks->size() < kTasks ? 0 : tasks->back().rank;
  for (auto& task : *tasks) before.tasks.push_back(std::move(task.key.id));
  for (const auto& id : std::exchange(changed_, {})) before.tasks.push_back(id.str());
  co_return before;
}

Async<Status> Inward::look_around() {
  auto before = co_await remember();
  if (!before) co_return fail(before.error());
  before_ = std::move(*before);
  heard_ = {};
  auto done = co_await caught_up();
  if (done) done = co_await look_at_agents(looks_++ % kClosely == 0);
  if (done) done = co_await look_at_backlog(before_.backlog);
  if (done) done = co_await look_at_tasks(std::move(before_.tasks));
  if (done) done = co_await scan_tasks();
  co_return done;
}

Async<Status> Inward::caught_up() {
  const auto written = co_await aio::within(ground_.env, kPatience, mirror_.caught_up());
  if (!written) co_return fail(Errc::timeout, "the mirror is behind");
  co_return Status();
}

// --- Adopting -----------------------------------------------------------------------------------

namespace {

bool goes_by(const TtAgent& agent, const std::string& reference) {
  const auto low = to_lower(reference);
  return to_lower(agent.name) == low || (agent.nickname && to_lower(*agent.nickname) == low) ||
         agent.id.str() == low;
}

/// A loop writes a heartbeat every few seconds, but for the time of a round.
bool seems_alive(const TtAgent& agent, Time now) {
  if (is_ended(agent.state)) return false;
  const auto silent = now - time_of(agent.last_heartbeat);
  return silent < (agent.state == AgentState::working ? Duration(std::chrono::minutes(15))
                                                      : Duration(std::chrono::seconds(30)));
}

}  // namespace

Async<Result<api::SpawnReply>> Inward::adopt(run::Caller caller, api::AdoptRequest request) {
  // While all is being written nothing can be looked at.
  static_cast<void>(co_await caught_up());
  std::vector<TtAgent> found;
  std::string cursor = "0";
  std::set<std::string> seen_ids;
  do {
    auto ids = co_await look_.scan(KeyFamily::agent, cursor);
    if (!ids) co_return fail(ids.error());
    for (auto& id : *ids) {
      if (!seen_ids.insert(id).second) continue;
      auto fields = co_await look_.hash(mirror_.keys().prefix() + "agent:" + id);
      if (!fields) co_return fail(fields.error());
      auto agent = decode_agent(*fields, moment_of(ground_.env.now()));
      if (agent && !agent->owner && goes_by(*agent, request.agent))
        found.push_back(std::move(*agent));
    }
  } while (cursor != "0");
  if (found.empty()) {
    co_return fail(Errc::not_found, "tinytown has no agent \"" + request.agent +
                                        "\" that is not the town's already (tt list)");
  }
  if (found.size() > 1) {
    co_return fail(Errc::conflict, "tinytown has " + std::to_string(found.size()) + " agents \"" +
                                       request.agent + "\": say which by its id");
  }
  const auto& agent = found[0];
  if (!request.force && seems_alive(agent, ground_.env.now())) {
    co_return fail(Errc::conflict, "a loop of tinytown's seems to work for " + agent.name +
                                       ": tt kill " + agent.name +
                                       " ends it (--force adopts it all the same)");
  }
  api::SpawnRequest spawning;
  spawning.name = agent.name;
  spawning.nickname = agent.nickname;
  spawning.role = agent.role;
  spawning.cli = request.cli.empty() ? agent.cli : request.cli;
  spawning.unchecked = request.unchecked;
  auto spawned = co_await town::spawn(ground_, std::move(caller), std::move(spawning), agent.id);
  if (!spawned) co_return spawned;
  // One that tt has killed has its flag still.
  if (auto dropped = co_await look_.drop_stop(agent.id); !dropped) co_return fail(dropped.error());
  wake();
  co_return spawned;
}

}  // namespace reeve::doors::tinytown
