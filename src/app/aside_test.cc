#include "app/aside.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "store/testing.h"

namespace reeve::app {
namespace {

namespace fs = std::filesystem;

class TownReset : public ::testing::Test {
 protected:
  TownReset() {
    fs::create_directory(folder_.dir());
    for (const auto* name : {"town.toml", "town.db", "town.db-wal", "town.db.lock"})
      std::ofstream(folder_.dir() / name) << name;
    fs::create_directories(folder_.rounds() / "a-round");
  }
  std::set<std::string> names(const fs::path& dir) {
    std::set<std::string> out;
    for (const auto& entry : fs::directory_iterator(dir)) out.insert(entry.path().filename());
    return out;
  }
  void expect_done(const fs::path& kept) {
    EXPECT_EQ(names(folder_.dir()),
              (std::set<std::string>{"town.toml", "rounds", kept.filename().string()}));
    EXPECT_TRUE(fs::is_empty(folder_.rounds()));
    EXPECT_EQ(names(kept), (std::set<std::string>{"reset.json", "rounds", "town.db", "town.db-wal",
                                                  "town.db.lock"}));
    EXPECT_TRUE(fs::exists(kept / "rounds" / "a-round"));
  }

  store::ScratchDir dir_;
  client::TownFolder folder_{dir_.path()};
  const Time now_ = from_ms(1'700'000'000'000);
};

TEST_F(TownReset, SetsTheStoreAsideAndLeavesTheSettings) {
  const auto kept = set_aside(folder_, "the former log", now_);
  ASSERT_TRUE(kept) << kept.error().message();
  EXPECT_EQ(kept->filename(), "before-reset-20231114T221320Z");
  expect_done(*kept);
  const auto note = note_to_tell(folder_);
  ASSERT_TRUE(note);
  EXPECT_EQ(note->former_log, "the former log");
  EXPECT_EQ(folder_.root() / note->kept_in, *kept);
  forget_note(folder_, *note);
  EXPECT_FALSE(note_to_tell(folder_));
}

TEST_F(TownReset, TwoInOneSecondAreKeptApart) {
  const auto first = set_aside(folder_, "a", now_).value();
  std::ofstream(folder_.database()) << "another";
  const auto second = set_aside(folder_, "b", now_).value();
  EXPECT_NE(first, second);
  EXPECT_TRUE(fs::exists(first / "town.db-wal"));
  EXPECT_EQ(note_to_tell(folder_)->former_log, "b");
}

TEST_F(TownReset, ACrashBeforeTheDecisionLeavesTheTownWhole) {
  fs::create_directory(folder_.dir() / "reset-pending.new");
  std::ofstream(folder_.dir() / "reset-pending.new" / "reset.json") << "{\"form";
  EXPECT_FALSE(is_pending(folder_));
  EXPECT_FALSE(finish_aside(folder_).value());
  EXPECT_TRUE(fs::exists(folder_.database()));
  expect_done(set_aside(folder_, "a", now_).value());
}

TEST_F(TownReset, ACrashBehindTheDecisionIsGoneOnWithAtAnyStep) {
  for (int moved = 0; moved <= 4; ++moved) {
    SCOPED_TRACE(moved);
    store::ScratchDir dir;
    const client::TownFolder folder(dir.path());
    fs::copy(folder_.dir(), folder.dir(), fs::copy_options::recursive);
    ASSERT_TRUE(decide_aside(folder, "a", now_));
    int left = moved;
    for (const auto* part : {"town.db", "town.db-wal", "town.db.lock", "rounds"}) {
      if (left-- > 0) fs::rename(folder.dir() / part, folder.dir() / "reset-pending" / part);
    }
    EXPECT_TRUE(is_pending(folder));
    const auto kept = finish_aside(folder);
    ASSERT_TRUE(kept) << kept.error().message();
    ASSERT_TRUE(*kept);
    EXPECT_TRUE(fs::exists(**kept / "town.db"));
    EXPECT_TRUE(fs::exists(**kept / "town.db-wal"));
    EXPECT_TRUE(fs::exists(**kept / "rounds" / "a-round"));
    EXPECT_FALSE(fs::exists(folder.database()));
    EXPECT_TRUE(fs::exists(folder.settings()));
    EXPECT_FALSE(finish_aside(folder).value());
  }
}

TEST_F(TownReset, OnRedisTheNextGenerationBeginsBeforeItIsDone) {
  const auto refused = set_aside(folder_, "a", now_, 3, [&](std::uint64_t generation) -> Status {
    EXPECT_EQ(generation, 3u);
    return fail(Errc::unavailable, "Redis is away");
  });
  EXPECT_EQ(refused.error().code(), Errc::unavailable);
  // Decided: whoever comes next goes on, and nobody goes on with the former one.
  EXPECT_TRUE(is_pending(folder_));
  int begun = 0;
  const auto kept = finish_aside(folder_, [&](std::uint64_t generation) -> Status {
    begun += static_cast<int>(generation);
    return {};
  });
  ASSERT_TRUE(kept) << kept.error().message();
  EXPECT_EQ(begun, 3);
  expect_done(**kept);
  EXPECT_EQ(note_to_tell(folder_)->generation, 3u);
}

}  // namespace
}  // namespace reeve::app
