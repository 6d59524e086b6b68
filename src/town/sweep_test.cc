#include "town/sweep.h"

#include "town/recovery.h"
#include "town/task_steps.h"
#include "town/testing.h"

namespace reeve::town {
namespace {

/// Facts and writes as no service makes them.
Async<Result<store::Committed>> commit_raw(World& world, std::vector<Fact> facts,
                                           std::vector<store::Write> writes) {
  run::Draft draft(world.env, world.store, Caller{});
  for (auto& fact : facts) {
    if (auto added = co_await draft.add(std::move(fact)); !added) co_return fail(added.error());
  }
  for (auto& write : writes) draft.write(std::move(write));
  co_return co_await draft.commit();
}

class TownRecovery : public ServicesTest {
 protected:
  void make(std::vector<Fact> facts, std::vector<store::Write> writes = {}) {
    const auto made = world_.await(commit_raw(world_, std::move(facts), std::move(writes)));
    ASSERT_TRUE(made) << made.error().message();
  }
  Swept swept(Duration grace = Duration(0), bool dry_run = false) {
    SweepRules rules;
    rules.grace = grace;
    rules.dry_run = dry_run;
    return world_.await(sweep(ground_, rules)).value();
  }
  /// The one thing that is found is mended, and nothing is found after it.
  api::Orphan mended() {
    const auto first = swept();
    EXPECT_EQ(first.orphans.size(), 1U);
    EXPECT_EQ(first.mended, 1);
    EXPECT_EQ(world_.count("OrphanMended"), 1U);
    EXPECT_TRUE(swept().orphans.empty());
    return first.orphans.empty() ? api::Orphan() : first.orphans.front();
  }
  std::vector<std::string> items(std::string queue) {
    std::vector<std::string> out;
    for (const auto& item : world_.await(world_.store.items(std::move(queue), 100)).value())
      out.push_back(item.item + (item.lease.empty() ? "" : " held"));
    return out;
  }
  reeve::Task loose_task(TaskState state = TaskState::pending) {
    reeve::Task task;
    task.id = TaskId(world_.env.uuid4());
    task.text = "paint";
    task.state = state;
    task.created_at = task.updated_at = world_.env.now();
    return task;
  }
  Message loose_message(const Agent& to) {
    Message message;
    message.id = MessageId(world_.env.uuid4());
    message.from = kSupervisor;
    message.to = to.id;
    message.text = "hello";
    message.created_at = world_.env.now();
    return message;
  }
  /// A run that has these messages.
  reeve::Run begin_run(const Agent& agent, std::vector<MessageId> messages) {
    reeve::Run run;
    run.id = RunId(world_.env.uuid4());
    run.agent = agent.id;
    run.thread = ThreadId(world_.env.uuid4());
    run.messages = messages;
    run.started_at = world_.env.now();
    std::vector<store::Write> writes;
    for (const auto& id : messages)
      writes.emplace_back(store::QueueTake{inbox_queue(agent.id), id.str(), run.id.str()});
    make({fact::RunStarted{run}}, std::move(writes));
    return run;
  }
  static fact::RunEnd end_of(const reeve::Run& run) {
    fact::RunEnd end;
    end.run = run.id;
    end.agent = run.agent;
    end.thread = run.thread;
    return end;
  }
};

TEST_F(TownRecovery, OpenTaskThatNoMessageBringsIsBroughtAgain) {
  const auto ada = spawn("ada").value();
  const auto task = assign("ada", "paint").value();
  const auto letter = inbox("ada").messages.at(0).id;
  make({fact::MessagesHandled{ada.id, {letter}}},
       {store::QueueAck{inbox_queue(ada.id), letter.str()}});
  const auto found = mended();
  EXPECT_EQ(found.what, "task");
  EXPECT_EQ(found.id, task.id.str());
  EXPECT_EQ(found.agent, "ada");
  const auto again = inbox("ada").messages;
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].task, task.id);
  EXPECT_EQ(again[0].text, "paint");
  EXPECT_EQ(again[0].type, MessageType::task_assign);
}

TEST_F(TownRecovery, ATaskThatSeemsToRunIsBroughtAgainToo) {
  const auto ada = spawn("ada").value();
  const auto task = assign("ada", "paint").value();
  const auto letter = inbox("ada").messages.at(0).id;
  const auto run = begin_run(ada, {letter});
  // Begun under the name of another one, so nobody's current task.
  make({fact::TaskStarted{task.id, AgentId(world_.env.uuid4()), run.id}});
  auto end = end_of(run);
  end.messages = {letter};
  make({fact::RunCompleted{end}}, {store::QueueAck{inbox_queue(ada.id), letter.str()}});
  EXPECT_EQ(mended().id, task.id.str());
  EXPECT_EQ(world_.get<reeve::Task>(task.id).state, TaskState::assigned);
}

TEST_F(TownRecovery, ACurrentTaskNeedsNoMessage) {
  const auto ada = spawn("ada").value();
  const auto task = assign("ada", "paint").value();
  const auto letter = inbox("ada").messages.at(0).id;
  const auto run = begin_run(ada, {letter});
  make({fact::TaskStarted{task.id, ada.id, run.id}});
  auto end = end_of(run);
  end.messages = {letter};
  make({fact::RunCompleted{end}}, {store::QueueAck{inbox_queue(ada.id), letter.str()}});
  EXPECT_TRUE(swept().orphans.empty());
}

TEST_F(TownRecovery, ATaskOfAnEndedAgentIsOnlyReported) {
  spawn("ada").value();
  const auto task = assign("ada", "paint").value();
  auto lost = loose_task();
  lost.state = TaskState::assigned;
  lost.agent = AgentId(world_.env.uuid4());
  make({fact::TaskCreated{lost}});
  ASSERT_TRUE(kill("ada"));
  const auto found = swept();
  ASSERT_EQ(found.orphans.size(), 2U);
  EXPECT_EQ(found.mended, 0);
  for (const auto& orphan : found.orphans) {
    EXPECT_FALSE(orphan.mended);
    EXPECT_NE(orphan.text.find(orphan.id == task.id.str() ? "ada is stopped" : "is gone"),
              std::string::npos)
        << orphan.text;
    EXPECT_NE(orphan.text.find("reeve reclaim"), std::string::npos);
  }
  EXPECT_EQ(world_.count("OrphanMended"), 0U);
}

TEST_F(TownRecovery, PendingTaskThatIsNotInTheBacklogIsPutThere) {
  const auto task = loose_task();
  make({fact::TaskCreated{task}});
  EXPECT_EQ(mended().id, task.id.str());
  EXPECT_EQ(items(kBacklog), std::vector{task.id.str()});
}

TEST_F(TownRecovery, ATaskWithoutAnAgentThatIsNotPendingIsRequeued) {
  const auto task = loose_task(TaskState::assigned);
  make({fact::TaskCreated{task}});
  EXPECT_EQ(mended().id, task.id.str());
  EXPECT_EQ(items(kBacklog), std::vector{task.id.str()});
  EXPECT_EQ(world_.get<reeve::Task>(task.id).state, TaskState::pending);
}

TEST_F(TownRecovery, BacklogItemWhoseTaskIsGoneOrNotPendingIsTakenOut) {
  spawn("ada").value();
  const auto waiting = loose_task();
  const auto assigned = assign("ada", "paint").value();
  const TaskId gone(world_.env.uuid4());
  make({fact::TaskCreated{waiting}},
       {store::QueuePush{kBacklog, waiting.id.str()}, store::QueuePush{kBacklog, assigned.id.str()},
        store::QueuePush{kBacklog, gone.str()}, store::QueuePush{kBacklog, "nonsense"}});
  const auto found = swept();
  EXPECT_EQ(found.mended, 3);
  EXPECT_EQ(items(kBacklog), std::vector{waiting.id.str()});
  EXPECT_TRUE(swept().orphans.empty());
}

TEST_F(TownRecovery, MessageTakenByARunThatIsOverIsGivenBack) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(send("ada", "hello", MessageType::query));
  const auto letter = inbox("ada").messages.at(0).id;
  const auto run = begin_run(ada, {letter});
  EXPECT_TRUE(swept().orphans.empty());
  make({fact::RunFailed{end_of(run)}});
  const auto found = mended();
  EXPECT_EQ(found.what, "lease");
  EXPECT_EQ(items(inbox_queue(ada.id)), std::vector{letter.str()});
  EXPECT_EQ(world_.get<Message>(letter).state, MessageState::queued);
  EXPECT_EQ(world_.get<Message>(letter).attempt, 0);
}

TEST_F(TownRecovery, MessageTakenByNobodyIsGivenBack) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(send("ada", "hello", MessageType::query));
  const auto letter = inbox("ada").messages.at(0).id;
  const auto run = begin_run(ada, {letter});
  make({fact::RunFailed{end_of(run)}}, {store::QueueReturn{inbox_queue(ada.id), letter.str()}});
  EXPECT_EQ(mended().what, "lease");
  EXPECT_EQ(world_.get<Message>(letter).state, MessageState::queued);
}

TEST_F(TownRecovery, AHeldMessageThatNobodyNeedsToReadIsHandled) {
  const auto ada = spawn("ada").value();
  const auto task = assign("ada", "paint").value();
  const auto letter = inbox("ada").messages.at(0).id;
  const auto run = begin_run(ada, {letter});
  make({fact::RunFailed{end_of(run)}, fact::TaskFailed{task.id, ada.id, run.id, "no paint"}});
  EXPECT_EQ(mended().id, letter.str());
  EXPECT_EQ(world_.get<Message>(letter).state, MessageState::handled);
  EXPECT_TRUE(items(inbox_queue(ada.id)).empty());
}

TEST_F(TownRecovery, AQueuedMessageInNoInboxIsPutThere) {
  const auto ada = spawn("ada").value();
  auto message = loose_message(ada);
  message.priority = Priority::urgent;
  make({fact::MessageSent{message, std::nullopt}});
  ASSERT_TRUE(send("ada", "earlier"));
  const auto found = mended();
  EXPECT_EQ(found.what, "message");
  EXPECT_EQ(texts("ada"), (std::vector<std::string>{"hello", "earlier"}));
}

TEST_F(TownRecovery, TheSupervisorsMailIsLookedAtToo) {
  Message message;
  message.id = MessageId(world_.env.uuid4());
  message.from = kSupervisor;
  message.to = supervisor_id();
  message.text = "to you";
  message.created_at = world_.env.now();
  make({fact::MessageSent{message, std::nullopt}});
  EXPECT_EQ(mended().agent, "supervisor");
  EXPECT_EQ(texts("supervisor"), std::vector<std::string>{"to you"});
}

TEST_F(TownRecovery, AMessageThatIsOverLeavesTheInbox) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(send("ada", "hello"));
  const auto letter = inbox("ada").messages.at(0).id;
  make({fact::MessagesHandled{ada.id, {letter}}});
  EXPECT_EQ(mended().id, letter.str());
  EXPECT_TRUE(items(inbox_queue(ada.id)).empty());
}

TEST_F(TownRecovery, AMessageThatCannotBeReadIsLeftToTheQuarantine) {
  const auto ada = spawn("ada").value();
  make({}, {store::QueuePush{inbox_queue(ada.id), "nonsense"},
            store::QueuePush{inbox_queue(ada.id), MessageId(world_.env.uuid4()).str()}});
  EXPECT_TRUE(swept().orphans.empty());
  EXPECT_EQ(items(inbox_queue(ada.id)).size(), 2U);
}

TEST_F(TownRecovery, AClockThatWasSetBackHoldsNoMessageUp) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(send("ada", "hello", MessageType::query));
  const auto letter = inbox("ada").messages.at(0).id;
  ASSERT_GT(SweepRules().longest_pause, Supervisor::Options().last_backoff);
  const auto soon = world_.env.now() + Supervisor::Options().last_backoff;
  make({}, {store::QueueReturn{inbox_queue(ada.id), letter.str(), 1, soon}});
  EXPECT_TRUE(swept().orphans.empty()) << "an ordinary pause";
  const auto far = world_.env.now() + std::chrono::hours(24);
  make({}, {store::QueueReturn{inbox_queue(ada.id), letter.str(), 1, far}});
  EXPECT_EQ(mended().what, "message");
  const auto ready =
      world_.await(world_.store.ready(inbox_queue(ada.id), world_.env.now(), 10)).value();
  EXPECT_EQ(ready.size(), 1U);
}

TEST_F(TownRecovery, ATimeThatIsYetToComeIsNoGrace) {
  auto task = loose_task();
  task.created_at = task.updated_at = world_.env.now() + std::chrono::hours(24);
  make({fact::TaskCreated{task}});
  EXPECT_EQ(swept(Duration(60'000)).mended, 1);
}

/// Row: working/starting considered orphan candidates; idle etc. not (helper). Here an agent has
/// no process between rounds, so what tells is its run.
TEST_F(TownRecovery, WorkingStartingConsideredOrphanCandidatesIdleEtcNot) {
  using enum AgentState;
  for (const auto state : {cold, starting, idle, working, paused, draining, stopped, error}) {
    Sighting sighting;
    Agent agent;
    agent.id = AgentId(world_.env.uuid4());
    agent.name = "ada";
    agent.state = state;
    sighting.agents.push_back({agent, 1});
    const auto found = find_orphans(sighting, SweepRules(), world_.env.now());
    EXPECT_EQ(found.size(), state == working || state == draining ? 1U : 0U) << enum_name(state);
    // With its run in progress nothing is wrong with it, however long it is silent.
    sighting.agents[0].doc.current_run = RunId(world_.env.uuid4());
    sighting.runs.insert(*sighting.agents[0].doc.current_run);
    EXPECT_TRUE(find_orphans(sighting, SweepRules(), world_.env.now()).empty());
  }
}

TEST_F(TownRecovery, AWorkingAgentWithoutARunIsSetRight) {
  const auto ada = spawn("ada").value();
  make({fact::AgentStateChanged{ada.id, AgentState::idle, AgentState::working, "the test"}});
  EXPECT_EQ(mended().what, "agent");
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::idle);
}

TEST_F(TownRecovery, AnAgentWhoseRunIsOverIsSetRight) {
  const auto ada = spawn("ada").value();
  const auto run = begin_run(ada, {});
  auto end = end_of(run);
  end.agent.reset();  // nobody told the agent
  make({fact::RunFailed{end}});
  EXPECT_EQ(mended().id, ada.id.str());
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::idle);
  EXPECT_FALSE(world_.get<Agent>(ada.id).current_run);
}

TEST_F(TownRecovery, SetToStopped) {
  const auto ada = spawn("ada").value();
  make({fact::AgentStateChanged{ada.id, AgentState::idle, AgentState::draining, "closed"}});
  EXPECT_EQ(mended().agent, "ada");
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::stopped);
  EXPECT_EQ(world_.count("AgentStopped"), 1U);
}

/// Row: service recovers stale idle. One that is idle is stale when it was to be stopped.
TEST_F(TownRecovery, ServiceRecoversStaleIdle) {
  const auto ada = spawn("ada").value();
  make({fact::AgentStopRequested{ada.id, "killed"}});
  mended();
  const auto now = world_.get<Agent>(ada.id);
  EXPECT_EQ(now.state, AgentState::stopped);
  EXPECT_FALSE(now.stopping);
  EXPECT_EQ(world_.fact<fact::AgentStopped>("AgentStopped").reason, "killed");
}

TEST_F(TownRecovery, SkipsHealthyIdle) {
  spawn("ada").value();
  world_.env.advance(std::chrono::hours(100));
  EXPECT_TRUE(swept().orphans.empty());
}

TEST_F(TownRecovery, NoneWhenHealthy) {
  spawn("ada").value();
  spawn("bob").value();
  ASSERT_TRUE(assign("ada", "paint"));
  ASSERT_TRUE(send("bob", "hello"));
  ASSERT_TRUE(send("supervisor", "hello"));
  const auto done = assign("bob", "draw").value();
  ASSERT_TRUE(report(done.id, Report::complete, "drawn"));
  const auto before = world_.store.commits;
  const auto report = world_.await(recover(ground_, {})).value();
  EXPECT_TRUE(report.orphans.empty());
  EXPECT_EQ(report.agents, 2);
  EXPECT_EQ(world_.store.commits, before) << "looking changes nothing";
}

TEST_F(TownRecovery, WhatChangedRecentlyIsLeftAlone) {
  const auto ada = spawn("ada").value();
  make({fact::TaskCreated{loose_task()}, fact::MessageSent{loose_message(ada), std::nullopt},
        fact::AgentStateChanged{ada.id, AgentState::idle, AgentState::working, "the test"}});
  EXPECT_TRUE(swept(Duration(60'000)).orphans.empty());
  world_.env.advance(std::chrono::minutes(2));
  EXPECT_EQ(swept(Duration(60'000)).mended, 3);
}

TEST_F(TownRecovery, ADryRunMendsNothing) {
  make({fact::TaskCreated{loose_task()}});
  const auto found = swept(Duration(0), true);
  EXPECT_EQ(found.orphans.size(), 1U);
  EXPECT_EQ(found.mended, 0);
  EXPECT_TRUE(items(kBacklog).empty());
}

TEST_F(TownRecovery, WhoWasFasterWins) {
  make({fact::TaskCreated{loose_task()}});
  world_.store.next = {{Errc::conflict}};
  EXPECT_TRUE(swept().orphans.empty());
  EXPECT_EQ(swept().mended, 1);
}

TEST_F(TownRecovery, AStoreThatIsAwayIsTold) {
  make({fact::TaskCreated{loose_task()}});
  world_.store.next = {{Errc::storage_full}};
  EXPECT_EQ(code_of(world_.await(sweep(ground_, {.grace = Duration(0)}))), Errc::storage_full);
}

TEST_F(TownRecovery, W28_ASweepReadsNothingThatIsOver) {
  spawn("ada").value();
  for (int i = 0; i < 20; ++i) {
    const auto task = assign("ada", "paint").value();
    const auto letter = inbox("ada").messages.at(0);
    ASSERT_TRUE(report(task.id, Report::complete, "done"));
    make({fact::MessagesHandled{letter.to, {letter.id}}},
         {store::QueueAck{inbox_queue(letter.to), letter.id.str()}});
  }
  const auto seen = world_.await(look_at_work(ground_)).value();
  EXPECT_TRUE(seen.tasks.empty());
  EXPECT_TRUE(seen.messages.empty());
  EXPECT_TRUE(seen.inboxes.empty());
}

class TownRecoveryDaemon : public DaemonTest {
 protected:
  void expect_nothing_to_mend(const char* when) {
    const auto report = world_.await(recover(ground_, {.dry_run = true})).value();
    for (const auto& orphan : report.orphans)
      ADD_FAILURE() << when << ": " << orphan.what << " " << orphan.id << ": " << orphan.text;
  }
};

TEST_P(TownRecoveryDaemon, AHealthyBusyTownHasNothingToMend) {
  const auto ada = spawn("ada");
  const auto bob = spawn("bob", Completes::report);
  expect_nothing_to_mend("before anything happens");
  assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  assign(ada, "draw");
  send("ada", "fyi", MessageType::informational);
  expect_nothing_to_mend("in a round");
  end_round(0, "fine");
  ASSERT_TRUE(until_rounds(2));
  expect_nothing_to_mend("in the next round");
  end_round(1);
  expect_nothing_to_mend("in the pause behind a failure");
  send("bob", "how are you?", MessageType::query);
  ASSERT_TRUE(until_rounds(3));
  expect_nothing_to_mend("in a round that carries no task");
  end_round(0, "fine");
  const auto left = assign(bob, "write");
  ASSERT_TRUE(until_rounds(4));
  report(left, Report::progress, "half of it", inside(bob));
  end_round(0, "later");
  EXPECT_EQ(world_.get<Agent>(bob.id).current_task, left.id);
  expect_nothing_to_mend("a task was left open");
  world_.env.advance(10min);
  ASSERT_TRUE(until_rounds(6)) << "what failed, and what was left open";
  expect_nothing_to_mend("when both are tried again");
  end_round(0, "done");
  world_.machine.exit(0, 4);
  ASSERT_TRUE(world_.until([&] { return runs_->running() == 0; }));
  world_.quiet();
  expect_nothing_to_mend("when all is done");
  kill(bob);
  world_.quiet();
  const auto report = world_.await(recover(ground_, {})).value();
  EXPECT_EQ(report.mended, 0);
}

TEST_P(TownRecoveryDaemon, W12_ALongSilentRoundIsNotTakenForDead) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  for (int i = 0; i < 5; ++i) {
    world_.env.advance(5min);
    world_.quiet();
  }
  const auto report = world_.await(recover(ground_, {})).value();
  EXPECT_TRUE(report.orphans.empty());
  EXPECT_EQ(report.rounds, 1);
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::working);
  end_round(0, "painted");
  EXPECT_EQ(state_of(task), TaskState::completed);
}

/// What a sweep mends is work again: the supervisor hears of it.
TEST_P(TownRecoveryDaemon, WhatWasMendedIsWorkedOn) {
  const auto ada = spawn("ada");
  Message message;
  message.id = MessageId(world_.env.uuid4());
  message.from = kSupervisor;
  message.to = ada.id;
  message.type = MessageType::query;
  message.text = "are you there?";
  message.created_at = world_.env.now();
  ASSERT_TRUE(world_.commit({fact::MessageSent{message, std::nullopt}}));
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 0U);
  EXPECT_EQ(world_.await(recover(ground_, {})).value().mended, 1);
  ASSERT_TRUE(until_rounds(1));
  end_round(0, "yes");
}

INSTANTIATE_TEST_SUITE_P(Backends, TownRecoveryDaemon,
                         ::testing::Values(Backend::memory, Backend::sqlite),
                         run::testing::name_of);

}  // namespace
}  // namespace reeve::town
