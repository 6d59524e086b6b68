#include "store/marks.h"

#include <gtest/gtest.h>

#include "store/check.h"

namespace reeve::store {
namespace {

using Marks = std::vector<std::string>;

Marks there_and_back(const Marks& marks) {
  const auto text = join_marks(marks);
  const auto split = split_marks(text);
  return {split.begin(), split.end()};
}

TEST(Marks, AreOneTextWithALineEach) {
  EXPECT_EQ(join_marks({}), "");
  EXPECT_EQ(join_marks({"open"}), "open");
  EXPECT_EQ(join_marks({"open", "agent:7", "needs"}), "open\nagent:7\nneeds");
}

TEST(Marks, ComeBackAsTheyWere) {
  for (const Marks& marks :
       {Marks{}, Marks{"open"}, Marks{"open", "agent:7"}, Marks{"z", "a", "with a space, and \t"}})
    EXPECT_EQ(there_and_back(marks), marks);
}

/// What the text could not hold is refused before it comes here.
TEST(Marks, ThatWouldNotComeBackAreRefused) {
  for (const Marks& marks : {Marks{""}, Marks{"a\nb"}, Marks{"a", "b\n"}}) {
    EXPECT_NE(there_and_back(marks), marks);
    Commit commit;
    commit.writes.emplace_back(PutDoc{.key = {"note", "a"}, .body = "{}", .marks = marks});
    EXPECT_FALSE(check(commit));
  }
}

}  // namespace
}  // namespace reeve::store
