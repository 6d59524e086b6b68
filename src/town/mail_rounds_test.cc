// Messages and the rounds that read them.

#include <gtest/gtest.h>

#include "base/limits.h"
#include "town/asking.h"
#include "town/mailbox.h"
#include "town/testing.h"

namespace reeve::town {
namespace {

class TownMessages : public DaemonTest {
 protected:
  Message post(std::string to, std::string text, MessageType type = MessageType::task,
               Priority priority = Priority::normal, Delivery delivery = Delivery::next,
               Caller caller = {}) {
    api::SendRequest request;
    request.to = std::move(to);
    request.text = std::move(text);
    request.type = type;
    request.priority = priority;
    request.delivery = delivery;
    if (type == MessageType::custom) request.kind = "backend-track-update";
    return world_.await(town::send(ground_, std::move(caller), std::move(request))).value();
  }
  std::string prompt() { return world_.machine.process().stdin_text; }
  /// In the newest prompt one behind the other.
  void expect_in_order(const std::vector<std::string>& texts) {
    std::size_t at = 0;
    for (const auto& text : texts) {
      const auto found = prompt().find(text, at);
      ASSERT_NE(found, std::string::npos) << text << " is missing or stands too early in\n"
                                          << prompt();
      at = found;
    }
  }
  /// Agents that work do not read what is sent now.
  Agent busy(std::string name) {
    auto agent = spawn(std::move(name));
    post(agent.name, "first of all");
    EXPECT_TRUE(until_rounds(1));
    return agent;
  }
  MessageState state(const Message& message) { return world_.get<Message>(message.id).state; }
};

INSTANTIATE_TEST_SUITE_P(, TownMessages, ::testing::Values(Backend::memory, Backend::sqlite),
                         run::testing::name_of);

// --- The rows of the inventory ------------------------------------------------------------------

TEST_P(TownMessages, SendInboxLength1) {
  const auto ada = spawn("ada");
  post("ada", "hello", MessageType::informational);
  world_.quiet();
  EXPECT_EQ(queue(inbox_queue(ada.id)).size(), 1U);
}

TEST_P(TownMessages, TryReceiveReturnsSameIdFromTo) {
  const auto ada = spawn("ada");
  const auto bob = spawn("bob");
  Caller from_bob;
  from_bob.agent = bob.id;
  const auto sent =
      post("ada", "hello", MessageType::task, Priority::normal, Delivery::next, from_bob);
  ASSERT_TRUE(until_rounds(1));
  const auto run = world_.get<reeve::Run>(world_.machine.run_at());
  EXPECT_EQ(run.messages, std::vector<MessageId>{sent.id});
  EXPECT_EQ(world_.get<Message>(sent.id).from, bob.id.str());
  EXPECT_EQ(world_.get<Message>(sent.id).to, ada.id);
  EXPECT_TRUE(prompt().contains("bob asks you to do this:\nhello"));
}

TEST_P(TownMessages, HighBeforeLow) {
  busy("ada");
  post("ada", "a low one", MessageType::task, Priority::low);
  post("ada", "a normal one");
  post("ada", "a high one", MessageType::task, Priority::high);
  post("ada", "an urgent one", MessageType::task, Priority::urgent);
  end_round(0);
  ASSERT_TRUE(until_rounds(2));
  expect_in_order({"an urgent one", "a high one", "a normal one", "a low one"});
}

TEST_P(TownMessages, EmptyNone) {
  spawn("ada");
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 0U);
}

TEST_P(TownMessages, ReceiveTimeoutNone) {
  spawn("ada");
  world_.env.advance(1h);
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 0U);
}

TEST_P(TownMessages, CorrelationIdKept) {
  const auto ada = spawn("ada");
  api::SendRequest request;
  request.to = "ada";
  request.text = "which?";
  request.type = MessageType::query;
  request.correlation = "c-1";
  const auto sent = world_.await(town::send(ground_, Caller{}, request)).value();
  ASSERT_TRUE(until_rounds(1));
  EXPECT_TRUE(prompt().contains("reeve reply " + sent.id.str()));
  const auto answer = world_.await(reply(ground_, inside(ada), sent.id.str(), "this one")).value();
  EXPECT_EQ(answer.correlation, "c-1");
  end_round(0);
  EXPECT_EQ(world_.get<Message>(sent.id).correlation, "c-1");
}

TEST_P(TownMessages, ThreeQueuedThreeReceivedLength0) {
  const auto ada = busy("ada");
  for (const std::string text : {"one", "two", "three"}) post("ada", text);
  end_round(0);
  ASSERT_TRUE(until_rounds(2));
  EXPECT_EQ(world_.get<reeve::Run>(world_.machine.run_at()).messages.size(), 3U);
  end_round(0);
  EXPECT_TRUE(queue(inbox_queue(ada.id)).empty());
}

TEST_P(TownMessages, FiftyMessages) {
  const auto ada = busy("ada");
  std::vector<Message> sent;
  for (int i = 100; i < 150; ++i) sent.push_back(post("ada", "number " + std::to_string(i)));
  end_round(0);
  ASSERT_TRUE(until_rounds(2));
  expect_in_order({"number 100", "number 101", "number 131"});
  EXPECT_FALSE(prompt().contains("number 132")) << "what does not fit waits";
  end_round(0);
  ASSERT_TRUE(until_rounds(3));
  expect_in_order({"number 132", "number 149"});
  end_round(0);
  EXPECT_TRUE(queue(inbox_queue(ada.id)).empty());
  for (const auto& message : sent) EXPECT_EQ(state(message), MessageState::handled);
}

// --- At least once ------------------------------------------------------------------------------

TEST_P(TownMessages, W05_WhatARoundTookIsThereAgainWhenItDiesWithTheDaemon) {
  const auto ada = spawn("ada");
  const auto told = post("ada", "for knowledge", MessageType::informational);
  const auto asked = post("ada", "which?", MessageType::query);
  ASSERT_TRUE(until_rounds(1));
  EXPECT_EQ(state(told), MessageState::taken);
  stop_daemon();
  world_.machine.lose();
  start_daemon();
  ASSERT_TRUE(world_.until_event("MessagesReturned"));
  EXPECT_EQ(state(told), MessageState::queued);
  EXPECT_EQ(state(asked), MessageState::queued);
  world_.env.advance(2s);
  ASSERT_TRUE(until_rounds(2));
  expect_in_order({"for knowledge", "which?"});
  end_round(0);
  EXPECT_EQ(state(told), MessageState::handled);
  EXPECT_TRUE(queue(inbox_queue(ada.id)).empty());
}

TEST_P(TownMessages, W05_ARoundThatWasTakenForButNeverBeganLosesNothing) {
  spawn("ada");
  const auto told = post("ada", "for knowledge", MessageType::informational);
  const auto asked = post("ada", "which?", MessageType::query);
  ASSERT_TRUE(until_rounds(1));
  end_round(0);
  EXPECT_EQ(state(told), MessageState::handled);
  world_.machine.refuse = Error(Errc::unavailable, "no processes left");
  const auto second = post("ada", "and now?", MessageType::query);
  ASSERT_TRUE(world_.until_event("MessagesReturned"));
  EXPECT_EQ(state(second), MessageState::queued);
  EXPECT_EQ(state(asked), MessageState::handled);
  world_.machine.refuse.reset();
  world_.env.advance(60s);
  ASSERT_TRUE(until_rounds(2));
  EXPECT_TRUE(prompt().contains("and now?"));
}

TEST_P(TownMessages, W05_AFailedRoundConsumesNothingAlsoNotWhatIsForKnowledge) {
  const auto ada = spawn("ada");
  const auto told = post("ada", "for knowledge", MessageType::informational);
  const auto thanked = post("ada", "thanks", MessageType::confirmation);
  post("ada", "do it");
  ASSERT_TRUE(until_rounds(1));
  end_round(1);
  EXPECT_EQ(queue(inbox_queue(ada.id)).size(), 3U);
  EXPECT_EQ(state(told), MessageState::queued);
  EXPECT_EQ(state(thanked), MessageState::queued);
  world_.env.advance(2s);
  ASSERT_TRUE(until_rounds(2));
  expect_in_order({"for knowledge", "thanks", "do it"});
}

TEST_P(TownMessages, W06_EveryLineOfAMessageIsInThePrompt) {
  spawn("ada");
  const auto text = "the first line\n" + std::string(200'000, 'x') + "\n{and} the last one";
  post("ada", text);
  ASSERT_TRUE(until_rounds(1));
  EXPECT_TRUE(prompt().contains(text));
}

// --- Poison -------------------------------------------------------------------------------------

TEST_P(TownMessages, W07_PoisonJsonInBothQueues) {
  const auto ada = busy("ada");
  const auto others = post("supervisor", "not for ada", MessageType::informational);
  world_.made_up = true;  // documents that no fact tells of
  const MessageId broken(world_.env.uuid4());
  const MessageId missing(world_.env.uuid4());
  const auto inbox = inbox_queue(ada.id);
  store::Commit commit;
  for (const int priority : {0, 1, 2, 3}) {
    commit.writes.emplace_back(
        store::QueuePush{inbox, "poison " + std::to_string(priority), priority});
  }
  commit.writes.emplace_back(
      store::PutDoc{{run::DocOf<Message>::kKind, broken.str()}, R"({"id":7})", {}});
  commit.writes.emplace_back(store::QueuePush{inbox, broken.str(), 3});
  commit.writes.emplace_back(store::QueuePush{inbox, missing.str(), 1});
  commit.writes.emplace_back(store::QueuePush{inbox, others.id.str(), 1});
  ASSERT_TRUE(world_.await(world_.store.commit(std::move(commit))));
  post("ada", "a sound one");
  post("ada", "an urgent one", MessageType::task, Priority::urgent);
  end_round(0);
  ASSERT_TRUE(until_rounds(2));
  expect_in_order({"an urgent one", "a sound one"});
  EXPECT_EQ(world_.count("MessageQuarantined"), 7U);
  EXPECT_EQ(queue(quarantine_queue(ada.id)).size(), 7U);
  EXPECT_TRUE(world_.get<Agent>(ada.id).attention);
  EXPECT_EQ(state(others), MessageState::queued);
  end_round(0);
  EXPECT_TRUE(queue(inbox).empty());
  const auto view = world_.await(town::inbox(ground_, "ada")).value();
  EXPECT_EQ(view.quarantined.size(), 7U);
  EXPECT_EQ(world_.await(wait_agent(ground_, "ada")).value().state, "idle");
}

TEST_P(TownMessages, PoisonAloneIsTakenOutAndStartsNothing) {
  const auto ada = spawn("ada");
  world_.quiet();
  store::Commit commit;
  commit.writes = {store::QueuePush{inbox_queue(ada.id), "poison", 3}};
  ASSERT_TRUE(world_.await(world_.store.commit(std::move(commit))));
  post("ada", "fyi", MessageType::informational);
  ASSERT_TRUE(world_.until_event("MessageQuarantined"));
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 0U);
  EXPECT_EQ(queue(inbox_queue(ada.id)).size(), 1U);
}

// --- Order and wake-up --------------------------------------------------------------------------

TEST_P(TownMessages, W08_AMessageStartsItsRoundAtItsEvent) {
  spawn("ada");
  world_.quiet();
  post("ada", "do it");
  // Nobody moves the clock: nothing is polled for.
  ASSERT_TRUE(world_.until([&] { return world_.machine.started() == 1; }));
}

TEST_P(TownMessages, W09_UrgentOnesKeepTheirOrderAlsoThroughAFailedRound) {
  busy("ada");
  for (const std::string text : {"urgent one", "urgent two", "urgent three"})
    post("ada", text, MessageType::task, Priority::urgent);
  post("ada", "normal one");
  end_round(0);
  ASSERT_TRUE(until_rounds(2));
  expect_in_order({"urgent one", "urgent two", "urgent three", "normal one"});
  end_round(1);
  post("ada", "newer traffic", MessageType::informational);
  world_.env.advance(2s);
  ASSERT_TRUE(until_rounds(3));
  expect_in_order({"urgent one", "urgent two", "urgent three", "normal one", "newer traffic"});
}

TEST_P(TownMessages, W22_ACustomMessageIsActionableWhateverItsWords) {
  spawn("ada");
  post("ada", "info: ack of the update", MessageType::custom);
  ASSERT_TRUE(until_rounds(1));
  EXPECT_TRUE(prompt().contains(
      "supervisor sends you this (backend-track-update):\ninfo: ack of the update"));
}

// --- Delivery -----------------------------------------------------------------------------------

TEST_P(TownMessages, NowInterruptsTheRoundAndTheNextHasAllOfIt) {
  const auto ada = spawn("ada");
  const auto told = post("ada", "for knowledge", MessageType::informational);
  const auto task = assign(ada, "paint the door");
  ASSERT_TRUE(until_rounds(1));
  const auto run = world_.machine.run_at();
  const auto sent =
      post("ada", "not that door", MessageType::task, Priority::normal, Delivery::now);
  const auto kinds = world_.kinds();
  const auto at = std::ranges::find(kinds, "RunStopRequested");
  ASSERT_NE(at, kinds.end());
  EXPECT_EQ(*(at - 1), "MessageSent") << "in the same commit";
  const auto request = world_.fact<fact::RunStopRequested>("RunStopRequested");
  EXPECT_EQ(request.run, run);
  EXPECT_EQ(request.reason, "a message from supervisor is to be read now");
  ASSERT_TRUE(world_.until([&] { return !world_.machine.process().stops.empty(); }));
  // Another one interrupts it no second time.
  post("ada", "really", MessageType::task, Priority::normal, Delivery::now);
  EXPECT_EQ(world_.count("RunStopRequested"), 1U);
  world_.machine.exit(0);
  ASSERT_TRUE(until_rounds(2));
  EXPECT_EQ(world_.get<reeve::Run>(run).state, RunState::cancelled);
  expect_in_order({"paint the door", "URGENT: supervisor asks you to do this:\nnot that door",
                   "really", "for knowledge"});
  EXPECT_EQ(world_.get<Message>(told.id).attempt, 0);
  EXPECT_EQ(state_of(task), TaskState::running);
  end_round(0);
  EXPECT_EQ(state(sent), MessageState::handled);
  EXPECT_TRUE(queue(inbox_queue(ada.id)).empty());
}

TEST_P(TownMessages, NowStartsARoundOfAnAgentThatHasNone) {
  spawn("ada");
  post("ada", "do it", MessageType::task, Priority::normal, Delivery::now);
  ASSERT_TRUE(until_rounds(1));
  EXPECT_EQ(world_.count("RunStopRequested"), 0U);
}

TEST_P(TownMessages, NowLeavesAPausedAgentPaused) {
  const auto ada = spawn("ada");
  world_.quiet();
  ASSERT_TRUE(
      world_.commit({fact::AgentInterrupted{ada.id, AgentState::idle, std::nullopt, "wait"}}));
  post("ada", "do it", MessageType::task, Priority::normal, Delivery::now);
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 0U);
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::paused);
  EXPECT_EQ(queue(inbox_queue(ada.id)).size(), 1U);
}

TEST_P(TownMessages, IdleIsReadWhenNothingElseWaitsAndAlone) {
  const auto ada = busy("ada");
  for (const std::string text : {"tidy up", "water the plants"})
    post("ada", text, MessageType::task, Priority::urgent, Delivery::idle);
  post("ada", "do it");
  post("ada", "for knowledge", MessageType::informational);
  end_round(0);
  ASSERT_TRUE(until_rounds(2));
  expect_in_order({"do it", "for knowledge"});
  EXPECT_FALSE(prompt().contains("tidy up"));
  end_round(1);
  world_.env.advance(1s);
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 2U) << "what failed waits still";
  world_.env.advance(1s);
  ASSERT_TRUE(until_rounds(3));
  EXPECT_FALSE(prompt().contains("tidy up"));
  end_round(0);
  ASSERT_TRUE(until_rounds(4));
  EXPECT_TRUE(prompt().contains("tidy up"));
  EXPECT_FALSE(prompt().contains("plants"));
  end_round(0);
  ASSERT_TRUE(until_rounds(5));
  EXPECT_TRUE(prompt().contains("plants"));
  end_round(0);
  EXPECT_TRUE(queue(inbox_queue(ada.id)).empty());
}

TEST_P(TownMessages, IdleDoesNotHideWhatWaitsBehindIt) {
  const auto ada = busy("ada");
  for (std::size_t i = 0; i < 3; ++i)
    post("ada", "tidy up", MessageType::task, Priority::urgent, Delivery::idle);
  flood(ada);
  post("ada", "do it", MessageType::task, Priority::low);
  end_round(0);
  ASSERT_TRUE(until_rounds(2));
  EXPECT_TRUE(prompt().contains("do it"));
  EXPECT_FALSE(prompt().contains("tidy up"));
}

// --- Questions ----------------------------------------------------------------------------------

TEST_P(TownMessages, AnAnswerStartsTheRoundOfWhoAsked) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  const auto asked = post("supervisor", "which colour?", MessageType::query, Priority::normal,
                          Delivery::next, inside(ada));
  EXPECT_EQ(world_.count("ConductorEscalation"), 1U);
  end_round(0, "I asked");
  EXPECT_EQ(state_of(task), TaskState::running);
  ASSERT_TRUE(world_.await(reply(ground_, Caller{}, asked.id.str(), "red")));
  ASSERT_TRUE(until_rounds(2));
  expect_in_order({"paint", "supervisor answers what you wrote (\"which colour?\"):\nred"});
  end_round(0, "painted red");
  EXPECT_EQ(state_of(task), TaskState::completed);
  EXPECT_EQ(state(asked), MessageState::handled);
}

TEST_P(TownMessages, TheLastWordsOfARoundAnswerAQuestion) {
  spawn("ada");
  const auto asked = post("ada", "which branch?", MessageType::query);
  ASSERT_TRUE(until_rounds(1));
  end_round(0, "main");
  const auto answer = world_.await(wait_answer(ground_, asked.id.str())).value();
  EXPECT_EQ(answer.by, "run");
  EXPECT_EQ(answer.text, "main\n");
  EXPECT_EQ(answer.run, world_.machine.run_at());
}

TEST_P(TownMessages, AShutdownLetsTheRoundFinish) {
  const auto ada = busy("ada");
  post("ada", "", MessageType::shutdown);
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::draining);
  EXPECT_TRUE(world_.machine.process().stops.empty());
  end_round(0);
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::stopped);
  EXPECT_EQ(world_.count("RunCompleted"), 1U);
}

TEST_P(TownMessages, ARetriedDeadLetterHasItsRound) {
  const auto ada = spawn("ada");
  const auto sent = post("ada", "do it");
  for (std::size_t round = 1; round <= 3; ++round) {
    ASSERT_TRUE(until_rounds(round));
    end_round(1);
    world_.env.advance(60s);
    world_.quiet();
  }
  EXPECT_EQ(state(sent), MessageState::dead);
  EXPECT_EQ(code_of(world_.await(wait_answer(ground_, sent.id.str()))), Errc::invalid_argument);
  ASSERT_TRUE(world_.await(retry_message(ground_, Caller{}, sent.id.str())));
  ASSERT_TRUE(until_rounds(4));
  EXPECT_TRUE(prompt().contains("do it"));
  end_round(0);
  EXPECT_EQ(state(sent), MessageState::handled);
}

// --- Types ---------------------------------------------------------------------------------------

TEST(TownMessage, JsonRoundTrip) {
  Message message;
  message.text = "line one\nline \"two\"";
  message.type = MessageType::confirmation;
  message.priority = Priority::high;
  message.delivery = Delivery::idle;
  message.ack = Ack{AckKind::rejected, "no"};
  message.kind = "deploy";
  message.correlation = "c";
  message.reply_to = MessageId(Uuid{{7}});
  const auto text = write_json_of(message);
  const auto read = parse_json_as<Message>(text);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(write_json_of(*read), text);
  EXPECT_EQ(read->reply_to, message.reply_to);
}

TEST(TownMessage, ActionableClassification) {
  for (const auto type :
       {MessageType::task, MessageType::query, MessageType::task_assign, MessageType::custom})
    EXPECT_TRUE(starts_round(type)) << enum_name(type);
  for (const auto type : {MessageType::informational, MessageType::confirmation, MessageType::pong,
                          MessageType::status_response})
    EXPECT_FALSE(starts_round(type)) << enum_name(type);
  // These are no round's, for the town acts on them itself.
  for (const auto type : {MessageType::ping, MessageType::status_request, MessageType::shutdown})
    EXPECT_TRUE(is_control(type)) << enum_name(type);
}

}  // namespace
}  // namespace reeve::town
