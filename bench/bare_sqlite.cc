#include "bare_sqlite.h"

#include <sqlite3.h>

#include <stdexcept>
#include <string>

#include "harness.h"
#include "store/sqlite/rows.h"

namespace reeve::bench {
namespace {

constexpr std::size_t kPerTransaction = 1'024;
constexpr auto kWindow = std::chrono::seconds(2);

void check(sqlite3* db, int code) {
  if (code != SQLITE_OK && code != SQLITE_DONE) throw std::runtime_error(sqlite3_errmsg(db));
}

void run(sqlite3* db, const char* sql) {
  check(db, sqlite3_exec(db, sql, nullptr, nullptr, nullptr));
}

sqlite3_stmt* prepare(sqlite3* db, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  check(db, sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
  return statement;
}

void bind_text(sqlite3_stmt* statement, int at, const std::string& text) {
  sqlite3_bind_text64(statement, at, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

}  // namespace

double bare_inserts(const std::filesystem::path& folder, Sample& sample, bool scope_index) {
  sqlite3* db = nullptr;
  sqlite3_open_v2((folder / "bare.db").c_str(), &db,
                  SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  run(db,
      "PRAGMA page_size=4096; PRAGMA auto_vacuum=NONE; PRAGMA journal_mode=WAL;"
      "PRAGMA synchronous=FULL; PRAGMA secure_delete=OFF; PRAGMA cache_size=-4096;"
      "PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=67108864;"
      "PRAGMA wal_autocheckpoint=4000;"
      "CREATE TABLE events(position INTEGER PRIMARY KEY, id BLOB NOT NULL, time INTEGER NOT NULL,"
      " traits INTEGER NOT NULL, kind TEXT NOT NULL, scopes TEXT NOT NULL, origin TEXT NOT NULL,"
      " payload TEXT NOT NULL, correlation TEXT, causation TEXT);"
      "CREATE TABLE scope_index(scope TEXT NOT NULL, position INTEGER NOT NULL,"
      " PRIMARY KEY(scope, position)) WITHOUT ROWID;");
  auto* insert = prepare(db, "INSERT INTO events VALUES(?,?,?,?,?,?,?,?,?,?)");
  auto* index = prepare(db, "INSERT INTO scope_index VALUES(?,?)");
  // Making the events is not part of it.
  std::vector<store::sqlite::NewRow> rows;
  for (std::size_t i = 0; i < 16 * kPerTransaction; ++i)
    rows.push_back(store::sqlite::make_row(sample.next()));

  std::int64_t position = 0;
  const auto start = Clock::now();
  while (Clock::now() - start < kWindow) {
    run(db, "BEGIN IMMEDIATE");
    for (std::size_t i = 0; i < kPerTransaction; ++i) {
      const auto& row = rows[static_cast<std::size_t>(position) % rows.size()];
      const auto& event = *row.event;
      ++position;
      sqlite3_bind_int64(insert, 1, position);
      sqlite3_bind_blob(insert, 2, event.id.uuid.bytes.data(), 16, SQLITE_STATIC);
      sqlite3_bind_int64(insert, 3, to_ms(event.time));
      sqlite3_bind_int64(insert, 4, store::sqlite::traits_of(event));
      bind_text(insert, 5, event.kind);
      bind_text(insert, 6, row.scopes);
      bind_text(insert, 7, event.origin);
      bind_text(insert, 8, event.payload);
      check(db, sqlite3_step(insert));
      sqlite3_reset(insert);
      if (!scope_index) continue;
      for (const auto& scope : event.scopes) {
        bind_text(index, 1, scope.str());
        sqlite3_bind_int64(index, 2, position);
        check(db, sqlite3_step(index));
        sqlite3_reset(index);
      }
    }
    run(db, "COMMIT");
  }
  const auto took = Seconds(Clock::now() - start).count();
  sqlite3_finalize(insert);
  sqlite3_finalize(index);
  sqlite3_close(db);
  return static_cast<double>(position) / took;
}

}  // namespace reeve::bench
