#include "base/near_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace reeve {
namespace {

TEST(NearNames, ForgiveASlipAndKnowABeginning) {
  const std::vector<std::string> names{"ada", "grace", "spawn", "status", "stop"};
  EXPECT_THAT(near_names("adda", names), testing::ElementsAre("ada"));
  EXPECT_THAT(near_names("Sta", names), testing::Contains("status"));
  EXPECT_THAT(near_names("sapwn", names), testing::IsEmpty());  // two slips in five letters
  EXPECT_THAT(near_names("zzz", names), testing::IsEmpty());
}

}  // namespace
}  // namespace reeve
