#include "run/damaged_runs.h"

#include "aio/real_env.h"
#include "base/backoff.h"
#include "base/logging.h"
#include "run/runs.h"

/// Runs whose documents cannot be read: nothing that they say could be kept.
namespace reeve::run {

Async<Result<std::vector<reeve::Run>>> Runs::open_rounds() {
  auto open = co_await look_through<reeve::Run>(log_.store(), std::string(kOpen));
  if (!open) co_return fail(open.error());
  store::DocQuery query;
  query.kind = kDamagedRunKind;
  query.limit = limits::kPage;
  auto given_up = co_await log_.store().list(std::move(query));
  if (!given_up) co_return fail(given_up.error());
  for (const auto& doc : *given_up) {
    if (const auto id = RunId::parse(doc.key.id)) kept_.insert(*id);
  }
  for (auto& damaged : open->damaged) {
    logging::error("{}: it is given up, and stays as it is", damaged.why);
    if (const auto id = RunId::parse(damaged.key.id)) kept_.insert(*id);
    auto name = "give up " + damaged.key.id;
    group_.spawn(std::move(name), give_up(std::move(damaged)));
  }
  // Those without an agent, and the native ones, have no process.
  std::erase_if(open->readable,
                [](const reeve::Run& run) { return !run.agent || !run.provider.empty(); });
  co_return std::move(open->readable);
}

/// Ends what is left of its process, so that its agent has no two rounds at a time; then it is out
/// of the way, and a sweep gives its agent and its messages free.
Async<> Runs::give_up(Damaged damaged) {
  if (const auto id = RunId::parse(damaged.key.id)) co_await end_process(*id);
  for (Backoff backoff;;) {
    const auto done = co_await try_give_up(damaged);
    if (done) co_return;
    logging::warn("{}: it cannot be given up now: {}", damaged.why, done.error().message());
    co_await aio::sleep(env_, backoff.next());
  }
}

Async<Status> Runs::try_give_up(const Damaged& damaged) {
  auto doc = co_await log_.store().get(damaged.key);
  if (!doc) co_return fail(doc.error());
  if (!*doc || decode<reeve::Run>(**doc)) co_return Status();  // it was mended meanwhile
  Draft draft(env_, log_.store(), Caller{});
  if (const auto id = RunId::parse(damaged.key.id)) {
    draft.write(store::SetRunEpoch{*id, std::nullopt});
    auto agents = co_await load_all<Agent>(log_.store(), std::string(kOpen));
    if (!agents) co_return fail(agents.error());
    for (const auto& agent : *agents) {
      if (agent.current_run != *id) continue;
      fact::AgentNeedsAttention told{
          agent.id, "its round is given up, and what it had comes back: " + damaged.why};
      if (auto added = co_await draft.add(std::move(told)); !added) co_return added;
    }
  }
  draft.require(store::DocAt{damaged.key, (*doc)->version});
  draft.write(store::RemoveDoc{damaged.key});
  draft.write(store::PutDoc{{kDamagedRunKind, damaged.key.id}, (*doc)->body, {}});
  const auto committed = co_await draft.commit();
  if (!committed) co_return fail(committed.error());
  co_return Status();
}

/// As its facts say: what the daemon knows of it, and what the log has.
Async<Result<reeve::Run>> Runs::run_of_log(reeve::Run known) {
  log::EventFilter filter;
  filter.scopes = {Scope::of(known.id)};
  std::optional run(std::move(known));
  for (auto at = log_.store().log().mark(); at < log_.head();) {
    auto page = co_await log_.store().read(at, filter, limits::kPage);
    if (!page) co_return fail(page.error());
    for (const auto& event : page->events) {
      const auto fact = fact_of(*event);
      if (fact && *fact) apply(run, **fact, event->time);
    }
    at = page->scanned;
  }
  co_return std::move(*run);
}

Async<Result<std::string>> Runs::mend(reeve::Run known) {
  const auto key = key_of<reeve::Run>(known.id);
  auto doc = co_await log_.store().get(key);
  if (!doc) co_return fail(doc.error());
  if (!*doc) co_return std::string();
  const auto damaged = decode<reeve::Run>(**doc);
  if (damaged) co_return std::string();
  const auto id = known.id;
  const auto epoch = known.epoch;
  auto run = co_await run_of_log(std::move(known));
  if (!run) co_return fail(run.error());
  Draft draft(env_, log_.store(), Caller{});
  draft.require(store::RunAt{id, epoch});
  draft.adopt<reeve::Run>((*doc)->version, std::move(*run), id);
  draft.write(store::PutDoc{{kDamagedRunKind, key.id}, (*doc)->body, {}});
  const auto committed = co_await draft.commit();
  if (!committed) co_return fail(committed.error());
  kept_.insert(id);
  auto why = damaged.error().message();
  logging::error("{}: it is made anew of what the log tells; what it was is kept", why);
  co_return why;
}

Async<> Runs::end_process(RunId run) {
  aio::Signal noticed(executor_);
  proc::Spawner::Attach attach;
  attach.dir = round_folder(options_.rounds, run);
  attach.notice = [&noticed] { noticed.notify(); };
  auto attached = spawner_.attach(std::move(attach));
  if (!attached) co_return;  // it never had one
  const auto round = std::move(*attached);
  proc::StopRequest request;
  request.reason = "its run cannot be read";
  request.urgency = proc::Urgency::now;
  if (const auto stopping = round->stop(request); !stopping)
    logging::warn("run {}: {}", run.str(), stopping.error().message());
  while (!proc::is_over(round->state().phase)) co_await noticed.wait();
}

}  // namespace reeve::run
