#include "store/portable.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <map>

#include "base/overloaded.h"
#include "store/marks.h"
#include "store/sqlite/extent.h"
#include "store/sqlite/lock_file.h"
#include "store/sqlite/rows.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/write_tables.h"
#include "store/tail_index.h"

namespace reeve::store::portable {
namespace {

using namespace sqlite;
namespace fs = std::filesystem;

Time now() { return std::chrono::floor<Duration>(std::chrono::system_clock::now()); }

Status status(Connection& db) {
  if (auto failure = db.take_failure()) return fail(failure->error);
  return {};
}

std::string meta(Connection& db, std::string_view name) {
  auto row = db.prepare("SELECT value FROM meta WHERE name=?");
  return row.with(name).next() ? std::string(row.text(0)) : std::string();
}

Result<Summary> read_summary(Connection& db, const std::string& path) {
  const auto number = [&](std::string_view sql) {
    return static_cast<std::uint64_t>(db.number(sql));
  };
  Summary summary;
  const auto log = LogId::parse(meta(db, "log_id"));
  summary.head = load_head(db);
  summary.oldest = load_extent(db).oldest;
  summary.last_rank = std::max(number("SELECT max(rank) FROM docs"),
                               number("SELECT value FROM meta WHERE name='last_rank'"));
  summary.last_order = number("SELECT max(seq) FROM queue_items");
  if (auto read = status(db); !read) return fail(read.error());
  if (!log) return fail(Errc::corrupt, path + ": the log's id is damaged");
  summary.log = *log;
  return summary;
}

class SqliteSource final : public Source {
 public:
  SqliteSource(std::optional<LockFile> lock, std::unique_ptr<Connection> db, Summary summary,
               std::string path)
      : lock_(std::move(lock)), db_(std::move(db)), summary_(summary), path_(std::move(path)) {}

  [[nodiscard]] const Summary& summary() const override { return summary_; }

  Async<Result<std::vector<Row>>> next() override { co_return chunk(); }

 private:
  static constexpr std::array<std::string_view, kRowKinds> kQueries{
      "SELECT kind, id, version, rank, marks, body FROM docs ORDER BY rank",
      "SELECT queue, item, priority, attempt, not_before, lease, seq FROM queue_items ORDER BY seq",
      "SELECT run, epoch FROM run_epochs",
      "SELECT name, epoch FROM leases",
      "SELECT writer, key, digest, first, last, answer, time FROM idempotency",
      "SELECT kind, id, rank, body FROM snapshot ORDER BY rank",
      ""};

  Result<std::vector<Row>> chunk() {
    std::vector<Row> rows;
    std::size_t bytes = 0;
    while (stage_ < kRowKinds && rows.size() < kChunkRows && bytes < kChunkBytes) {
      if (!begun_) {
        rows_ = db_->prepare(stage_ + 1 == kRowKinds ? "SELECT " + std::string(kEventColumns) +
                                                           " FROM events ORDER BY position"
                                                     : std::string(kQueries[stage_]));
        rows_.with();
        begun_ = true;
      }
      if (!rows_.next()) {
        if (auto read = status(*db_); !read) return fail(read.error());
        rows_ = Statement();
        begun_ = false;
        ++stage_;
        continue;
      }
      auto row = read_row(bytes);
      if (!row) return fail(row.error());
      rows.push_back(std::move(*row));
    }
    return rows;
  }

  std::string text(int column) { return std::string(rows_.text(column)); }
  std::uint64_t number(int column) { return rows_.unsigned_number(column); }

  Result<Row> read_row(std::size_t& bytes) {
    constexpr std::size_t kRest = 64;
    bytes += kRest;
    switch (stage_) {
      case 0: {
        const auto marks = split_marks(rows_.text(4));
        DocRow row{.doc = {.key = {text(0), text(1)},
                           .version = number(2),
                           .body = text(5),
                           .rank = number(3)},
                   .marks = {marks.begin(), marks.end()}};
        bytes += row.doc.body.size();
        return row;
      }
      case 1: {
        QueueRow row{.queue = text(0),
                     .item = {.item = text(1),
                              .priority = static_cast<int>(rows_.number(2)),
                              .attempt = static_cast<int>(rows_.number(3)),
                              .not_before = from_ms(rows_.number(4)),
                              .lease = text(5),
                              .order = number(6)}};
        return row;
      }
      case 2: {
        RunRow row{.run = {}, .epoch = number(1)};
        const auto id = rows_.blob(0);
        if (id.size() != row.run.uuid.bytes.size()) return damaged();
        std::ranges::copy(id, row.run.uuid.bytes.begin());
        return row;
      }
      case 3: return LeaseRow{.name = text(0), .epoch = number(1)};
      case 4: {
        KeyRow row{.key = {.writer = text(0), .key = text(1), .digest = text(2)},
                   .first = {number(3)},
                   .last = {number(4)},
                   .answer = text(5),
                   .time = from_ms(rows_.number(6))};
        bytes += row.answer.size();
        return row;
      }
      case 5: {
        SnapshotRow row{{.key = {text(0), text(1)}, .body = text(3), .rank = number(2)}};
        bytes += row.doc.body.size();
        return row;
      }
      default: {
        auto event = event_from(rows_);
        if (!event) return damaged();
        bytes += event->payload.size();
        return EventRow{std::move(event)};
      }
    }
  }

  std::unexpected<Error> damaged() const {
    return fail(Errc::corrupt, path_ + " holds a row that cannot be what was written");
  }

  std::optional<LockFile> lock_;
  std::unique_ptr<Connection> db_;
  Summary summary_;
  std::string path_;
  std::size_t stage_ = 0;
  bool begun_ = false;
  Statement rows_;  // dies before db_
};

Result<std::unique_ptr<Source>> open_source(std::optional<LockFile> lock, const std::string& file,
                                            const std::string& path) {
  auto db = Connection::open({.path = file, .read_only = true, .vfs = {}});
  if (!db) return fail(db.error());
  if (auto versioned = check_version(**db, path); !versioned) return fail(versioned.error());
  auto summary = read_summary(**db, path);
  if (!summary) return fail(summary.error());
  return std::make_unique<SqliteSource>(std::move(lock), std::move(*db), *summary, path);
}

class SqliteTarget final : public Target {
 public:
  SqliteTarget(std::string path, LockFile lock)
      : path_(std::move(path)), file_(path_ + ".moving"), lock_(std::move(lock)) {}
  ~SqliteTarget() override { let_go(); }

  Async<Status> begin(Summary summary) override { co_return make(summary); }
  Async<Status> put(std::vector<Row> rows) override { co_return write(rows); }
  Async<Result<std::unique_ptr<Source>>> written() override {
    if (auto settled = settle(); !settled) co_return fail(settled.error());
    co_return open_source(std::nullopt, file_, file_);
  }
  Async<Status> finish() override { co_return put_in_place(); }

 private:
  struct Inserts {
    explicit Inserts(Connection& db)
        : doc(db.prepare("INSERT INTO docs(rank, kind, id, version, marks, body) "
                         "VALUES(?,?,?,?,?,?)")),
          mark(db.prepare("INSERT INTO marks(kind, mark, rank) VALUES(?,?,?)")),
          item(db.prepare("INSERT INTO queue_items(seq, queue, item, priority, attempt, "
                          "not_before, lease) VALUES(?,?,?,?,?,?,?)")),
          run(db.prepare("INSERT INTO run_epochs VALUES(?,?)")),
          lease(db.prepare("INSERT INTO leases VALUES(?,'',?,0)")),
          key(db.prepare("INSERT INTO idempotency VALUES(?,?,?,?,?,?,?)")),
          snapshot(db.prepare("INSERT INTO snapshot(rank, kind, id, body) VALUES(?,?,?,?)")),
          event(db.prepare("INSERT INTO events VALUES(?,?,?,?,?,?,?,?,?,?)")),
          meta(db.prepare("INSERT OR REPLACE INTO meta VALUES(?,?)")) {}
    Statement doc, mark, item, run, lease, key, snapshot, event, meta;
  };

  Status make(const Summary& summary) {
    let_go();
    std::error_code error;
    if (fs::exists(path_, error))
      return fail(Errc::conflict, path_ + " is there already: move it aside, or name another");
    for (const char* end : {"", "-wal", "-shm"}) fs::remove(file_ + end, error);
    auto db = Connection::open({.path = file_, .read_only = false, .vfs = {}});
    if (!db) return fail(db.error());
    db_ = std::move(*db);
    if (auto ready = configure(*db_, Durability::disk, false); !ready) return ready;
    if (auto made = sqlite::migrate(*db_, file_); !made) return made;
    summary_ = summary;
    tail_ = TailIndex(Position{summary.oldest.value - 1});
    counts_.clear();
    inserts_ = std::make_unique<Inserts>(*db_);
    db_->run("BEGIN IMMEDIATE");
    set_meta("log_id", summary.log.str());
    set_meta("session", "moving");
    set_meta("last_rank", summary.last_rank);
    if (summary.oldest.value > 1) set_meta("oldest", summary.oldest.value);
    return commit();
  }

  template <class T>
  void set_meta(std::string_view name, const T& value) {
    inserts_->meta.with(name, value).run();
  }
  void set_meta(std::string_view name, const char* value) {
    set_meta(name, std::string_view(value));
  }

  Status commit() {
    db_->run("COMMIT");
    auto done = status(*db_);
    if (!done && db_->in_transaction()) db_->run("ROLLBACK");
    return done;
  }

  Status write(std::vector<Row>& rows) {
    db_->run("BEGIN IMMEDIATE");
    for (auto& row : rows) std::visit([this](auto& one) { insert(one); }, row);
    if (auto written = commit(); !written) return written;
    if (!tail_.full()) return {};
    // As the writer does it: the scope index stands in the file, not in memory.
    WriteTables tables(*db_);
    tables.begin();
    tables.write_segment(tail_);
    tables.commit();
    tail_ = TailIndex(tail_.last());
    return status(*db_);
  }

  void insert(const DocRow& row) {
    const auto marks = join_marks(row.marks);
    const auto& key = row.doc.key;
    inserts_->doc.with(row.doc.rank, key.kind, key.id, row.doc.version, marks, row.doc.body).run();
    mark(key.kind, "", row.doc.rank);
    for (const auto& one : row.marks) mark(key.kind, one, row.doc.rank);
  }
  void mark(const std::string& kind, const std::string& mark, std::uint64_t rank) {
    inserts_->mark.with(kind, mark, rank).run();
    ++counts_[{kind, mark}];
  }
  void insert(const QueueRow& row) {
    const auto& item = row.item;
    inserts_->item
        .with(item.order, row.queue, item.item, item.priority, item.attempt, to_ms(item.not_before),
              item.lease)
        .run();
  }
  void insert(const RunRow& row) {
    const std::span<const std::uint8_t> id = row.run.uuid.bytes;
    inserts_->run.with(id, row.epoch).run();
  }
  void insert(const LeaseRow& row) { inserts_->lease.with(row.name, row.epoch).run(); }
  void insert(const KeyRow& row) {
    inserts_->key
        .with(row.key.writer, row.key.key, row.key.digest, row.first.value, row.last.value,
              row.answer, to_ms(row.time))
        .run();
  }
  void insert(const SnapshotRow& row) {
    inserts_->snapshot.with(row.doc.rank, row.doc.key.kind, row.doc.key.id, row.doc.body).run();
  }
  void insert(const EventRow& row) {
    const auto& event = *row.event;
    std::string scopes;
    for (const auto& scope : event.scopes) scopes += (scopes.empty() ? "" : " ") + scope.str();
    const std::span<const std::uint8_t> id = event.id.uuid.bytes;
    inserts_->event
        .with(event.position.value, id, to_ms(event.time), traits_of(event), event.kind, scopes,
              event.origin, event.payload, event.correlation, event.causation)
        .run();
    tail_.add(event.position, event.scopes);
  }

  /// What is known only at the end.
  Status settle() {
    db_->run("BEGIN IMMEDIATE");
    {
      db_->run("DELETE FROM counts");
      auto count = db_->prepare("INSERT INTO counts VALUES(?,?,?)");
      for (const auto& [name, number] : counts_) count.with(name.first, name.second, number).run();
    }
    if (auto done = commit(); !done) return done;
    {
      WriteTables tables(*db_);
      tables.begin();
      tables.write_size();
      tables.commit();
    }
    return status(*db_);
  }

  Status put_in_place() {
    set_meta("session", "closed");
    inserts_.reset();
    db_->checkpoint();
    if (auto done = status(*db_); !done) return done;
    let_go();
    std::error_code error;
    if (fs::exists(path_, error)) return fail(Errc::conflict, path_ + " is there already");
    fs::rename(file_, path_, error);
    if (error) return fail(os_error(error.value(), "move " + file_ + " to " + path_));
    const Fd folder(::open(fs::path(path_).parent_path().c_str(), O_RDONLY | O_CLOEXEC));
    if (!folder || ::fsync(folder.get()) != 0) return fail(os_error(errno, path_));
    // Whoever opens it finds the file that the lock file remembers: no restored backup.
    return lock_.note(
        {.log = summary_.log.str(), .file = file_identity(path_), .head = summary_.head.value});
  }

  void let_go() {
    inserts_.reset();
    db_.reset();
  }

  std::string path_;
  std::string file_;
  LockFile lock_;
  std::unique_ptr<Connection> db_;
  std::unique_ptr<Inserts> inserts_;  // dies before db_
  Summary summary_;
  TailIndex tail_{Position()};
  std::map<std::pair<std::string, std::string>, std::uint64_t> counts_;
};

}  // namespace

Result<std::unique_ptr<Source>> from_sqlite(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return fail(Errc::not_found, "there is no " + path);
  auto lock = LockFile::take(path + ".lock", now());
  if (!lock) return fail(lock.error());
  return open_source(std::move(*lock), path, path);
}

Result<std::unique_ptr<Target>> to_sqlite(const std::string& path) {
  std::error_code error;
  if (fs::exists(path, error))
    return fail(Errc::conflict, path + " is there already: move it aside, or name another");
  auto lock = LockFile::take(path + ".lock", now());
  if (!lock) return fail(lock.error());
  return std::make_unique<SqliteTarget>(path, std::move(*lock));
}

}  // namespace reeve::store::portable
