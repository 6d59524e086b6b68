#include "model/task.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace reeve {
namespace {

TEST(TaskJson, SurvivesARoundTrip) {
  Task task;
  task.id = TaskId::parse("0190a5b0-1c2d-4e3f-8a4b-5c6d7e8f9012").value();
  task.text = "fix\nthe build";
  task.state = TaskState::running;
  task.started_at = from_ms(5);
  const auto text = write_json_of(task);
  EXPECT_EQ(write_json_of(parse_json_as<Task>(text).value()), text);
}

TEST(TaskState, ThreeAreEnds) {
  EXPECT_TRUE(is_ended(TaskState::completed));
  EXPECT_TRUE(is_ended(TaskState::cancelled));
  EXPECT_FALSE(is_ended(TaskState::running));
}

}  // namespace
}  // namespace reeve
