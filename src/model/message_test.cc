#include "model/message.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace reeve {
namespace {

TEST(MessageType, OnlyWhatWantsSomethingStartsARound) {
  EXPECT_TRUE(starts_round(MessageType::task_assign));
  EXPECT_TRUE(starts_round(MessageType::query));
  EXPECT_TRUE(starts_round(MessageType::custom));
  EXPECT_FALSE(starts_round(MessageType::informational));
  EXPECT_FALSE(starts_round(MessageType::confirmation));
}

TEST(MessageJson, HasTinytownsNames) {
  EXPECT_EQ(enum_name(MessageType::task_assign), "task_assign");
  EXPECT_EQ(enum_from_name<Priority>("urgent"), Priority::urgent);
}

}  // namespace
}  // namespace reeve
