// The mirror in tinytown's keys: what it costs, and how far it is behind the log.

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <stdexcept>
#include <utility>

#include "aio/real_env.h"
#include "aio/run.h"
#include "aio/task_group.h"
#include "doors/tinytown/mirror.h"
#include "harness.h"
#include "log/log.h"
#include "model/fact.h"
#include "redis.h"
#include "run/draft.h"
#include "store/redis/redis_store.h"

namespace reeve::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto kWindow = 3s;
constexpr std::size_t kAgents = 64;

/// A town on Redis with some agents, and its mirror on the same server.
struct Town {
  Town(const BareRedis& redis, bool sync_always) {
    store::RedisOptions options;
    options.address.unix_socket = redis.socket();
    options.town = "bench";
    options.durability =
        sync_always ? store::RedisDurability::disk : store::RedisDurability::memory;
    auto made = aio::run(loop, store::open_redis(env, loop.get_executor(), options));
    if (!made) throw std::runtime_error(made.error().message());
    store = std::move(*made);
    log = std::make_unique<log::Log>(env, loop.get_executor(), *store);
    aio::run(loop, spawn_all());
    mirror = std::make_unique<doors::tinytown::Mirror>(
        town::Ground{.env = env, .log = *log, .town = "bench", .default_cli = "sh"},
        loop.get_executor(), options.address, doors::tinytown::Mirror::Options());
    mirror->start();
    aio::run(loop, caught_up(*mirror));
  }
  ~Town() {
    aio::run(loop, mirror->close());
    log->close(Error(Errc::unavailable, "over"));
    aio::run(loop, store->close());
  }

  static aio::Async<> caught_up(doors::tinytown::Mirror& mirror) {
    static_cast<void>(co_await mirror.caught_up());
  }
  aio::Async<> spawn_all() {
    for (std::size_t i = 0; i < kAgents; ++i) {
      Agent agent;
      agent.id = AgentId(env.uuid4());
      agent.name = "bee" + std::to_string(i);
      agent.created_at = env.now();
      agents.push_back(agent);
      run::Draft draft(env, *store, run::Caller());
      auto added = co_await draft.add(fact::AgentSpawned{agent});
      if (added) {
        if (auto done = co_await draft.commit(); !done) added = fail(done.error());
      }
      if (!added) throw std::runtime_error(added.error().message());
    }
  }
  /// One agent's state changes: the event, and the agent as it is now.
  store::Commit next(std::size_t i) {
    auto& agent = agents[i % kAgents];
    const auto before = agent.state;
    agent.state = before == AgentState::working ? AgentState::idle : AgentState::working;
    store::Commit commit;
    NewEvent event;
    event.id = EventId(env.uuid7());
    event.kind = "AgentStateChanged";
    event.time = env.now();
    event.scopes = {Scope::of(agent.id)};
    event.origin = "town";
    event.payload =
        write_json_of(fact::AgentStateChanged{agent.id, before, agent.state, "measured"});
    commit.events.push_back(std::move(event));
    commit.writes.emplace_back(store::PutDoc{
        .key = {"agent", agent.id.str()}, .body = write_json_of(agent), .marks = {"open"}});
    return commit;
  }

  boost::asio::io_context loop;
  aio::RealEnv env{loop};
  std::unique_ptr<store::Store> store;
  std::unique_ptr<log::Log> log;
  std::vector<Agent> agents;
  std::unique_ptr<doors::tinytown::Mirror> mirror;
};

aio::Async<> commit_until(Town& town, std::size_t writer, Clock::time_point end,
                          std::uint64_t& done) {
  while (Clock::now() < end) {
    const auto committed = co_await town.store->commit(town.next(writer));
    if (!committed) throw std::runtime_error(committed.error().message());
    ++done;
  }
}

/// As fast as it goes; the clock stops when the mirror has it all.
void cost(Run& run) {
  const BareRedis redis(run.fresh_folder("redis"), false);
  if (!redis.up()) return;
  const auto before = redis.three_xadds(64);
  double value = 0;
  {
    Town town(redis, false);
    std::uint64_t done = 0;
    aio::TaskGroup writers(town.loop.get_executor());
    const auto start = Clock::now();
    for (std::size_t i = 0; i < 64; ++i)
      writers.spawn("writer", commit_until(town, i, start + kWindow, done));
    aio::run(town.loop, writers.join());
    aio::run(town.loop, Town::caught_up(*town.mirror));
    value = static_cast<double>(done) / Seconds(Clock::now() - start).count();
  }
  run.report("mirror/64", value, "events/s",
             {{"3 XADD one after the other", (before + redis.three_xadds(64)) / 2}});
}

struct Lag {
  struct Waiting {
    Position position;
    Clock::time_point answered;
  };
  std::deque<Waiting> waiting;
  std::vector<double> ms;
};

aio::Async<> commit_one(Town& town, std::size_t i, Lag& lag) {
  const auto committed = co_await town.store->commit(town.next(i));
  if (!committed) throw std::runtime_error(committed.error().message());
  lag.waiting.push_back({committed->last, Clock::now()});
}

/// 5,000 commits each second, by the clock; every millisecond it is seen how far the mirror is.
aio::Async<> pace(Town& town, Lag& lag, aio::TaskGroup& commits) {
  constexpr std::size_t kEachMs = 5;
  const auto start = Clock::now();
  std::size_t sent = 0;
  const auto end = start + kWindow;
  for (auto now = start; now < end || !lag.waiting.empty(); now = Clock::now()) {
    const auto position = town.mirror->view().position;
    while (!lag.waiting.empty() && lag.waiting.front().position <= position) {
      lag.ms.push_back(Seconds(now - lag.waiting.front().answered).count() * 1e3);
      lag.waiting.pop_front();
    }
    const auto due =
        static_cast<std::size_t>(Seconds(std::min(now, end) - start).count() * 1e3) * kEachMs;
    for (; sent < due; ++sent) commits.spawn("commit", commit_one(town, sent, lag));
    co_await aio::sleep(town.env, 1ms);
  }
}

void lag(Run& run) {
  const BareRedis redis(run.fresh_folder("redis"), false);
  if (!redis.up()) return;
  Town town(redis, false);
  Lag lag;
  aio::TaskGroup commits(town.loop.get_executor());
  aio::run(town.loop, pace(town, lag, commits));
  aio::run(town.loop, commits.join());
  std::ranges::sort(lag.ms);
  const auto at = [&](double p) {
    return lag.ms.at(static_cast<std::size_t>(static_cast<double>(lag.ms.size() - 1) * p));
  };
  run.report("mirror/behind/p50", at(0.5), "ms", {});
  run.report("mirror/behind/p99", at(0.99), "ms", {});
}

const Registration kCost{"mirror/64",
                         "events per second of a town on Redis with its mirror, 64 commits in "
                         "flight, until all is mirrored; against three XADDs for each event",
                         &cost};
const Registration kLag{
    "mirror/behind", "how long after a commit's answer it is mirrored, at 5,000 each second", &lag};

}  // namespace
}  // namespace reeve::bench
