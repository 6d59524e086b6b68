#include "town/messages.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "town/mailbox.h"
#include "town/testing.h"

namespace reeve::town {
namespace {

class TownSending : public ServicesTest {
 protected:
  Result<Message> post(const api::SendRequest& request, Caller caller = {}) {
    return world_.await(town::send(ground_, std::move(caller), request));
  }
  Result<api::BroadcastReply> tell_all(const api::SendRequest& request, Caller caller = {}) {
    return world_.await(broadcast(ground_, std::move(caller), request));
  }
  static api::SendRequest letter(std::string to, std::string text,
                                 MessageType type = MessageType::task) {
    api::SendRequest request;
    request.to = std::move(to);
    request.text = std::move(text);
    request.type = type;
    return request;
  }
  static Caller as(const Agent& agent) {
    Caller caller;
    caller.agent = agent.id;
    return caller;
  }
};

TEST_F(ServicesTest, AnInboxIsShownWholeHoweverMuchWaits) {
  ASSERT_TRUE(spawn("ada"));
  for (int i = 0; i < 1'050; ++i) ASSERT_TRUE(send("ada", std::to_string(i)));
  const auto view = inbox("ada");
  EXPECT_EQ(view.messages.size(), 1'050U);
  EXPECT_EQ(view.messages.back().text, "1049");
  EXPECT_EQ(view.more, 0);
  EXPECT_EQ(world_.await(list_agents(ground_)).value().agents[0].inbox, 1'050);
}

TEST_F(ServicesTest, WhatOneAnswerCannotHoldIsCounted) {
  ASSERT_TRUE(spawn("ada"));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(send("ada", std::string(5 << 20, 'x')));
  const auto view = inbox("ada");
  EXPECT_EQ(view.messages.size(), 4U);
  EXPECT_EQ(view.more, 1);
}

TEST_F(ServicesTest, UrgentComesFirstAndEqualsInTheirOrder) {
  ASSERT_TRUE(spawn("ada"));
  ASSERT_TRUE(send("ada", "n1"));
  ASSERT_TRUE(send("ada", "n2"));
  ASSERT_TRUE(send("ada", "u1", MessageType::informational, Priority::urgent));
  ASSERT_TRUE(send("ada", "n3"));
  ASSERT_TRUE(send("ada", "u2", MessageType::informational, Priority::urgent));
  EXPECT_EQ(texts("ada"), (std::vector<std::string>{"u1", "u2", "n1", "n2", "n3"}));
}

TEST_F(ServicesTest, TheSupervisorHasAMailboxAndAgentsHaveNamesInIt) {
  const auto ada = spawn("ada").value();
  Caller from_ada;
  from_ada.agent = ada.id;
  for (const std::string to : {"supervisor", "conductor", "Supervisor"})
    ASSERT_TRUE(send(to, "to " + to, MessageType::query, Priority::normal, from_ada));
  const auto mail = inbox("supervisor");
  EXPECT_EQ(mail.agent, "supervisor");
  ASSERT_EQ(mail.messages.size(), 3U);
  EXPECT_EQ(mail.messages[0].from, "ada");
  EXPECT_EQ(code_of(send("nobody", "hello")), Errc::not_found);
}

TEST_F(ServicesTest, AnAgentMayWriteToItself) {
  const auto ada = spawn("ada").value();
  Caller from_ada;
  from_ada.agent = ada.id;
  ASSERT_TRUE(send("ada", "remember", MessageType::informational, Priority::normal, from_ada));
  EXPECT_EQ(texts("ada"), std::vector<std::string>{"remember"});
}

TEST_F(TownSending, WhatDoesNotGoTogetherIsRefusedWithWhatToDo) {
  ASSERT_TRUE(spawn("ada"));
  const auto refused = [&](const api::SendRequest& request) {
    const auto sent = post(request);
    EXPECT_EQ(code_of(sent), Errc::invalid_argument);
    return sent ? "" : sent.error().message();
  };
  EXPECT_TRUE(refused(letter("ada", "x", MessageType::task_assign)).contains("reeve assign"));
  EXPECT_TRUE(refused(letter("ada", "x", MessageType::task_done)).contains("reeve task"));
  EXPECT_TRUE(refused(letter("ada", "x", MessageType::pong)).contains("answers"));
  EXPECT_TRUE(refused(letter("ada", " \n")).contains("empty"));
  EXPECT_TRUE(refused(letter("ada", "x", MessageType::custom)).contains("kind"));
  auto request = letter("ada", "x");
  request.kind = "deploy";
  EXPECT_TRUE(refused(request).contains("custom"));
  request = letter("ada", "x", MessageType::custom);
  request.kind = "two\nlines";
  EXPECT_TRUE(refused(request).contains("one line"));
  request = letter("ada", "x");
  request.correlation = std::string(limits::kCorrelation + 1, 'c');
  EXPECT_TRUE(refused(request).contains("correlation"));
  request = letter("ada", "x", MessageType::informational);
  request.delivery = Delivery::now;
  EXPECT_TRUE(refused(request).contains("starts no round"));
  EXPECT_TRUE(refused(letter("supervisor", "", MessageType::ping)).contains("people"));
  EXPECT_EQ(code_of(post(letter("ada", std::string(limits::kText + 1, 'x')))), Errc::too_large);
  EXPECT_TRUE(inbox("ada").messages.empty());
}

TEST_F(TownSending, AConfirmationIsReadFromItsWords) {
  ASSERT_TRUE(spawn("ada"));
  const auto sent = post(letter("ada", "Rejected: wrong branch", MessageType::confirmation));
  ASSERT_TRUE(sent && sent->ack);
  EXPECT_EQ(sent->ack->kind, AckKind::rejected);
  EXPECT_EQ(sent->ack->reason, "wrong branch");
}

TEST_F(TownSending, AQueryHasACorrelation) {
  ASSERT_TRUE(spawn("ada"));
  const auto sent = post(letter("ada", "which?", MessageType::query)).value();
  EXPECT_EQ(sent.correlation, sent.id.str());
  auto request = letter("ada", "which?", MessageType::query);
  request.correlation = "mine";
  EXPECT_EQ(post(request)->correlation, "mine");
}

// --- What the town answers itself ---------------------------------------------------------------

TEST_F(TownSending, W53_APingIsAnsweredInTheSameCommitAndByNoRound) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  auto request = letter("ada", "", MessageType::ping);
  request.correlation = "c1";
  const auto sent = post(request, as(bob)).value();
  EXPECT_EQ(sent.state, MessageState::handled);
  EXPECT_TRUE(inbox("ada").messages.empty());
  const auto answers = inbox("bob").messages;
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].type, MessageType::pong);
  EXPECT_EQ(answers[0].from, "ada");
  EXPECT_EQ(answers[0].correlation, "c1");
  EXPECT_EQ(answers[0].reply_to, sent.id);
  const auto kinds = world_.kinds();
  const std::vector<std::string> last(kinds.end() - 3, kinds.end());
  EXPECT_EQ(last, (std::vector<std::string>{"MessageSent", "MessagesHandled", "MessageSent"}));
  ASSERT_TRUE(kill("ada"));
  EXPECT_EQ(code_of(post(request, as(bob))), Errc::conflict);
}

TEST_F(TownSending, W53_AStatusRequestIsAnsweredWithStateAndTask) {
  ASSERT_TRUE(spawn("ada"));
  ASSERT_TRUE(post(letter("ada", "", MessageType::status_request)));
  ASSERT_TRUE(kill("ada"));
  ASSERT_TRUE(post(letter("ada", "", MessageType::status_request))) << "also of one that stopped";
  const auto mail = inbox("supervisor").messages;
  ASSERT_EQ(mail.size(), 2U);
  EXPECT_EQ(mail[0].type, MessageType::status_response);
  EXPECT_EQ(mail[0].text, "state: idle\ncurrent task: none");
  EXPECT_TRUE(mail[1].text.contains("stopped"));
}

TEST_F(TownSending, W53_AShutdownStopsAnAgentWithoutARound) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(post(letter("ada", "", MessageType::shutdown)));
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::stopped);
  EXPECT_EQ(world_.count("AgentCompleted"), 1U);
  EXPECT_TRUE(world_.fact<fact::AgentStopped>("AgentStopped").reason.contains("supervisor"));
  EXPECT_EQ(code_of(post(letter("ada", "", MessageType::shutdown))), Errc::conflict);
}

// --- Escalation, replies ------------------------------------------------------------------------

TEST_F(TownSending, AQueryOrAnythingUrgentToThePeopleIsAnEscalation) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(post(letter("supervisor", "fyi", MessageType::informational), as(ada)));
  ASSERT_TRUE(post(letter("supervisor", "a person asks", MessageType::query)));
  EXPECT_EQ(world_.count("ConductorEscalation"), 0U);
  const auto asked = post(letter("supervisor", "which?", MessageType::query), as(ada)).value();
  EXPECT_EQ(world_.fact<fact::ConductorEscalation>("ConductorEscalation").message, asked.id);
  auto urgent = letter("supervisor", "fire", MessageType::informational);
  urgent.priority = Priority::urgent;
  ASSERT_TRUE(post(urgent, as(ada)));
  EXPECT_EQ(world_.count("ConductorEscalation"), 2U);
}

TEST_F(TownSending, AReplyGoesToTheSenderAndIsDoneWithTheQuestion) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  const auto asked = post(letter("supervisor", "which?", MessageType::query), as(ada)).value();
  EXPECT_EQ(code_of(world_.await(reply(ground_, as(bob), asked.id.str(), "mine"))), Errc::not_found)
      << "it was not sent to bob";
  const auto answer =
      world_.await(reply(ground_, Caller{}, asked.id.str().substr(0, 8), "main")).value();
  EXPECT_EQ(answer.to, ada.id);
  EXPECT_EQ(answer.type, MessageType::informational);
  EXPECT_EQ(answer.reply_to, asked.id);
  EXPECT_EQ(answer.correlation, asked.correlation);
  EXPECT_EQ(texts("ada"), std::vector<std::string>{"main"});
  EXPECT_TRUE(inbox("supervisor").messages.empty());
  EXPECT_EQ(world_.get<Message>(asked.id).state, MessageState::handled);
}

TEST_F(TownSending, AnAnswerIsAReasonForARoundAndAnAnswerToItIsNone) {
  const auto ada = spawn("ada").value();
  const auto asked = post(letter("supervisor", "which?", MessageType::query), as(ada)).value();
  const auto answer = world_.await(reply(ground_, Caller{}, asked.id.str(), "main")).value();
  EXPECT_TRUE(run::is_reason(answer));
  const auto thanks = world_.await(reply(ground_, as(ada), answer.id.str(), "thanks")).value();
  EXPECT_EQ(thanks.reply_to, answer.id);
  EXPECT_FALSE(run::is_reason(thanks));
  const auto told = post(letter("ada", "fyi", MessageType::informational)).value();
  EXPECT_FALSE(run::is_reason(world_.await(reply(ground_, as(ada), told.id.str(), "ok")).value()));
}

TEST_F(TownSending, ARepeatedSendHasOneEffect) {
  ASSERT_TRUE(spawn("ada"));
  const auto first = post(letter("ada", "x"), keyed("k1")).value();
  EXPECT_EQ(post(letter("ada", "x"), keyed("k1"))->id, first.id);
  EXPECT_EQ(inbox("ada").messages.size(), 1U);
}

// --- For now ------------------------------------------------------------------------------------

TEST_F(TownSending, ARoundThatBeginsWithoutAMessageThatIsForNowLosesAgainstIt) {
  const auto ada = spawn("ada").value();
  const auto begin = [](World& world, AgentId agent,
                        std::uint64_t seen) -> Async<Result<store::Committed>> {
    run::Draft draft(world.env, world.store, Caller{});
    draft.require(no_interrupt_since(agent, seen));
    co_return co_await draft.commit();
  };
  for (int i = 0; i < 2; ++i) {
    const auto seen = world_.await(interrupts_seen(world_.store, ada.id)).value();
    EXPECT_TRUE(world_.await(begin(world_, ada.id, seen)));
    auto request = letter("ada", "stop");
    request.delivery = Delivery::now;
    const auto sent = post(request).value();
    EXPECT_EQ(sent.priority, Priority::urgent);
    EXPECT_EQ(code_of(world_.await(begin(world_, ada.id, seen))), Errc::conflict);
  }
}

TEST_F(TownSending, NobodyInterruptsItself) {
  const auto ada = spawn("ada").value();
  auto request = letter("ada", "stop");
  request.delivery = Delivery::now;
  EXPECT_EQ(code_of(post(request, as(ada))), Errc::invalid_argument);
}

// --- To everybody -------------------------------------------------------------------------------

TEST_F(TownSending, W53_ABroadcastReachesEveryAgentThatTakesWork) {
  std::vector<Agent> agents;
  for (int i = 0; i < 120; ++i) agents.push_back(spawn("agent" + std::to_string(i)).value());
  ASSERT_TRUE(kill("agent7"));
  const auto before = world_.store.commits;
  const auto told =
      tell_all(letter("", "main is frozen", MessageType::informational), as(agents[3])).value();
  EXPECT_EQ(told.number, 118);
  EXPECT_EQ(told.sent.size(), 118U);
  ASSERT_EQ(told.left_out.size(), 2U);
  EXPECT_EQ(told.left_out[0].agent, "agent3");
  EXPECT_EQ(told.left_out[1].agent, "agent7");
  EXPECT_EQ(told.left_out[1].reason, "stopped");
  EXPECT_EQ(world_.store.commits - before, 3) << "of bounded size";
  for (const auto& agent : agents)
    EXPECT_EQ(texts(agent.name).size(), agent.name == "agent3" || agent.name == "agent7" ? 0U : 1U);
  EXPECT_EQ(code_of(tell_all(letter("", "", MessageType::shutdown))), Errc::invalid_argument);
}

TEST_F(TownSending, ABroadcastThatBrokeOffGoesOnWhereItWas) {
  for (int i = 0; i < 70; ++i) ASSERT_TRUE(spawn("a" + std::to_string(i)));
  const auto request = letter("", "frozen", MessageType::informational);
  // The first commit goes in, the second does not.
  world_.store.commits_left = 2;
  EXPECT_FALSE(tell_all(request, keyed("k1")));
  world_.store.down = false;
  world_.store.commits_left.reset();
  ASSERT_TRUE(spawn("late"));
  const auto told = tell_all(request, keyed("k1")).value();
  EXPECT_EQ(told.number, 71);
  EXPECT_EQ(tell_all(request, keyed("k1"))->number, 71);
  for (const auto& sent : told.sent) EXPECT_EQ(texts(sent.agent).size(), 1U) << sent.agent;
}

}  // namespace
}  // namespace reeve::town
