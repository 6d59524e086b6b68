#include "store/sqlite/schema.h"

#include <array>

namespace reeve::store::sqlite {
namespace {

/// "REEV": tells a town's store from other SQLite files.
constexpr std::int64_t kApplicationId = 0x52454556;

/// Step n brings a file from version n to n + 1. A step that was released is never changed.
constexpr std::array kSteps{
    R"sql(
-- One row per fact about the file itself: log_id, session, last_rank, indexed, oldest.
CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;

-- The log. traits = fidelity | visibility << 4 | schema << 8. time in ms since 1970 (UTC).
-- scopes: separated by spaces, without the town's own.
CREATE TABLE events(
  position INTEGER PRIMARY KEY,
  id BLOB NOT NULL,
  time INTEGER NOT NULL,
  traits INTEGER NOT NULL,
  kind TEXT NOT NULL,
  scopes TEXT NOT NULL,
  origin TEXT NOT NULL,
  payload TEXT NOT NULL,
  correlation TEXT,
  causation TEXT
);

-- The scope index, written behind the log: events of `scope` up to `last`, as variable-length
-- integers (7 bits each, low ones first), the first absolute and then differences. meta.indexed says
-- up to which position it is complete.
CREATE TABLE segments(
  scope TEXT NOT NULL, last INTEGER NOT NULL, positions BLOB NOT NULL,
  PRIMARY KEY(scope, last)
) WITHOUT ROWID;

-- marks: one per line.
CREATE TABLE docs(
  rank INTEGER PRIMARY KEY,
  kind TEXT NOT NULL, id TEXT NOT NULL,
  version INTEGER NOT NULL, marks TEXT NOT NULL, body TEXT NOT NULL,
  UNIQUE(kind, id)
);
-- Which documents carry a mark; the empty one: every document of the kind.
CREATE TABLE marks(
  kind TEXT NOT NULL, mark TEXT NOT NULL, rank INTEGER NOT NULL,
  PRIMARY KEY(kind, mark, rank)
) WITHOUT ROWID;
CREATE TABLE counts(
  kind TEXT NOT NULL, mark TEXT NOT NULL, number INTEGER NOT NULL,
  PRIMARY KEY(kind, mark)
) WITHOUT ROWID;

-- lease: who holds the item; empty: nobody.
CREATE TABLE queue_items(
  seq INTEGER PRIMARY KEY,
  queue TEXT NOT NULL, item TEXT NOT NULL,
  priority INTEGER NOT NULL, attempt INTEGER NOT NULL, not_before INTEGER NOT NULL,
  lease TEXT NOT NULL,
  UNIQUE(queue, item)
);
CREATE INDEX queue_order ON queue_items(queue, priority DESC, seq);

CREATE TABLE run_epochs(run BLOB PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE leases(
  name TEXT PRIMARY KEY,
  holder TEXT NOT NULL, epoch INTEGER NOT NULL, until INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE idempotency(
  writer TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL,
  first INTEGER NOT NULL, last INTEGER NOT NULL, answer TEXT NOT NULL, time INTEGER NOT NULL,
  PRIMARY KEY(writer, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_by_time ON idempotency(time);

-- For people: SELECT * FROM events_view ORDER BY position DESC LIMIT 20;
CREATE VIEW events_view AS
SELECT position,
       strftime('%Y-%m-%dT%H:%M:%S', time / 1000, 'unixepoch') ||
         printf('.%03dZ', time % 1000) AS time,
       kind, scopes, origin, payload,
       CASE traits & 15 WHEN 0 THEN 'observed' WHEN 1 THEN 'committed'
                        WHEN 2 THEN 'domain' ELSE 'control' END AS fidelity,
       CASE traits >> 4 & 15 WHEN 0 THEN 'public' WHEN 1 THEN 'internal'
                             WHEN 2 THEN 'audit' ELSE 'sensitive' END AS visibility,
       traits >> 8 AS schema,
       correlation, causation,
       lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' ||
             substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' ||
             substr(hex(id), 21)) AS id
FROM events;
)sql",
    R"sql(
-- The documents as they were at the low-water mark: behind the last event that retention removed
-- (meta.oldest is the position after it).
CREATE TABLE snapshot(
  rank INTEGER PRIMARY KEY,
  kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
  UNIQUE(kind, id)
);
-- How large the events are that are left, up to position meta.sized: the bytes of their texts, and
-- 64 for the rest of each.
INSERT INTO meta SELECT 'log_bytes', coalesce(sum(64 +
    length(CAST(kind AS BLOB)) + length(CAST(scopes AS BLOB)) + length(CAST(origin AS BLOB)) +
    length(CAST(payload AS BLOB))), 0) FROM events;
INSERT INTO meta SELECT 'sized', coalesce(max(position), 0) FROM events;
)sql"};

Status status(Connection& db) {
  auto failure = db.take_failure();
  if (!failure) return {};
  return fail(failure->error);
}

/// 0: a new file.
Result<int> version_of(Connection& db, const std::string& path) {
  const auto version = db.number("PRAGMA user_version");
  const auto application = db.number("PRAGMA application_id");
  const auto tables = db.number("SELECT count(*) FROM sqlite_master");
  if (auto read = status(db); !read) return fail(read.error());
  if (tables != 0 && application != kApplicationId) {
    return fail(Errc::unsupported,
                path + ": this SQLite file is not a town's store; it was left as it is");
  }
  if (version > schema_version()) {
    return fail(Errc::unsupported, path + " was written by a newer reeve (schema " +
                                       std::to_string(version) + ", this one knows " +
                                       std::to_string(schema_version()) +
                                       "): use that version, or a newer one");
  }
  return static_cast<int>(version);
}

}  // namespace

int schema_version() { return static_cast<int>(kSteps.size()); }

Status configure(Connection& db, Durability durability, bool read_only) {
  if (!read_only) {
    // Both only take hold in a file that is still empty.
    db.run("PRAGMA page_size=4096; PRAGMA auto_vacuum=NONE;");
    db.run("PRAGMA journal_mode=WAL;");
    switch (durability) {
      case Durability::disk: db.run("PRAGMA synchronous=FULL;"); break;
      // In WAL mode NORMAL syncs before checkpoints only: a power cut may lose the last commits,
      // never the file.
      case Durability::os: db.run("PRAGMA synchronous=NORMAL;"); break;
      case Durability::memory: db.run("PRAGMA synchronous=OFF;"); break;
    }
  }
  // Readers ask for little at a time; their caches count into an idle daemon's memory.
  db.run(read_only ? "PRAGMA cache_size=-1024;" : "PRAGMA cache_size=-4096;");
  db.run("PRAGMA secure_delete=OFF; PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=67108864;");
  return status(db);
}

Status migrate(Connection& db, const std::string& path) {
  const auto version = version_of(db, path);
  if (!version) return fail(version.error());
  for (auto step = static_cast<std::size_t>(*version); step < kSteps.size(); ++step) {
    db.run("BEGIN IMMEDIATE");
    if (step == 0) db.run(("PRAGMA application_id=" + std::to_string(kApplicationId)).c_str());
    db.run(kSteps[step]);
    db.run(("PRAGMA user_version=" + std::to_string(step + 1)).c_str());
    db.run("COMMIT");
    if (auto done = status(db); !done) {
      if (db.in_transaction()) db.run("ROLLBACK");
      return fail(done.error().during("bringing the store to schema " + std::to_string(step + 1)));
    }
  }
  return {};
}

Status check_version(Connection& db, const std::string& path) {
  const auto version = version_of(db, path);
  if (!version) return fail(version.error());
  if (*version == schema_version()) return {};
  return fail(Errc::unsupported, path + ": schema " + std::to_string(*version) +
                                     " is older than this reeve's; open it for writing once");
}

}  // namespace reeve::store::sqlite
