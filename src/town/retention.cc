#include "town/retention.h"

#include <algorithm>

#include "aio/real_env.h"
#include "base/limits.h"
#include "base/logging.h"
#include "base/quantity.h"
#include "town/directory.h"

namespace reeve::town {
namespace {

/// Who is called "agent:ada" in the settings has an id in the log. A scope of nobody matches
/// nothing, and neither does a rule that is left without one.
Async<Result<RetentionPolicy>> with_ids(Ground ground) {
  auto policy = ground.retention;
  for (auto rule = policy.prune.begin(); rule != policy.prune.end();) {
    std::vector<std::string> scopes;
    for (const auto& scope : rule->scopes) {
      if (!scope.starts_with("agent:")) {
        scopes.push_back(scope);
        continue;
      }
      auto agent = co_await find_agent(ground.log.store(), scope.substr(6));
      if (agent) {
        scopes.push_back(Scope::of(agent->id).str());
      } else if (!agent.error().is(Errc::not_found) && !agent.error().is(Errc::conflict)) {
        co_return fail(agent.error());
      }
    }
    const bool matches_nothing = scopes.empty() && !rule->scopes.empty();
    rule->scopes = std::move(scopes);
    rule = matches_nothing ? policy.prune.erase(rule) : std::next(rule);
  }
  co_return policy;
}

/// The place behind which a run's events begin, as far as they are left; nothing: it has none.
Async<Result<std::optional<Position>>> before_run(store::Store& store, RunId run) {
  log::EventFilter filter;
  filter.scopes = {Scope::of(run)};
  auto at = store.log().mark();
  for (;;) {
    auto page = co_await store.read(at, filter, 1);
    if (!page) co_return fail(page.error());
    if (!page->events.empty())
      co_return std::optional(Position{page->events.front()->position.value - 1});
    if (page->scanned <= at || page->scanned >= store.log().head) co_return std::nullopt;
    at = page->scanned;
  }
}

Async<Result<std::optional<log::Held>>> open_run(Ground ground) {
  auto& store = ground.log.store();
  auto runs = co_await run::load_all<reeve::Run>(store, std::string(run::kOpen));
  if (!runs) co_return fail(runs.error());
  std::optional<log::Held> lowest;
  for (const auto& run : *runs) {
    auto before = co_await before_run(store, run.id);
    if (!before) co_return fail(before.error());
    if (!*before || (lowest && lowest->position <= **before)) continue;
    auto name = "run " + run.id.short_str();
    if (run.agent) name += " of " + co_await display_name(store, run.agent->str());
    lowest = log::Held{std::move(name), **before};
  }
  co_return lowest;
}

/// Whoever keeps something from going that would go without him; nothing: nobody does.
Async<Result<std::optional<api::RetentionHold>>> held_back(Ground ground) {
  const auto held = co_await held_log(ground);
  if (!held) co_return fail(held.error());
  if (!*held) co_return std::nullopt;
  const auto log = log::state_of(ground.env, ground.log);
  const auto upto = log::ceiling(ground.retention, log, std::nullopt);
  const auto free = co_await log::estimate(ground.env, ground.log, ground.retention, upto);
  if (!free) co_return fail(free.error());
  const bool prunes = !ground.retention.prune.empty() && (*held)->position < log.head;
  if (!prunes && free->upto <= (*held)->position) co_return std::nullopt;
  co_return api::RetentionHold{(*held)->name, (*held)->position};
}

Status may_sweep(const Caller& caller) {
  if (!caller.round && !caller.agent) return {};
  return fail(Errc::denied,
              "the log is swept from outside of a round: ask the people who run the town");
}

/// Another sweep was faster: the log begins further up than it did just now.
bool was_overtaken(const Error& error) {
  return error.is(Errc::conflict) || error.is(Errc::cursor_expired);
}

/// Whom a sweep that begins now waits for, beside those that the log knows of: the first of the
/// open runs, and whatever begins from here on.
Async<Result<log::Held>> held_by_runs(Ground ground) {
  log::Held held{"what happens now", ground.log.head()};
  auto run = co_await open_run(ground);
  if (!run) co_return fail(run.error());
  if (*run && (*run)->position < held.position) held = std::move(**run);
  co_return held;
}

/// For others, between two steps.
Async<> leave_time(Env& env, std::chrono::nanoseconds time) {
  if (time > std::chrono::nanoseconds::zero()) co_await aio::sleep(env, time);
}

}  // namespace

Async<Result<std::optional<log::Held>>> held_log(Ground ground) {
  auto run = co_await open_run(ground);
  if (!run) co_return fail(run.error());
  auto held = ground.log.holds().lowest();
  if (!held || (*run && (*run)->position < held->position)) held = std::move(*run);
  co_return held;
}

namespace {

Async<Result<api::RetentionView>> look_at(Ground ground) {
  auto held = co_await held_log(ground);
  if (!held) co_return fail(held.error());
  const auto log = log::state_of(ground.env, ground.log);
  api::RetentionView view;
  view.policy = ground.retention;
  view.oldest = next(log.mark);
  view.cursor = ground.log.cursor(log.mark).str();
  view.head = log.head;
  view.events = log.events();
  view.bytes = log.bytes;
  if (log.events() > 0) {
    auto first = co_await ground.log.store().read(log.mark, log::EventFilter(), 1);
    if (!first) co_return fail(first.error());
    if (!first->events.empty()) view.oldest_at = first->events.front()->time;
  }
  const auto upto = log::ceiling(ground.retention, log, *held);
  auto next = co_await log::estimate(ground.env, ground.log, ground.retention, upto);
  if (!next) co_return fail(next.error());
  if (next->events > 0) {
    view.next = api::RetentionCut{next->upto, next->events, next->bytes, std::string(next->reason)};
  }
  auto back = co_await held_back(ground);
  if (!back) co_return fail(back.error());
  view.held_by = std::move(*back);
  co_return view;
}

}  // namespace

Async<Result<api::RetentionView>> view_retention(Ground ground) {
  for (int attempt = 1;; ++attempt) {
    auto view = co_await look_at(ground);
    if (view || !was_overtaken(view.error()) || attempt == run::kAttempts) co_return view;
  }
}

Async<Result<api::RetentionReport>> apply_retention(Ground ground, Caller caller) {
  if (auto may = may_sweep(caller); !may) co_return fail(may.error());
  auto policy = co_await with_ids(ground);
  if (!policy) co_return fail(policy.error());
  auto held = co_await held_by_runs(ground);
  for (int lost = 0; !held && was_overtaken(held.error()) && ++lost < run::kAttempts;)
    held = co_await held_by_runs(ground);
  if (!held) co_return fail(held.error());
  log::Sweep sweep(ground.env, ground.log, std::move(*policy), std::move(*held));
  for (int lost = 0;;) {
    const auto begun = ground.env.uptime();
    const auto more = co_await sweep.step();
    if (!more) {
      // The daemon's own sweep was at the same place: go on from there.
      if (!was_overtaken(more.error()) || ++lost == run::kAttempts) co_return fail(more.error());
      continue;
    }
    if (!*more) break;
    co_await leave_time(ground.env, ground.env.uptime() - begun);
  }
  const auto& swept = sweep.swept();
  api::RetentionReport report{.events = swept.events,
                              .bytes = swept.bytes,
                              .pruned_events = swept.pruned_events,
                              .pruned_bytes = swept.pruned_bytes,
                              .oldest = ground.log.store().log().oldest,
                              .held_by = {}};
  if (auto holder = co_await held_back(ground)) report.held_by = std::move(*holder);
  co_return report;
}

// --- SnapshotReading -----------------------------------------------------------------------------

void SnapshotReading::begin_page(const Ground& ground) {
  const auto now = ground.env.uptime();
  if (!hold_) {
    if (now < rest_until_) return;
    since_ = now;
    hold_ =
        ground.log.holds().add("somebody who reads the snapshot", ground.log.store().log().mark());
  }
  if (now - since_ >= kLongest) return;
  patience_ = ground.env.after(kPatience, [this, &env = ground.env] {
    hold_.reset();
    if (env.uptime() - since_ >= kLongest) rest_until_ = env.uptime() + kRest;
  });
}

void SnapshotReading::end() {
  hold_.reset();
  patience_.reset();
}

// --- Retention -----------------------------------------------------------------------------------

Retention::Retention(Ground ground, Options options)
    : ground_(std::move(ground)), options_(options) {}

Async<> Retention::run() {
  if (!ground_.retention.removes() && ground_.retention.prune.empty()) co_return;
  co_await aio::sleep(ground_.env, options_.first);
  for (;;) {
    const auto swept = co_await look();
    if (!swept) {
      logging::warn("the log could not be kept within its limits: {}", swept.error().message());
    } else if (swept->events > 0 || swept->pruned_events > 0) {
      logging::info("retention: {} events removed ({}), {} payloads dropped ({})", swept->events,
                    size_text(swept->bytes), swept->pruned_events, size_text(swept->pruned_bytes));
    }
    co_await aio::sleep(ground_.env, options_.every);
  }
}

Async<Result<log::Swept>> Retention::look() {
  auto& env = ground_.env;
  auto policy = co_await with_ids(ground_);
  if (!policy) co_return fail(policy.error());
  auto held = co_await held_log(ground_);
  if (!held) co_return fail(held.error());
  const auto state = log::state_of(env, ground_.log);
  auto oldest = co_await ground_.log.store().read(state.mark, log::EventFilter(), 1);
  if (!oldest) co_return fail(oldest.error());
  const auto upto = log::ceiling(*policy, state, *held);
  const bool due =
      !oldest->events.empty() && log::is_due(*policy, state, upto, oldest->events.front()->time);
  if (!due) {  // what is a little over its limits stays for now
    policy->max_age.reset();
    policy->max_events.reset();
    policy->max_bytes.reset();
  }
  auto by_runs = co_await held_by_runs(ground_);
  if (!by_runs) co_return fail(by_runs.error());
  log::Sweep sweep(env, ground_.log, std::move(*policy), std::move(*by_runs));
  const auto give_up = env.uptime() + options_.patience;
  auto seen = ground_.log.head();
  for (bool first = true;; first = false) {
    if (first || ground_.log.head() != seen) co_await wait_for_quiet(give_up);
    seen = ground_.log.head();
    const auto begun = env.uptime();
    const auto more = co_await sweep.step();
    if (!more && !was_overtaken(more.error())) co_return fail(more.error());
    // Somebody sweeps by hand: the next look sees what is left to do.
    if (!more || !*more) co_return sweep.swept();
    co_await leave_time(env, (env.uptime() - begun) * (options_.share - 1));
  }
}

Async<> Retention::wait_for_quiet(std::chrono::nanoseconds until) {
  for (;;) {
    const auto seen = ground_.log.head();
    const auto left = until - ground_.env.uptime();
    if (left <= std::chrono::nanoseconds::zero()) co_return;
    co_await aio::sleep(ground_.env, std::min(options_.quiet, left));
    if (ground_.log.head() == seen) co_return;
  }
}

}  // namespace reeve::town
