#include "store/sqlite/reader.h"

#include <algorithm>
#include <limits>

#include "base/limits.h"
#include "store/check.h"
#include "store/postings.h"
#include "store/sqlite/rows.h"
#include "store/sqlite/schema.h"

namespace reeve::store::sqlite {
namespace {

/// latest() has no place to go on from, so it looks further back than a page does.
constexpr std::size_t kLatestRows = 10 * limits::kScanRows;

std::string select_events(std::string_view rest) {
  return "SELECT " + std::string(kEventColumns) + " FROM events " + std::string(rest);
}

bool wants_kind(const EventFilter& filter, const Statement& row) {
  if (filter.kinds.empty()) return true;
  return std::ranges::find(filter.kinds, row.text(kKindColumn)) != filter.kinds.end();
}

bool names_scopes(const EventFilter& filter) {
  return !filter.scopes.empty() && std::ranges::none_of(filter.scopes, &Scope::is_town);
}

/// A queue behind a place: what is left of that priority, then the lower ones. Each half is read in
/// the order of the index, so that a page costs its rows and no more.
std::string select_items(const std::string& condition) {
  const auto half = [&](const char* where) {
    return "SELECT item, priority, attempt, not_before, lease, seq FROM queue_items "
           "WHERE queue=?1 AND " +
           std::string(where) + " " + condition;
  };
  return half("priority=?2 AND seq>?3") + " UNION ALL " + half("priority<?2") +
         " ORDER BY priority DESC, seq LIMIT ?4";
}

std::int64_t sql_limit(std::size_t limit) {
  return static_cast<std::int64_t>(std::min(limit, limits::kPage));
}

}  // namespace

// --- One scope's positions, segment by segment, then (forward) or before that (backward) the tail
// -

class Reader::Forward {
 public:
  Forward(Reader& reader, std::string_view scope, const std::vector<std::uint64_t>& tail,
          Position after)
      : reader_(reader), scope_(scope), tail_(tail), last_(after.value) {
    advance();
  }
  /// 0: there is none.
  [[nodiscard]] std::uint64_t position() const { return position_; }
  void advance() {
    for (;;) {
      while (at_ < segment_.size() && segment_[at_] <= last_) ++at_;
      if (at_ < segment_.size()) return take(segment_[at_]);
      if (!segments_over_ && load()) continue;
      // A segment that was written meanwhile may hold what the tail does too.
      while (in_tail_ < tail_.size() && tail_[in_tail_] <= last_) ++in_tail_;
      return take(in_tail_ < tail_.size() ? tail_[in_tail_] : 0);
    }
  }

 private:
  void take(std::uint64_t position) {
    position_ = position;
    last_ = position;
  }
  bool load() {
    auto& rows = reader_.segment_up_;
    if (!rows.with(scope_, last_).next()) {
      segments_over_ = true;
      return false;
    }
    auto decoded = decode_postings(rows.blob(0));
    rows.reset();
    if (!decoded || decoded->empty() || decoded->back() <= last_) {
      reader_.damaged_ = segments_over_ = true;
      return false;
    }
    segment_ = std::move(*decoded);
    at_ = 0;
    return true;
  }

  Reader& reader_;
  std::string_view scope_;
  const std::vector<std::uint64_t>& tail_;
  std::uint64_t last_;
  std::uint64_t position_ = 0;
  std::vector<std::uint64_t> segment_;
  std::size_t at_ = 0;
  std::size_t in_tail_ = 0;
  bool segments_over_ = false;
};

class Reader::Backward {
 public:
  Backward(Reader& reader, std::string_view scope, const std::vector<std::uint64_t>& tail,
           Position head)
      : reader_(reader), scope_(scope), tail_(tail), in_tail_(tail.size()), bound_(head.value + 1) {
    advance();
  }
  [[nodiscard]] std::uint64_t position() const { return position_; }
  void advance() {
    if (in_tail_ > 0) return take(tail_[--in_tail_]);
    for (;;) {
      while (left_ > 0 && segment_[left_ - 1] >= bound_) --left_;
      if (left_ > 0) return take(segment_[left_ - 1]);
      if (!load()) return take(0);
    }
  }

 private:
  void take(std::uint64_t position) {
    position_ = position;
    if (position != 0) bound_ = position;
  }
  bool load() {
    auto& rows = reader_.segment_down_;
    if (!rows.with(scope_, below_).next()) return false;
    below_ = rows.unsigned_number(1);
    auto decoded = decode_postings(rows.blob(0));
    rows.reset();
    if (!decoded) {
      reader_.damaged_ = true;
      return false;
    }
    segment_ = std::move(*decoded);
    left_ = segment_.size();
    return true;
  }

  Reader& reader_;
  std::string_view scope_;
  const std::vector<std::uint64_t>& tail_;
  std::size_t in_tail_;
  std::uint64_t bound_;
  std::uint64_t below_ = std::numeric_limits<std::int64_t>::max();
  std::uint64_t position_ = 0;
  std::vector<std::uint64_t> segment_;
  std::size_t left_ = 0;
};

// --- Reader --------------------------------------------------------------------------------------

Result<std::unique_ptr<Reader>> Reader::open(Connection::Options options, Durability durability) {
  options.read_only = true;
  auto db = Connection::open(std::move(options));
  if (!db) return fail(db.error());
  if (auto ready = configure(**db, durability, true); !ready) return fail(ready.error());
  auto reader = std::unique_ptr<Reader>(new Reader(std::move(*db)));
  if (auto ready = reader->finished(); !ready) return fail(ready.error());
  return reader;
}

Reader::Reader(std::unique_ptr<Connection> db)
    : db_(std::move(db)),
      get_(db_->prepare("SELECT rank, version, body FROM docs WHERE kind=? AND id=?")),
      list_up_(db_->prepare(
          "SELECT d.rank, d.version, d.body, d.id FROM marks m JOIN docs d ON d.rank=m.rank "
          "WHERE m.kind=? AND m.mark=? AND m.rank>? ORDER BY m.rank LIMIT ?")),
      list_down_(db_->prepare(
          "SELECT d.rank, d.version, d.body, d.id FROM marks m JOIN docs d ON d.rank=m.rank "
          "WHERE m.kind=? AND m.mark=? AND m.rank<? ORDER BY m.rank DESC LIMIT ?")),
      count_(db_->prepare("SELECT number FROM counts WHERE kind=? AND mark=?")),
      ready_(db_->prepare(select_items("AND lease='' AND not_before<=?5"))),
      items_(db_->prepare(select_items(""))),
      run_(db_->prepare("SELECT epoch FROM run_epochs WHERE run=?")),
      scan_up_(db_->prepare(select_events("WHERE position>? AND position<=? ORDER BY position"))),
      scan_down_(db_->prepare(select_events("WHERE position<=? ORDER BY position DESC"))),
      at_(db_->prepare(select_events("WHERE position=?"))),
      segment_up_(db_->prepare(
          "SELECT positions FROM segments WHERE scope=? AND last>? ORDER BY last LIMIT 1")),
      segment_down_(db_->prepare("SELECT positions, last FROM segments WHERE scope=? AND last<? "
                                 "ORDER BY last DESC LIMIT 1")),
      oldest_(db_->prepare("SELECT value FROM meta WHERE name='oldest'")),
      snapshot_(db_->prepare("SELECT rank, kind, id, body FROM snapshot WHERE rank>? "
                             "ORDER BY rank LIMIT ?")),
      snapshot_of_(db_->prepare("SELECT rank, body FROM snapshot WHERE kind=? AND id=?")) {}

Status Reader::finished() {
  const auto failure = db_->take_failure();
  if (db_->in_transaction()) db_->run("COMMIT");
  db_->take_failure();
  if (failure) return fail(failure->error);
  if (damaged_) {
    damaged_ = false;
    return fail(Errc::corrupt,
                "the store holds a row that cannot be what was written: restore a backup");
  }
  return {};
}

Result<std::optional<Doc>> Reader::get(const DocKey& key) {
  std::optional<Doc> doc;
  if (get_.with(key.kind, key.id).next()) {
    doc = Doc{.key = key,
              .version = get_.unsigned_number(1),
              .body = std::string(get_.text(2)),
              .rank = get_.unsigned_number(0)};
    get_.reset();
  }
  if (auto done = finished(); !done) return fail(done.error());
  return doc;
}

Result<std::vector<Doc>> Reader::list(const DocQuery& query) {
  auto& rows = query.descending ? list_down_ : list_up_;
  const auto from = query.descending && query.after_rank == 0
                        ? std::numeric_limits<std::int64_t>::max()
                        : static_cast<std::int64_t>(query.after_rank);
  rows.with(query.kind, query.mark, from, sql_limit(query.limit));
  std::vector<Doc> docs;
  while (rows.next()) {
    docs.push_back(Doc{.key = {query.kind, std::string(rows.text(3))},
                       .version = rows.unsigned_number(1),
                       .body = std::string(rows.text(2)),
                       .rank = rows.unsigned_number(0)});
  }
  if (auto done = finished(); !done) return fail(done.error());
  return docs;
}

Result<std::uint64_t> Reader::count(const std::string& kind, const std::string& mark) {
  const std::uint64_t number = count_.with(kind, mark).next() ? count_.unsigned_number(0) : 0;
  count_.reset();
  if (auto done = finished(); !done) return fail(done.error());
  return number;
}

Result<std::vector<QueueItem>> Reader::items(const std::string& queue, std::optional<Time> ready_at,
                                             std::size_t limit, QueuePlace after) {
  if (ready_at) {
    ready_.with(queue, after.priority, after.order, sql_limit(limit), to_ms(*ready_at));
  } else {
    items_.with(queue, after.priority, after.order, sql_limit(limit));
  }
  auto& rows = ready_at ? ready_ : items_;
  std::vector<QueueItem> found;
  while (rows.next()) {
    found.push_back(QueueItem{.item = std::string(rows.text(0)),
                              .priority = static_cast<int>(rows.number(1)),
                              .attempt = static_cast<int>(rows.number(2)),
                              .not_before = from_ms(rows.number(3)),
                              .lease = std::string(rows.text(4)),
                              .order = rows.unsigned_number(5)});
  }
  if (auto done = finished(); !done) return fail(done.error());
  return found;
}

Result<std::optional<std::uint64_t>> Reader::run_epoch(const RunId& run) {
  std::optional<std::uint64_t> epoch;
  const std::span<const std::uint8_t> id = run.uuid.bytes;
  if (run_.with(id).next()) epoch = run_.unsigned_number(0);
  run_.reset();
  if (auto done = finished(); !done) return fail(done.error());
  return epoch;
}

// --- The log -------------------------------------------------------------------------------------

Result<EventPage> Reader::read(const LogQuery& query) {
  db_->run("BEGIN");
  const auto there = check_reachable(query.after, query.log, oldest());
  EventPage page;
  if (there) page = names_scopes(query.filter) ? follow_scopes(query) : scan(query);
  if (auto done = finished(); !done) return fail(done.error());
  if (!there) return fail(there.error());
  return page;
}

Result<std::vector<EventPtr>> Reader::latest(const LogQuery& query) {
  db_->run("BEGIN");
  auto events = names_scopes(query.filter) ? follow_scopes_back(query, oldest()) : scan_back(query);
  if (auto done = finished(); !done) return fail(done.error());
  std::ranges::reverse(events);
  return events;
}

Position Reader::oldest() {
  const std::uint64_t value = oldest_.with().next() ? oldest_.unsigned_number(0) : 1;
  oldest_.reset();
  return {std::max<std::uint64_t>(value, 1)};
}

Result<SnapshotPage> Reader::snapshot(std::uint64_t after_rank, std::size_t limit) {
  db_->run("BEGIN");
  SnapshotPage page{.at = {oldest().value - 1}, .docs = {}};
  std::size_t bytes = 0;
  snapshot_.with(after_rank, sql_limit(limit));
  while (bytes < limits::kPageBytes && snapshot_.next()) {
    page.docs.push_back(
        SnapshotDoc{.key = {std::string(snapshot_.text(1)), std::string(snapshot_.text(2))},
                    .body = std::string(snapshot_.text(3)),
                    .rank = snapshot_.unsigned_number(0)});
    bytes += page.docs.back().body.size();
  }
  snapshot_.reset();
  if (auto done = finished(); !done) return fail(done.error());
  return page;
}

Result<SnapshotPage> Reader::snapshot_of(const std::vector<DocKey>& keys) {
  db_->run("BEGIN");
  SnapshotPage page{.at = {oldest().value - 1}, .docs = {}};
  for (const auto& key : keys) {
    if (snapshot_of_.with(key.kind, key.id).next()) {
      page.docs.push_back(SnapshotDoc{.key = key,
                                      .body = std::string(snapshot_of_.text(1)),
                                      .rank = snapshot_of_.unsigned_number(0)});
    }
    snapshot_of_.reset();
  }
  if (auto done = finished(); !done) return fail(done.error());
  return page;
}

EventPtr Reader::event(const Statement& row) {
  auto event = event_from(row);
  if (!event) damaged_ = true;
  return event;
}

EventPtr Reader::wanted_at(std::uint64_t position, const EventFilter& filter) {
  EventPtr found;
  if (at_.with(position).next()) {
    if (wants_kind(filter, at_)) found = event(at_);
    at_.reset();
  } else if (db_->ok()) {
    damaged_ = true;  // the index names an event that is not there
  }
  return found;
}

EventPage Reader::scan(const LogQuery& query) {
  EventPage page{.events = {}, .scanned = query.after};
  std::size_t looked_at = 0;
  std::size_t bytes = 0;
  scan_up_.with(query.after.value, query.head.value);
  while (page.events.size() < query.limit && looked_at < limits::kScanRows &&
         bytes < limits::kPageBytes && scan_up_.next()) {
    ++looked_at;
    page.scanned = {scan_up_.unsigned_number(0)};
    if (!wants_kind(query.filter, scan_up_)) continue;
    if (auto found = event(scan_up_)) {
      bytes += found->payload.size();
      page.events.push_back(std::move(found));
    }
  }
  scan_up_.reset();
  return page;
}

EventPage Reader::follow_scopes(const LogQuery& query) {
  std::vector<Forward> cursors;
  for (std::size_t i = 0; i < query.filter.scopes.size(); ++i)
    cursors.emplace_back(*this, query.filter.scopes[i].str(), query.tail[i], query.after);
  EventPage page{.events = {}, .scanned = query.after};
  std::size_t bytes = 0;
  for (std::size_t looked_at = 0; looked_at < limits::kScanRows; ++looked_at) {
    std::uint64_t first = 0;
    for (const auto& cursor : cursors) {
      if (cursor.position() != 0 && (first == 0 || cursor.position() < first))
        first = cursor.position();
    }
    if (first == 0 || first > query.head.value) {
      page.scanned = std::max(query.head, query.after);
      return page;
    }
    if (page.events.size() == query.limit || bytes >= limits::kPageBytes) return page;
    for (auto& cursor : cursors) {
      if (cursor.position() == first) cursor.advance();
    }
    page.scanned = {first};
    if (auto found = wanted_at(first, query.filter)) {
      bytes += found->payload.size();
      page.events.push_back(std::move(found));
    }
  }
  return page;
}

std::vector<EventPtr> Reader::scan_back(const LogQuery& query) {
  std::vector<EventPtr> events;
  std::size_t looked_at = 0;
  scan_down_.with(query.head.value);
  while (events.size() < query.limit && looked_at++ < kLatestRows && scan_down_.next()) {
    if (!wants_kind(query.filter, scan_down_)) continue;
    if (auto found = event(scan_down_)) events.push_back(std::move(found));
  }
  scan_down_.reset();
  return events;
}

std::vector<EventPtr> Reader::follow_scopes_back(const LogQuery& query, Position oldest) {
  std::vector<Backward> cursors;
  for (std::size_t i = 0; i < query.filter.scopes.size(); ++i)
    cursors.emplace_back(*this, query.filter.scopes[i].str(), query.tail[i], query.head);
  std::vector<EventPtr> events;
  for (std::size_t looked_at = 0; looked_at < kLatestRows; ++looked_at) {
    std::uint64_t newest = 0;
    for (const auto& cursor : cursors) newest = std::max(newest, cursor.position());
    // Segments and tail may still name what is gone.
    if (newest < oldest.value || events.size() == query.limit) break;
    for (auto& cursor : cursors) {
      if (cursor.position() == newest) cursor.advance();
    }
    if (auto found = wanted_at(newest, query.filter)) events.push_back(std::move(found));
  }
  return events;
}

}  // namespace reeve::store::sqlite
