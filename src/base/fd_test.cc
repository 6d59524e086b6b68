#include "base/fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace reeve {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }
int open_one() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

TEST(Fd, ClosesWhatItOwnsAndNothingElse) {
  EXPECT_FALSE(Fd());
  const int number = open_one();
  {
    const Fd owner(number);
    EXPECT_TRUE(owner);
    EXPECT_EQ(owner.get(), number);
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));

  Fd let_go(open_one());
  const int kept = let_go.release();
  EXPECT_FALSE(let_go);
  let_go.reset();
  EXPECT_TRUE(is_open(kept));
  ::close(kept);
}

TEST(Fd, HasOneOwnerAtATime) {
  const int first = open_one();
  const int second = open_one();
  Fd from(first);
  Fd to(second);
  to = std::move(from);
  EXPECT_FALSE(from);  // NOLINT(bugprone-use-after-move): empty, by contract
  EXPECT_EQ(to.get(), first);
  EXPECT_FALSE(is_open(second));
  auto& itself = to;
  to = std::move(itself);
  EXPECT_TRUE(is_open(first));
}

}  // namespace
}  // namespace reeve
