// A town on Redis against what tinytown does with the same server: three XADDs for each event.

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

#include "aio/real_env.h"
#include "aio/run.h"
#include "aio/task_group.h"
#include "harness.h"
#include "redis.h"
#include "sample.h"
#include "store/redis/group.h"
#include "store/redis/redis_store.h"
#include "store/redis/scripts.h"

namespace reeve::bench {
namespace {

constexpr auto kWindow = std::chrono::seconds(3);

store::RedisOptions options_for(const BareRedis& redis, bool sync_always) {
  store::RedisOptions options;
  options.address.unix_socket = redis.socket();
  options.town = "bench";
  options.durability = sync_always ? store::RedisDurability::disk : store::RedisDurability::memory;
  return options;
}

struct Opened {
  explicit Opened(store::RedisOptions options) {
    auto made = aio::run(loop, store::open_redis(env, loop.get_executor(), std::move(options)));
    if (!made) throw std::runtime_error(made.error().message());
    store = std::move(*made);
  }
  ~Opened() { aio::run(loop, store->close()); }
  boost::asio::io_context loop;
  aio::RealEnv env{loop};
  std::unique_ptr<store::Store> store;
};

/// One event, and the document that it changes: what a change of an agent commits.
store::Commit commit_of(Sample& sample, std::size_t writer) {
  store::Commit commit;
  commit.events.push_back(sample.next());
  commit.writes.emplace_back(
      store::PutDoc{.key = {"agent", std::to_string(writer)},
                    .body = R"({"state":"working","text":")" + std::string(200, 'x') + "\"}",
                    .marks = {"open"}});
  return commit;
}

aio::Async<> commit_until(Opened& opened, Sample& sample, std::size_t writer, Clock::time_point end,
                          std::uint64_t& done) {
  while (Clock::now() < end) {
    const auto committed = co_await opened.store->commit(commit_of(sample, writer));
    if (!committed) throw std::runtime_error(committed.error().message());
    ++done;
  }
}

/// Events per second, each in a commit of its own that also writes a document.
double reeve_events(const store::RedisOptions& options, std::size_t in_flight) {
  Opened opened(options);
  std::uint64_t told = 0;
  opened.store->set_feed([&](const std::vector<EventPtr>& events) { told += events.size(); });
  Sample sample(opened.env);
  std::uint64_t done = 0;
  aio::TaskGroup writers(opened.loop.get_executor());
  const auto start = Clock::now();
  for (std::size_t i = 0; i < in_flight; ++i)
    writers.spawn("writer", commit_until(opened, sample, i, start + kWindow, done));
  aio::run(opened.loop, writers.join());
  const auto took = Seconds(Clock::now() - start).count();
  if (told != done) throw std::runtime_error("the feed was not told of every event");
  return static_cast<double>(done) / took;
}

/// The script call of one such commit, made by a client that does nothing else: as fast as it can
/// be on this machine with one in flight.
double bare_calls(const BareRedis& redis, store::RedisOptions options) {
  namespace internal = store::redis;
  options.town = "bare";
  Opened opened(options);
  Sample sample(opened.env);
  const auto commit = commit_of(sample, 0);
  auto done = aio::run(opened.loop, opened.store->commit(commit));
  if (!done) throw std::runtime_error(done.error().message());
  const auto prefix = store::redis_prefix(options.town);
  const auto state = redis.get(prefix + "state");
  internal::Heads heads;
  heads.set({"agent", "0"}, {.version = 1, .rank = 1, .marks = "open"});
  internal::Group group({&commit}, heads);
  std::vector<std::string> words{"EVALSHA", internal::sha_of(internal::Script::commit), "1", prefix,
                                 state.substr(0, state.size() - 64)};
  group.encode(words, {.now = opened.env.now(), .clock = "", .session_size = state.size() - 64});
  return redis.calls(words);
}

void throughput(Run& run, std::size_t in_flight, bool sync_always) {
  const BareRedis redis(run.fresh_folder("redis"), sync_always);
  if (!redis.up()) return;
  const int clients = static_cast<int>(std::min<std::size_t>(in_flight, 64));
  const auto before = redis.three_xadds(clients);
  const auto value = reeve_events(options_for(redis, sync_always), in_flight);
  const auto after = redis.three_xadds(clients);
  std::vector<Run::Baseline> baselines{
      {"3 XADD one after the other", (before + after) / 2},
      {"3 XADD for each, pipelined",
       redis.pipelined_xadds(static_cast<int>(std::min<std::size_t>(in_flight, 1'000)))}};
  if (in_flight == 1)
    baselines.push_back(
        {"the same call by a bare client", bare_calls(redis, options_for(redis, sync_always))});
  run.report(fmt::format("redis/{}/{}", sync_always ? "always" : "memory", in_flight), value,
             "events/s", std::move(baselines));
}

// --- From the commit to a subscriber
// --------------------------------------------------------------

/// Arrival times of events by position, in memory that two processes share.
struct Arrivals {
  static constexpr std::size_t kEvents = 3'000;
  std::atomic<bool> ready{false};
  std::array<std::atomic<std::int64_t>, kEvents + 1> at{};
};
std::int64_t now_ns() { return Clock::now().time_since_epoch().count(); }

/// The other process: follows the town until it has seen everything.
int follow(const store::RedisOptions& options, Arrivals& arrivals) {
  auto how = options;
  how.reader = true;
  Opened opened(how);
  std::size_t seen = 0;
  aio::Signal changed(opened.loop.get_executor());
  opened.store->set_feed([&](const std::vector<EventPtr>& events) {
    const auto now = now_ns();
    for (const auto& event : events) {
      if (event->position.value <= Arrivals::kEvents) arrivals.at.at(event->position.value) = now;
    }
    seen += events.size();
    changed.notify();
  });
  arrivals.ready = true;
  const auto wait = [](std::size_t& count, aio::Signal& signal) -> aio::Async<> {
    while (count < Arrivals::kEvents) co_await signal.wait();
  };
  aio::run(opened.loop, wait(seen, changed));
  return 0;
}

struct Times {
  std::vector<double> commit;  // from the call to its answer
  std::vector<double> here;    // from the call to the feed of the same process
  std::vector<double> beyond;  // from the answer to the feed of the other process
};

double percentile(std::vector<double> values, double p) {
  std::ranges::sort(values);
  return values.at(static_cast<std::size_t>(static_cast<double>(values.size() - 1) * p));
}

aio::Async<> commit_slowly(Opened& opened, std::vector<std::int64_t>& asked,
                           std::vector<std::int64_t>& answered) {
  Sample sample(opened.env);
  for (std::size_t i = 1; i <= Arrivals::kEvents; ++i) {
    asked.push_back(now_ns());
    const auto done = co_await opened.store->commit(commit_of(sample, i % 100));
    answered.push_back(now_ns());
    if (!done) throw std::runtime_error(done.error().message());
    if (i % 4 == 0) co_await aio::sleep(opened.env, std::chrono::milliseconds(1));
  }
}

void latency(Run& run) {
  const BareRedis redis(run.fresh_folder("redis"), true);
  if (!redis.up()) return;
  const auto options = options_for(redis, true);
  {
    const Opened made(options);
  }
  void* memory =
      ::mmap(nullptr, sizeof(Arrivals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::runtime_error("no shared memory");
  auto& arrivals = *new (memory) Arrivals;
  const auto other = ::fork();
  if (other == 0) {
    try {
      ::_exit(follow(options, arrivals));
    } catch (...) {
      ::_exit(1);
    }
  }
  std::vector<std::int64_t> asked;
  std::vector<std::int64_t> answered;
  std::vector<std::int64_t> told(Arrivals::kEvents + 1);
  {
    Opened opened(options);
    while (!arrivals.ready)
      aio::run(opened.loop, aio::sleep(opened.env, std::chrono::milliseconds(1)));
    opened.store->set_feed([&](const std::vector<EventPtr>& events) {
      const auto now = now_ns();
      for (const auto& event : events) told.at(event->position.value) = now;
    });
    aio::run(opened.loop, commit_slowly(opened, asked, answered));
  }
  int status = 0;
  ::waitpid(other, &status, 0);
  if (status != 0) throw std::runtime_error("the other process failed");
  Times times;
  constexpr double kMs = 1e-6;
  for (std::size_t i = 1; i <= Arrivals::kEvents; ++i) {
    const auto ask = asked.at(i - 1);
    const auto answer = answered.at(i - 1);
    times.commit.push_back(static_cast<double>(answer - ask) * kMs);
    times.here.push_back(static_cast<double>(told.at(i) - ask) * kMs);
    times.beyond.push_back(
        std::max(0.0, static_cast<double>(arrivals.at.at(i).load() - answer) * kMs));
  }
  ::munmap(memory, sizeof(Arrivals));
  for (const auto p : {0.5, 0.99}) {
    const auto name = [&](std::string_view what) {
      return fmt::format("redis/latency/{}/p{:.0f}", what, p * 100);
    };
    const auto commit = percentile(times.commit, p);
    run.report(name("commit"), commit, "ms", {});
    run.report(name("subscriber"), percentile(times.here, p), "ms",
               {{"the commit itself", commit}});
    run.report(name("other_process_beyond_commit"), percentile(times.beyond, p), "ms",
               {{"the commit itself", commit}});
  }
}

Registration throughput_bench(std::size_t in_flight, bool sync_always) {
  return {fmt::format("redis/{}/{}", sync_always ? "always" : "memory", in_flight),
          fmt::format("events per second of a town on Redis, {} commits in flight, {}; against "
                      "three XADDs for each event",
                      in_flight, sync_always ? "fsync always" : "no fsync"),
          [=](Run& run) { throughput(run, in_flight, sync_always); }};
}
const auto kMemory1 = throughput_bench(1, false);
const auto kMemory64 = throughput_bench(64, false);
const auto kMemory1000 = throughput_bench(1'000, false);
const auto kAlways1 = throughput_bench(1, true);
const auto kAlways64 = throughput_bench(64, true);
const auto kAlways1000 = throughput_bench(1'000, true);
const Registration kLatency{"redis/latency",
                            "from a commit on Redis to subscribers, here and in a second process",
                            &latency};

}  // namespace
}  // namespace reeve::bench
