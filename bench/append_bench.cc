// Durable appends of the SQLite store against bare SQLite and against what tinytown does.

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "aio/real_env.h"
#include "aio/run.h"
#include "aio/task_group.h"
#include "bare_sqlite.h"
#include "disk.h"
#include "harness.h"
#include "redis.h"
#include "sample.h"
#include "store/sqlite/sqlite_store.h"

namespace reeve::bench {
namespace {

constexpr auto kWindow = std::chrono::seconds(3);

struct Load {
  std::string name;
  std::size_t in_flight = 1;
  std::size_t events = 1;  // in a commit
};

struct Opened {
  explicit Opened(const std::filesystem::path& folder) {
    store::SqliteOptions options{.path = folder / "town.db"};
    auto made = store::open_sqlite(env, loop.get_executor(), options);
    if (!made) throw std::runtime_error(made.error().message());
    store = std::move(*made);
    store->set_feed([this](const std::vector<EventPtr>& events) { fed += events.size(); });
  }
  ~Opened() { aio::run(loop, store->close()); }
  boost::asio::io_context loop;
  aio::RealEnv env{loop};
  std::uint64_t fed = 0;
  std::unique_ptr<store::Store> store;
};

aio::Async<> commit_until(Opened& opened, Sample& sample, Clock::time_point end,
                          std::size_t events) {
  while (Clock::now() < end) {
    store::Commit commit;
    commit.events.reserve(events);
    for (std::size_t i = 0; i < events; ++i) commit.events.push_back(sample.next());
    const auto done = co_await opened.store->commit(std::move(commit));
    if (!done) throw std::runtime_error(done.error().message());
  }
}

/// Events per second.
double reeve_events(const std::filesystem::path& folder, const Load& load) {
  Opened opened(folder);
  Sample sample(opened.env);
  aio::TaskGroup writers(opened.loop.get_executor());
  const auto start = Clock::now();
  for (std::size_t i = 0; i < load.in_flight; ++i)
    writers.spawn("writer", commit_until(opened, sample, start + kWindow, load.events));
  aio::run(opened.loop, writers.join());
  const auto took = Seconds(Clock::now() - start).count();
  return static_cast<double>(opened.fed) / took;
}

double between(double before, double after) { return (before + after) / 2; }

void append(Run& run, const Load& load) {
  boost::asio::io_context loop;
  aio::RealEnv env(loop);
  Sample sample(env);
  const auto folder = [&] { return run.fresh_folder("append"); };
  // Disk and machine change within minutes: every figure has its baselines around it.
  const auto a = bare_inserts(folder(), sample, true);
  const auto a0 = bare_inserts(folder(), sample, false);
  const auto before = sync_median(folder());
  const auto value = reeve_events(folder(), load);
  const auto f = between(before, sync_median(folder()));
  const auto n = static_cast<double>(load.in_flight * load.events);
  const auto limit = n / (f + n / a0);
  run.report(load.name + "/f", f * 1e3, "ms", {});
  run.report(load.name + "/a0", a0, "events/s", {});
  std::vector<Run::Baseline> baselines{
      {"limit n/(f+n/a0)", limit}, {"a: bare SQLite, scope index", a}, {"a0: bare SQLite", a0}};
  const int clients = static_cast<int>(std::min<std::size_t>(load.in_flight, 64));
  if (const BareRedis redis(folder(), false); redis.up())
    baselines.push_back({"b: 3 XADD, no fsync", redis.three_xadds(clients)});
  if (const BareRedis redis(folder(), true); redis.up())
    baselines.push_back({"c: 3 XADD, fsync always", redis.three_xadds(clients)});
  run.report(load.name, value, "events/s", baselines);
}

/// One writer that waits between its commits, against the same bytes appended and synced.
void idle_commit(Run& run) {
  constexpr int kSamples = 300;
  std::vector<double> times;
  const auto folder = run.fresh_folder("idle");
  const auto before = median(sync_times(folder, 350, kSamples, true));
  {
    Opened opened(folder);
    Sample sample(opened.env);
    const auto work = [](Opened& to, Sample& from, std::vector<double>& out) -> aio::Async<> {
      for (int i = 0; i < kSamples; ++i) {
        store::Commit commit;
        commit.events.push_back(from.next());
        const auto start = Clock::now();
        const auto done = co_await to.store->commit(std::move(commit));
        out.push_back(Seconds(Clock::now() - start).count());
        if (!done) throw std::runtime_error(done.error().message());
        co_await aio::sleep(to.env, std::chrono::milliseconds(1));
      }
    };
    aio::run(opened.loop, work(opened, sample, times));
  }
  const auto after = median(sync_times(folder, 350, kSamples, true));
  run.report("commit/idle", median(times) * 1e3, "ms",
             {{"bare write + fdatasync", between(before, after) * 1e3}});
}

Registration append_bench(const Load& load) {
  return {load.name,
          fmt::format("durable events per second, {} commits of {} in flight, against bare SQLite "
                      "and Redis",
                      load.in_flight, load.events),
          [load](Run& run) { append(run, load); }};
}
const auto kAppend1 = append_bench({"append/1", 1});
const auto kAppend8 = append_bench({"append/8", 8});
const auto kAppend64 = append_bench({"append/64", 64});
const auto kAppend1000 = append_bench({"append/1000", 1'000});
const auto kAppend64x16 = append_bench({"append/64x16", 64, 16});
const Registration kIdle{"commit", "latency of one idle writer's commit", &idle_commit};

}  // namespace
}  // namespace reeve::bench
