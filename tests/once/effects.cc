#include "effects.h"

#include <sqlite3.h>

#include <memory>
#include <stdexcept>

namespace reeve::once {
namespace {

[[noreturn]] void give_up(sqlite3* db) {
  throw std::runtime_error(std::string("the effects: ") + ::sqlite3_errmsg(db));
}

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { ::sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

Statement prepare(sqlite3* db, const char* sql) {
  sqlite3_stmt* made = nullptr;
  if (::sqlite3_prepare_v2(db, sql, -1, &made, nullptr) != SQLITE_OK) give_up(db);
  return Statement(made);
}

}  // namespace

Effects::Effects(const std::filesystem::path& file) {
  if (::sqlite3_open(file.c_str(), &db_) != SQLITE_OK) give_up(db_);
  ::sqlite3_busy_timeout(db_, 10'000);
  // Processes are killed, not the machine.
  run("PRAGMA journal_mode = WAL");
  run("PRAGMA synchronous = OFF");
  // An effect that happens twice is to be seen, not refused.
  run("CREATE TABLE IF NOT EXISTS effect (number INTEGER PRIMARY KEY, position INTEGER, id TEXT)");
  run("CREATE TABLE IF NOT EXISTS place (one INTEGER PRIMARY KEY, cursor TEXT)");
  run("CREATE TABLE IF NOT EXISTS complaint (what TEXT)");
}

Effects::~Effects() { ::sqlite3_close(db_); }

void Effects::run(const char* sql, std::vector<std::string> values) {
  const auto statement = prepare(db_, sql);
  for (std::size_t i = 0; i < values.size(); ++i) {
    ::sqlite3_bind_text(statement.get(), static_cast<int>(i) + 1, values[i].data(),
                        static_cast<int>(values[i].size()), SQLITE_TRANSIENT);
  }
  int step = SQLITE_ROW;
  while (step == SQLITE_ROW) step = ::sqlite3_step(statement.get());
  if (step != SQLITE_DONE) give_up(db_);
}

std::vector<std::vector<std::string>> Effects::rows(const char* sql) {
  const auto statement = prepare(db_, sql);
  std::vector<std::vector<std::string>> all;
  int step = SQLITE_ROW;
  while ((step = ::sqlite3_step(statement.get())) == SQLITE_ROW) {
    auto& row = all.emplace_back();
    for (int i = 0; i < ::sqlite3_column_count(statement.get()); ++i) {
      const auto* text = reinterpret_cast<const char*>(::sqlite3_column_text(statement.get(), i));
      row.emplace_back(text == nullptr ? "" : text);
    }
  }
  if (step != SQLITE_DONE) give_up(db_);
  return all;
}

std::string Effects::cursor() {
  const auto found = rows("SELECT cursor FROM place");
  return found.empty() ? "" : found.front().front();
}

void Effects::complain(const std::string& what) {
  run("INSERT INTO complaint VALUES (?1)", {what});
}

void Effects::apply(std::uint64_t position, const std::string& id, const std::string& cursor) {
  run("BEGIN IMMEDIATE");
  run("INSERT INTO effect (position, id) VALUES (?1, ?2)", {std::to_string(position), id});
  move(cursor);
  run("COMMIT");
}

void Effects::move(const std::string& cursor) {
  run("INSERT INTO place VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET cursor = ?1", {cursor});
}

std::vector<Effects::Effect> Effects::all() {
  std::vector<Effect> effects;
  for (auto& row : rows("SELECT position, id FROM effect ORDER BY number"))
    effects.push_back({std::stoull(row[0]), std::move(row[1])});
  return effects;
}

std::vector<std::string> Effects::complaints() {
  std::vector<std::string> all;
  for (auto& row : rows("SELECT what FROM complaint")) all.push_back(std::move(row[0]));
  return all;
}

}  // namespace reeve::once
