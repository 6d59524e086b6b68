// Retention in the file: what is left of its index, older files, and power cuts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "base/limits.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/faulty_vfs.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sqlite_store.h"
#include "store/testing.h"

namespace reeve::store {
namespace {

using sqlite::FaultyVfs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

EventFilter about(std::string scope) {
  EventFilter filter;
  filter.scopes = {Scope::trusted(std::move(scope))};
  return filter;
}

class EventsRetentionSqlite : public ::testing::Test {
 public:
  template <class T>
  T run(Async<T> work) {
    return aio::run(loop_, std::move(work));
  }
  std::unique_ptr<Store> open() {
    SqliteOptions options{.path = path_, .durability = Durability::os};
    return open_sqlite(env_, loop_.get_executor(), options).value();
  }
  void close(std::unique_ptr<Store>& store) {
    run(store->close());
    store.reset();
  }
  std::int64_t number(std::string_view sql) {
    auto db = sqlite::Connection::open({.path = path_, .read_only = true}).value();
    const auto value = db->number(sql);
    EXPECT_TRUE(db->ok()) << db->failure()->error.message();
    return value;
  }
  /// Events of some agents in turn, each also of a task that has 50 of them.
  void append(Store& store, std::uint64_t number) {
    while (number > 0) {
      Commit commit;
      for (; number > 0 && commit.events.size() < 2'500; --number, ++made_) {
        commit.events.push_back(make_event(
            env_, "A",
            {"agent:" + std::to_string(made_ % 10), "task:" + std::to_string(made_ / 50)}));
      }
      ASSERT_TRUE(run(store.commit(std::move(commit))));
    }
  }
  void truncate(Store& store, std::uint64_t upto) {
    while (store.log().mark().value < upto) {
      const auto mark = store.log().mark();
      Truncation cut{.from = mark,
                     .upto = {std::min(upto, mark.value + limits::kRetentionStep)},
                     .changed = {},
                     .events = {}};
      const auto done = run(store.truncate(std::move(cut)));
      ASSERT_TRUE(done) << done.error().message();
    }
  }
  std::vector<std::uint64_t> all_of(Store& store, const std::string& scope) {
    std::vector<std::uint64_t> found;
    for (auto at = store.log().mark(); at < store.log().head;) {
      const auto page = run(store.read(at, about(scope), limits::kPage)).value();
      for (const auto& event : page.events) found.push_back(event->position.value);
      at = page.scanned;
    }
    return found;
  }

  boost::asio::io_context loop_;
  TestEnv env_{loop_};
  ScratchDir dir_;
  std::string path_ = dir_.file("town.db");
  std::uint64_t made_ = 0;
};

TEST_F(EventsRetentionSqlite,
       G11SegmentsGoWithTheirEventsAndThoseThatReachBeyondTheMarkAreReadRight) {
  auto store = open();
  append(*store, 70'000);  // two segments, and a tail in memory
  const auto check = [&](std::uint64_t mark) {
    for (const std::uint64_t agent : {0U, 7U}) {
      std::vector<std::uint64_t> wanted;
      for (auto at = mark; at < made_; ++at) {
        if (at % 10 == agent) wanted.push_back(at + 1);
      }
      const auto scope = "agent:" + std::to_string(agent);
      EXPECT_EQ(all_of(*store, scope), wanted) << mark;
      wanted.erase(
          wanted.begin(),
          wanted.end() - std::min<std::ptrdiff_t>(500, static_cast<std::ptrdiff_t>(wanted.size())));
      EXPECT_EQ(positions_of(run(store->latest(about(scope), 500)).value()), wanted) << mark;
    }
  };
  // Inside the first segment, inside the second, inside the tail: and again from the file.
  for (const std::uint64_t mark : {12'345U, 40'000U, 65'003U}) {
    truncate(*store, mark);
    check(mark);
    close(store);
    EXPECT_EQ(number("SELECT count(*) FROM events WHERE position<=" + std::to_string(mark)), 0);
    EXPECT_EQ(number("SELECT count(*) FROM segments WHERE last<=" + std::to_string(mark)), 0);
    store = open();
    check(mark);
  }
  EXPECT_EQ(number("SELECT count(*) FROM segments"), 0);
  // The tail becomes a segment: of what is left of it.
  append(*store, 25'000);
  check(65'003);
  close(store);
  EXPECT_EQ(number("SELECT value FROM meta WHERE name='indexed'"), 90'000);
  EXPECT_EQ(number("SELECT count(*) FROM segments WHERE last<=65003"), 0);
  EXPECT_GT(number("SELECT count(*) FROM segments"), 400);
  store = open();
  check(65'003);
  truncate(*store, made_);
  close(store);
  EXPECT_EQ(number("SELECT count(*) FROM segments"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM events"), 0);
}

TEST_F(EventsRetentionSqlite, TheSizeSurvivesAProcessThatDidNotClose) {
  auto store = open();
  append(*store, 100);
  const auto bytes = store->log().bytes;
  EXPECT_GT(bytes, 100 * kRowBytes);
  {
    // As a killed process leaves it.
    auto copy = dir_.file("copy.db");
    for (const auto* part : {"", "-wal"}) std::filesystem::copy_file(path_ + part, copy + part);
    SqliteOptions options{.path = copy};
    auto other = open_sqlite(env_, loop_.get_executor(), options).value();
    EXPECT_EQ(other->log().bytes, bytes);
    run(other->close());
  }
  close(store);
  store = open();
  EXPECT_EQ(store->log().bytes, bytes);
  close(store);
}

TEST_F(EventsRetentionSqlite, AReaderBesideTheDaemonIsToldToo) {
  auto store = open();
  append(*store, 100);
  SqliteOptions options{.path = path_, .read_only = true};
  auto reader = open_sqlite(env_, loop_.get_executor(), options).value();
  EXPECT_EQ(run(reader->read({}, {}, 10)).value().events.size(), 10U);
  truncate(*store, 50);
  const auto refused = run(reader->read({}, {}, 10));
  EXPECT_EQ(code_of(refused), Errc::cursor_expired);
  EXPECT_THAT(refused.error().message(), HasSubstr(Cursor{store->log().id, {50}}.str()));
  Truncation cut{.from = {50}, .upto = {60}, .changed = {}, .events = {}};
  EXPECT_EQ(code_of(run(reader->truncate(cut))), Errc::read_only);
  EXPECT_EQ(code_of(run(reader->prune({{1}}))), Errc::read_only);
  close(reader);
  close(store);
}

// --- Older files ---------------------------------------------------------------------------------

/// What the program of schema 1 left behind: tests/fixtures/store/README.md.
class EventsRetentionMigration : public EventsRetentionSqlite {
 public:
  EventsRetentionMigration() {
    std::filesystem::copy_file(REEVE_FIXTURES "/store/schema-1.db", path_);
    std::filesystem::permissions(path_, std::filesystem::perms::owner_write,
                                 std::filesystem::perm_options::add);
  }
};

TEST_F(EventsRetentionMigration, AFileOfSchemaOneIsBroughtToThisOneWithAllItHas) {
  ASSERT_EQ(number("PRAGMA user_version"), 1);
  const auto docs = number("SELECT count(*) FROM docs");
  const auto rows = number("SELECT count(*) FROM marks") + number("SELECT count(*) FROM counts") +
                    number("SELECT count(*) FROM queue_items");
  auto store = open();
  EXPECT_EQ(store->log().head.value, 26U);
  EXPECT_EQ(store->log().oldest.value, 1U);
  const auto page = run(store->read({}, {}, 100)).value();
  ASSERT_EQ(page.events.size(), 26U);
  EXPECT_EQ(page.events.front()->kind, "TownCreated");
  EXPECT_EQ(page.events.back()->kind, "DaemonStopped");
  std::uint64_t bytes = 0;
  for (const auto& event : page.events) bytes += stored_bytes(*event);
  EXPECT_EQ(store->log().bytes, bytes);
  EXPECT_EQ(run(store->list({.kind = "agent"})).value().size(), 2U);
  EXPECT_EQ(run(store->count("task", "state:completed")).value(), 1U);
  EXPECT_THAT(run(store->snapshot(0, 10)).value().docs, IsEmpty());
  close(store);
  EXPECT_EQ(number("PRAGMA user_version"), sqlite::schema_version());
  EXPECT_EQ(number("SELECT count(*) FROM docs"), docs);
  EXPECT_EQ(number("SELECT count(*) FROM marks") + number("SELECT count(*) FROM counts") +
                number("SELECT count(*) FROM queue_items"),
            rows);
  EXPECT_EQ(number("SELECT count(*) FROM events_view"), 26);

  // And goes on as one that was made today: also where nothing is left.
  store = open();
  truncate(*store, 26);
  close(store);
  store = open();
  EXPECT_EQ(store->log().head.value, 26U);
  append(*store, 1);
  EXPECT_EQ(store->log().head.value, 27U);
  close(store);
  EXPECT_EQ(number("SELECT min(position) FROM events_view"), 27);
}

TEST_F(EventsRetentionMigration, AnOlderFileIsNotReadBesideADaemonButOpenedForWritingOnce) {
  SqliteOptions options{.path = path_, .read_only = true};
  const auto refused = open_sqlite(env_, loop_.get_executor(), options);
  ASSERT_EQ(code_of(refused), Errc::unsupported);
  EXPECT_THAT(refused.error().message(), HasSubstr("open it for writing once"));
}

// --- Power cuts ----------------------------------------------------------------------------------

class EventsRetentionPowerCut : public EventsRetentionSqlite {
 public:
  Result<std::unique_ptr<Store>> try_open() {
    SqliteOptions options{.path = path_, .vfs = vfs_.name()};
    options.checkpoint_pages = 20;  // often, so that cuts meet checkpoints too
    return open_sqlite(env_, loop_.get_executor(), options);
  }
  std::uint32_t seed_ = std::random_device{}();
  FaultyVfs vfs_{"faulty_retention", seed_};
};

/// Each event says its own position, and the snapshot's one document says which mark it is of.
TEST_F(EventsRetentionPowerCut, G11APowerCutLeavesMarkSnapshotAndEventsAsOneStepOrAnotherLeftThem) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  std::mt19937 random(seed_);
  std::uint64_t acknowledged_mark = 0;
  std::uint64_t acknowledged_head = 0;
  int cuts = 0;
  int removed = 0;
  for (int round = 0; round < 60; ++round) {
    vfs_.cut_after(1 + random() % 300);
    if (auto opened = try_open()) {
      auto store = std::move(*opened);
      for (int i = 0; i < 30 && !vfs_.is_off(); ++i) {
        Commit commit;
        const auto head = store->log().head.value;
        for (std::uint64_t n = 1; n <= 5; ++n) {
          commit.events.push_back(make_event(env_, "Part", {"agent:" + std::to_string(n)},
                                             std::to_string(head + n) + std::string(300, ' ')));
        }
        if (const auto done = run(store->commit(std::move(commit))))
          acknowledged_head = done->last.value;
        const auto mark = store->log().mark();
        const auto left = store->log().head.value - mark.value;
        if (left < 10) continue;
        Truncation cut{.from = mark, .upto = {mark.value + left / 2}, .changed = {}, .events = {}};
        cut.changed.push_back({.key = {"n", "mark"}, .body = std::to_string(cut.upto.value)});
        const auto upto = cut.upto.value;
        if (run(store->truncate(std::move(cut)))) {
          acknowledged_mark = upto;
          ++removed;
        }
      }
      store.reset();  // without closing
    }
    cuts += vfs_.is_off() ? 1 : 0;
    vfs_.power_on();
    std::filesystem::remove(path_ + "-shm");  // it is memory

    auto store = try_open().value();
    const auto log = store->log();
    ASSERT_GE(log.mark().value, acknowledged_mark) << "round " << round;
    ASSERT_GE(log.head.value, acknowledged_head) << "round " << round;
    acknowledged_mark = log.mark().value;
    acknowledged_head = log.head.value;
    const auto snapshot = run(store->snapshot(0, 10)).value();
    ASSERT_EQ(snapshot.docs.size(), log.mark().value == 0 ? 0U : 1U);
    if (!snapshot.docs.empty()) {
      ASSERT_EQ(snapshot.docs[0].body, std::to_string(log.mark().value)) << "round " << round;
    }
    std::uint64_t bytes = 0;
    auto wanted = log.mark().value;
    for (auto at = log.mark(); at < log.head;) {
      const auto page = run(store->read(at, {}, 1'000)).value();
      for (const auto& event : page.events) {
        ASSERT_EQ(event->position.value, ++wanted);
        ASSERT_EQ(std::stoull(event->payload), wanted);
        bytes += stored_bytes(*event);
      }
      at = page.scanned;
    }
    ASSERT_EQ(wanted, log.head.value);
    ASSERT_EQ(bytes, log.bytes) << "round " << round;
    const auto third = all_of(*store, "agent:3");
    for (const auto position : third) ASSERT_EQ(position % 5, 3U);
    ASSERT_EQ(third.size(), (log.head.value + 2) / 5 - (log.mark().value + 2) / 5);
    run(store->close());
    if (::testing::Test::HasFailure()) break;
  }
  EXPECT_GT(cuts, 30);
  EXPECT_GT(removed, 100);
}

TEST_F(EventsRetentionPowerCut, AFullDiskIsAClearErrorAndTheMarkStays) {
  auto store = try_open().value();
  append(*store, 100);
  vfs_.set_full(true);
  Truncation cut{.from = {}, .upto = {50}, .changed = {}, .events = {}};
  EXPECT_EQ(code_of(run(store->truncate(cut))), Errc::storage_full);
  EXPECT_EQ(store->log().oldest.value, 1U);
  EXPECT_EQ(run(store->read({}, {}, 100)).value().events.size(), 100U);
  vfs_.set_full(false);
  EXPECT_TRUE(run(store->truncate(cut)));
  EXPECT_EQ(code_of(run(store->read({}, {}, 100))), Errc::cursor_expired);
  close(store);
}

}  // namespace
}  // namespace reeve::store
