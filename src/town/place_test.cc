#include "town/place.h"

#include <fstream>

#include "town/testing.h"

namespace reeve::town {
namespace {

namespace fs = std::filesystem;

class TownPlace : public ServicesTest {
 protected:
  TownPlace() {
    fs::create_directories(old_ / ".reeve");
    fs::create_directories(new_ / ".reeve");
    std::ofstream(new_ / ".reeve" / "town.db") << "a store";
  }
  std::optional<Moved> tell(const fs::path& root) {
    return world_.await(tell_place(ground_, root, std::nullopt)).value();
  }

  const fs::path old_ = world_.dir.path() / "old";
  const fs::path new_ = world_.dir.path() / "new";
};

TEST_F(TownPlace, ATownBeginsOnce) {
  EXPECT_FALSE(tell(old_));
  EXPECT_FALSE(tell(old_));
  EXPECT_EQ(world_.kinds(), std::vector<std::string>{"TownCreated"});
  EXPECT_EQ(world_.fact<fact::TownCreated>("TownCreated").root, old_.string());
}

TEST_F(TownPlace, AResetIsToldRightBehindTheBeginning) {
  ASSERT_TRUE(world_.await(tell_place(ground_, old_, fact::TownReset{"former", "kept"})));
  ASSERT_TRUE(world_.await(tell_place(ground_, old_, fact::TownReset{"former", "kept"})));
  EXPECT_EQ(world_.kinds(), (std::vector<std::string>{"TownCreated", "TownReset"}));
}

TEST_F(TownPlace, AMovedFolderIsToldOnce) {
  tell(old_);
  fs::remove_all(old_);
  const auto moved = tell(new_);
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->from, old_);
  EXPECT_FALSE(moved->copied);
  EXPECT_FALSE(tell(new_));
  EXPECT_EQ(world_.kinds(), (std::vector<std::string>{"TownCreated", "TownMoved"}));
  EXPECT_EQ(world_.fact<fact::TownMoved>("TownMoved").to, new_.string());
}

TEST_F(TownPlace, ACopyIsTakenForOne) {
  tell(old_);
  std::ofstream(old_ / ".reeve" / "town.db") << "the original";
  EXPECT_TRUE(tell(new_)->copied);
}

TEST_F(TownPlace, AnotherNameOfTheFolderIsNoOtherPlace) {
  tell(old_);
  fs::create_directory_symlink(old_, world_.dir.path() / "link");
  EXPECT_FALSE(tell(world_.dir.path() / "link"));
}

TEST_F(TownPlace, ALogFromBeforeThisWasKeptIsTakenAsItIs) {
  ASSERT_TRUE(world_.commit({fact::TownCreated{"oak", old_.string()}}));
  EXPECT_FALSE(tell(new_));
  EXPECT_EQ(world_.count("TownMoved"), 0U);
}

TEST_F(TownPlace, ACopysRoundsAreTheOriginals) {
  const auto rounds = new_ / ".reeve" / "rounds";
  const auto ada = spawn("ada").value();
  reeve::Run run;
  run.id = RunId(world_.env.uuid4());
  run.agent = ada.id;
  run.thread = ThreadId(world_.env.uuid4());
  ASSERT_TRUE(world_.commit({fact::RunStarted{run}}));
  fs::create_directories(rounds / run.id.str());
  fs::create_directories(rounds / "of-an-ended-run");
  ASSERT_TRUE(world_.await(part_from_original(ground_, rounds)));
  ASSERT_TRUE(world_.await(part_from_original(ground_, rounds)));
  EXPECT_FALSE(fs::exists(rounds / run.id.str()));
  EXPECT_TRUE(fs::exists(rounds / "of-an-ended-run"));
  EXPECT_TRUE(fs::exists(new_ / ".reeve" / "rounds-of-the-original" / run.id.str()));
}

}  // namespace
}  // namespace reeve::town
