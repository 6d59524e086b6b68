// G1 against a file system that loses what was not synced, and the failures of a disk.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <utility>

#include "store/sqlite/connection.h"
#include "store/sqlite/faulty_vfs.h"
#include "store/sqlite/sqlite_store.h"
#include "store/testing.h"

namespace reeve::store {
namespace {

using sqlite::FaultyVfs;

class PowerCut : public ::testing::Test {
 public:
  template <class T>
  T run(Async<T> work) {
    return aio::run(loop_, std::move(work));
  }
  Result<std::unique_ptr<Store>> open() {
    SqliteOptions options{.path = path_, .vfs = vfs_.name()};
    options.checkpoint_pages = checkpoint_pages_;
    return open_sqlite(env_, loop_.get_executor(), options);
  }
  /// Three events, a document and a queue item that belong together.
  Commit numbered(std::uint64_t number) {
    const auto text = std::to_string(number);
    Commit commit;
    commit.key = IdempotencyKey{.writer = "w", .key = text, .digest = "d"};
    for (int part = 0; part < 3; ++part)
      commit.events.push_back(make_event(env_, "Part", {"agent:" + text}, text));
    commit.writes = {PutDoc{.key = {"n", text}, .body = text, .marks = {"m"}},
                     QueuePush{.queue = "q", .item = text}};
    return commit;
  }

  std::uint32_t seed_ = std::random_device{}();
  int checkpoint_pages_ = 20;  // often, so that cuts meet checkpoints too
  FaultyVfs vfs_{"faulty", seed_};
  boost::asio::io_context loop_;
  TestEnv env_{loop_};
  ScratchDir dir_;
  std::string path_ = dir_.file("town.db");
};

TEST_F(PowerCut, G1EveryAcknowledgedCommitIsThereAfterAPowerCutAndNoneIsHalf) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  std::mt19937 random(seed_);
  std::map<std::uint64_t, Committed> acknowledged;
  std::uint64_t number = 0;
  int cuts = 0;
  for (int round = 0; round < 60; ++round) {
    vfs_.cut_after(1 + random() % 400);
    auto opened = open();
    if (opened) {
      auto store = std::move(*opened);
      aio::TaskGroup writers(loop_.get_executor());
      const auto writer = [](PowerCut& self, Store& to, std::uint64_t& n,
                             std::map<std::uint64_t, Committed>& known) -> Async<> {
        for (int i = 0; i < 40 && !self.vfs_.is_off(); ++i) {
          const auto mine = ++n;
          const auto done = co_await to.commit(self.numbered(mine));
          if (done) known[mine] = *done;
        }
      };
      for (int w = 0; w < 5; ++w)
        writers.spawn("writer", writer(*this, *store, number, acknowledged));
      run(writers.join());
      store.reset();  // without closing
    }
    cuts += vfs_.is_off() ? 1 : 0;
    vfs_.power_on();
    std::filesystem::remove(path_ + "-shm");  // it is memory

    auto store = open().value();
    std::map<std::uint64_t, std::vector<std::uint64_t>> parts;
    Position after;
    while (after < store->log().head) {
      const auto page = run(store->read(after, {}, 1000)).value();
      for (const auto& event : page.events)
        parts[std::stoull(event->payload)].push_back(event->position.value);
      after = page.scanned;
    }
    for (const auto& [known, done] : acknowledged) {
      ASSERT_EQ(parts[known].size(), 3u) << "commit " << known << " round " << round;
      ASSERT_EQ(parts[known].front(), done.first.value);
    }
    for (const auto& [there, positions] : parts) {
      ASSERT_EQ(positions.size(), 3u) << "commit " << there << " is half there";
      const auto again = run(store->commit(numbered(there))).value();
      ASSERT_TRUE(again.repeated);
      ASSERT_EQ(again.first.value, positions.front());
    }
    ASSERT_EQ(run(store->count("n", "m")).value(), parts.size());
    run(store->close());
    if (::testing::Test::HasFailure()) break;
  }
  EXPECT_GT(cuts, 30);
  EXPECT_GT(acknowledged.size(), 100u);
}

TEST_F(PowerCut, G1AnAnswerWaitsForTheSync) {
  auto store = open().value();
  const auto before = vfs_.syncs();
  ASSERT_TRUE(run(store->commit(numbered(1))));
  EXPECT_GT(vfs_.syncs(), before);
  run(store->close());
}

TEST_F(PowerCut, G1AFailedSyncIsAnUnknownOutcomeThatTheKeySettles) {
  checkpoint_pages_ = 4'000;  // or a checkpoint may be what syncs next
  std::vector<EventPtr> fed;
  auto store = open().value();
  store->set_feed([&](const std::vector<EventPtr>& events) {
    fed.insert(fed.end(), events.begin(), events.end());
  });
  ASSERT_TRUE(run(store->commit(numbered(1))));
  vfs_.fail_next_wal_sync();
  const auto lost = run(store->commit(numbered(2)));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code(), Errc::unknown_outcome);
  const auto again = run(store->commit(numbered(2)));
  ASSERT_TRUE(again) << again.error().message();
  ASSERT_TRUE(run(store->commit(numbered(3))));
  ASSERT_TRUE(run(store->commit(numbered(2))).value().repeated);
  // Whatever happened, the log and the feed tell it once and in order.
  ASSERT_EQ(fed.size(), 9u);
  for (std::size_t i = 0; i < fed.size(); ++i) EXPECT_EQ(fed[i]->position.value, i + 1);
  EXPECT_EQ(run(store->count("n", "")).value(), 3u);

  // And the power may go now.
  vfs_.cut_after(1);
  EXPECT_FALSE(run(store->commit(numbered(4))));
  store.reset();
  vfs_.power_on();
  std::filesystem::remove(path_ + "-shm");
  store = open().value();
  for (std::uint64_t n = 1; n <= 3; ++n)
    EXPECT_TRUE(run(store->commit(numbered(n))).value().repeated) << n;
  run(store->close());
}

TEST_F(PowerCut, AFullDiskIsAClearErrorAndNothingIsHalfDone) {
  auto store = open().value();
  ASSERT_TRUE(run(store->commit(numbered(1))));
  vfs_.set_full(true);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(code_of(run(store->commit(numbered(2)))), Errc::storage_full);
  EXPECT_EQ(run(store->read(Position{}, {}, 9)).value().events.size(), 3u);
  EXPECT_FALSE(run(store->get(DocKey{"n", "2"})).value());
  vfs_.set_full(false);
  const auto done = run(store->commit(numbered(2)));
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(done->first.value, 4u);
  run(store->close());
}

TEST_F(PowerCut, ASegmentThatCannotBeWrittenIsTriedAgainAndMissedByNobody) {
  checkpoint_pages_ = 4'000;
  auto store = open().value();
  bool spoil = true;
  store->set_feed([&](const std::vector<EventPtr>& events) {
    // The segment of these events is written after this.
    if (events.back()->position.value >= 30'000 && std::exchange(spoil, false)) vfs_.set_full(true);
  });
  const auto append = [&](std::size_t n) {
    Commit commit;
    for (std::size_t i = 0; i < n; ++i)
      commit.events.push_back(make_event(env_, "A", {i == 0 ? "agent:first" : "agent:other"}));
    return run(store->commit(std::move(commit)));
  };
  const auto firsts = [&] {
    EventFilter mine;
    mine.scopes = {Scope::trusted("agent:first")};
    return run(store->read(Position{}, mine, 1'000)).value().events.size();
  };
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(append(1'000));
  EXPECT_EQ(code_of(append(1)), Errc::storage_full);
  EXPECT_EQ(firsts(), 30u);
  vfs_.set_full(false);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(append(1'000));
  EXPECT_EQ(firsts(), 33u);
  run(store->close());
  // What no segment covers is read again at the start: less than a segment is left.
  store = open().value();
  EXPECT_EQ(firsts(), 33u);
  run(store->close());
  auto db = sqlite::Connection::open({.path = path_, .read_only = true}).value();
  EXPECT_EQ(db->number("SELECT value FROM meta WHERE name='indexed'"), 30'000);
}

}  // namespace
}  // namespace reeve::store
