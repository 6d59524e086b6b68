#include "town/prompt.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace reeve::town {
namespace {

Message message(MessageType type, std::string text) {
  Message made;
  made.type = type;
  made.text = std::move(text);
  if (type == MessageType::task_assign) made.task = TaskId();
  return made;
}

std::vector<std::string> texts(const std::vector<Message>& messages) {
  std::vector<std::string> out;
  for (const auto& each : messages) out.push_back(each.text);
  return out;
}

TEST(ChooseMessages, NothingStartsARoundThatIsOnlyForKnowledge) {
  EXPECT_TRUE(choose_messages({}).empty());
  EXPECT_TRUE(choose_messages({message(MessageType::informational, "a"),
                               message(MessageType::confirmation, "b")})
                  .empty());
}

TEST(ChooseMessages, EverythingComesAlongButASecondTask) {
  const auto chosen = choose_messages(
      {message(MessageType::informational, "a"), message(MessageType::task_assign, "b"),
       message(MessageType::task_assign, "c"), message(MessageType::query, "d")});
  EXPECT_EQ(texts(chosen), (std::vector<std::string>{"a", "b", "d"}));
}

// However much an agent has been told, its task is served.
TEST(ChooseMessages, ATaskBehindManyMessagesIsChosen) {
  std::vector<Message> waiting(500, message(MessageType::informational, "told"));
  waiting.push_back(message(MessageType::task_assign, "task"));
  const auto chosen = choose_messages(waiting);
  ASSERT_FALSE(chosen.empty());
  EXPECT_EQ(chosen.back().text, "task");
  EXPECT_LT(chosen.size(), waiting.size());
  EXPECT_EQ(std::ranges::count(texts(chosen), "task"), 1);
}

TEST(ChooseMessages, ALargeTaskTakesFewerAlong) {
  std::vector<Message> waiting(4, message(MessageType::informational, std::string(1 << 20, 'x')));
  waiting.push_back(message(MessageType::task_assign, std::string(3 << 20, 'y')));
  const auto chosen = choose_messages(waiting);
  ASSERT_EQ(chosen.size(), 2u);
  EXPECT_EQ(chosen.back().text.front(), 'y');
}

}  // namespace
}  // namespace reeve::town
