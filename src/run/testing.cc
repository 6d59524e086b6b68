#include "run/testing.h"

#include "aio/run.h"
#include "run/fold_check.h"
#include "store/memory/memory_store.h"
#include "store/sqlite/sqlite_store.h"

namespace reeve::run::testing {

/// What has not come by then does not come. On a busy machine a second is nothing: this decides how
/// long a test that fails takes, and never whether it fails.
constexpr auto kGivesUp = std::chrono::seconds(60);

void SimEnv::advance(std::chrono::nanoseconds by) {
  uptime_ += by;
  while (!due_.empty() && due_.begin()->first <= uptime_) {
    auto [timer, then] = std::move(due_.begin()->second);
    due_.erase(due_.begin());
    timer->pending_ = false;
    then();
  }
}

Async<Result<store::Committed>> TroubledStore::commit(store::Commit commit) {
  const Call call(in_flight);
  for (const auto& write : commit.writes) {
    if (const auto* put = std::get_if<store::PutDoc>(&write)) kinds.insert(put->key.kind);
  }
  ++commits;
  largest = std::max(largest, commit.events.size());
  if (down) co_return away();
  std::optional<Trouble> trouble;
  if (commits_left && --*commits_left <= 0) {
    down = true;
    trouble = Trouble{Errc::unknown_outcome, last_applied};
  } else if (!next.empty()) {
    trouble = next.front();
    next.erase(next.begin());
  }
  if (trouble && !trouble->applied) co_return fail(trouble->code, "the test says so");
  auto done = co_await inner_->commit(std::move(commit));
  if (trouble) co_return fail(trouble->code, "the test says so");
  co_return done;
}

Async<Result<std::optional<store::Doc>>> TroubledStore::get(store::DocKey key) {
  const Call call(in_flight);
  if (down) co_return away();
  co_return co_await inner_->get(std::move(key));
}

Async<Result<std::vector<store::Doc>>> TroubledStore::list(store::DocQuery query) {
  const Call call(in_flight);
  if (down) co_return away();
  co_return co_await inner_->list(std::move(query));
}

Async<Result<std::uint64_t>> TroubledStore::count(std::string kind, std::string mark) {
  const Call call(in_flight);
  if (down) co_return away();
  co_return co_await inner_->count(std::move(kind), std::move(mark));
}

Async<Result<std::vector<store::QueueItem>>> TroubledStore::ready(std::string queue, Time now,
                                                                  std::size_t limit,
                                                                  store::QueuePlace after) {
  const Call call(in_flight);
  if (down) co_return away();
  if (std::exchange(ready_throws, false)) throw BrokenInvariant("the test says so");
  co_return co_await inner_->ready(std::move(queue), now, limit, after);
}

Async<Result<std::vector<store::QueueItem>>> TroubledStore::items(std::string queue,
                                                                  std::size_t limit,
                                                                  store::QueuePlace after) {
  const Call call(in_flight);
  if (down) co_return away();
  co_return co_await inner_->items(std::move(queue), limit, after);
}

Async<Result<std::optional<std::uint64_t>>> TroubledStore::run_epoch(RunId run) {
  const Call call(in_flight);
  if (down) co_return away();
  co_return co_await inner_->run_epoch(run);
}

Async<Result<store::EventPage>> TroubledStore::read(Position after, store::EventFilter filter,
                                                    std::size_t limit) {
  const Call call(in_flight);
  if (down || unreadable) co_return away();
  co_return co_await inner_->read(after, std::move(filter), limit);
}

Async<Result<std::vector<EventPtr>>> TroubledStore::latest(store::EventFilter filter,
                                                           std::size_t limit) {
  const Call call(in_flight);
  if (down) co_return away();
  co_return co_await inner_->latest(std::move(filter), limit);
}

Async<Result<store::Committed>> TroubledStore::truncate(store::Truncation truncation) {
  const Call call(in_flight);
  if (down) co_return away();
  co_return co_await inner_->truncate(std::move(truncation));
}

Async<Result<store::Pruned>> TroubledStore::prune(std::vector<Position> positions) {
  const Call call(in_flight);
  if (down) co_return away();
  co_return co_await inner_->prune(std::move(positions));
}

Async<Result<store::SnapshotPage>> TroubledStore::snapshot(std::uint64_t after_rank,
                                                           std::size_t limit) {
  const Call call(in_flight);
  if (down) co_return away();
  co_return co_await inner_->snapshot(after_rank, limit);
}

Async<Result<store::SnapshotPage>> TroubledStore::snapshot_of(std::vector<store::DocKey> keys) {
  const Call call(in_flight);
  if (down) co_return away();
  co_return co_await inner_->snapshot_of(std::move(keys));
}

void TroubledStore::set_feed(Feed feed) {
  if (!feed) return inner_->set_feed(nullptr);
  inner_->set_feed([this, f = std::move(feed)](const std::vector<EventPtr>& committed) {
    events.insert(events.end(), committed.begin(), committed.end());
    f(committed);
  });
}

void World::expect_folded() {
  if (store.down || made_up) return;
  const auto told = await(fold_differences(store, store.kinds));
  ASSERT_TRUE(told) << told.error().message();
  for (const auto& difference : *told) ADD_FAILURE() << difference;
}

bool World::until(const std::function<bool()>& seen) {
  const auto give_up = std::chrono::steady_clock::now() + kGivesUp;
  while (!seen()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    loop.restart();
    loop.run_one_for(std::chrono::milliseconds(100));
  }
  return true;
}

void World::settle() {
  for (int steps = 0; steps < 100'000; ++steps) {
    loop.restart();
    if (loop.poll_one() == 0) return;
  }
}

void World::quiet() {
  settle();
  while (store.in_flight > 0) {
    loop.restart();
    loop.run_one();
    settle();
  }
}

std::vector<EventPtr> World::events(std::string_view kind) const {
  std::vector<EventPtr> found;
  std::ranges::copy_if(store.events, std::back_inserter(found),
                       [&](const EventPtr& event) { return kind.empty() || event->kind == kind; });
  return found;
}

std::vector<std::string> World::kinds() const {
  std::vector<std::string> kinds;
  for (const auto& event : store.events) kinds.push_back(event->kind);
  return kinds;
}

json::value World::payload(std::string_view kind) const {
  const auto found = events(kind);
  return found.empty() ? json::value() : parse_json(found.back()->payload).value();
}

Result<store::Committed> World::commit(std::vector<Fact> facts, Caller caller) {
  const auto work = [](World& world, std::vector<Fact> all,
                       Caller who) -> Async<Result<store::Committed>> {
    Draft draft(world.env, world.store, std::move(who));
    for (auto& one : all) {
      if (auto added = co_await draft.add(std::move(one)); !added) co_return fail(added.error());
    }
    co_return co_await draft.commit();
  };
  return await(work(*this, std::move(facts), std::move(caller)));
}

Agent World::agent(std::string name, std::string cli) {
  Agent made;
  made.id = AgentId(env.uuid4());
  made.name = std::move(name);
  made.cli = std::move(cli);
  made.created_at = env.now();
  return add(made);
}

std::unique_ptr<store::Store> World::open(Backend backend) {
  if (backend == Backend::memory) return store::make_memory(env, loop.get_executor());
  store::SqliteOptions options;
  options.path = dir.file("town.db");
  options.durability = store::Durability::memory;
  return store::open_sqlite(env, loop.get_executor(), options).value();
}

World::World(Backend backend, log::Log::Options log_options)
    : store(open(backend)), log(env, loop.get_executor(), store, log_options), machine(env) {}
World::~World() {
  expect_folded();
  aio::run(loop, store.close());
}

Agent World::add(const Agent& made) {
  EXPECT_TRUE(commit({fact::AgentSpawned{made}}));
  return made;
}

}  // namespace reeve::run::testing
