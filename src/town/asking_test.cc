#include "town/asking.h"

#include <gtest/gtest.h>

#include <list>

#include "aio/task_group.h"
#include "town/testing.h"

namespace reeve::town {
namespace {

using Waited = std::optional<Result<api::AnswerReply>>;

Async<> wait_into(Ground ground, std::string id, Waited* out) {
  *out = co_await wait_answer(std::move(ground), std::move(id));
}

/// A town whose agents have no rounds: the test says what becomes of a question.
class TownAsking : public ServicesTest {
 protected:
  ~TownAsking() override {
    group_.cancel();
    world_.await(group_.join());
  }
  Message ask(std::string who, Caller caller = {}) {
    return send(std::move(who), "which branch?", MessageType::query, Priority::normal,
                std::move(caller))
        .value();
  }
  Waited& wait(const Message& question) {
    auto& waited = waits_.emplace_back();
    group_.spawn("ask", wait_into(ground_, question.id.str(), &waited));
    world_.quiet();
    return waited;
  }
  static Caller as(const Agent& agent) {
    Caller caller;
    caller.agent = agent.id;
    return caller;
  }

  aio::TaskGroup group_{world_.loop.get_executor()};
  std::list<Waited> waits_;
};

TEST_F(TownAsking, AReplyIsTheAnswerAtItsEvent) {
  const auto ada = spawn("ada").value();
  const auto question = ask("ada");
  auto& waited = wait(question);
  ASSERT_TRUE(send("ada", "something else"));
  ASSERT_TRUE(
      send("supervisor", "nor this", MessageType::informational, Priority::normal, as(ada)));
  world_.quiet();
  EXPECT_FALSE(waited);
  const auto answer =
      world_.await(reply(ground_, as(ada), question.id.str(), "main\nof course")).value();
  world_.quiet();
  ASSERT_TRUE(waited && *waited);
  EXPECT_EQ((*waited)->by, "message");
  EXPECT_EQ((*waited)->from, "ada");
  EXPECT_EQ((*waited)->text, "main\nof course");
  EXPECT_EQ((*waited)->message, answer.id);
  // Whoever asks later has it at once, also when it was done with.
  api::DoneRequest done;
  done.all = true;
  ASSERT_TRUE(world_.await(done_with(ground_, Caller{}, done)));
  auto& again = wait(question);
  ASSERT_TRUE(again && *again);
  EXPECT_EQ((*again)->message, answer.id);
}

TEST_F(TownAsking, AMessageThatComesBackWithTheCorrelationIsAnAnswerToo) {
  const auto ada = spawn("ada").value();
  const auto question = ask("ada");
  auto& waited = wait(question);
  api::SendRequest request;
  request.to = "supervisor";
  request.text = "main";
  request.type = MessageType::informational;
  request.correlation = question.correlation;
  ASSERT_TRUE(world_.await(town::send(ground_, as(ada), request)));
  world_.quiet();
  ASSERT_TRUE(waited && *waited);
  EXPECT_EQ((*waited)->text, "main");
}

TEST_F(TownAsking, AgentsAskAgentsAndThePeople) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  const auto to_bob = ask("bob", as(ada));
  const auto to_people = ask("supervisor", as(ada));
  auto& from_bob = wait(to_bob);
  auto& from_people = wait(to_people);
  ASSERT_TRUE(world_.await(reply(ground_, as(bob), to_bob.id.str(), "bob says main")));
  world_.quiet();
  ASSERT_TRUE(from_bob && *from_bob);
  EXPECT_EQ((*from_bob)->from, "bob");
  EXPECT_FALSE(from_people);
  ASSERT_TRUE(world_.await(reply(ground_, Caller{}, to_people.id.str(), "we say dev")));
  world_.quiet();
  ASSERT_TRUE(from_people && *from_people);
  EXPECT_EQ((*from_people)->text, "we say dev");
  EXPECT_EQ((*from_people)->from, "supervisor");
}

TEST_F(TownAsking, AnAgentThatStopsAnswersNothing) {
  ASSERT_TRUE(spawn("ada"));
  const auto question = ask("ada");
  auto& waited = wait(question);
  EXPECT_FALSE(waited);
  ASSERT_TRUE(kill("ada"));
  world_.quiet();
  ASSERT_TRUE(waited);
  EXPECT_EQ(code_of(*waited), Errc::conflict);
  EXPECT_TRUE(waited->error().message().contains("reeve ask --wait " + question.id.str()));
  auto& later = wait(question);
  ASSERT_TRUE(later);
  EXPECT_EQ(code_of(*later), Errc::conflict);
}

TEST_F(TownAsking, AQuestionThatIsMarkedAsDoneGetsNoAnswer) {
  const auto ada = spawn("ada").value();
  const auto question = ask("supervisor", as(ada));
  auto& waited = wait(question);
  api::DoneRequest done;
  done.all = true;
  ASSERT_TRUE(world_.await(done_with(ground_, Caller{}, done)));
  world_.quiet();
  ASSERT_TRUE(waited);
  EXPECT_EQ(code_of(*waited), Errc::cancelled);
}

TEST_F(TownAsking, WhatAsksNothingIsNotWaitedFor) {
  ASSERT_TRUE(spawn("ada"));
  const auto told = send("ada", "fyi").value();
  auto& waited = wait(told);
  ASSERT_TRUE(waited);
  EXPECT_EQ(code_of(*waited), Errc::invalid_argument);
}

TEST_F(TownAsking, APingIsAnsweredWhenItIsAsked) {
  ASSERT_TRUE(spawn("ada"));
  const auto ping = send("ada", "", MessageType::ping).value();
  auto& waited = wait(ping);
  ASSERT_TRUE(waited && *waited);
  EXPECT_EQ((*waited)->text, "pong");
}

TEST_F(TownAsking, WhoGivesUpLeavesTheQuestionAsked) {
  ASSERT_TRUE(spawn("ada"));
  const auto question = ask("ada");
  auto& waited = wait(question);
  EXPECT_FALSE(waited);
  group_.cancel();
  world_.await(group_.join());
  EXPECT_EQ(world_.get<Message>(question.id).state, MessageState::queued);
}

TEST(TownAnswerOf, TheRoundsLastWordsCountWhereItSentNoReply) {
  Asked asked;
  asked.agent.emplace();
  asked.agent->name = "ada";
  EXPECT_FALSE(answer_of(asked)->has_value());
  asked.round.emplace();
  asked.question.state = MessageState::taken;
  EXPECT_FALSE(answer_of(asked)->has_value()) << "it may reply still";
  asked.round->state = RunState::completed;
  asked.round->text = "on main\n";
  asked.question.state = MessageState::handled;
  auto answer = answer_of(asked);
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->by, "run");
  EXPECT_EQ((*answer)->text, "on main\n");
  asked.reply.emplace();
  asked.reply->text = "main";
  answer = answer_of(asked);
  EXPECT_EQ((*answer)->by, "message");
  EXPECT_EQ((*answer)->text, "main");
}

TEST(TownAnswerOf, ADeadLetterIsAnErrorThatSaysWhatToDo) {
  Asked asked;
  asked.agent.emplace();
  asked.agent->name = "ada";
  asked.question.state = MessageState::dead;
  const auto answer = answer_of(asked);
  EXPECT_EQ(code_of(answer), Errc::conflict);
  EXPECT_TRUE(answer.error().message().contains("reeve inbox retry"));
}

}  // namespace
}  // namespace reeve::town
