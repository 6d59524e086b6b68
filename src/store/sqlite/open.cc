#include "store/sqlite/open.h"

#include <algorithm>
#include <string>

#include "base/json.h"
#include "base/logging.h"
#include "store/sqlite/extent.h"
#include "store/sqlite/rows.h"
#include "store/sqlite/schema.h"

namespace reeve::store::sqlite {
namespace {

std::string meta(Connection& db, std::string_view name) {
  auto row = db.prepare("SELECT value FROM meta WHERE name=?");
  return row.with(name).next() ? std::string(row.text(0)) : std::string();
}

void set_meta(Connection& db, std::string_view name, const std::string& value) {
  db.prepare("INSERT OR REPLACE INTO meta VALUES(?,?)").with(name, value).run();
}

/// Why the log cannot go on under its id; empty: it can.
std::string why_new_log(Connection& db, const LockFile& lock, const std::string& log,
                        const std::string& file, Position head) {
  // "open:os" is left behind by a process that did not close at a durability below disk: a power
  // cut may have taken events that somebody has seen.
  const auto session = meta(db, "session");
  if (session.starts_with("open:") && session != "open:disk")
    return "it was not closed cleanly at durability " + session.substr(5);
  const auto& last = lock.last();
  if (head == Position() && !last) return {};
  if (!last) return "the file beside it that knew it is gone";
  if (last->log != log || last->file != file) return "its file is another one: a restored backup";
  if (head.value < last->head) return "it ends earlier than it did: a restored backup";
  return {};
}

Status status(Connection& db) {
  if (auto failure = db.take_failure()) return fail(failure->error);
  return {};
}

/// The log's id, as from now on.
Result<LogId> settle_log(Env& env, Connection& db, LockFile& lock, const SqliteOptions& options,
                         Position head) {
  auto text = meta(db, "log_id");
  const auto file = file_identity(options.path);
  auto known = LogId::parse(text);
  if (text.empty()) known = LogId(env.uuid4());
  if (auto read = status(db); !read) return fail(read.error());
  if (!known) return fail(Errc::corrupt, options.path + ": the log's id is damaged");
  if (!text.empty()) {
    const auto why = why_new_log(db, lock, text, file, head);
    if (!why.empty()) {
      known = LogId(env.uuid4());
      logging::warn("{}: a new log begins, older cursors are refused: {}", options.path, why);
    }
  }
  db.run("BEGIN IMMEDIATE");
  set_meta(db, "log_id", known->str());
  set_meta(db, "session", "open:" + std::string(enum_name(options.durability)));
  db.run("COMMIT");
  if (auto written = status(db); !written) {
    if (db.in_transaction()) db.run("ROLLBACK");
    return fail(written.error());
  }
  if (auto noted = lock.note({.log = known->str(), .file = file, .head = head.value}); !noted)
    return fail(noted.error());
  return *known;
}

/// The events that no segment covers yet.
TailIndex load_tail(Connection& db, Position indexed, Position head) {
  TailIndex tail(indexed);
  auto rows = db.prepare("SELECT position, scopes FROM events WHERE position>? ORDER BY position");
  rows.with(indexed.value);
  while (rows.next()) {
    const Position position{rows.unsigned_number(0)};
    split_scopes(rows.text(1), [&](std::string_view scope) { tail.add(position, scope); });
    tail.reach(position);
  }
  tail.reach(std::max(head, indexed));
  return tail;
}

}  // namespace

Result<Opened> open_file(Env& env, const SqliteOptions& options) {
  Opened opened;
  if (!options.read_only) {
    auto lock = LockFile::take(options.path + ".lock", env.now(), options.opened_by);
    if (!lock) return fail(lock.error());
    opened.lock = std::move(*lock);
  }
  auto db =
      Connection::open({.path = options.path, .read_only = options.read_only, .vfs = options.vfs});
  if (!db) return fail(db.error());
  opened.db = std::move(*db);
  // Until the session is marked as open every mark must reach the disk, whatever comes later.
  if (auto ready = configure(*opened.db, Durability::disk, options.read_only); !ready)
    return fail(ready.error());
  const auto versioned = options.read_only ? check_version(*opened.db, options.path)
                                           : migrate(*opened.db, options.path);
  if (!versioned) return fail(versioned.error());

  const auto head = load_head(*opened.db);
  const auto left = load_extent(*opened.db);
  const Position indexed{
      static_cast<std::uint64_t>(opened.db->number("SELECT value FROM meta WHERE name='indexed'"))};
  if (auto read = status(*opened.db); !read) return fail(read.error());
  opened.log = {.id = {}, .head = head, .oldest = left.oldest, .bytes = left.bytes};
  if (options.read_only) {
    auto id = LogId::parse(meta(*opened.db, "log_id"));
    if (!id) return fail(Errc::corrupt, options.path + ": the log's id is damaged");
    opened.log.id = *id;
  } else {
    auto id = settle_log(env, *opened.db, *opened.lock, options, head);
    if (!id) return fail(id.error());
    opened.log.id = *id;
    if (auto ready = configure(*opened.db, options.durability, false); !ready)
      return fail(ready.error());
  }
  opened.tail = load_tail(*opened.db, indexed, head);
  if (auto read = status(*opened.db); !read) return fail(read.error());
  return opened;
}

}  // namespace reeve::store::sqlite
