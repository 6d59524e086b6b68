#include "log/outbox.h"

#include <algorithm>

#include "base/digest.h"
#include "base/limits.h"
#include "base/logging.h"

namespace reeve::log {
namespace {

using store::DocKey;

constexpr std::string_view kQueue = "outbox:";
/// How often a change that lost a race is tried anew: each time somebody else got on.
constexpr int kRounds = 64;
/// When the lane is so full that not every row's time is seen.
constexpr Duration kLookAgain{30'000};

DocKey row_key(const std::string& id) { return {"_outbox", id}; }
DocKey payload_key(const std::string& id) { return {"_outbox_payload", id}; }
std::string queue_of(std::string_view lane) { return std::string(kQueue).append(lane); }
std::string mark_of(std::string_view lane, OutboxState state) {
  return std::string(lane).append("/").append(enum_name(state));
}

bool is_name(std::string_view text) {
  return text.size() <= limits::kOutboxName &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c != 0x7f; });
}

Status check(const NewRow& row) {
  if (row.lane.empty() || !is_name(row.lane) || row.lane.contains('/')) {
    return fail(Errc::invalid_argument, "\"" + row.lane + "\" is no name of an outbox lane");
  }
  if (!is_name(row.key)) {
    return fail(Errc::invalid_argument, "an outbox row's key is too long, or has blanks in it");
  }
  if (row.max_attempts < 1 || row.max_attempts > limits::kOutboxAttempts) {
    return fail(Errc::invalid_argument, "an outbox row is tried from 1 to " +
                                            std::to_string(limits::kOutboxAttempts) + " times");
  }
  if (row.payload.size() > limits::kDocument) {
    return fail(Errc::too_large, "an outbox row's payload has " +
                                     std::to_string(row.payload.size()) + " bytes, the limit is " +
                                     std::to_string(limits::kDocument));
  }
  return {};
}

Result<OutboxRow> decode(const store::Doc& doc) {
  auto row = parse_json_as<OutboxRow>(doc.body);
  if (!row) return fail(Error(Errc::corrupt, row.error().message()).during(doc.key.id));
  return row;
}

store::PutDoc put(const OutboxRow& row) {
  return {row_key(row.id), write_json_of(row), {mark_of(row.lane, row.state)}};
}

std::unexpected<Error> other_payload(const NewRow& row) {
  return fail(Errc::conflict, "the outbox key " + row.key + " of lane " + row.lane +
                                  " was used for another payload: take a new key");
}

// --- What becomes of a row ----------------------------------------------------------------------

OutboxRow taken(OutboxRow row, std::string token, Time now, Duration lease) {
  row.state = OutboxState::claimed;
  ++row.attempts;
  row.token = std::move(token);
  row.lease_until = now + lease;
  row.updated_at = now;
  return row;
}

OutboxRow delivered(OutboxRow row, Time now) {
  row.state = OutboxState::delivered;
  row.error.clear();
  row.updated_at = now;
  return row;
}

OutboxRow dead(OutboxRow row, std::string error, Time now) {
  row.state = OutboxState::dead;
  row.error = std::move(error);
  row.updated_at = now;
  return row;
}

OutboxRow failed(OutboxRow row, std::string error, Time now, Duration retry_in) {
  if (row.attempts >= row.max_attempts) return dead(std::move(row), std::move(error), now);
  row.state = OutboxState::pending;
  row.error = std::move(error);
  row.available_at = now + retry_in;
  row.updated_at = now;
  return row;
}

OutboxRow untried(OutboxRow row, Time now) {
  row.state = OutboxState::pending;
  row.attempts = std::max(row.attempts - 1, 0);
  row.available_at = now;
  row.updated_at = now;
  return row;
}

OutboxRow revived(OutboxRow row, Time now) {
  row.state = OutboxState::pending;
  row.attempts = 0;
  row.available_at = now;
  row.updated_at = now;
  return row;
}

/// What the queue is told when a row goes from one state to another.
store::Write queue_write(const OutboxRow& before, const OutboxRow& after) {
  auto queue = queue_of(after.lane);
  switch (after.state) {
    case OutboxState::claimed: return store::QueueTake{queue, after.id, after.token};
    case OutboxState::pending:
      if (before.state == OutboxState::claimed) {
        return store::QueueReturn{queue, after.id, after.attempts, after.available_at};
      }
      return store::QueuePush{.queue = queue,
                              .item = after.id,
                              .not_before = after.available_at,
                              .attempt = after.attempts};
    case OutboxState::delivered:
    case OutboxState::dead: break;
  }
  return store::QueueAck{queue, after.id};
}

constexpr auto kLeaseOver =
    "its lease ran out at every attempt: whoever delivered it ended, or took too long";
constexpr auto kOtherPayload = "its payload is not what was enqueued";

}  // namespace

void OutboxStage::add_to(store::Commit& commit) const {
  commit.require.insert(commit.require.end(), require.begin(), require.end());
  commit.writes.insert(commit.writes.end(), writes.begin(), writes.end());
}

Outbox::Outbox(Env& env, aio::asio::any_io_executor executor, store::Store& store)
    : env_(env), executor_(std::move(executor)), store_(store) {}

// --- Enqueuing ----------------------------------------------------------------------------------

Async<Result<std::string>> Outbox::stage(OutboxStage& into, NewRow row) {
  if (auto good = check(row); !good) co_return fail(good.error());
  const auto now = env_.now();
  OutboxRow made;
  made.lane = row.lane;
  made.id = row.lane + "/" + (row.key.empty() ? env_.uuid7().str() : row.key);
  made.digest = sha256_hex(row.payload);
  made.max_attempts = row.max_attempts;
  made.available_at = std::max(row.available_at, now);
  made.created_at = now;
  made.updated_at = now;

  for (const auto& write : into.writes) {
    const auto* staged = std::get_if<store::PutDoc>(&write);
    if (staged == nullptr || staged->key != payload_key(made.id)) continue;
    if (staged->body == row.payload) co_return made.id;
    co_return other_payload(row);
  }
  if (!row.key.empty()) {
    auto there = co_await see(made.id);
    if (there && there->row.digest == made.digest) co_return made.id;
    if (there) co_return other_payload(row);
    if (!there.error().is(Errc::not_found)) co_return fail(there.error());
  }
  into.require.emplace_back(store::DocAbsent{row_key(made.id)});
  into.writes.emplace_back(put(made));
  into.writes.emplace_back(store::PutDoc{payload_key(made.id), std::move(row.payload), {}});
  into.writes.emplace_back(queue_write(OutboxRow(), made));
  co_return made.id;
}

Async<Result<store::Committed>> Outbox::commit(store::Commit commit) {
  std::vector<std::string> lanes;
  for (const auto& write : commit.writes) {
    const auto* push = std::get_if<store::QueuePush>(&write);
    if (push != nullptr && push->queue.starts_with(kQueue))
      lanes.push_back(push->queue.substr(kQueue.size()));
  }
  auto done = co_await store_.commit(std::move(commit));
  // Also when the outcome is not known: looking for nothing costs little.
  for (const auto& lane : lanes) wake(lane);
  co_return done;
}

Async<Result<OutboxRow>> Outbox::enqueue(NewRow row) {
  Error lost;
  for (int round = 0; round < kRounds; ++round) {
    OutboxStage stage_of_one;
    auto id = co_await stage(stage_of_one, row);
    if (!id) co_return fail(id.error());
    if (!stage_of_one.writes.empty()) {
      store::Commit change;
      stage_of_one.add_to(change);
      const auto done = co_await commit(std::move(change));
      if (!done && !done.error().is(Errc::conflict)) co_return fail(done.error());
    }
    auto there = co_await this->row(std::move(*id));
    if (there || !there.error().is(Errc::not_found)) co_return there;
    lost = there.error();
  }
  co_return fail(lost);
}

// --- Claiming and settling ----------------------------------------------------------------------

Async<Result<std::vector<OutboxClaim>>> Outbox::claim(std::string lane, ClaimOptions options) {
  auto found = co_await candidates(lane, options);
  if (!found) co_return fail(found.error());
  const auto now = env_.now();
  std::vector<Seen> good;
  for (auto& seen : *found) {
    if (seen.row.attempts < seen.row.max_attempts) {
      good.push_back(std::move(seen));
      continue;
    }
    auto buried = dead(seen.row, kLeaseOver, now);
    std::vector<Seen> before{std::move(seen)};
    std::vector<OutboxRow> after{std::move(buried)};
    const auto written = co_await write(std::move(before), std::move(after));
    if (!written) co_return fail(written.error());
  }
  auto taken = co_await take(std::move(good), options);
  if (!taken) co_return fail(taken.error());
  std::vector<OutboxClaim> claims;
  for (auto& row : *taken) {
    auto text = co_await payload(row.id);
    if (!text && !text.error().is(Errc::not_found)) co_return fail(text.error());
    const bool whole = text && sha256_hex(*text) == row.digest;
    if (whole) {
      claims.push_back({std::move(row), std::move(*text)});
      continue;
    }
    const auto buried = co_await bury(std::move(row), kOtherPayload);
    if (!buried && !buried.error().is(Errc::fenced)) co_return fail(buried.error());
  }
  co_return claims;
}

/// Rows that may be claimed now, or whose claims are over for good: at most `limit`.
Async<Result<std::vector<Outbox::Seen>>> Outbox::candidates(std::string lane,
                                                            ClaimOptions options) {
  const auto now = env_.now();
  std::vector<Seen> found;
  std::uint64_t after = 0;
  for (bool more = true; more && found.size() < options.limit;) {
    auto held = co_await see_page(lane, OutboxState::claimed, after, limits::kPage);
    if (!held) co_return fail(held.error());
    more = held->size() == limits::kPage;
    for (auto& seen : *held) {
      const bool ours = seen.row.token.starts_with(options.owner + ":");
      const bool over = seen.row.lease_until <= now || (options.sole && !ours);
      if (over && found.size() < options.limit) found.push_back(std::move(seen));
    }
  }
  if (found.size() == options.limit) co_return found;
  auto due = co_await store_.ready(queue_of(lane), now, options.limit - found.size());
  if (!due) co_return fail(due.error());
  for (const auto& item : *due) {
    auto seen = co_await see(item.item);
    if (seen && seen->row.state == OutboxState::pending) found.push_back(std::move(*seen));
    if (!seen && !seen.error().is(Errc::not_found)) co_return fail(seen.error());
  }
  co_return found;
}

/// Claims those that nobody else has claimed meanwhile.
Async<Result<std::vector<OutboxRow>>> Outbox::take(std::vector<Seen> seen, ClaimOptions options) {
  const auto now = env_.now();
  std::vector<OutboxRow> after;
  for (const auto& one : seen) {
    auto token = options.owner + ":" + env_.uuid4().str();
    after.push_back(taken(one.row, std::move(token), now, options.lease));
  }
  const auto all = co_await write(seen, after);
  if (!all) co_return fail(all.error());
  if (*all) co_return after;
  std::vector<OutboxRow> ours;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    std::vector<Seen> one_before{std::move(seen[i])};
    std::vector<OutboxRow> one_after{after[i]};
    const auto one = co_await write(std::move(one_before), std::move(one_after));
    if (!one) co_return fail(one.error());
    if (*one) ours.push_back(std::move(after[i]));
  }
  co_return ours;
}

/// Takes rows from one state to the next, all in one commit. False: one was changed by another.
Async<Result<bool>> Outbox::write(std::vector<Seen> before, std::vector<OutboxRow> after) {
  if (before.empty()) co_return true;
  store::Commit change;
  for (std::size_t i = 0; i < before.size(); ++i) {
    change.require.emplace_back(store::DocAt{row_key(after[i].id), before[i].version});
    change.writes.emplace_back(put(after[i]));
    change.writes.emplace_back(queue_write(before[i].row, after[i]));
  }
  const auto done = co_await commit(std::move(change));
  if (done) co_return true;
  if (done.error().is(Errc::conflict)) co_return false;
  co_return fail(done.error());
}

/// Brings a claim to its end: `next(row)`, unless it is over.
template <class Next>
Async<Result<OutboxRow>> Outbox::settle(OutboxRow claimed, Next next) {
  const auto over = [&] {
    return fail(Errc::fenced, "the claim of " + claimed.id +
                                  " is over: its lease ran out, and another has taken the row");
  };
  for (int round = 0; round < kRounds; ++round) {
    auto seen = co_await see(claimed.id);
    if (!seen && seen.error().is(Errc::not_found)) co_return over();
    if (!seen) co_return fail(seen.error());
    if (seen->row.token != claimed.token) co_return over();
    auto after = next(seen->row);
    if (seen->row.state != OutboxState::claimed) {
      // It was settled before: by this very call, perhaps, whose answer was lost.
      if (seen->row.state == after.state) co_return seen->row;
      co_return over();
    }
    std::vector<Seen> one_before{std::move(*seen)};
    std::vector<OutboxRow> one_after{after};
    const auto written = co_await write(std::move(one_before), std::move(one_after));
    if (!written) co_return fail(written.error());
    if (*written) {
      if (after.state == OutboxState::pending) wake(after.lane);
      co_return after;
    }
  }
  co_return fail(Errc::conflict, claimed.id + " changes all the time; try again");
}

Async<Status> Outbox::ack(OutboxRow claimed) {
  auto next = [this](OutboxRow row) { return delivered(std::move(row), env_.now()); };
  const auto done = co_await settle(std::move(claimed), std::move(next));
  if (!done) co_return fail(done.error());
  co_return Status();
}

Async<Result<OutboxRow>> Outbox::nack(OutboxRow claimed, std::string error, Duration retry_in) {
  auto next = [this, e = std::move(error), retry_in](OutboxRow row) {
    return failed(std::move(row), e, env_.now(), retry_in);
  };
  co_return co_await settle(std::move(claimed), std::move(next));
}

Async<Result<OutboxRow>> Outbox::bury(OutboxRow claimed, std::string error) {
  auto next = [this, e = std::move(error)](OutboxRow row) {
    return dead(std::move(row), e, env_.now());
  };
  co_return co_await settle(std::move(claimed), std::move(next));
}

Async<Status> Outbox::release(OutboxRow claimed) {
  auto next = [this](OutboxRow row) { return untried(std::move(row), env_.now()); };
  const auto done = co_await settle(std::move(claimed), std::move(next));
  if (!done) co_return fail(done.error());
  co_return Status();
}

// --- Looking ------------------------------------------------------------------------------------

Async<Result<Outbox::Seen>> Outbox::see(std::string id) {
  auto key = row_key(id);
  auto doc = co_await store_.get(std::move(key));
  if (!doc) co_return fail(doc.error());
  if (!*doc) co_return fail(Errc::not_found, "no outbox row " + id);
  auto row = decode(**doc);
  if (!row) co_return fail(row.error());
  co_return Seen{std::move(*row), (*doc)->version};
}

Async<Result<std::vector<Outbox::Seen>>> Outbox::see_page(std::string lane, OutboxState state,
                                                          std::uint64_t& after, std::size_t limit) {
  store::DocQuery query;
  query.kind = row_key("").kind;
  query.mark = mark_of(lane, state);
  query.after_rank = after;
  query.limit = limit;
  auto docs = co_await store_.list(std::move(query));
  if (!docs) co_return fail(docs.error());
  std::vector<Seen> page;
  for (const auto& doc : *docs) {
    auto row = decode(doc);
    if (!row) co_return fail(row.error());
    page.push_back({std::move(*row), doc.version});
    after = doc.rank;
  }
  co_return page;
}

Async<Result<OutboxRow>> Outbox::row(std::string id) {
  auto seen = co_await see(std::move(id));
  if (!seen) co_return fail(seen.error());
  co_return std::move(seen->row);
}

Async<Result<std::string>> Outbox::payload(std::string id) {
  auto key = payload_key(id);
  auto doc = co_await store_.get(std::move(key));
  if (!doc) co_return fail(doc.error());
  if (!*doc) co_return fail(Errc::not_found, "no payload of outbox row " + id);
  co_return std::move((*doc)->body);
}

Async<Result<Outbox::Page>> Outbox::list(std::string lane, OutboxState state, std::uint64_t after,
                                         std::size_t limit) {
  Page page;
  page.last_rank = after;
  auto seen = co_await see_page(std::move(lane), state, page.last_rank, limit);
  if (!seen) co_return fail(seen.error());
  for (auto& one : *seen) page.rows.push_back(std::move(one.row));
  co_return page;
}

Async<Result<OutboxCounts>> Outbox::counts(std::string lane) {
  OutboxCounts counts;
  const std::pair<OutboxState, std::uint64_t*> all[] = {{OutboxState::pending, &counts.pending},
                                                        {OutboxState::claimed, &counts.claimed},
                                                        {OutboxState::delivered, &counts.delivered},
                                                        {OutboxState::dead, &counts.dead}};
  for (const auto& [state, count] : all) {
    auto counted = co_await store_.count(row_key("").kind, mark_of(lane, state));
    if (!counted) co_return fail(counted.error());
    *count = *counted;
  }
  co_return counts;
}

Async<Result<std::optional<Time>>> Outbox::next_due(std::string lane) {
  std::optional<Time> due;
  const auto note = [&](Time time) { due = due ? std::min(*due, time) : time; };
  auto waiting = co_await store_.items(queue_of(lane), limits::kPage);
  if (!waiting) co_return fail(waiting.error());
  for (const auto& item : *waiting) {
    if (item.lease.empty()) note(item.not_before);
  }
  std::uint64_t after = 0;
  auto held = co_await see_page(lane, OutboxState::claimed, after, limits::kPage);
  if (!held) co_return fail(held.error());
  for (const auto& seen : *held) note(seen.row.lease_until);
  if (waiting->size() == limits::kPage || held->size() == limits::kPage) {
    note(env_.now() + kLookAgain);
  }
  co_return due;
}

// --- Dead letters, and forgetting ---------------------------------------------------------------

template <class Next>
Async<Result<OutboxRow>> Outbox::change_dead(std::string id, Next next) {
  for (int round = 0; round < kRounds; ++round) {
    auto seen = co_await see(id);
    if (!seen) co_return fail(seen.error());
    if (seen->row.state != OutboxState::dead) {
      co_return fail(Errc::conflict,
                     id + " is no dead letter: it is " + std::string(enum_name(seen->row.state)));
    }
    auto row = seen->row;
    const Result<bool> done = co_await next(std::move(*seen));
    if (!done) co_return fail(done.error());
    if (*done) co_return row;
  }
  co_return fail(Errc::conflict, id + " changes all the time; try again");
}

Async<Result<OutboxRow>> Outbox::revive(std::string id) {
  auto next = [this](Seen seen) -> Async<Result<bool>> {
    std::vector<OutboxRow> after{revived(seen.row, env_.now())};
    std::vector<Seen> before{std::move(seen)};
    return write(std::move(before), std::move(after));
  };
  auto old = co_await change_dead(std::move(id), next);
  if (!old) co_return old;
  co_return revived(std::move(*old), env_.now());
}

Async<Status> Outbox::discard(std::string id) {
  auto next = [this](Seen seen) -> Async<Result<bool>> {
    std::vector<Seen> rows{std::move(seen)};
    return forget(std::move(rows));
  };
  const auto gone = co_await change_dead(std::move(id), next);
  if (!gone) co_return fail(gone.error());
  co_return Status();
}

/// Removes rows with all that belongs to them. False, and none is removed: one was changed by
/// another.
Async<Result<bool>> Outbox::forget(std::vector<Seen> rows) {
  store::Commit change;
  for (const auto& [row, version] : rows) {
    change.require.emplace_back(store::DocAt{row_key(row.id), version});
    change.writes.emplace_back(store::RemoveDoc{row_key(row.id)});
    change.writes.emplace_back(store::RemoveDoc{payload_key(row.id)});
    change.writes.emplace_back(store::QueueAck{queue_of(row.lane), row.id});
  }
  const auto done = co_await store_.commit(std::move(change));
  if (done) co_return true;
  if (done.error().is(Errc::conflict)) co_return false;
  co_return fail(done.error());
}

Async<Result<std::size_t>> Outbox::prune(std::string lane, Time until) {
  std::size_t total = 0;
  std::uint64_t after = 0;
  for (;;) {
    auto page = co_await see_page(lane, OutboxState::delivered, after, limits::kPage);
    if (!page) co_return fail(page.error());
    const bool last = page->size() < limits::kPage;
    std::erase_if(*page, [&](const Seen& seen) { return seen.row.updated_at > until; });
    if (!page->empty()) {
      const auto number = page->size();
      const auto gone = co_await forget(std::move(*page));
      if (!gone) co_return fail(gone.error());
      if (*gone) total += number;
    }
    if (last) co_return total;
  }
}

Async<Status> Outbox::clear(std::string lane) {
  for (const auto state :
       {OutboxState::pending, OutboxState::claimed, OutboxState::delivered, OutboxState::dead}) {
    for (;;) {
      std::uint64_t after = 0;
      auto page = co_await see_page(lane, state, after, limits::kPage);
      if (!page) co_return fail(page.error());
      if (page->empty()) break;
      const auto gone = co_await forget(std::move(*page));
      if (!gone) co_return fail(gone.error());
    }
  }
  co_return Status();
}

// --- Waking -------------------------------------------------------------------------------------

Outbox::Lane& Outbox::lane_of(const std::string& lane) {
  auto& found = lanes_[lane];
  if (!found) found = std::make_unique<Lane>(executor_);
  return *found;
}

void Outbox::wake(std::string_view lane) {
  const auto found = lanes_.find(lane);
  if (found == lanes_.end()) return;  // nobody has ever waited
  ++found->second->wakings;
  found->second->signal.notify();
}

Async<> Outbox::woken(std::string lane, std::uint64_t since) {
  auto& here = lane_of(lane);
  while (here.wakings == since) co_await here.signal.wait();
}

}  // namespace reeve::log
