#include "store/sqlite/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/limits.h"
#include "store/testing.h"

namespace reeve::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SqliteStore : public ::testing::Test {
 public:
  template <class T>
  T run(Async<T> work) {
    return aio::run(loop_, std::move(work));
  }
  Result<std::unique_ptr<Store>> try_open(SqliteOptions options) {
    options.path = path_;
    return open_sqlite(env_, loop_.get_executor(), std::move(options));
  }
  std::unique_ptr<Store> open(SqliteOptions options = {}) {
    return try_open(std::move(options)).value();
  }
  void close(std::unique_ptr<Store>& store) {
    run(store->close());
    store.reset();
  }
  Result<Committed> append(Store& store, std::size_t n, std::vector<std::string> scopes = {}) {
    Commit commit;
    for (std::size_t i = 0; i < n; ++i) commit.events.push_back(make_event(env_, "A", scopes));
    return run(store.commit(std::move(commit)));
  }
  std::string query(const std::string& sql) {
    sqlite3* db = nullptr;
    sqlite3_open(path_.c_str(), &db);
    std::string text;
    const auto each = [](void* out, int columns, char** values, char**) {
      for (int i = 0; i < columns; ++i)
        *static_cast<std::string*>(out) +=
            std::string(i > 0 ? "|" : "") + (values[i] != nullptr ? values[i] : "NULL");
      *static_cast<std::string*>(out) += "\n";
      return 0;
    };
    char* error = nullptr;
    sqlite3_exec(db, sql.c_str(), each, &text, &error);
    if (error != nullptr) text += error;
    sqlite3_free(error);
    sqlite3_close(db);
    return text;
  }

  boost::asio::io_context loop_;
  TestEnv env_{loop_};
  ScratchDir dir_;
  std::string path_ = dir_.file("town.db");
};

TEST_F(SqliteStore, EverythingIsThereAfterReopening) {
  auto store = open();
  const RunId run_id(env_.uuid4());
  Commit all;
  all.key = IdempotencyKey{.writer = "w", .key = "k", .digest = "d"};
  all.answer = "answer";
  all.writes = {PutDoc{.key = {"task", "t"}, .body = "{}", .marks = {"open"}},
                PutDoc{.key = {"task", "u"}, .body = "{}", .marks = {"open"}},
                RemoveDoc{.key = {"task", "u"}},
                QueuePush{.queue = "q", .item = "i", .priority = 2},
                SetRunEpoch{.run = run_id, .epoch = 4}};
  all.events = {make_event(env_, "A", {"agent:a"})};
  const auto first = run(store->commit(all)).value();
  const auto lease = run(store->acquire("l", "h", Duration(1000))).value();
  const auto log = store->log();
  close(store);

  store = open();
  EXPECT_EQ(store->log().id, log.id);
  EXPECT_EQ(store->log().head.value, 1u);
  EXPECT_EQ(run(store->get(DocKey{"task", "t"})).value()->version, 1u);
  EXPECT_EQ(run(store->count("task", "open")).value(), 1u);
  EXPECT_EQ(run(store->items("q", 9)).value().at(0).priority, 2);
  EXPECT_EQ(run(store->run_epoch(run_id)).value(), 4u);
  const auto again = run(store->commit(all)).value();
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.first, first.first);
  EXPECT_EQ(again.answer, "answer");
  EXPECT_EQ(run(store->acquire("l", "other", Duration(1))).error().code(), Errc::conflict);
  EXPECT_EQ(run(store->acquire("l", "h", Duration(1))).value().epoch, lease.epoch);
  EventFilter mine;
  mine.scopes = {Scope::trusted("agent:a")};
  EXPECT_EQ(run(store->read(Position{}, mine, 9)).value().events.size(), 1u);
  // Ranks of removed documents do not come back.
  Commit more;
  more.writes = {PutDoc{.key = {"task", "v"}, .body = "{}", .marks = {}}};
  ASSERT_TRUE(run(store->commit(more)));
  EXPECT_EQ(run(store->get(DocKey{"task", "v"})).value()->rank, 3u);
  close(store);
}

TEST_F(SqliteStore, ASecondDaemonIsRefusedAndToldWhichOneHoldsIt) {
  auto store = open();
  const auto second = try_open({});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Errc::conflict);
  EXPECT_THAT(second.error().message(), HasSubstr("process " + std::to_string(::getpid())));
  ASSERT_TRUE(append(*store, 1));
  close(store);
  EXPECT_TRUE(try_open({}));
}

TEST_F(SqliteStore, AReaderBesideItSeesTheLogAndCannotWrite) {
  auto store = open();
  ASSERT_TRUE(append(*store, 3));
  auto reader = open({.read_only = true});
  EXPECT_EQ(reader->log().head.value, 3u);
  EXPECT_EQ(run(reader->read(Position{}, {}, 9)).value().events.size(), 3u);
  EXPECT_EQ(append(*reader, 1).error().code(), Errc::read_only);
  close(reader);
  close(store);
}

TEST_F(SqliteStore, OtherFilesAndNewerSchemasAreLeftAlone) {
  {
    std::ofstream(path_) << "this is a text file, not a database, and it is long enough to see\n"
                         << std::string(4096, 'x');
  }
  EXPECT_EQ(code_of(try_open({})), Errc::corrupt);
  std::filesystem::remove(path_);
  query("CREATE TABLE mine(a)");
  const auto foreign = try_open({});
  EXPECT_EQ(code_of(foreign), Errc::unsupported);
  EXPECT_EQ(query("SELECT count(*) FROM sqlite_master"), "1\n");
  std::filesystem::remove(path_);
  auto store = open();
  close(store);
  query("PRAGMA user_version=99");
  const auto newer = try_open({});
  EXPECT_EQ(code_of(newer), Errc::unsupported);
  EXPECT_THAT(newer.error().message(), HasSubstr("newer reeve"));
}

TEST_F(SqliteStore, ADamagedFileIsAClearError) {
  auto store = open();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(append(*store, 50, {"agent:a"}));
  close(store);
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    const auto size = static_cast<std::streamoff>(std::filesystem::file_size(path_));
    for (std::streamoff at = 4096; at + 4096 <= size; at += 4096) {
      file.seekp(at);
      file << std::string(64, '\xff');
    }
  }
  const auto damaged = try_open({});
  EXPECT_EQ(code_of(damaged), Errc::corrupt);
}

TEST_F(SqliteStore, ABusyFileIsUnavailableAndNothingIsHalfDone) {
  auto store = open();
  sqlite3* other = nullptr;
  sqlite3_open(path_.c_str(), &other);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_EQ(code_of(append(*store, 1)), Errc::unavailable);
  EXPECT_TRUE(run(store->read(Position{}, {}, 9)).value().events.empty());
  ASSERT_EQ(sqlite3_exec(other, "COMMIT", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  EXPECT_EQ(append(*store, 1).value().first.value, 1u);
  close(store);
}

TEST_F(SqliteStore, TheViewReadsWell) {
  auto store = open();
  auto event = make_event(env_, "TaskDone", {"agent:a", "task:t"}, R"({"x":1})");
  Commit commit;
  commit.events = {event};
  ASSERT_TRUE(run(store->commit(commit)));
  close(store);
  EXPECT_EQ(query("SELECT * FROM events_view"),
            "1|2023-11-14T22:13:20.000Z|TaskDone|agent:a task:t|town|{\"x\":1}|domain|public|1|"
            "NULL|NULL|" +
                event.id.str() + "\n");
  struct stat found{};
  ASSERT_EQ(::stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
}

// --- The scope index behind the commit -----------------------------------------------------------

TEST_F(SqliteStore, SegmentsAndTailTogetherAnswerAsTheLogDoes) {
  const auto check = [&](Store& store, std::uint64_t head) {
    EventFilter mine;
    mine.scopes = {Scope::trusted("agent:3"), Scope::trusted("agent:rare")};
    std::vector<std::uint64_t> got;
    Position after;
    while (after.value < head) {
      const auto page = run(store.read(after, mine, limits::kPage)).value();
      for (const auto& event : page.events) got.push_back(event->position.value);
      ASSERT_GT(page.scanned, after);
      after = page.scanned;
    }
    std::vector<std::uint64_t> wanted;
    for (std::uint64_t i = 1; i <= head; ++i) {
      if (i % 100 == 3 || i == 40'000) wanted.push_back(i);
    }
    EXPECT_EQ(got, wanted);
    auto newest = positions_of(run(store.latest(mine, limits::kPage)).value());
    wanted.erase(wanted.begin(), wanted.end() - static_cast<std::ptrdiff_t>(newest.size()));
    EXPECT_EQ(newest, wanted);
    const auto last = run(store.latest(mine, 1)).value();
    EXPECT_EQ(last.at(0)->position.value, wanted.back());
  };
  auto store = open();
  std::uint64_t head = 0;
  while (head < 75'000) {
    Commit commit;
    for (int i = 0; i < 2'500; ++i) {
      ++head;
      commit.events.push_back(make_event(
          env_, "A", {head == 40'000 ? "agent:rare" : "agent:" + std::to_string(head % 100)}));
    }
    ASSERT_TRUE(run(store->commit(std::move(commit))));
    if (head % 25'000 == 0) check(*store, head);
  }
  close(store);
  EXPECT_EQ(query("SELECT value FROM meta WHERE name='indexed'"), "60000\n");
  EXPECT_EQ(query("SELECT count(*) FROM segments WHERE scope='agent:3'"), "2\n");
  store = open();
  check(*store, head);
  ASSERT_TRUE(append(*store, 1));
  close(store);
}

// --- The log's id --------------------------------------------------------------------------------

/// A process that commits and is gone without closing.
void commit_and_die(const std::string& path, Durability durability, std::size_t events) {
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    boost::asio::io_context loop;
    TestEnv env(loop);
    SqliteOptions options{.path = path, .durability = durability};
    auto store = open_sqlite(env, loop.get_executor(), options);
    if (!store) ::_exit(2);
    Commit commit;
    for (std::size_t i = 0; i < events; ++i) commit.events.push_back(make_event(env, "A"));
    ::_exit(aio::run(loop, (*store)->commit(std::move(commit))) ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
}

TEST_F(SqliteStore, AnUncleanStartBelowDiskBeginsANewLog) {
  for (const auto durability : {Durability::disk, Durability::os, Durability::memory}) {
    auto store = open({.durability = durability});
    const auto id = store->log().id;
    close(store);
    store = open({.durability = durability});
    EXPECT_EQ(store->log().id, id);  // closed cleanly: it goes on
    const auto head = store->log().head.value;
    close(store);
    commit_and_die(path_, durability, 2);
    store = open();
    EXPECT_EQ(store->log().head.value, head + 2);  // a killed process loses nothing
    EXPECT_EQ(store->log().id == id, durability == Durability::disk);
    close(store);
  }
}

TEST_F(SqliteStore, ARestoredBackupBeginsANewLog) {
  auto store = open();
  ASSERT_TRUE(append(*store, 2));
  const auto id = store->log().id;
  close(store);
  const auto backup = dir_.file("backup.db");
  std::filesystem::copy_file(path_, backup);
  store = open();
  ASSERT_TRUE(append(*store, 1));
  close(store);

  // Over the old file, which stays the same one.
  std::filesystem::copy_file(backup, path_, std::filesystem::copy_options::overwrite_existing);
  store = open();
  const auto second = store->log().id;
  EXPECT_NE(second, id);
  EXPECT_EQ(store->log().head.value, 2u);
  close(store);
  // As another file, with a log that is as long.
  std::filesystem::remove(path_);
  std::filesystem::copy_file(backup, path_);
  store = open();
  EXPECT_NE(store->log().id, id);
  EXPECT_NE(store->log().id, second);
  close(store);
  // Without what lies beside it.
  const auto third = open()->log().id;
  std::filesystem::remove(path_ + ".lock");
  store = open();
  EXPECT_NE(store->log().id, third);
  close(store);
}

}  // namespace
}  // namespace reeve::store
