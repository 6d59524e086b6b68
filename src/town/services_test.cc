#include "town/services.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "run/testing.h"

namespace reeve::town {
namespace {

using run::testing::World;
using store::code_of;

class ServicesTest : public ::testing::Test {
 protected:
  Result<Agent> spawn(std::string name, std::string cli = "worker", Caller caller = {}) {
    api::SpawnRequest request;
    request.name = std::move(name);
    request.cli = std::move(cli);
    return world_.await(town::spawn(ground_, std::move(caller), std::move(request)));
  }
  Result<reeve::Task> assign(std::string agent, std::string text, Caller caller = {},
                             Priority priority = Priority::normal) {
    api::AssignRequest request;
    request.text = std::move(text);
    request.priority = priority;
    return world_.await(
        town::assign(ground_, std::move(caller), std::move(agent), std::move(request)));
  }
  Result<Message> send(std::string to, std::string text,
                       MessageType type = MessageType::informational,
                       Priority priority = Priority::normal, Caller caller = {}) {
    api::SendRequest request;
    request.to = std::move(to);
    request.text = std::move(text);
    request.type = type;
    request.priority = priority;
    return world_.await(town::send(ground_, std::move(caller), std::move(request)));
  }
  Result<reeve::Task> report(const TaskId& task, Report what, std::string text,
                             Caller caller = {}) {
    return world_.await(
        town::report(ground_, std::move(caller), task.str(), what, std::move(text)));
  }
  Result<Agent> kill(std::string agent, std::string reason = "") {
    return world_.await(town::kill(ground_, Caller{}, std::move(agent), std::move(reason)));
  }
  api::InboxView inbox(std::string of) {
    return world_.await(town::inbox(ground_, std::move(of))).value();
  }
  std::vector<std::string> texts(std::string of) {
    std::vector<std::string> out;
    for (const auto& message : inbox(std::move(of)).messages) out.push_back(message.text);
    return out;
  }
  static Caller keyed(std::string key, std::string digest = "d") {
    Caller caller;
    caller.key = store::IdempotencyKey{"supervisor", std::move(key), std::move(digest)};
    return caller;
  }

  World world_;
  Ground ground_{world_.env, world_.log, "oak", "claude"};
};

// --- Agents
// ---------------------------------------------------------------------------------------

TEST_F(ServicesTest, AnAgentHasTheTownsCliIfItNamesNone) {
  EXPECT_EQ(spawn("ada", "").value().cli, "claude");
  EXPECT_EQ(spawn("bob", "codex").value().cli, "codex");
  EXPECT_EQ(world_.get<Agent>(spawn("eve").value().id).state, AgentState::idle);
}

TEST_F(ServicesTest, ANameIsTakenOnceWhateverItsCase) {
  ASSERT_TRUE(spawn("Ada"));
  for (const std::string name : {"Ada", "ada", "ADA"}) {
    const auto again = spawn(name);
    ASSERT_EQ(code_of(again), Errc::conflict) << name;
    EXPECT_TRUE(again.error().message().contains("there is an agent " + name)) << name;
  }
  // As a command asks, which always has a key: the same clear words, and no long row of attempts.
  const auto before = world_.store.commits;
  const auto again = spawn("ada", "worker", keyed("k"));
  ASSERT_EQ(code_of(again), Errc::conflict);
  EXPECT_TRUE(again.error().message().contains("there is an agent ada")) << again.error().message();
  EXPECT_LE(world_.store.commits - before, 2);
  EXPECT_EQ(world_.count("AgentSpawned"), 1U);
}

TEST_F(ServicesTest, G9_ARepeatedSpawnAnswersTheFirstAgent) {
  const auto first = spawn("ada", "worker", keyed("k")).value();
  EXPECT_EQ(spawn("ada", "worker", keyed("k")).value().id, first.id);
  EXPECT_EQ(code_of(spawn("ada", "other", keyed("k", "another"))), Errc::conflict);
  EXPECT_EQ(world_.count("AgentSpawned"), 1U);
}

TEST_F(ServicesTest, WhatCannotBeAnAgentIsSaidAtOnce) {
  for (const std::string name : {"", "a b", "-x", "town", "Supervisor", "ä"})
    EXPECT_EQ(code_of(spawn(name)), Errc::invalid_argument) << name;
  EXPECT_EQ(code_of(spawn(std::string(limits::kName + 1, 'a'))), Errc::invalid_argument);
  EXPECT_TRUE(spawn(std::string(limits::kName, 'a')));
  for (const std::string cli : {"cat | wc -l", "a && b", "echo $HOME", "x > y", "'open"}) {
    const auto refused = spawn("ada", cli);
    EXPECT_EQ(code_of(refused), Errc::invalid_argument) << cli;
  }
}

TEST_F(ServicesTest, AKillStopsAnAgentWithoutARunAtOnce) {
  ASSERT_TRUE(spawn("ada"));
  const auto stopped = kill("ada", "no need").value();
  EXPECT_EQ(stopped.state, AgentState::stopped);
  EXPECT_EQ(world_.fact<fact::AgentStopped>("AgentStopped").reason, "no need");
  EXPECT_EQ(kill("ada").value().state, AgentState::stopped);
  EXPECT_EQ(world_.count("AgentStopped"), 1U);
  EXPECT_EQ(code_of(kill("nobody")), Errc::not_found);
}

TEST(DecideKill, AWorkingAgentIsAskedToStop) {
  Agent agent;
  agent.state = AgentState::working;
  agent.current_run = RunId(Uuid{{1}});
  const auto facts = decide_kill(agent, "enough");
  ASSERT_EQ(facts.size(), 2U);
  EXPECT_EQ(kind_of(facts[0]), "AgentStopRequested");
  EXPECT_EQ(std::get<fact::RunStopRequested>(facts[1]).run, *agent.current_run);
  agent.stopping = "enough";
  ASSERT_EQ(decide_kill(agent, "again").size(), 1U);
  EXPECT_EQ(kind_of(decide_kill(agent, "again")[0]), "RunStopRequested");
}

TEST_F(ServicesTest, AnInboxIsShownWholeHoweverMuchWaits) {
  ASSERT_TRUE(spawn("ada"));
  for (int i = 0; i < 1'050; ++i) ASSERT_TRUE(send("ada", std::to_string(i)));
  const auto view = inbox("ada");
  EXPECT_EQ(view.messages.size(), 1'050U);
  EXPECT_EQ(view.messages.back().text, "1049");
  EXPECT_EQ(view.more, 0);
  EXPECT_EQ(world_.await(list_agents(ground_)).value()[0].inbox, 1'050);
}

TEST_F(ServicesTest, WhatOneAnswerCannotHoldIsCounted) {
  ASSERT_TRUE(spawn("ada"));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(send("ada", std::string(5 << 20, 'x')));
  const auto view = inbox("ada");
  EXPECT_EQ(view.messages.size(), 4U);
  EXPECT_EQ(view.more, 1);
}

TEST_F(ServicesTest, AViewCountsWhatWaits) {
  ASSERT_TRUE(spawn("ada"));
  ASSERT_TRUE(send("ada", "one"));
  ASSERT_TRUE(send("ada", "two", MessageType::task, Priority::urgent));
  const auto agents = world_.await(list_agents(ground_)).value();
  ASSERT_EQ(agents.size(), 1U);
  EXPECT_EQ(agents[0].inbox, 2);
  EXPECT_EQ(agents[0].urgent, 1);
  EXPECT_EQ(agents[0].dead, 0);
  EXPECT_TRUE(agents[0].permissions_note);  // any command may do what it likes
}

// --- Tasks
// ----------------------------------------------------------------------------------------

TEST_F(ServicesTest, ATaskIsAssignedAndWaitsInTheInbox) {
  const auto ada = spawn("ada").value();
  const auto task = assign("ada", "paint the door").value();
  EXPECT_EQ(task.state, TaskState::assigned);
  EXPECT_EQ(task.agent, ada.id);
  const auto waiting = inbox("ada");
  ASSERT_EQ(waiting.messages.size(), 1U);
  EXPECT_EQ(waiting.messages[0].task, task.id);
  EXPECT_EQ(waiting.messages[0].from, "supervisor");
  EXPECT_EQ(world_.kinds(), (std::vector<std::string>{"AgentSpawned", "TaskCreated", "TaskAssigned",
                                                      "MessageSent"}));
}

TEST_F(ServicesTest, AStoppedAgentTakesNoWork) {
  ASSERT_TRUE(spawn("ada"));
  ASSERT_TRUE(kill("ada"));
  EXPECT_EQ(code_of(assign("ada", "paint")), Errc::conflict);
  EXPECT_EQ(code_of(send("ada", "hello")), Errc::conflict);
  EXPECT_EQ(world_.count("TaskCreated"), 0U);
}

TEST_F(ServicesTest, ATextIsNeitherEmptyNorTooLarge) {
  ASSERT_TRUE(spawn("ada"));
  for (const std::string text : {"", " \n\t"}) {
    EXPECT_EQ(code_of(assign("ada", text)), Errc::invalid_argument);
    EXPECT_EQ(code_of(send("ada", text)), Errc::invalid_argument);
  }
  const std::string huge(limits::kText + 1, 'x');
  EXPECT_EQ(code_of(assign("ada", huge)), Errc::too_large);
  EXPECT_EQ(code_of(send("ada", huge)), Errc::too_large);
  const auto task = assign("ada", "small").value();
  for (const auto what : {Report::complete, Report::fail, Report::progress})
    EXPECT_EQ(code_of(report(task.id, what, huge)), Errc::too_large);
  EXPECT_EQ(code_of(report(task.id, Report::progress, "")), Errc::invalid_argument);
  EXPECT_TRUE(report(task.id, Report::complete, ""));
}

TEST_F(ServicesTest, ATextAtTheLimitIsTakenWhole) {
  ASSERT_TRUE(spawn("ada"));
  const auto task = assign("ada", std::string(limits::kText, 'x'));
  ASSERT_TRUE(task) << task.error().message();
  EXPECT_EQ(task->text.size(), limits::kText);
}

TEST_F(ServicesTest, ATaskIsReportedOnce) {
  ASSERT_TRUE(spawn("ada"));
  const auto task = assign("ada", "paint").value();
  EXPECT_EQ(report(task.id, Report::progress, "half").value().progress, "half");
  EXPECT_EQ(report(task.id, Report::complete, "painted").value().state, TaskState::completed);
  EXPECT_TRUE(report(task.id, Report::complete, "painted"));
  EXPECT_EQ(world_.count("TaskCompleted"), 1U);
  EXPECT_EQ(code_of(report(task.id, Report::complete, "otherwise")), Errc::conflict);
  EXPECT_EQ(code_of(report(task.id, Report::fail, "painted")), Errc::conflict);
  EXPECT_EQ(code_of(report(task.id, Report::progress, "more")), Errc::conflict);
  EXPECT_EQ(world_.get<reeve::Task>(task.id).result, "painted");
}

TEST_F(ServicesTest, G9_ARepeatedRequestIsAnsweredAsAtFirstAlsoWhenItWouldBeRefusedNow) {
  ASSERT_TRUE(spawn("ada"));
  const auto task = assign("ada", "paint", keyed("k1")).value();
  ASSERT_TRUE(report(task.id, Report::progress, "half", keyed("k2")));
  ASSERT_TRUE(send("ada", "hello", MessageType::informational, Priority::normal, keyed("k3")));
  ASSERT_TRUE(report(task.id, Report::complete, "done"));
  ASSERT_TRUE(kill("ada"));

  const auto assigned = assign("ada", "paint", keyed("k1"));
  ASSERT_TRUE(assigned) << assigned.error().message();
  EXPECT_EQ(assigned->id, task.id);
  EXPECT_EQ(assigned->state, TaskState::assigned);
  EXPECT_TRUE(report(task.id, Report::progress, "half", keyed("k2")));
  EXPECT_TRUE(send("ada", "hello", MessageType::informational, Priority::normal, keyed("k3")));
  EXPECT_EQ(world_.count("TaskProgressed"), 1U);
  // The refusal of a new request leaves no trace behind its key.
  EXPECT_EQ(code_of(assign("ada", "more", keyed("k4"))), Errc::conflict);
  EXPECT_EQ(code_of(assign("ada", "more", keyed("k4"))), Errc::conflict);
}

TEST_F(ServicesTest, TasksAreListedNewestFirstPageByPage) {
  ASSERT_TRUE(spawn("ada"));
  std::vector<TaskId> made;
  for (int i = 0; i < 5; ++i) made.push_back(assign("ada", std::to_string(i)).value().id);
  ASSERT_TRUE(report(made[0], Report::fail, "no"));
  const auto list = [&](std::string state, std::uint64_t after, std::size_t limit) {
    return world_.await(list_tasks(ground_, std::move(state), after, limit));
  };
  const auto first = list("", 0, 3).value();
  ASSERT_EQ(first.tasks.size(), 3U);
  EXPECT_EQ(first.tasks[0].task.id, made[4]);
  EXPECT_EQ(first.tasks[0].agent, "ada");
  const auto second = list("", first.next.value(), 3).value();
  ASSERT_EQ(second.tasks.size(), 2U);
  EXPECT_EQ(second.tasks[1].task.id, made[0]);
  EXPECT_FALSE(second.next);
  EXPECT_EQ(list("failed", 0, 9)->tasks.size(), 1U);
  EXPECT_EQ(list("open", 0, 9)->tasks.size(), 4U);
  EXPECT_EQ(code_of(list("nonsense", 0, 9)), Errc::invalid_argument);
  const auto counts = world_.await(count_tasks(ground_)).value();
  EXPECT_EQ(counts.assigned, 4);
  EXPECT_EQ(counts.failed, 1);
}

// --- Messages
// -------------------------------------------------------------------------------------

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
  for (const std::string to : {"supervisor", "conductor"})
    ASSERT_TRUE(send(to, "to " + to, MessageType::query, Priority::normal, from_ada));
  const auto mail = inbox("supervisor");
  EXPECT_EQ(mail.agent, "supervisor");
  ASSERT_EQ(mail.messages.size(), 2U);
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

// --- Waiting
// --------------------------------------------------------------------------------------

TEST_F(ServicesTest, WhoWaitsIsAnsweredAtTheEvent) {
  ASSERT_TRUE(spawn("ada"));
  const auto task = assign("ada", "paint").value();
  std::optional<api::WaitReply> reply;
  const auto wait = [](Ground ground, std::string id,
                       std::optional<api::WaitReply>* out) -> Async<> {
    auto waited = co_await wait_task(std::move(ground), std::move(id));
    if (waited) *out = *waited;
  };
  aio::TaskGroup group(world_.loop.get_executor());
  group.spawn("wait", wait(ground_, task.id.str(), &reply));
  world_.quiet();
  EXPECT_FALSE(reply);
  ASSERT_TRUE(report(task.id, Report::fail, "no paint"));
  world_.quiet();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->state, "failed");
  EXPECT_EQ(reply->result, "no paint");
  EXPECT_TRUE(group.empty());
}

TEST_F(ServicesTest, AnAgentWithMailThatStartsARoundIsNotDone) {
  ASSERT_TRUE(spawn("ada"));
  for (std::size_t i = 0; i <= limits::kPage; ++i) ASSERT_TRUE(send("ada", "fyi"));
  const auto idle = world_.await(wait_agent(ground_, "ada")).value();
  EXPECT_EQ(idle.state, "idle");
  ASSERT_TRUE(send("ada", "do it", MessageType::task));
  std::optional<api::WaitReply> reply;
  const auto wait = [](Ground ground, std::optional<api::WaitReply>* out) -> Async<> {
    auto waited = co_await wait_agent(std::move(ground), "ada");
    if (waited) *out = *waited;
  };
  aio::TaskGroup group(world_.loop.get_executor());
  group.spawn("wait", wait(ground_, &reply));
  world_.quiet();
  EXPECT_FALSE(reply);
  ASSERT_TRUE(kill("ada"));
  world_.quiet();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->state, "stopped");
  group.cancel();
  world_.await(group.join());
}

}  // namespace
}  // namespace reeve::town
