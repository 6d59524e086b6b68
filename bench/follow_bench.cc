// How fast a log is followed in process: from a commit's acknowledgement to its subscribers, and
// how many committed events a second are delivered.

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <variant>

#include "aio/real_env.h"
#include "aio/run.h"
#include "aio/task_group.h"
#include "harness.h"
#include "log/log.h"
#include "sample.h"
#include "store/sqlite/sqlite_store.h"

namespace reeve::bench {
namespace {

struct Town {
  explicit Town(const std::filesystem::path& folder) {
    store::SqliteOptions options{.path = folder / "town.db"};
    auto made = store::open_sqlite(env, loop.get_executor(), options);
    if (!made) throw std::runtime_error(made.error().message());
    store = std::move(*made);
    log.emplace(env, loop.get_executor(), *store);
  }
  ~Town() {
    log.reset();
    aio::run(loop, store->close());
  }
  boost::asio::io_context loop;
  aio::RealEnv env{loop};
  std::unique_ptr<store::Store> store;
  std::optional<log::Log> log;
};

double percentile(std::vector<double> values, double part) {
  std::ranges::sort(values);
  return values.at(static_cast<std::size_t>(part * static_cast<double>(values.size() - 1)));
}

/// Follows until `last`; `seen` takes the moment of each event, where it is wanted.
aio::Async<> follow(log::Log& log, log::From from, Position last,
                    std::vector<Clock::time_point>* seen) {
  log::SubscribeOptions options;
  options.from = from;
  const auto subscription = log.subscribe(std::move(options));
  while (subscription->position() < last) {
    const auto frames = co_await subscription->next();
    if (!frames) throw std::runtime_error(frames.error().message());
    if (seen == nullptr) continue;
    const auto now = Clock::now();
    for (const auto& frame : *frames) {
      if (const auto* event = std::get_if<EventPtr>(&frame))
        (*seen)[(*event)->position.value - 1] = now;
    }
  }
}

// --- Latency -------------------------------------------------------------------------------------

constexpr std::size_t kRate = 10'000;
constexpr std::size_t kSeconds = 3;

struct Moments {
  std::vector<double> commits;              // seconds from the call to its answer
  std::vector<Clock::time_point> answered;  // by position
};

aio::Async<> commit_one(Town& town, Sample& sample, Moments& moments) {
  store::Commit commit;
  commit.events.push_back(sample.next());
  const auto start = Clock::now();
  const auto done = co_await town.store->commit(std::move(commit));
  if (!done) throw std::runtime_error(done.error().message());
  const auto now = Clock::now();
  moments.commits.push_back(Seconds(now - start).count());
  moments.answered[done->last.value - 1] = now;
}

/// One commit of one event after the other, by the clock and not by the answers.
aio::Async<> write_steadily(Town& town, Sample& sample, Moments& moments) {
  aio::TaskGroup commits(town.loop.get_executor());
  const auto start = Clock::now();
  for (std::size_t made = 0; made < kRate * kSeconds;) {
    const auto due = static_cast<std::size_t>(Seconds(Clock::now() - start).count() * kRate);
    for (; made < std::min(due, kRate * kSeconds); ++made)
      commits.spawn("commit", commit_one(town, sample, moments));
    co_await aio::sleep(town.env, std::chrono::microseconds(500));
  }
  co_await commits.join();
}

void latency(Run& run, std::size_t subscribers) {
  Town town(run.fresh_folder("follow"));
  Sample sample(town.env);
  const auto events = kRate * kSeconds;
  Moments moments;
  moments.answered.resize(events);
  std::vector<std::vector<Clock::time_point>> seen(subscribers);
  aio::TaskGroup readers(town.loop.get_executor());
  for (auto& one : seen) {
    one.resize(events);
    readers.spawn("reader", follow(*town.log, log::From::now(), {events}, &one));
  }
  const auto start = Clock::now();
  aio::run(town.loop, write_steadily(town, sample, moments));
  const auto took = Seconds(Clock::now() - start).count();
  aio::run(town.loop, readers.join());

  std::vector<double> beyond;
  for (const auto& one : seen) {
    for (std::size_t i = 0; i < events; ++i)
      beyond.push_back(Seconds(one[i] - moments.answered[i]).count());
  }
  const auto name = fmt::format("follow/{}", subscribers);
  run.report(name + "/rate", static_cast<double>(events) / took, "events/s", {});
  for (const auto& [what, part] : {std::pair("p50", 0.5), std::pair("p99", 0.99)}) {
    run.report(fmt::format("{}/{}", name, what), percentile(beyond, part) * 1e3, "ms",
               {{"the commit itself", percentile(moments.commits, part) * 1e3}});
  }
}

// --- Throughput ----------------------------------------------------------------------------------

aio::Async<> fill(Town& town, Sample& sample, std::size_t events) {
  for (std::size_t i = 0; i < events; i += 1'000) {
    store::Commit commit;
    for (int e = 0; e < 1'000; ++e) commit.events.push_back(sample.next());
    const auto done = co_await town.store->commit(std::move(commit));
    if (!done) throw std::runtime_error(done.error().message());
  }
}

aio::Async<> read_pages(store::Store& store, Position last) {
  for (Position at; at < last;) {
    const auto page = co_await store.read(at, {}, log::SubscribeOptions().batch);
    if (!page) throw std::runtime_error(page.error().message());
    at = page->scanned;
  }
}

/// Deliveries per second of the newest `events`, all subscribers together.
double deliver(Town& town, std::size_t subscribers, std::size_t events) {
  const auto head = town.log->head();
  const log::From from = log::From::after({head.value - events});
  aio::TaskGroup readers(town.loop.get_executor());
  const auto start = Clock::now();
  for (std::size_t i = 0; i < subscribers; ++i)
    readers.spawn("reader", follow(*town.log, from, head, nullptr));
  aio::run(town.loop, readers.join());
  return static_cast<double>(subscribers * events) / Seconds(Clock::now() - start).count();
}

void throughput(Run& run) {
  constexpr std::size_t kEvents = 200'000;
  constexpr std::size_t kFewer = 20'000;  // for each of a hundred
  constexpr std::size_t kRecent = 8'000;  // what the tail holds
  Town town(run.fresh_folder("deliver"));
  Sample sample(town.env);
  aio::run(town.loop, fill(town, sample, kEvents));
  run.report("deliver/tail/1", deliver(town, 1, kRecent), "events/s", {});
  run.report("deliver/tail/100", deliver(town, 100, kRecent), "events/s", {});
  // A new log has no tail: everything comes from the store.
  town.log.reset();
  town.log.emplace(town.env, town.loop.get_executor(), *town.store);
  const auto bare = [&] {
    const auto start = Clock::now();
    aio::run(town.loop, read_pages(*town.store, {kEvents}));
    return static_cast<double>(kEvents) / Seconds(Clock::now() - start).count();
  };
  const auto before = bare();
  const auto one = deliver(town, 1, kEvents);
  const auto between = bare();
  const auto hundred = deliver(town, 100, kFewer);
  const auto after = bare();
  run.report("deliver/store/1", one, "events/s", {{"Store::read", (before + between) / 2}});
  run.report("deliver/store/100", hundred, "events/s", {{"Store::read", (between + after) / 2}});
}

const Registration kOne{"follow/1", "from acknowledgement to one subscriber at 10,000 events/s",
                        [](Run& run) { latency(run, 1); }};
const Registration kHundred{"follow/100",
                            "from acknowledgement to 100 subscribers at 10,000 events/s",
                            [](Run& run) { latency(run, 100); }};
const Registration kDeliver{"deliver", "committed events to 1 and 100 subscribers", &throughput};

}  // namespace
}  // namespace reeve::bench
