#include "log/retention.h"

#include <algorithm>

#include "base/digest.h"
#include "base/limits.h"
#include "log/durable_sink.h"
#include "model/fold.h"

namespace reeve::log {
namespace {

using namespace std::chrono_literals;

/// How far a rule has got.
struct PruneProgress {
  Position upto;
};
BOOST_DESCRIBE_STRUCT(PruneProgress, (), (upto))

/// Progress without an event to prune is noted this seldom: it only saves reading.
constexpr std::uint64_t kNoteEvery = 10'000;
/// A blob's day may be as old as this before the first event that goes, where a sweep did not get
/// to its end.
constexpr auto kBlobsBack = std::chrono::days(31);
/// Blobs are some 32 KiB and more.
constexpr std::size_t kBlobsPage = 20;

bool older(const RetentionPolicy& policy, Time now, Time event) {
  return policy.max_age && event < now - *policy.max_age;
}

/// The limit that an event exceeds if it is the oldest of so many; empty: none.
std::string_view exceeded(const RetentionPolicy& policy, Time now, Time event,
                          std::uint64_t events_left, std::uint64_t bytes_left) {
  if (older(policy, now, event)) return "max_age";
  if (policy.max_events && events_left > *policy.max_events) return "max_events";
  if (policy.max_bytes && bytes_left > *policy.max_bytes) return "max_size";
  return {};
}

/// By how much a limit may be exceeded before it is worth a sweep.
std::uint64_t slack(std::uint64_t limit) { return limit / 20; }

}  // namespace

Position ceiling(const RetentionPolicy& policy, const LogState& log,
                 const std::optional<Held>& held) {
  const auto kept = std::min(policy.keep_events, log.head.value);
  Position upto{log.head.value - kept};
  if (held) upto = std::min(upto, held->position);
  return std::max(upto, log.mark);
}

Cut decide(const RetentionPolicy& policy, const LogState& log, Position ceiling,
           std::span<const EventPtr> oldest) {
  Cut cut{.upto = log.mark};
  auto bytes_left = log.bytes;
  for (const auto& event : oldest) {
    if (event->position > ceiling) break;
    const auto limit =
        exceeded(policy, log.now, event->time, log.events() - cut.events, bytes_left);
    if (limit.empty()) break;
    const auto bytes = stored_bytes(*event);
    bytes_left -= std::min(bytes, bytes_left);
    cut.bytes += bytes;
    ++cut.events;
    cut.upto = event->position;
    cut.reason = limit;
  }
  return cut;
}

bool is_due(const RetentionPolicy& policy, const LogState& log, Position ceiling, Time oldest) {
  if (ceiling <= log.mark) return false;
  if (policy.max_age) {
    const auto patience = std::min<Duration>(*policy.max_age / 20, 24h);
    if (older(policy, log.now - patience, oldest)) return true;
  }
  if (policy.max_events && log.events() > *policy.max_events + slack(*policy.max_events))
    return true;
  return policy.max_bytes && log.bytes > *policy.max_bytes + slack(*policy.max_bytes);
}

LogState state_of(Env& env, Log& log) {
  const auto info = log.store().log();
  return {.mark = info.mark(), .head = log.head(), .bytes = info.bytes, .now = env.now()};
}

Async<Result<Cut>> estimate(Env& env, Log& log, RetentionPolicy policy, Position ceiling) {
  const auto state = state_of(env, log);
  const auto events = state.events();
  Cut cut{.upto = state.mark};
  const auto reach = [&](std::uint64_t upto, std::string_view reason) {
    upto = std::min(upto, ceiling.value);
    if (upto <= cut.upto.value) return;
    cut.upto = {upto};
    cut.reason = reason;
  };
  const double average =
      events == 0 ? 0 : static_cast<double>(state.bytes) / static_cast<double>(events);
  if (policy.max_events && events > *policy.max_events)
    reach(state.head.value - *policy.max_events, "max_events");
  if (policy.max_bytes && state.bytes > *policy.max_bytes) {
    const auto more = static_cast<double>(state.bytes - *policy.max_bytes);
    reach(state.mark.value + static_cast<std::uint64_t>(more / average) + 1, "max_size");
  }
  if (policy.max_age) {
    // The last event that is too old, by halving.
    auto low = state.mark.value;
    auto high = ceiling.value;
    while (low < high) {
      const auto middle = low + (high - low + 1) / 2;
      auto page = co_await log.store().read(Position{middle - 1}, EventFilter(), 1);
      if (!page) co_return fail(page.error());
      if (!page->events.empty() && older(policy, state.now, page->events.front()->time)) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    reach(low, "max_age");
  }
  cut.events = cut.upto.value - state.mark.value;
  cut.bytes = static_cast<std::uint64_t>(average * static_cast<double>(cut.events));
  co_return cut;
}

// --- Sweep ---------------------------------------------------------------------------------------

Sweep::Sweep(Env& env, Log& log, RetentionPolicy policy, std::optional<Held> held)
    : env_(env), log_(log), policy_(std::move(policy)), held_(std::move(held)) {}

std::optional<Held> Sweep::held() const {
  auto lowest = log_.holds().lowest();
  if (!lowest || (held_ && held_->position < lowest->position)) lowest = held_;
  return lowest;
}

Async<Result<bool>> Sweep::step() {
  Result<bool> more = false;
  switch (phase_) {
    case Phase::truncate:
      more = co_await truncate();
      if (more && !*more) phase_ = from_ ? Phase::blobs : Phase::prune;
      break;
    case Phase::blobs:
      more = co_await remove_blobs();
      if (more && !*more) phase_ = Phase::prune;
      break;
    case Phase::prune:
      more = co_await prune();
      if (more && !*more) phase_ = Phase::done;
      break;
    case Phase::done: break;
  }
  if (!more) co_return fail(more.error());
  co_return phase_ != Phase::done;
}

/// Removes a portion of the oldest events. False: the first that is left stays.
Async<Result<bool>> Sweep::truncate() {
  if (!policy_.removes()) co_return false;
  const auto state = state_of(env_, log_);
  const auto limit = ceiling(policy_, state, held());
  if (limit <= state.mark) co_return false;
  auto& store = log_.store();
  auto page = co_await store.read(state.mark, EventFilter(), limits::kRetentionStep);
  if (!page) co_return fail(page.error());
  const auto cut = decide(policy_, state, limit, page->events);
  if (cut.events == 0) co_return false;

  // Is it the last step? It is the one that tells.
  bool more = false;
  if (cut.events == page->events.size() && cut.upto < limit) {
    auto peek = co_await store.read(cut.upto, EventFilter(), 1);
    if (!peek) co_return fail(peek.error());
    auto after = state;
    after.mark = cut.upto;
    after.bytes -= std::min(cut.bytes, after.bytes);
    more = decide(policy_, after, limit, peek->events).events > 0;
  }
  if (!from_) from_ = page->events.front()->time;
  page->events.resize(cut.events);
  store::Truncation truncation{.from = state.mark, .upto = cut.upto, .changed = {}, .events = {}};
  auto changed = co_await fold(std::move(page->events), cut.upto);
  if (!changed) co_return fail(changed.error());
  truncation.changed = std::move(*changed);
  if (!more) {
    const fact::LogTruncated told{cut.upto, swept_.events + cut.events, swept_.bytes + cut.bytes,
                                  std::string(cut.reason)};
    truncation.events.push_back(to_event(env_, told, "town"));
  }
  const auto done = co_await store.truncate(std::move(truncation));
  if (!done) co_return fail(done.error());
  swept_.events += cut.events;
  swept_.bytes += cut.bytes;
  co_return more;
}

/// The documents that these events changed, as they are behind them.
Async<Result<std::vector<store::SnapshotDoc>>> Sweep::fold(std::vector<EventPtr> events,
                                                           Position upto) {
  const Position mark{events.front()->position.value - 1};
  Fold fold(mark);
  std::set<DocName> wanted;
  for (const auto& event : events) {
    auto names = fold.missing(*event);
    if (!names)
      co_return fail(names.error().during("the snapshot at " + std::to_string(upto.value)));
    wanted.insert(names->begin(), names->end());
  }
  std::vector<store::DocKey> keys;
  for (const auto& name : wanted) keys.push_back({name.kind, name.id});
  auto found = co_await log_.store().snapshot_of(std::move(keys));
  if (!found) co_return fail(found.error());
  if (found->at != mark) co_return fail(Errc::conflict, "somebody else moved the log's beginning");
  for (const auto& doc : found->docs) {
    if (auto put = fold.put({doc.key.kind, doc.key.id}, doc.body); !put)
      co_return fail(put.error().during("the snapshot at " + std::to_string(mark.value)));
  }
  for (const auto& event : events) {
    if (auto applied = fold.apply(*event); !applied) co_return fail(applied.error());
  }
  std::vector<store::SnapshotDoc> changed;
  for (auto& doc : fold.take_changed()) {
    store::SnapshotDoc row;
    row.key = {std::move(doc.name.kind), std::move(doc.name.id)};
    row.body = std::move(doc.body);
    changed.push_back(std::move(row));
  }
  co_return changed;
}

/// Removes texts that were put away and that no event that is left can name: those whose last use
/// is a day older than the oldest of them. False: there are no more.
Async<Result<bool>> Sweep::remove_blobs() {
  auto& store = log_.store();
  auto oldest = co_await store.read(store.log().mark(), EventFilter(), 1);
  if (!oldest) co_return fail(oldest.error());
  const auto last = oldest->events.empty() ? env_.now() : oldest->events.front()->time;
  if (!day_) day_ = *from_ - kBlobsBack;
  while (*day_ < last - 48h) {
    store::DocQuery query;
    query.kind = kBlobKind;
    query.mark = blob_mark(*day_);
    query.limit = kBlobsPage;
    auto blobs = co_await store.list(std::move(query));
    if (!blobs) co_return fail(blobs.error());
    if (blobs->empty()) {
      *day_ += 24h;
      continue;
    }
    store::Commit commit;
    for (const auto& blob : *blobs) {
      // One that is used again meanwhile has another version: the next sweep looks anew.
      commit.require.emplace_back(store::DocAt{blob.key, blob.version});
      commit.writes.emplace_back(store::RemoveDoc{blob.key});
    }
    const auto done = co_await store.commit(std::move(commit));
    if (!done) co_return fail(done.error());
    co_return true;
  }
  co_return false;
}

/// Drops some payloads by the rule that it is at. False: all rules are done.
Async<Result<bool>> Sweep::prune() {
  if (rule_ == policy_.prune.size()) co_return false;
  const auto& rule = policy_.prune[rule_];
  auto& store = log_.store();
  const auto state = state_of(env_, log_);
  if (!pruned_upto_) {
    auto doc = co_await store.get(store::DocKey{kRetentionKind, prune_id(rule)});
    if (!doc) co_return fail(doc.error());
    progress_ = {};
    if (*doc) {
      const auto known = parse_json_as<PruneProgress>((*doc)->body);
      if (known) progress_ = known->upto;
    }
    pruned_upto_ = progress_;
    rule_events_ = rule_bytes_ = 0;
  }
  auto at = std::max(*pruned_upto_, state.mark);
  const auto holder = held();
  const auto limit = holder ? std::min(state.head, holder->position) : state.head;
  if (at >= limit) {
    if (auto noted = co_await finish_rule(*pruned_upto_); !noted) co_return fail(noted.error());
    co_return true;
  }
  EventFilter filter;
  filter.kinds = rule.kinds;
  for (const auto& scope : rule.scopes) filter.scopes.push_back(Scope::trusted(scope));
  auto page = co_await store.read(at, std::move(filter), limits::kRetentionStep);
  if (!page) co_return fail(page.error());
  std::vector<Position> positions;
  bool stop = false;
  auto reached = std::min(page->scanned, limit);
  for (const auto& event : page->events) {
    if (event->position > limit || event->time >= state.now - rule.after) {
      reached = {event->position.value - 1};
      stop = true;
      break;
    }
    if (event->payload != kPrunedPayload) positions.push_back(event->position);
  }
  if (!positions.empty()) {
    const auto pruned = co_await store.prune(std::move(positions));
    if (!pruned) co_return fail(pruned.error());
    rule_events_ += pruned->events;
    rule_bytes_ += pruned->bytes;
    log_.forget(reached);
  }
  pruned_upto_ = reached;
  if (stop || reached >= limit) {
    if (auto noted = co_await finish_rule(reached); !noted) co_return fail(noted.error());
  }
  co_return true;
}

Async<Status> Sweep::finish_rule(Position upto) {
  const auto& rule = policy_.prune[rule_];
  ++rule_;
  pruned_upto_.reset();
  swept_.pruned_events += rule_events_;
  swept_.pruned_bytes += rule_bytes_;
  if (rule_events_ == 0 && upto.value < progress_.value + kNoteEvery) co_return Status();
  store::Commit commit;
  commit.writes.emplace_back(
      store::PutDoc{{kRetentionKind, prune_id(rule)}, write_json_of(PruneProgress{upto}), {}});
  if (rule_events_ > 0) {
    const fact::PayloadsPruned told{rule.kinds, upto, rule_events_, rule_bytes_};
    commit.events.push_back(to_event(env_, told, "town"));
  }
  const auto done = co_await log_.store().commit(std::move(commit));
  if (!done) co_return fail(done.error());
  co_return Status();
}

std::string prune_id(const PruneRule& rule) {
  auto kinds = rule.kinds;
  auto scopes = rule.scopes;
  std::ranges::sort(kinds);
  std::ranges::sort(scopes);
  const json::value named{{"kinds", to_json_value(kinds)}, {"scopes", to_json_value(scopes)}};
  return "prune:" + sha256_hex(write_json(named)).substr(0, 32);
}

}  // namespace reeve::log
