#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

struct sqlite3;
struct sqlite3_stmt;

/// A thin wrapper of SQLite's C interface. sqlite3.h is included in this folder's .cc files only.
namespace reeve::store::sqlite {

class Connection;

/// A prepared statement, used many times. It dies before its connection.
class Statement {
 public:
  Statement() = default;
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  /// Ends what ran before and binds all parameters in order. Texts and blobs are not copied: they
  /// stay until the statement is done or reset.
  template <class... Values>
  Statement& with(const Values&... values) {
    reset();
    int at = 0;
    (bind(++at, values), ...);
    return *this;
  }
  /// Whether there is a (next) row. False also after a failure (Connection::failure).
  bool next();
  /// Runs a statement without rows, and resets it. False: it failed.
  bool run();
  void reset();

  [[nodiscard]] std::int64_t number(int column) const;
  [[nodiscard]] std::uint64_t unsigned_number(int column) const {
    return static_cast<std::uint64_t>(number(column));
  }
  /// Good until the next step or reset, as is blob().
  [[nodiscard]] std::string_view text(int column) const;
  [[nodiscard]] std::span<const std::uint8_t> blob(int column) const;
  [[nodiscard]] bool is_null(int column) const;

  void bind(int at, std::int64_t value);
  void bind(int at, std::uint64_t value) { bind(at, static_cast<std::int64_t>(value)); }
  void bind(int at, int value) { bind(at, static_cast<std::int64_t>(value)); }
  void bind(int at, std::string_view value);
  void bind(int at, const std::string& value) { bind(at, std::string_view(value)); }
  void bind(int at, std::span<const std::uint8_t> value);
  void bind(int at, std::nullptr_t);
  void bind(int at, const std::optional<std::string>& value) {
    if (value) {
      bind(at, std::string_view(*value));
    } else {
      bind(at, nullptr);
    }
  }

 private:
  friend class Connection;
  Statement(Connection& connection, sqlite3_stmt* statement)
      : connection_(&connection), statement_(statement) {}
  Connection* connection_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
};

/// One connection, used by one thread at a time.
///
/// Its first failure stays until it is cleared: a sequence of statements is written without a
/// question after each, and asked once at its end, before anything that it read is believed.
class Connection {
 public:
  struct Options {
    std::string path;
    bool read_only = false;
    std::string vfs;  ///< empty: the default one
  };
  /// The file is made (0600) when it is not there, unless read_only.
  static Result<std::unique_ptr<Connection>> open(Options options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] Statement prepare(std::string_view sql);
  /// One or more statements without parameters; rows are dropped. False: one failed.
  bool run(const char* sql);
  /// The first column of the first row; 0 when there is none.
  std::int64_t number(std::string_view sql);

  struct Failure {
    int code = 0;  ///< SQLite's extended result code
    Error error;
    /// Reading, writing or syncing the file failed underneath SQLite.
    [[nodiscard]] bool is_io() const;
  };
  [[nodiscard]] const std::optional<Failure>& failure() const { return failure_; }
  [[nodiscard]] bool ok() const { return !failure_; }
  /// Forgets the failure and tells it.
  std::optional<Failure> take_failure();
  /// Has it failed as it did before: after a rollback that needed a good connection.
  void fail_again(Failure failure) { failure_ = std::move(failure); }
  [[nodiscard]] bool in_transaction() const;

  /// Copies what the WAL holds into the database as far as readers let it. False: it failed.
  bool checkpoint();
  /// Pages in the WAL after the last commit of this connection.
  [[nodiscard]] int wal_pages() const { return wal_pages_; }

 private:
  friend class Statement;
  Connection(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}
  void note(int code);
  sqlite3* db_;
  std::string path_;
  int wal_pages_ = 0;
  std::optional<Failure> failure_;
};

/// What a caller can do about one of SQLite's result codes.
Error describe_sqlite(int code, std::string_view path, std::string_view message);

}  // namespace reeve::store::sqlite
