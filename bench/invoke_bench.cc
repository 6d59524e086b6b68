// What a program pays for asking a model, and for following what it says: runs of a provider that
// answers at once, and deltas to many subscribers. The baseline for runs is the commits alone, made
// by hand; for deltas a std::deque of shared pointers per subscriber.

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>

#include "aio/real_env.h"
#include "aio/run.h"
#include "aio/task_group.h"
#include "harness.h"
#include "llm/scripted.h"
#include "run/invocation.h"
#include "sample.h"
#include "store/memory/memory_store.h"
#include "store/sqlite/sqlite_store.h"

namespace reeve::bench {
namespace {

using aio::Async;

struct Town {
  /// An empty folder: in memory.
  explicit Town(const std::filesystem::path& folder) {
    if (folder.empty()) {
      store = store::make_memory(env, loop.get_executor());
    } else {
      auto made = store::open_sqlite(env, loop.get_executor(), {.path = folder / "town.db"});
      if (!made) throw std::runtime_error(made.error().message());
      store = std::move(*made);
    }
    log.emplace(env, loop.get_executor(), *store);
    auto script = llm::Script::saying("At once.");
    providers.put(std::make_shared<llm::ScriptedProvider>("model", env, std::move(script)));
    invocation.emplace(env, loop.get_executor(), *log, providers, tools,
                       run::Invocation::Options());
  }
  ~Town() {
    aio::run(loop, invocation->close());
    invocation.reset();
    log.reset();
    aio::run(loop, store->close());
  }
  boost::asio::io_context loop{1};
  aio::RealEnv env{loop};
  std::unique_ptr<store::Store> store;
  std::optional<log::Log> log;
  llm::Registry providers;
  tool::Registry tools;
  std::optional<run::Invocation> invocation;
};

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  return std::move(*result);
}

// --- Runs ----------------------------------------------------------------------------------------

Async<> ask(Town& town, std::size_t runs, std::optional<ThreadId> session) {
  for (std::size_t i = 0; i < runs; ++i) {
    auto request = EmitRequest::ask("model", "", "What time is it?");
    request.session = session;
    auto handle = must(co_await town.invocation->emit(std::move(request)));
    const auto done = must(co_await handle.result());
    if (done.state != RunState::completed) throw std::runtime_error(done.error);
  }
}

double runs_per_second(Town& town, std::size_t runs, std::size_t in_flight) {
  aio::TaskGroup group(town.loop.get_executor(),
                       [](auto, const std::exception_ptr& why) { std::rethrow_exception(why); });
  const auto start = Clock::now();
  for (std::size_t i = 0; i < in_flight; ++i)
    group.spawn("ask", ask(town, runs / in_flight, std::nullopt));
  aio::run(town.loop, group.join());
  return static_cast<double>(runs / in_flight * in_flight) / Seconds(Clock::now() - start).count();
}

/// As many commits of as many events as runs make, and nothing else.
Async<> bare_commits(Town& town, Sample& sample, std::size_t runs) {
  for (std::size_t i = 0; i < runs; ++i) {
    for (const std::size_t events : {3U, 4U}) {
      store::Commit commit;
      for (std::size_t e = 0; e < events; ++e) commit.events.push_back(sample.next());
      must(co_await town.store->commit(std::move(commit)));
    }
  }
}

double bare_per_second(Town& town, std::size_t runs, std::size_t in_flight) {
  Sample sample(town.env);
  aio::TaskGroup group(town.loop.get_executor());
  const auto start = Clock::now();
  for (std::size_t i = 0; i < in_flight; ++i)
    group.spawn("commit", bare_commits(town, sample, runs / in_flight));
  aio::run(town.loop, group.join());
  return static_cast<double>(runs) / Seconds(Clock::now() - start).count();
}

void emit(Run& run, bool durable) {
  const std::string name = durable ? "emit/sqlite" : "emit/memory";
  for (const std::size_t in_flight : {1U, 64U}) {
    const std::size_t runs = durable ? (in_flight == 1 ? 400 : 12'800) : 32'000;
    Town town(durable ? run.fresh_folder("emit") : std::filesystem::path());
    runs_per_second(town, runs / 8, in_flight);  // warm
    const auto bare = bare_per_second(town, runs, in_flight);
    run.report(fmt::format("{}/{}", name, in_flight), runs_per_second(town, runs, in_flight),
               "runs/s", {{"its commits alone", bare}});
  }
}

void session(Run& run) {
  constexpr std::size_t kRuns = 3'000;
  Town town{std::filesystem::path()};
  auto first = must(aio::run(
      town.loop, town.invocation->emit(EmitRequest::ask("model", "", "What time is it?"))));
  must(aio::run(town.loop, first.result()));
  const auto timed = [&](std::size_t runs) {
    const auto start = Clock::now();
    aio::run(town.loop, ask(town, runs, first.session()));
    return Seconds(Clock::now() - start).count() / static_cast<double>(runs) * 1e6;
  };
  const auto early = timed(100);
  timed(kRuns - 200);
  run.report("session/run_3000", timed(100), "us", {{"the first hundred", early}});
}

void first_event(Run& run) {
  Town town{std::filesystem::path()};
  std::vector<double> waits;
  const auto one = [](Town& its, std::vector<double>& out) -> Async<> {
    const auto start = Clock::now();
    auto handle = must(
        co_await its.invocation->emit(EmitRequest::ask("model", "", "What time is it?"), {}, true));
    static_cast<void>(must(co_await handle.events()->next()));
    out.push_back(Seconds(Clock::now() - start).count() * 1e6);
    static_cast<void>(must(co_await handle.result()));
  };
  for (int i = 0; i < 5'000; ++i) aio::run(town.loop, one(town, waits));
  std::ranges::sort(waits);
  run.report("emit/first_event/p50", waits[waits.size() / 2], "us", {});
  run.report("emit/first_event/p99", waits[waits.size() * 99 / 100], "us", {});
}

// --- Deltas --------------------------------------------------------------------------------------

constexpr std::size_t kBatch = 512;

Async<> read_deltas(log::Subscription& subscription, std::size_t& received, std::size_t wanted) {
  while (received < wanted) {
    const auto frames = must(co_await subscription.next());
    for (const auto& frame : frames) {
      if (std::holds_alternative<DeltaPtr>(frame)) ++received;
      if (const auto* gap = std::get_if<Gap>(&frame)) received += gap->dropped;
    }
  }
}

/// Through a sink, as a run says them; each subscriber reads when a batch is out.
Async<> say(log::DurableSink& sink, std::size_t deltas) {
  const AgentEvent word = TextDelta{.delta = "a word or two "};
  for (std::size_t i = 0; i < deltas; ++i) {
    static_cast<void>(sink.emit(word));
    if (i % kBatch == kBatch - 1) co_await aio::yield();
  }
}

/// The same with a std::deque for each subscriber.
double bare_deltas(std::size_t deltas, std::size_t subscribers) {
  struct Word {
    std::string text;
  };
  std::vector<std::deque<std::shared_ptr<const Word>>> queues(subscribers);
  std::size_t received = 0;
  const auto start = Clock::now();
  for (std::size_t i = 0; i < deltas; ++i) {
    const auto word = std::make_shared<const Word>(Word{R"({"delta":"a word or two "})"});
    for (auto& queue : queues) queue.push_back(word);
    if (i % kBatch != kBatch - 1 && i + 1 != deltas) continue;
    for (auto& queue : queues) {
      std::vector<std::shared_ptr<const Word>> batch(queue.begin(), queue.end());
      received += batch.size();
      queue.clear();
    }
  }
  return static_cast<double>(received) / Seconds(Clock::now() - start).count();
}

void deltas(Run& run) {
  for (const auto& [subscribers, count] :
       {std::pair<std::size_t, std::size_t>{1, 1'000'000}, {100, 100'000}, {1'000, 10'000}}) {
    Town town{std::filesystem::path()};
    log::SinkOptions options;
    options.context = {
        .run = RunId(town.env.uuid4()), .thread = ThreadId(town.env.uuid4()), .origin = "bench"};
    options.context.scopes = {Scope::of(options.context.run), Scope::of(options.context.thread)};
    log::DurableSink sink(town.env, *town.log, options);
    std::vector<std::unique_ptr<log::Subscription>> followers;
    std::vector<std::size_t> received(subscribers);
    aio::TaskGroup group(town.loop.get_executor());
    for (std::size_t i = 0; i < subscribers; ++i) {
      log::SubscribeOptions follow;
      follow.deltas = true;
      follow.batch = kBatch;
      followers.push_back(town.log->subscribe(follow));
      group.spawn("reader", read_deltas(*followers.back(), received[i], count));
    }
    const auto start = Clock::now();
    aio::run(town.loop, say(sink, count));
    aio::run(town.loop, group.join());
    const auto took = Seconds(Clock::now() - start).count();
    run.report(fmt::format("deltas/{}", subscribers),
               static_cast<double>(subscribers * count) / took, "deliveries/s",
               {{"a deque each", bare_deltas(count, subscribers)}});
    const auto dropped = town.log->counters().deltas_dropped;
    run.report(fmt::format("deltas/{}/dropped", subscribers), static_cast<double>(dropped),
               "deltas", {});
  }
}

const Registration kMemory{"emit/memory", "one-step runs a second, memory store",
                           [](Run& run) { emit(run, false); }};
const Registration kSqlite{"emit/sqlite", "one-step runs a second, SQLite",
                           [](Run& run) { emit(run, true); }};
const Registration kFirst{"emit/first_event", "from emit to the run's first event", &first_event};
const Registration kSession{"session", "the 3,000th run of a session against the first", &session};
const Registration kDeltas{"deltas", "token deltas to 1, 100 and 1,000 subscribers", &deltas};

}  // namespace
}  // namespace reeve::bench
