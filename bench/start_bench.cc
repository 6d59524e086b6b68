// How long opening a store with a million events takes.

#include <stdexcept>

#include "aio/real_env.h"
#include "aio/run.h"
#include "harness.h"
#include "sample.h"
#include "store/sqlite/sqlite_store.h"

namespace reeve::bench {
namespace {

/// Not a multiple of a segment: the last 29,000 are not in the scope index yet.
constexpr std::size_t kEvents = 1'019'000;

std::unique_ptr<store::Store> open(Env& env, boost::asio::io_context& loop,
                                   const std::filesystem::path& folder) {
  store::SqliteOptions options{.path = folder / "town.db"};
  auto made = store::open_sqlite(env, loop.get_executor(), options);
  if (!made) throw std::runtime_error(made.error().message());
  return std::move(*made);
}

aio::Async<> fill(store::Store& store, Sample& sample) {
  for (std::size_t i = 0; i < kEvents; i += 1'000) {
    store::Commit commit;
    for (int e = 0; e < 1'000; ++e) commit.events.push_back(sample.next());
    const auto done = co_await store.commit(std::move(commit));
    if (!done) throw std::runtime_error(done.error().message());
  }
}

void start(Run& run) {
  const auto folder = run.fresh_folder("start");
  boost::asio::io_context loop;
  aio::RealEnv env(loop);
  Sample sample(env);
  auto store = open(env, loop, folder);
  aio::run(loop, fill(*store, sample));
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) {
    aio::run(loop, store->close());
    store.reset();
    const auto begin = Clock::now();
    store = open(env, loop, folder);
    times.push_back(Seconds(Clock::now() - begin).count());
  }
  aio::run(loop, store->close());
  run.report("start/1M", median(times), "s", {});
}

const Registration kStart{"start", "opening a store with a million events", &start};

}  // namespace
}  // namespace reeve::bench
