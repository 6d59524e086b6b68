#include "model/retention.h"

#include <gtest/gtest.h>

namespace reeve {
namespace {

Status checked(std::vector<std::string> kinds, std::vector<std::string> scopes = {}) {
  RetentionPolicy policy;
  policy.prune.push_back({std::move(kinds), std::move(scopes), std::chrono::hours(1)});
  return check(policy);
}

TEST(EventsRetentionPolicy, EverythingIsKeptUnlessItIsSaid) {
  EXPECT_FALSE(RetentionPolicy().removes());
  EXPECT_TRUE(check(RetentionPolicy()));
  RetentionPolicy policy;
  policy.max_events = 1;
  EXPECT_TRUE(policy.removes());
}

TEST(EventsRetentionPolicy, OnlyWhatIsNoFactIsPruned) {
  EXPECT_TRUE(checked({"ToolCallDone", "RawLine"}, {"agent:ada", "town"}));
  const auto refused = checked({"ToolCallDone", "TaskCreated"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::invalid_argument);
  EXPECT_TRUE(refused.error().message().contains("TaskCreated is a fact"));
  EXPECT_FALSE(checked({}));
  EXPECT_FALSE(checked({"RawLine"}, {"ada"}));
  EXPECT_FALSE(checked(std::vector<std::string>(257, "RawLine")));
}

TEST(EventsRetentionPolicy, IsShownWithWhatIsSet) {
  RetentionPolicy policy;
  policy.max_age = std::chrono::hours(48);
  EXPECT_EQ(write_json_of(policy), R"({"max_age":172800000,"keep_events":1000,"prune":[]})");
}

}  // namespace
}  // namespace reeve
