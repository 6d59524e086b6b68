#include "store/sqlite/write_tables.h"

#include <algorithm>
#include <unordered_set>

#include "base/limits.h"
#include "store/marks.h"
#include "store/postings.h"

namespace reeve::store::sqlite {
namespace {

std::span<const std::uint8_t> bytes_of(const Uuid& uuid) { return uuid.bytes; }

}  // namespace

WriteTables::WriteTables(Connection& db)
    : db_(db),
      begin_(db.prepare("BEGIN IMMEDIATE")),
      commit_(db.prepare("COMMIT")),
      rollback_(db.prepare("ROLLBACK")),
      insert_event_(db.prepare("INSERT INTO events VALUES(?,?,?,?,?,?,?,?,?,?)")),
      find_doc_(db.prepare("SELECT rank, version, marks FROM docs WHERE kind=? AND id=?")),
      insert_doc_(
          db.prepare("INSERT INTO docs(rank, kind, id, version, marks, body) VALUES(?,?,?,1,?,?)")),
      update_doc_(db.prepare("UPDATE docs SET version=version+1, marks=?, body=? WHERE rank=?")),
      remove_doc_(db.prepare("DELETE FROM docs WHERE rank=?")),
      insert_mark_(db.prepare("INSERT INTO marks(kind, mark, rank) VALUES(?,?,?)")),
      remove_mark_(db.prepare("DELETE FROM marks WHERE kind=? AND mark=? AND rank=?")),
      count_(db.prepare("INSERT INTO counts(kind, mark, number) VALUES(?,?,?) "
                        "ON CONFLICT DO UPDATE SET number=number+excluded.number")),
      set_last_rank_(db.prepare("INSERT OR REPLACE INTO meta VALUES('last_rank', ?)")),
      find_item_(db.prepare("SELECT lease FROM queue_items WHERE queue=? AND item=?")),
      push_item_(db.prepare(
          "INSERT INTO queue_items(seq, queue, item, priority, attempt, not_before, lease) "
          "VALUES(?,?,?,?,?,?,'') ON CONFLICT DO NOTHING")),
      hold_item_(db.prepare("UPDATE queue_items SET lease=? WHERE queue=? AND item=?")),
      remove_item_(db.prepare("DELETE FROM queue_items WHERE queue=? AND item=?")),
      return_item_(db.prepare("UPDATE queue_items SET lease='', attempt=?, not_before=? "
                              "WHERE queue=? AND item=?")),
      find_run_(db.prepare("SELECT epoch FROM run_epochs WHERE run=?")),
      set_run_(db.prepare("INSERT OR REPLACE INTO run_epochs VALUES(?,?)")),
      remove_run_(db.prepare("DELETE FROM run_epochs WHERE run=?")),
      find_lease_(db.prepare("SELECT holder, epoch, until FROM leases WHERE name=?")),
      set_lease_(db.prepare("INSERT OR REPLACE INTO leases VALUES(?,?,?,?)")),
      release_lease_(
          db.prepare("UPDATE leases SET holder='' WHERE name=? AND holder=? AND epoch=?")),
      find_key_(db.prepare("SELECT digest, first, last, answer FROM idempotency "
                           "WHERE writer=? AND key=? AND time>?")),
      set_key_(db.prepare("INSERT OR REPLACE INTO idempotency VALUES(?,?,?,?,?,?,?)")),
      purge_keys_(db.prepare("DELETE FROM idempotency WHERE (writer, key) IN (SELECT writer, key "
                             "FROM idempotency WHERE time<=? LIMIT 1000)")),
      insert_segment_(db.prepare("INSERT OR REPLACE INTO segments VALUES(?,?,?)")),
      set_indexed_(db.prepare("INSERT OR REPLACE INTO meta VALUES('indexed', ?)")),
      find_events_(db.prepare("SELECT scopes, kind, origin, payload FROM events "
                              "WHERE position>? AND position<=?")),
      remove_events_(db.prepare("DELETE FROM events WHERE position>? AND position<=?")),
      remove_segments_(db.prepare("DELETE FROM segments WHERE scope=? AND last<=?")),
      set_oldest_(db.prepare("INSERT OR REPLACE INTO meta VALUES('oldest', ?)")),
      put_snapshot_(db.prepare("INSERT INTO snapshot(kind, id, body) VALUES(?,?,?) "
                               "ON CONFLICT DO UPDATE SET body=excluded.body")),
      find_payload_(db.prepare("SELECT kind, payload FROM events WHERE position=?")),
      set_payload_(db.prepare("UPDATE events SET payload=? WHERE position=?")),
      set_bytes_(db.prepare("INSERT OR REPLACE INTO meta VALUES('log_bytes', ?)")),
      set_sized_(db.prepare("INSERT OR REPLACE INTO meta VALUES('sized', ?)")) {
  const auto number = [&](std::string_view sql) {
    return static_cast<std::uint64_t>(db.number(sql));
  };
  state_.head = load_head(db);
  state_.left = load_extent(db);
  state_.last_rank = std::max(number("SELECT max(rank) FROM docs"),
                              number("SELECT value FROM meta WHERE name='last_rank'"));
  state_.last_seq = number("SELECT max(seq) FROM queue_items");
}

bool WriteTables::begin() {
  before_ = state_;
  counts_.clear();
  return begin_.run();
}

bool WriteTables::commit() {
  for (const auto& [name, change] : counts_) {
    const auto end = name.find('\0');
    const auto text = std::string_view(name);
    if (change != 0) count_.with(text.substr(0, end), text.substr(end + 1), change).run();
  }
  if (state_.rank_removed) {
    set_last_rank_.with(state_.last_rank).run();
    state_.rank_removed = false;
  }
  return commit_.run();
}

void WriteTables::rollback() {
  state_ = before_;
  counts_.clear();
  if (db_.in_transaction()) rollback_.run();
}

Result<Committed> WriteTables::apply(Commit& commit, std::span<NewRow> events, Time now) {
  if (commit.key) {
    if (auto answer = known(*commit.key, now)) return std::move(*answer);
  }
  if (auto holds = check_preconditions(commit, *this, now); !holds) return fail(holds.error());

  for (const auto& one : commit.writes) std::visit([&](const auto& w) { write(w); }, one);
  // Copied: after a rollback the commit is tried again.
  Committed done{.first = next(state_.head), .last = {}, .answer = commit.answer};
  insert(events);
  done.last = state_.head;
  if (commit.key) remember(*commit.key, done, now);
  return done;
}

void WriteTables::insert(std::span<NewRow> events) {
  for (auto& row : events) {
    auto& event = *row.event;
    event.position = state_.head = next(state_.head);
    state_.left.bytes += row.bytes;
    insert_event_
        .with(event.position.value, bytes_of(event.id.uuid), to_ms(event.time), traits_of(event),
              event.kind, row.scopes, event.origin, event.payload, event.correlation,
              event.causation)
        .run();
  }
}

// --- Idempotency ---------------------------------------------------------------------------------

std::optional<Result<Committed>> WriteTables::known(const IdempotencyKey& key, Time now) {
  if (!find_key_.with(key.writer, key.key, to_ms(now - limits::kIdempotencyTtl)).next())
    return std::nullopt;
  Result<Committed> answer;
  if (auto same = check_digest(key, find_key_.text(0)); !same) {
    answer = fail(same.error());
  } else {
    answer = Committed{.first = {find_key_.unsigned_number(1)},
                       .last = {find_key_.unsigned_number(2)},
                       .repeated = true,
                       .answer = std::string(find_key_.text(3))};
  }
  find_key_.reset();
  return answer;
}

void WriteTables::remember(const IdempotencyKey& key, const Committed& done, Time now) {
  set_key_
      .with(key.writer, key.key, key.digest, done.first.value, done.last.value, done.answer,
            to_ms(now))
      .run();
}

void WriteTables::purge_keys(Time now) {
  purge_keys_.with(to_ms(now - limits::kIdempotencyTtl)).run();
}

// --- Documents -----------------------------------------------------------------------------------

std::optional<WriteTables::FoundDoc> WriteTables::find(const DocKey& key) {
  if (!find_doc_.with(key.kind, key.id).next()) return std::nullopt;
  FoundDoc found{.rank = find_doc_.unsigned_number(0),
                 .version = find_doc_.unsigned_number(1),
                 .marks = std::string(find_doc_.text(2))};
  find_doc_.reset();
  return found;
}

void WriteTables::mark(const std::string& kind, std::string_view mark, std::uint64_t rank) {
  insert_mark_.with(kind, mark, rank).run();
  ++counts_[(kind + '\0').append(mark)];
}

void WriteTables::unmark(const std::string& kind, std::string_view mark, std::uint64_t rank) {
  remove_mark_.with(kind, mark, rank).run();
  --counts_[(kind + '\0').append(mark)];
}

void WriteTables::write(const PutDoc& put) {
  const auto marks = join_marks(put.marks);
  const auto found = find(put.key);
  if (!found) {
    const auto rank = ++state_.last_rank;
    insert_doc_.with(rank, put.key.kind, put.key.id, marks, put.body).run();
    mark(put.key.kind, "", rank);
    for (const auto& one : put.marks) mark(put.key.kind, one, rank);
    return;
  }
  update_doc_.with(marks, put.body, found->rank).run();
  if (marks == found->marks) return;
  const auto before = split_marks(found->marks);
  for (const auto one : before) {
    if (std::ranges::find(put.marks, one) == put.marks.end())
      unmark(put.key.kind, one, found->rank);
  }
  for (const auto& one : put.marks) {
    if (std::ranges::find(before, one) == before.end()) mark(put.key.kind, one, found->rank);
  }
}

void WriteTables::write(const RemoveDoc& remove) {
  const auto found = find(remove.key);
  if (!found) return;
  remove_doc_.with(found->rank).run();
  unmark(remove.key.kind, "", found->rank);
  for (const auto one : split_marks(found->marks)) unmark(remove.key.kind, one, found->rank);
  state_.rank_removed = true;
}

std::optional<std::uint64_t> WriteTables::doc_version(const DocKey& key) {
  const auto found = find(key);
  return found ? std::optional(found->version) : std::nullopt;
}

// --- Queues --------------------------------------------------------------------------------------

void WriteTables::write(const QueuePush& push) {
  push_item_
      .with(++state_.last_seq, push.queue, push.item, push.priority, push.attempt,
            to_ms(push.not_before))
      .run();
}

void WriteTables::write(const QueueTake& take) {
  hold_item_.with(take.lease, take.queue, take.item).run();
}

void WriteTables::write(const QueueAck& ack) { remove_item_.with(ack.queue, ack.item).run(); }

void WriteTables::write(const QueueReturn& back) {
  return_item_.with(back.attempt, to_ms(back.not_before), back.queue, back.item).run();
}

std::optional<std::string> WriteTables::held_by(std::string_view queue, std::string_view item) {
  if (!find_item_.with(queue, item).next()) return std::nullopt;
  std::string lease(find_item_.text(0));
  find_item_.reset();
  return lease;
}

// --- Runs and leases -----------------------------------------------------------------------------

void WriteTables::write(const SetRunEpoch& set) {
  if (set.epoch) {
    set_run_.with(bytes_of(set.run.uuid), *set.epoch).run();
  } else {
    remove_run_.with(bytes_of(set.run.uuid)).run();
  }
}

std::optional<std::uint64_t> WriteTables::run_epoch(const RunId& run) {
  if (!find_run_.with(bytes_of(run.uuid)).next()) return std::nullopt;
  const auto epoch = find_run_.unsigned_number(0);
  find_run_.reset();
  return epoch;
}

std::optional<Lease> WriteTables::lease(std::string_view name) {
  if (!find_lease_.with(name).next()) return std::nullopt;
  Lease lease{.name = std::string(name),
              .holder = std::string(find_lease_.text(0)),
              .epoch = find_lease_.unsigned_number(1),
              .until = from_ms(find_lease_.number(2))};
  find_lease_.reset();
  return lease;
}

Result<Lease> WriteTables::acquire(std::string name, std::string holder, Time now, Duration ttl) {
  const auto held = lease(name);
  auto got = acquired(held, std::move(name), std::move(holder), now, ttl);
  if (got) set_lease_.with(got->name, got->holder, got->epoch, to_ms(got->until)).run();
  return got;
}

void WriteTables::release(const Lease& lease) {
  release_lease_.with(lease.name, lease.holder, lease.epoch).run();
}

// --- The scope index -----------------------------------------------------------------------------

void WriteTables::write_segment(const TailIndex& index) {
  std::vector<std::uint8_t> encoded;
  // What retention removed meanwhile is in no segment: nothing would remove it from there.
  const auto after = std::max(index.after(), Position{state_.left.oldest.value - 1});
  for (const auto scope : index.sorted_scopes()) {
    const auto positions = index.positions(scope, after, index.last());
    if (positions.empty()) continue;
    encode_postings(positions, encoded);
    insert_segment_.with(scope, positions.back(), std::span<const std::uint8_t>(encoded)).run();
  }
  set_indexed_.with(index.last().value).run();
  write_size();
}

// --- Retention -----------------------------------------------------------------------------------

Result<Committed> WriteTables::truncate(const Truncation& truncation, std::span<NewRow> events) {
  if (auto fits = check_place(truncation, state_.left.oldest, state_.head); !fits)
    return fail(fits.error());
  remove_events(truncation.from, truncation.upto);
  for (const auto& doc : truncation.changed) put_snapshot(doc);
  state_.left.oldest = next(truncation.upto);
  set_oldest_.with(state_.left.oldest.value).run();
  Committed done{.first = next(state_.head), .last = {}, .answer = {}};
  insert(events);
  done.last = state_.head;
  write_size();
  return done;
}

/// A segment goes with the last event that it names. That event names the segment's scope, so no
/// segment has to be searched for.
void WriteTables::remove_events(Position from, Position upto) {
  std::unordered_set<std::string> scopes;
  find_events_.with(from.value, upto.value);
  while (find_events_.next()) {
    split_scopes(find_events_.text(0),
                 [&](std::string_view scope) { scopes.insert(std::string(scope)); });
    state_.left.bytes -= row_bytes(find_events_.text(0), find_events_.text(1), find_events_.text(2),
                                   find_events_.text(3));
  }
  find_events_.reset();
  for (const auto& scope : scopes) remove_segments_.with(scope, upto.value).run();
  remove_events_.with(from.value, upto.value).run();
}

void WriteTables::put_snapshot(const SnapshotDoc& doc) {
  put_snapshot_.with(doc.key.kind, doc.key.id, doc.body).run();
}

Result<Pruned> WriteTables::prune(const std::vector<Position>& positions) {
  Pruned pruned;
  std::vector<Position> wanted;
  for (const auto position : positions) {
    if (!find_payload_.with(position.value).next()) continue;
    const auto may = check_prunable(find_payload_.text(0), position);
    if (may && find_payload_.text(1) != kPrunedPayload) {
      wanted.push_back(position);
      pruned.bytes += find_payload_.text(1).size();
    }
    find_payload_.reset();
    if (!may) return fail(may.error());
  }
  for (const auto position : wanted) set_payload_.with(kPrunedPayload, position.value).run();
  pruned.events = wanted.size();
  state_.left.bytes += pruned.events * kPrunedPayload.size();
  state_.left.bytes -= pruned.bytes;
  if (pruned.events > 0) write_size();
  return pruned;
}

void WriteTables::write_size() {
  set_bytes_.with(state_.left.bytes).run();
  set_sized_.with(state_.head.value).run();
}

}  // namespace reeve::store::sqlite
