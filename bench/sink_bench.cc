// What keeping a run's events costs: normalised and committed at each durability mode, readers that
// are too slow under each policy, and a subscriber that only waits. The baseline of what is kept is
// the same bytes appended to a file and synced as often.

#include <fmt/format.h>
#include <malloc.h>

#include <memory>
#include <stdexcept>

#include "aio/real_env.h"
#include "aio/run.h"
#include "aio/task_group.h"
#include "disk.h"
#include "harness.h"
#include "log/append.h"
#include "log/durable_sink.h"
#include "run/listener.h"
#include "store/memory/memory_store.h"
#include "store/sqlite/sqlite_store.h"

namespace reeve::bench {
namespace {

using aio::Async;

/// A log with one run that says things.
struct Ground {
  explicit Ground(const std::filesystem::path& folder = {}) {
    if (folder.empty()) {
      store = store::make_memory(env, loop.get_executor());
    } else {
      auto made = store::open_sqlite(env, loop.get_executor(), {.path = folder / "town.db"});
      if (!made) throw std::runtime_error(made.error().message());
      store = std::move(*made);
    }
    log = std::make_unique<log::Log>(env, loop.get_executor(), *store);
  }
  ~Ground() {
    log.reset();
    aio::run(loop, store->close());
  }
  log::SinkOptions options(Durability durability) {
    log::SinkOptions options;
    options.durability = durability;
    options.context = {
        .run = RunId(env.uuid4()), .thread = ThreadId(env.uuid4()), .origin = "bench"};
    options.context.scopes = {Scope::of(options.context.run), Scope::of(options.context.thread)};
    return options;
  }

  boost::asio::io_context loop{1};
  aio::RealEnv env{loop};
  std::unique_ptr<store::Store> store;
  std::unique_ptr<log::Log> log;
};

// --- Durability modes ----------------------------------------------------------------------------

constexpr std::size_t kDeltas = 20;  // of one step
constexpr std::size_t kStep = kDeltas + 6;

void say_step(log::DurableSink& sink) {
  static const AgentEvent word = TextDelta{.delta = "a word or two "};
  const auto say = [&](const AgentEvent& event) { static_cast<void>(sink.emit(event)); };
  say(StepStarted{});
  for (std::size_t i = 0; i < kDeltas; ++i) say(word);
  say(InferenceComplete{.model = "m", .finish_reason = "tool_calls"});
  say(AssistantMessage{.message_id = "m1", .text = std::string(kDeltas * 14, 'x')});
  say(ToolCallReady{.id = "c1", .name = "read_file", .arguments = {{"path", "src/main.cc"}}});
  say(ToolCallDone{.id = "c1", .name = "read_file", .result = json::value(std::string(200, 'y'))});
  say(StepEnded{});
}

/// One run of many steps: each is committed, as runs do. Answers the bytes that were kept.
Async<> run_steps(Ground& ground, log::DurableSink& sink, std::size_t steps, std::size_t& bytes) {
  for (std::size_t i = 0; i < steps; ++i) {
    say_step(sink);
    store::Commit commit;
    const auto& staged = sink.staged();
    commit.events = staged.events;
    for (const auto& event : commit.events) bytes += event.payload.size();
    auto done = co_await ground.store->commit(std::move(commit));
    if (!done) throw std::runtime_error(done.error().message());
    sink.committed();
  }
}

void modes(Run& run) {
  constexpr std::size_t kRuns = 64;
  constexpr std::size_t kSteps = 60;
  for (const auto mode : {Durability::disabled, Durability::compacted, Durability::full_fidelity}) {
    Ground ground(run.fresh_folder("sink"));
    std::vector<std::unique_ptr<log::DurableSink>> sinks;
    std::size_t bytes = 0;
    aio::TaskGroup group(ground.loop.get_executor());
    const auto start = Clock::now();
    for (std::size_t i = 0; i < kRuns; ++i) {
      sinks.push_back(
          std::make_unique<log::DurableSink>(ground.env, *ground.log, ground.options(mode)));
      group.spawn("run", run_steps(ground, *sinks.back(), kSteps, bytes));
    }
    aio::run(ground.loop, group.join());
    const auto took = Seconds(Clock::now() - start).count();
    const double events = kRuns * kSteps * kStep;
    // As many rounds as 64 in flight make, each one write of all that they keep.
    const auto syncs = sync_times(run.fresh_folder("bare"), bytes / kSteps + 1, kSteps, true);
    double bare = 0;
    for (const auto one : syncs) bare += one;
    run.report(fmt::format("sink/{}", enum_name(mode)), events / took, "events/s",
               {{"the kept bytes, write + fdatasync", events / bare}});
    run.report(fmt::format("sink/{}/kept", enum_name(mode)),
               static_cast<double>(ground.log->head().value) / (kRuns * kSteps), "facts/step", {});
  }
}

// --- Readers that are too slow -------------------------------------------------------------------

Async<> say_deltas(log::Log& log, log::DurableSink& sink, RunId run, std::size_t deltas) {
  const AgentEvent word = TextDelta{.delta = "a word or two "};
  for (std::size_t i = 0; i < deltas; ++i) {
    static_cast<void>(sink.emit(word));
    co_await aio::yield();
    if (log.crowded(run)) co_await log.room(run);
  }
}

Async<> ten_times_slower(run::Heard /*heard*/, run::Control /*control*/) {
  for (int i = 0; i < 10; ++i) co_await aio::yield();
}

Async<> many_turns() {
  for (int i = 0; i < 100'000; ++i) co_await aio::yield();
}

void slow(Run& run) {
  constexpr std::size_t kSaid = 100'000;
  for (const auto policy :
       {run::SlowPolicy::gap, run::SlowPolicy::disconnect, run::SlowPolicy::block}) {
    Ground ground;
    const auto options = ground.options(Durability::compacted);
    log::DurableSink sink(ground.env, *ground.log, options);
    run::Listening listening(ground.env, ground.loop.get_executor(), *ground.log);
    run::ListenOptions listen;
    listen.policy = policy;
    const auto listener = listening.on(listen, ten_times_slower);
    const auto before = ::mallinfo2().uordblks;
    const auto start = Clock::now();
    aio::run(ground.loop, say_deltas(*ground.log, sink, options.context.run, kSaid));
    const auto took = Seconds(Clock::now() - start).count();
    const auto held = ::mallinfo2().uordblks - before;
    aio::run(ground.loop, many_turns());  // what still waits is handled
    aio::run(ground.loop, listener->close());
    const auto counts = listener->counts();
    const auto name = fmt::format("slow/{}", enum_name(policy));
    run.report(name, static_cast<double>(kSaid) / took, "deltas/s", {});
    run.report(name + "/handled", static_cast<double>(counts.handled), "deltas and gaps", {});
    run.report(name + "/missed", static_cast<double>(counts.missed), "deltas", {});
    run.report(name + "/held", static_cast<double>(held) / 1024, "KiB", {});
    aio::run(ground.loop, listening.close());
  }
}

void waiting(Run& run) {
  constexpr std::size_t kMany = 1'000;
  Ground ground;
  std::vector<std::unique_ptr<log::Subscription>> followers;
  followers.reserve(kMany);
  const auto before = ::mallinfo2().uordblks;
  for (std::size_t i = 0; i < kMany; ++i) {
    log::SubscribeOptions follow;
    follow.deltas = true;
    followers.push_back(ground.log->subscribe(follow));
  }
  const auto idle = ::mallinfo2().uordblks - before;
  const auto options = ground.options(Durability::compacted);
  log::DurableSink sink(ground.env, *ground.log, options);
  aio::run(ground.loop, say_deltas(*ground.log, sink, options.context.run, 10'000));
  const auto stalled = ::mallinfo2().uordblks - before;
  run.report("subscriber/idle", static_cast<double>(idle) / kMany / 1024, "KiB", {});
  run.report("subscriber/stalled behind 10,000 deltas", static_cast<double>(stalled) / kMany / 1024,
             "KiB", {});
}

const Registration kModes{"sink", "events normalised and committed at each durability mode",
                          &modes};
const Registration kSlow{"slow", "100,000 deltas to a reader ten times too slow", &slow};
const Registration kWaiting{"subscriber", "memory of a subscriber", &waiting};

}  // namespace
}  // namespace reeve::bench
