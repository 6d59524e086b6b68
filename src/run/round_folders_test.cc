#include "run/round_folders.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "proc/round_files.h"

namespace reeve::run {
namespace {

namespace fs = std::filesystem;

class RoundFoldersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "reeve-rounds-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    fs::create_directory(rounds());
  }
  void TearDown() override { fs::remove_all(root_); }

  [[nodiscard]] fs::path rounds() const { return root_ / "rounds"; }

  /// A round that is over on disk, as its shim leaves it.
  RunId ended_round(std::uint8_t number) {
    Uuid uuid;
    uuid.bytes[15] = number;
    const RunId run(uuid);
    const auto folder = proc::RoundFolder::create(round_folder(rounds(), run));
    EXPECT_TRUE(folder);
    std::ofstream(round_folder(rounds(), run) / "spec.json") << "{}";
    EXPECT_TRUE(folder->write_exit(proc::Exit{.code = 0}));
    // Folders of one moment have an order all the same.
    fs::last_write_time(round_folder(rounds(), run), began_ + std::chrono::seconds(number));
    return run;
  }
  bool is_there(const RunId& run) { return fs::exists(round_folder(rounds(), run)); }

  fs::path root_;
  fs::file_time_type began_ = fs::file_time_type::clock::now() - std::chrono::hours(1);
};

TEST_F(RoundFoldersTest, SecretsGoAndTheNewestFoldersStay) {
  const auto oldest = ended_round(1);
  const auto middle = ended_round(2);
  const auto newest = ended_round(3);
  tidy_rounds(rounds(), {newest}, {}, 2);
  EXPECT_FALSE(is_there(oldest));
  EXPECT_TRUE(is_there(middle));
  EXPECT_TRUE(is_there(newest));
  EXPECT_FALSE(fs::exists(round_folder(rounds(), newest) / "spec.json"));
  EXPECT_TRUE(fs::exists(round_folder(rounds(), middle) / "spec.json"));
}

// G12: its shim has ended, but a daemon that comes back has still to read what it said.
TEST_F(RoundFoldersTest, ARoundThatIsOpenInTheLogStays) {
  const auto unread = ended_round(1);
  const auto other = ended_round(2);
  const auto last = ended_round(3);
  tidy_rounds(rounds(), {last}, {unread}, 1);
  EXPECT_TRUE(is_there(unread));
  EXPECT_FALSE(is_there(other));
  EXPECT_TRUE(is_there(last));
}

TEST_F(RoundFoldersTest, OnlyRoundsAreListed) {
  const auto run = ended_round(7);
  fs::create_directory(rounds() / "something else");
  EXPECT_EQ(rounds_on_disk(rounds()), std::vector<RunId>{run});
  EXPECT_TRUE(rounds_on_disk(root_ / "nowhere").empty());
}

}  // namespace
}  // namespace reeve::run
