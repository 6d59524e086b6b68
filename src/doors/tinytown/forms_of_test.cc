#include "doors/tinytown/forms_of.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/json.h"

namespace reeve::doors::tinytown {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

const LogId kLog = LogId::parse("11111111-a2b7-4450-8a0e-36b0e21c9a93").value();
const AgentId kAda = AgentId::parse("4763624f-a2b7-4450-8a0e-36b0e21c9a93").value();
const AgentId kBob = AgentId::parse("9efcdaeb-876c-4936-b447-2a6ceae0ef5e").value();
const TaskId kTask = TaskId::parse("cd127552-0210-4c44-a926-2f3c07c33070").value();
const Time kNow = from_ms(1'700'000'000'120);

Agent ada() {
  Agent agent;
  agent.id = kAda;
  agent.name = "ada";
  agent.cli = "claude";
  agent.state = AgentState::idle;
  agent.role = "worker";
  agent.parent = kBob;
  agent.current_task = kTask;
  agent.spent.rounds = 3;
  agent.tasks_completed = 2;
  agent.created_at = agent.last_active_at = kNow;
  return agent;
}

Message letter(MessageType type, Priority priority = Priority::normal) {
  Message message;
  message.id = MessageId(kTask.uuid);
  message.from = "supervisor";
  message.to = kAda;
  message.type = type;
  message.priority = priority;
  message.text = "hello";
  message.created_at = kNow;
  return message;
}

TEST(TinytownShown, AnAgentAsItsHash) {
  const auto form = form_of(ada(), kLog, kNow + Duration(5));
  EXPECT_EQ(form.name, "ada");
  EXPECT_EQ(form.role, "worker");
  EXPECT_EQ(form.parent, kBob);
  EXPECT_EQ(form.current_task, kTask);
  EXPECT_EQ(form.rounds_completed, 3U);
  EXPECT_EQ(form.owner, kLog.str());
  EXPECT_EQ(hash_text(form.last_heartbeat), "2023-11-14T22:13:20.125+00:00");
  EXPECT_EQ(guard_of(form), "idle");
  EXPECT_EQ(decode_agent(encode(form).set, Moment()).value(), form);
}

TEST(TinytownShown, ATaskAsItsHash) {
  Task task;
  task.id = kTask;
  task.text = "write\nit";
  task.state = TaskState::completed;
  task.agent = kAda;
  task.tags = {"api"};
  task.result = "done";
  task.created_at = task.updated_at = kNow;
  task.started_at = task.ended_at = kNow;
  const auto form = form_of(task, kLog);
  EXPECT_EQ(guard_of(form), "completed|" + kAda.str());
  EXPECT_EQ(form.description, "write\nit");
  EXPECT_EQ(form.result, "done");
  EXPECT_EQ(decode_task(encode(form).set, Moment()).value(), form);
  task.agent.reset();
  EXPECT_EQ(guard_of(form_of(task, kLog)), "completed|");
  task.text = std::string(kShownText - 1, 'x') + "üü";
  const auto cut = form_of(task, kLog).description;
  EXPECT_LT(cut.size(), kShownText + 64);
  EXPECT_TRUE(cut.ends_with("x... (cut: reeve shows it whole)")) << "not in a character";
}

TEST(TinytownShown, AMessageAsAnItemThatIsKnownAsOurs) {
  const auto item = item_of(letter(MessageType::query), kLog);
  EXPECT_TRUE(is_our_item(item));
  EXPECT_TRUE(item.ends_with(R"("correlation_id":null,"reeve":")" + kLog.str() + "\"}"));
  const auto read = decode_message(item).value();
  EXPECT_EQ(read.text, "hello");
  EXPECT_EQ(read.from, supervisor_id());
  EXPECT_FALSE(is_our_item(encode(read)));
  EXPECT_FALSE(is_our_item(""));
  auto nearly = letter(MessageType::task);
  nearly.text = R"(,"reeve":")" + kLog.str() + "\"}";
  EXPECT_FALSE(is_our_item(encode(form_of(nearly))));

  EXPECT_TRUE(is_urgent(letter(MessageType::task, Priority::urgent)));
  EXPECT_EQ(form_of(letter(MessageType::task, Priority::urgent)).priority, Priority::normal);
  EXPECT_FALSE(is_urgent(letter(MessageType::task, Priority::high)));
  EXPECT_EQ(form_of(letter(MessageType::task, Priority::high)).priority, Priority::high);
}

TEST(TinytownShown, EveryTypeOfMessageCanBeRead) {
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<MessageType>>([&](auto e) {
    auto message = letter(e.value);
    message.task = kTask;
    message.ack = Ack{AckKind::rejected, "no"};
    message.kind = "k";
    message.correlation = "no uuid";
    const auto read = decode_message(item_of(message, kLog));
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(read->type, e.value);
    EXPECT_EQ(read->correlation, std::nullopt);
  });
}

TEST(TinytownShown, W15_WhatHappensToAgentsAndTasksIsAnEvent) {
  const auto type = [](const Fact& fact) {
    const auto told = told_of(fact, kNow, "write it");
    return told.event ? std::string(enum_name(told.event->type)) : "";
  };
  fact::RunCompleted end;
  end.agent = kAda;
  reeve::Run run;
  run.agent = kAda;
  EXPECT_EQ(type(fact::AgentSpawned{ada()}), "agent_spawned");
  EXPECT_EQ(type(fact::AgentStateChanged{kAda, AgentState::idle, AgentState::draining, ""}),
            "agent_stopped");
  EXPECT_EQ(type(fact::AgentStateChanged{kAda, AgentState::idle, AgentState::error, ""}),
            "agent_state_changed");
  EXPECT_EQ(type(fact::AgentStopped{kAda, AgentState::idle, ""}), "agent_stopped");
  EXPECT_EQ(type(fact::AgentRestarted{kAda, AgentState::stopped, "", {}, false}),
            "agent_state_changed");
  EXPECT_EQ(type(fact::AgentInterrupted{kAda, AgentState::idle, {}, ""}), "agent_interrupted");
  EXPECT_EQ(type(fact::AgentResumed{kAda, AgentState::paused, ""}), "agent_resumed");
  EXPECT_EQ(type(fact::AgentFailed{kAda, AgentState::idle, "c", "r"}), "agent_failed");
  EXPECT_EQ(type(fact::AgentCompleted{kAda, 1, {}}), "agent_completed");
  EXPECT_EQ(type(fact::TaskAssigned{kTask, kAda}), "task_assigned");
  EXPECT_EQ(type(fact::TaskDelegated{kTask, kAda, kBob, {}}), "task_delegated");
  EXPECT_EQ(type(fact::TaskCompleted{kTask, kAda, {}, "r"}), "task_completed");
  EXPECT_EQ(type(fact::TaskFailed{kTask, kAda, {}, "r"}), "task_failed");
  EXPECT_EQ(type(fact::ConductorEscalation{kAda, {}, {}}), "conductor_escalation");
  EXPECT_EQ(type(fact::RunStarted{run}), "agent_state_changed");
  EXPECT_EQ(type(end), "agent_state_changed");
  EXPECT_EQ(type(fact::TaskProgressed{kTask, kAda, {}, "half"}), "");
  EXPECT_EQ(type(fact::DaemonStopped{"x"}), "");

  const auto delegated = told_of(fact::TaskDelegated{kTask, kAda, kBob, {}}, kNow, "write it");
  EXPECT_EQ(delegated.event->message, "Task delegated: write it");
  EXPECT_THAT(readers_of(*delegated.event), ElementsAre(kBob, kAda));
  const auto spawned = told_of(fact::AgentSpawned{ada()}, kNow);
  EXPECT_THAT(readers_of(*spawned.event), ElementsAre(kAda, kBob));
}

TEST(TinytownShown, ActivityAndStopFlags) {
  const auto closing =
      told_of(fact::AgentStateChanged{kAda, AgentState::idle, AgentState::draining, ""}, kNow);
  EXPECT_EQ(closing.activity->text, "🔻 Closing (draining then stop)");
  EXPECT_TRUE(closing.stop->set);
  const auto stopped = told_of(fact::AgentStopped{kAda, AgentState::idle, ""}, kNow);
  EXPECT_FALSE(stopped.stop->set);
  EXPECT_TRUE(told_of(fact::AgentStopRequested{kAda, ""}, kNow).stop->set);
  EXPECT_FALSE(told_of(fact::AgentResumed{kAda, AgentState::paused, ""}, kNow).stop->set);
  fact::RunFailed failed;
  failed.agent = kAda;
  failed.code = "lost_result";
  auto line = told_of(failed, kNow).activity->text;
  EXPECT_TRUE(wants_round(line));
  number_round(line, 3);
  EXPECT_EQ(line, "Round 3: ❌ failed (lost_result)");
  number_round(line = told_of(failed, kNow).activity->text, std::nullopt);
  EXPECT_EQ(line, "Round: ❌ failed (lost_result)");
  failed.agent.reset();
  EXPECT_FALSE(told_of(failed, kNow).activity);
}

TEST(TinytownShown, AnEchoSaysWhoseAndWhichItIs) {
  const auto echo = echo_of(kLog, {17});
  EXPECT_EQ(echo, kLog.str() + ":17");
  EXPECT_EQ(position_of_echo(echo, kLog), Position{17});
  EXPECT_EQ(position_of_echo(echo, LogId(kAda.uuid)), std::nullopt);
  EXPECT_EQ(position_of_echo(echo + "x", kLog), std::nullopt);
  EXPECT_EQ(position_of_echo("", kLog), std::nullopt);
}

TEST(TinytownShown, ABroadcastIsToldByItsLikeness) {
  auto one = letter(MessageType::informational);
  auto two = one;
  two.to = kBob;
  two.id = MessageId(kBob.uuid);
  EXPECT_EQ(broadcast_mark(one), broadcast_mark(two));
  two.text = "else";
  EXPECT_NE(broadcast_mark(one), broadcast_mark(two));
  one.task = kTask;
  EXPECT_EQ(broadcast_mark(one), std::nullopt);
}

}  // namespace
}  // namespace reeve::doors::tinytown
