#include "app/aside.h"

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <set>
#include <sstream>

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

  /// What was decided and is not done.
  AsideNote note_of_pending() {
    std::ostringstream text;
    text << std::ifstream(folder_.dir() / "reset-pending" / "reset.json").rdbuf();
    return parse_json_as<AsideNote>(text.str()).value();
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

TEST_F(TownReset, AFileElsewhereIsKeptBesideWhereItWasAtWhateverStepItIsCutOff) {
  const std::array<const char*, 4> ends{"", "-wal", "-shm", ".lock"};
  for (std::size_t moved = 0; moved <= ends.size(); ++moved) {
    SCOPED_TRACE(moved);
    store::ScratchDir elsewhere;
    const auto database = elsewhere.file("oak.db");
    for (const auto* end : ends) std::ofstream(database + end) << end;
    ASSERT_TRUE(decide_aside(folder_, "a", now_, {}, database));
    const auto name = note_of_pending().kept_in;
    for (std::size_t i = 0; i < moved; ++i)
      fs::rename(database + ends.at(i), kept_database(database, name) + ends.at(i));
    const auto kept = finish_aside(folder_);
    ASSERT_TRUE(kept) << kept.error().message();
    const auto stem = "oak.db." + (*kept)->filename().string();
    EXPECT_EQ(names(elsewhere.path()),
              (std::set<std::string>{stem, stem + "-wal", stem + "-shm", stem + ".lock"}));
    EXPECT_FALSE(finish_aside(folder_).value());
  }
}

TEST_F(TownReset, NothingBeginsWhereTheFileElsewhereIsNotFoundAgain) {
  store::ScratchDir elsewhere;
  const auto database = elsewhere.file("oak.db");
  std::ofstream(database) << "the town";
  ASSERT_TRUE(decide_aside(folder_, "a", now_, {}, database));
  fs::rename(database, database + ".away");
  EXPECT_EQ(finish_aside(folder_).error().code(), Errc::conflict);
  const auto kept = kept_database(database, note_of_pending().kept_in);
  std::ofstream(database) << "another";
  std::ofstream(kept) << "the town";
  EXPECT_EQ(finish_aside(folder_).error().code(), Errc::conflict) << "which one is it?";
  fs::remove(database);
  EXPECT_TRUE(finish_aside(folder_));
  EXPECT_EQ(names(elsewhere.path()),
            (std::set<std::string>{"oak.db.away", fs::path(kept).filename()}));
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
