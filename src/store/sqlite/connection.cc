#include "store/sqlite/connection.h"

#include <fcntl.h>
#include <sqlite3.h>

#include <cerrno>
#include <mutex>
#include <utility>

#include "base/fd.h"

namespace reeve::store::sqlite {
namespace {

/// A shell or a backup may hold the file for a moment.
constexpr int kBusyMs = 2'000;

void configure_once() {
  // Counting every allocation costs a mutex each; nobody reads the counts.
  static std::once_flag once;
  std::call_once(once, [] { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); });
}

int on_wal(void* pages, sqlite3*, const char*, int now) {
  *static_cast<int*>(pages) = now;
  return SQLITE_OK;
}

}  // namespace

Error describe_sqlite(int code, std::string_view path, std::string_view message) {
  const auto text = [&](std::string_view what) {
    return std::string(path) + ": " + std::string(what) + " (" + std::string(message) + ")";
  };
  switch (code & 0xff) {
    case SQLITE_FULL:
      return {Errc::storage_full, text("the disk is full: make room and try again")};
    case SQLITE_READONLY: return {Errc::read_only, text("the store cannot be written")};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {Errc::corrupt, text("the file is damaged or no database: restore a backup")};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Errc::unavailable, text("another process keeps the store busy: try again")};
    case SQLITE_CANTOPEN: return {Errc::unavailable, text("the file cannot be opened")};
    case SQLITE_PERM:
    case SQLITE_AUTH: return {Errc::denied, text("not allowed to use the file")};
    case SQLITE_TOOBIG: return {Errc::too_large, text("a value is larger than the store takes")};
    case SQLITE_IOERR: return {Errc::unavailable, text("reading or writing the disk failed")};
    default: return {Errc::internal, text("SQLite says " + std::to_string(code))};
  }
}

// --- Statement -----------------------------------------------------------------------------------

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_), statement_(std::exchange(other.statement_, nullptr)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(connection_, other.connection_);
  std::swap(statement_, other.statement_);
  return *this;
}

Statement::~Statement() { sqlite3_finalize(statement_); }

bool Statement::next() {
  if (statement_ == nullptr || !connection_->ok()) return false;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  sqlite3_reset(statement_);
  if (code != SQLITE_DONE) connection_->note(code);
  return false;
}

bool Statement::run() {
  while (next()) {
  }
  return connection_ != nullptr && connection_->ok();
}

void Statement::reset() {
  if (statement_ != nullptr) sqlite3_reset(statement_);
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string_view Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::span<const std::uint8_t> Statement::blob(int column) const {
  const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

void Statement::bind(int at, std::int64_t value) {
  if (const int code = sqlite3_bind_int64(statement_, at, value)) connection_->note(code);
}

void Statement::bind(int at, std::string_view value) {
  // A null pointer would be bound as NULL.
  const auto* text = value.data() == nullptr ? "" : value.data();
  if (const int code =
          sqlite3_bind_text64(statement_, at, text, value.size(), SQLITE_STATIC, SQLITE_UTF8))
    connection_->note(code);
}

void Statement::bind(int at, std::span<const std::uint8_t> value) {
  const auto* bytes = value.data() == nullptr ? static_cast<const void*>("")
                                              : static_cast<const void*>(value.data());
  if (const int code = sqlite3_bind_blob64(statement_, at, bytes, value.size(), SQLITE_STATIC))
    connection_->note(code);
}

void Statement::bind(int at, std::nullptr_t) {
  if (const int code = sqlite3_bind_null(statement_, at)) connection_->note(code);
}

// --- Connection ----------------------------------------------------------------------------------

Result<std::unique_ptr<Connection>> Connection::open(Options options) {
  configure_once();
  if (!options.read_only) {
    // SQLite would make it readable for everybody; its other files take over these rights.
    const Fd made(::open(options.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!made && errno != EACCES && errno != EROFS) return fail(os_error(errno, options.path));
    if (!made) {
      return fail(errno == EROFS ? Errc::read_only : Errc::denied,
                  options.path + ": the store cannot be written: " + errno_text(errno));
    }
  }
  sqlite3* db = nullptr;
  const int flags =
      (options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(options.path.c_str(), &db, flags,
                                   options.vfs.empty() ? nullptr : options.vfs.c_str());
  auto connection = std::unique_ptr<Connection>(new Connection(db, options.path));
  if (code != SQLITE_OK) {
    return fail(describe_sqlite(db != nullptr ? sqlite3_extended_errcode(db) : code, options.path,
                                db != nullptr ? sqlite3_errmsg(db) : "out of memory"));
  }
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, kBusyMs);
  // Checkpoints are the writer's own business, after it has answered.
  sqlite3_wal_hook(db, &on_wal, &connection->wal_pages_);
  return connection;
}

Connection::~Connection() { sqlite3_close(db_); }

Statement Connection::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) note(code);
  return {*this, statement};
}

bool Connection::run(const char* sql) {
  if (!ok()) return false;
  const int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) note(code);
  return code == SQLITE_OK;
}

std::int64_t Connection::number(std::string_view sql) {
  auto statement = prepare(sql);
  return statement.next() ? statement.number(0) : 0;
}

bool Connection::Failure::is_io() const { return (code & 0xff) == SQLITE_IOERR; }

std::optional<Connection::Failure> Connection::take_failure() {
  return std::exchange(failure_, std::nullopt);
}

bool Connection::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

bool Connection::checkpoint() {
  const int code =
      sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) note(code);
  wal_pages_ = 0;
  return ok();
}

void Connection::note(int code) {
  if (failure_) return;
  failure_ = Failure{.code = code, .error = describe_sqlite(code, path_, sqlite3_errmsg(db_))};
}

}  // namespace reeve::store::sqlite
