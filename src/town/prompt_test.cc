#include "town/prompt.h"

#include <gtest/gtest.h>

namespace reeve::town {
namespace {

Message message(MessageType type, std::string text, int number, std::optional<TaskId> task = {}) {
  Message made;
  made.id = MessageId(
      Uuid{{9, static_cast<std::uint8_t>(number / 256), static_cast<std::uint8_t>(number % 256)}});
  made.type = type;
  made.text = std::move(text);
  made.task = task;
  return made;
}
Message task_message(int number) {
  return message(MessageType::task_assign, "task", number,
                 TaskId(Uuid{{static_cast<std::uint8_t>(number)}}));
}
Message info(int number) { return message(MessageType::informational, "fyi", number); }

std::vector<MessageId> ids(const std::vector<Message>& messages) {
  std::vector<MessageId> out;
  for (const auto& one : messages) out.push_back(one.id);
  return out;
}

Briefing briefing() {
  Briefing made;
  made.town = "oak";
  made.agent.name = "ada";
  return made;
}
Letter letter(MessageType type, std::string text, std::string from = "bob") {
  return {message(type, std::move(text), 1), std::move(from), std::nullopt, std::nullopt};
}

// --- choose_messages
// ------------------------------------------------------------------------------

TEST(ChooseMessages, NothingWhileNoneOfThemStartsARound) {
  EXPECT_TRUE(choose_messages({}).empty());
  EXPECT_TRUE(choose_messages({info(1), message(MessageType::confirmation, "ok", 2)}).empty());
}

TEST(ChooseMessages, WhatIsForKnowledgeComesAlong) {
  const std::vector waiting{info(1), message(MessageType::query, "which?", 2), info(3)};
  EXPECT_EQ(ids(choose_messages(waiting)), ids(waiting));
}

TEST(ChooseMessages, OneTaskInOneRound) {
  const std::vector waiting{task_message(1), info(2), task_message(3), info(4)};
  EXPECT_EQ(ids(choose_messages(waiting)), ids({task_message(1), info(2), info(4)}));
}

TEST(ChooseMessages, ManyAreTakenInTurns) {
  std::vector<Message> waiting{message(MessageType::query, "which?", 0)};
  for (int i = 1; i < 100; ++i) waiting.push_back(info(i));
  const auto chosen = choose_messages(waiting);
  EXPECT_LT(chosen.size(), 50U);
  EXPECT_EQ(chosen.front().id, waiting.front().id);
}

TEST(ChooseMessages, ManyForKnowledgeDoNotKeepATaskBehindThemWaitingForEver) {
  std::vector<Message> waiting;
  for (int i = 1; i < 100; ++i) waiting.push_back(info(i));
  waiting.push_back(task_message(200));
  const auto chosen = choose_messages(waiting);
  ASSERT_FALSE(chosen.empty());
  EXPECT_EQ(chosen.back().id, task_message(200).id);
  EXPECT_EQ(chosen.front().id, info(1).id);
}

TEST(ChooseMessages, ALargeOneGoesAlone) {
  const std::string large(5 << 20, 'x');
  std::vector waiting{message(MessageType::task, large, 1), info(2)};
  EXPECT_EQ(ids(choose_messages(waiting)), ids({waiting[0]}));
  waiting = {message(MessageType::informational, large, 1), task_message(2)};
  EXPECT_EQ(ids(choose_messages(waiting)), ids({waiting[1]}));
}

TEST(ChooseMessages, OneForAnIdleMomentGoesWithoutOthersThatStartARound) {
  auto idle = message(MessageType::task, "tidy up", 1);
  idle.delivery = Delivery::idle;
  auto second = message(MessageType::task, "water", 2);
  second.delivery = Delivery::idle;
  const auto task = message(MessageType::query, "which?", 3);
  EXPECT_EQ(ids(choose_messages({idle, second, task, info(4)})), ids({task, info(4)}));
  EXPECT_EQ(ids(choose_messages({info(4), idle, second})), ids({info(4), idle}));
}

// --- write_prompt
// ---------------------------------------------------------------------------------

TEST(Prompt, HoldsTheWholeTaskAndHowToReportIt) {
  auto given = briefing();
  given.agent.role = "the tester";
  given.task.emplace();
  given.task->id = TaskId(Uuid{{7}});
  given.task->text = "line one\nline {two}\n" + std::string(200'000, 'x') + "\nthe end";
  const auto prompt = write_prompt(given);
  EXPECT_TRUE(prompt.starts_with("You are ada, an agent of the town oak.\nYour role: the tester."));
  EXPECT_TRUE(prompt.contains(given.task->text));
  for (const std::string verb : {"complete", "fail", "progress"})
    EXPECT_TRUE(prompt.contains("reeve task " + verb + " " + given.task->id.str())) << verb;
  EXPECT_TRUE(prompt.contains("counts as done when you finish"));

  given.agent.completes = Completes::report;
  EXPECT_FALSE(write_prompt(given).contains("counts as done when you finish"));
}

TEST(Prompt, SaysWhereTheAgentWas) {
  auto given = briefing();
  given.task.emplace();
  given.task->progress = "half of it";
  EXPECT_TRUE(write_prompt(given).contains("You reported before: half of it"));
  EXPECT_FALSE(write_prompt(given).contains("left it open"));
  given.task->run = RunId(Uuid{{3}});
  given.task->left_open = 1;
  EXPECT_TRUE(write_prompt(given).contains("Your last round left it open and did not say why."));
  given.task->reported = given.task->run;
  EXPECT_FALSE(write_prompt(given).contains("left it open")) << "it has said why";
}

TEST(Prompt, NamesWhoWritesAndHowToAnswer) {
  auto given = briefing();
  given.letters = {letter(MessageType::query, "which branch?"),
                   letter(MessageType::informational, "lunch", "supervisor")};
  given.letters[1].message.priority = Priority::urgent;
  const auto prompt = write_prompt(given);
  EXPECT_TRUE(prompt.contains("bob asks you:\nwhich branch?"));
  EXPECT_TRUE(prompt.contains("reeve reply " + given.letters[0].message.id.str()));
  EXPECT_TRUE(prompt.contains("URGENT: supervisor writes:\nlunch"));
  EXPECT_FALSE(prompt.contains("Your task"));
  EXPECT_FALSE(prompt.contains("reeve task complete"));
}

TEST(Prompt, SaysWhatEachLetterIs) {
  auto given = briefing();
  given.letters = {letter(MessageType::confirmation, "rejected: no"),
                   letter(MessageType::custom, "v1.2"), letter(MessageType::informational, "red"),
                   letter(MessageType::status_response, "state: idle")};
  given.letters[0].message.ack = Ack{AckKind::rejected, "no"};
  given.letters[1].message.kind = "deploy";
  given.letters[1].message.priority = Priority::low;
  given.letters[2].answers = "which colour?";
  const auto prompt = write_prompt(given);
  EXPECT_TRUE(prompt.contains("bob confirms (rejected):\nrejected: no"));
  EXPECT_TRUE(prompt.contains("Not important: bob sends you this (deploy):\nv1.2"));
  EXPECT_TRUE(prompt.contains("bob answers what you wrote (\"which colour?\"):\nred"));
  EXPECT_TRUE(prompt.contains("bob tells its status:\nstate: idle"));
}

TEST(Prompt, TheTasksTextStandsInItOnce) {
  auto given = briefing();
  given.task.emplace();
  given.task->text = "paint the door";
  given.letters = {letter(MessageType::task_assign, "paint the door", "supervisor")};
  const auto prompt = write_prompt(given);
  EXPECT_EQ(prompt.find("paint the door"), prompt.rfind("paint the door"));
  EXPECT_FALSE(prompt.contains("# Messages"));
}

TEST(WritePrompt, ARoundThatGoesOnAfterAnInterruptIsToldSo) {
  auto made = briefing();
  EXPECT_FALSE(write_prompt(made).contains("stopped before it ended"));
  made.stopped = "interrupted: wrong branch";
  EXPECT_TRUE(write_prompt(made).contains(
      "Your last round was stopped before it ended (interrupted: wrong branch): go on where you "
      "were."));
  made.stopped = "";
  EXPECT_TRUE(write_prompt(made).contains("(interrupted)"));
}

}  // namespace
}  // namespace reeve::town
