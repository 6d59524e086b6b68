// Tasks without a daemon: what may be done with them, and what goes with it in the same commit.

#include "town/task_changes.h"

#include <gtest/gtest.h>

#include "town/task_test_support.h"

namespace reeve::town {
namespace {

// --- What there is in tinytown, too

TEST_F(TownTasks, CreationDefaultsPending) {
  const auto made = add("paint").value();
  EXPECT_EQ(made.state, TaskState::pending);
  EXPECT_EQ(made.from, "supervisor");
  EXPECT_EQ(made.priority, Priority::normal);
  EXPECT_FALSE(made.agent || made.parent || made.result || made.notify);
}

TEST_F(TownTasks, W29_AssignmentQueuesMessageInOneCommit) {
  const auto ada = spawn("ada").value();
  const auto before = world_.store.commits;
  const auto made = assign("ada", "paint").value();
  EXPECT_EQ(world_.store.commits, before + 1);
  EXPECT_EQ(made.agent, ada.id);
  EXPECT_EQ(made.state, TaskState::assigned);
  const auto waiting = inbox("ada").messages;
  ASSERT_EQ(waiting.size(), 1U);
  EXPECT_TRUE(brings_task(waiting[0]));
  EXPECT_EQ(waiting[0].task, made.id);
}

TEST_F(TownTasks, TwentyTasks) {
  ASSERT_TRUE(spawn("ada"));
  std::set<TaskId> ids;
  for (int i = 0; i < 20; ++i) ids.insert(assign("ada", "task " + std::to_string(i)).value().id);
  EXPECT_EQ(ids.size(), 20U);
  EXPECT_EQ(inbox("ada").messages.size(), 20U);
  EXPECT_EQ(list({.agent = "ada"}).tasks.size(), 20U);
}

TEST_F(TownTasks, FailureKeepsError) {
  ASSERT_TRUE(spawn("ada"));
  const auto made = assign("ada", "paint").value();
  EXPECT_EQ(report(made.id, Report::fail, "no paint").value().result, "no paint");
  EXPECT_EQ(task(made.id).state, TaskState::failed);
}

TEST_F(TownTasks, TagsParentAndPersistedRoundTrip) {
  ASSERT_TRUE(spawn("ada"));
  const auto parent = add("house").value();
  const auto made = give("ada", {.text = "paint",
                                 .tags = {"ui", "UI", "door"},
                                 .priority = Priority::high,
                                 .parent = parent.id.str().substr(0, 8),
                                 .after = {parent.id.str()},
                                 .notify = true})
                        .value();
  const auto kept = task(made.id);
  EXPECT_EQ(kept.tags, (std::vector<std::string>{"ui", "door"}));
  EXPECT_EQ(kept.parent, parent.id);
  EXPECT_EQ(kept.after, std::vector{parent.id});
  EXPECT_EQ(kept.priority, Priority::high);
  EXPECT_TRUE(kept.notify);
  EXPECT_EQ(inbox("ada").messages[0].priority, Priority::high);
}

TEST_F(TownTasks, UnknownTaskIsNotFound) {
  EXPECT_EQ(code_of(cancel(TaskId(world_.env.uuid4()))), Errc::not_found);
  EXPECT_EQ(code_of(world_.await(show_task(ground_, "ffff"))), Errc::not_found);
  EXPECT_EQ(code_of(add({.text = "x", .parent = "ffff"})), Errc::not_found);
  EXPECT_EQ(code_of(add({.text = "x", .after = {"ffff"}})), Errc::not_found);
  EXPECT_EQ(world_.count("TaskCreated"), 0U);
}

TEST_F(TownTasks, CurrentTaskReturnsTheRealIdEvenWhenTheTextContainsAnotherUuid) {
  const auto ada = spawn("ada").value();
  EXPECT_EQ(code_of(world_.await(current_task(ground_, "ada"))), Errc::not_found);
  const auto first = assign("ada", "see 0190a5b0-1c2d-4e3f-8a4b-5c6d7e8f9012").value();
  // One that waits is what it works on, in lack of another; of several none is.
  EXPECT_EQ(world_.await(current_task(ground_, "ada"))->task.id, first.id);
  const auto second = assign("ada", "paint").value();
  EXPECT_TRUE(text_of(world_.await(current_task(ground_, "ada"))).contains("several"));
  ASSERT_TRUE(world_.commit({fact::TaskStarted{second.id, ada.id, RunId(world_.env.uuid4())}}));
  EXPECT_EQ(world_.await(current_task(ground_, "ada"))->task.id, second.id);
}

TEST_F(TownTasks, CompleteClearsPointerAndIncrementsCounter) {
  const auto ada = spawn("ada").value();
  const auto made = assign("ada", "paint").value();
  ASSERT_TRUE(world_.commit({fact::TaskStarted{made.id, ada.id, RunId(world_.env.uuid4())}}));
  EXPECT_EQ(agent(ada.id).current_task, made.id);
  ASSERT_TRUE(report(made.id, Report::complete, "painted"));
  EXPECT_EQ(agent(ada.id).current_task, std::nullopt);
  EXPECT_EQ(agent(ada.id).tasks_completed, 1);
  EXPECT_EQ(agent(ada.id).last_task, made.id);
}

TEST_F(TownTasks, TheResultOfATask) {
  ASSERT_TRUE(spawn("ada"));
  const auto made = assign("ada", "paint").value();
  const auto result = [&] { return world_.await(task_result(ground_, made.id.str())); };
  EXPECT_EQ(code_of(result()), Errc::conflict);
  EXPECT_TRUE(text_of(result()).contains("is assigned"));
  ASSERT_TRUE(report(made.id, Report::complete, "painted"));
  EXPECT_EQ(result()->result, "painted");
  EXPECT_EQ(result()->state, "completed");
}

TEST_F(TownTasks, W55_TerminalSet) {
  for (const auto state : {TaskState::completed, TaskState::failed, TaskState::cancelled})
    EXPECT_TRUE(is_ended(state));
  for (const auto state : {TaskState::pending, TaskState::assigned, TaskState::running})
    EXPECT_FALSE(is_ended(state));
}

// --- Limits

TEST_F(TownTasks, WhatCannotBeATagOrIsTooMuch) {
  const std::string long_one(limits::kName + 1, 'x');
  for (const auto& tag : {std::string(), std::string(" "), std::string("a\nb"), long_one})
    EXPECT_EQ(code_of(add("paint", {tag})), Errc::invalid_argument) << tag;
  std::vector<std::string> tags;
  for (std::size_t i = 0; i < limits::kTaskTags; ++i) tags.push_back("t" + std::to_string(i));
  api::AssignRequest full{.text = "paint", .tags = tags};
  for (std::size_t i = 0; i < limits::kTaskAfter; ++i)
    full.after.push_back(add("before").value().id.str());
  ASSERT_TRUE(spawn("ada"));
  EXPECT_TRUE(give("ada", full)) << "all its marks find room";
  full.after.push_back(add("one more").value().id.str());
  EXPECT_EQ(code_of(give("ada", full)), Errc::invalid_argument);
  tags.emplace_back("more");
  EXPECT_EQ(code_of(add("paint", tags)), Errc::invalid_argument);
}

// --- Called off, taken back, tried again

TEST_F(TownTasks, CancelSetsStateAndReason) {
  ASSERT_TRUE(spawn("ada"));
  const auto made = assign("ada", "paint").value();
  const auto before = world_.store.commits;
  const auto ended = cancel(made.id, "no house").value();
  EXPECT_EQ(world_.store.commits, before + 1);
  EXPECT_EQ(ended.state, TaskState::cancelled);
  EXPECT_EQ(ended.result, "no house");
  EXPECT_TRUE(inbox("ada").messages.empty()) << "out of the inbox in the same commit";
  EXPECT_EQ(world_.count("MessageWithdrawn"), 1U);
  EXPECT_EQ(code_of(cancel(made.id)), Errc::conflict);
  EXPECT_TRUE(text_of(cancel(made.id)).contains("is cancelled"));
}

TEST_F(TownTasks, ACancelledTaskOfTheBacklogIsOutOfIt) {
  const auto made = add("paint").value();
  ASSERT_TRUE(cancel(made.id));
  EXPECT_TRUE(in_backlog().empty());
}

TEST_F(TownTasks, ATaskOfTheBacklogThatAPersonReportsAsDoneIsOutOfIt) {
  const auto made = add("paint").value();
  EXPECT_EQ(report(made.id, Report::complete, "I did it").value().state, TaskState::completed);
  EXPECT_TRUE(in_backlog().empty());
}

TEST_F(TownTasks, RequeueFromAssigned) {
  const auto ada = spawn("ada").value();
  const auto made = assign("ada", "paint").value();
  const auto back = requeue(made.id).value();
  EXPECT_EQ(back.state, TaskState::pending);
  EXPECT_EQ(back.agent, std::nullopt);
  EXPECT_EQ(in_backlog(), std::vector<std::string>{"paint"});
  EXPECT_TRUE(inbox("ada").messages.empty());
  EXPECT_EQ(world_.fact<fact::TaskRequeued>("TaskRequeued").agent, ada.id);
  EXPECT_TRUE(text_of(requeue(made.id)).contains("backlog already"));
}

TEST_F(TownTasks, ATaskThatIsTakenBackAfterARetryIsAsNew) {
  const auto ada = spawn("ada").value();
  const auto made = assign("ada", "paint").value();
  ASSERT_TRUE(cancel(made.id));
  ASSERT_TRUE(retry(made.id));
  ASSERT_TRUE(requeue(made.id));
  EXPECT_EQ(task(made.id).started_at, std::nullopt);
  EXPECT_EQ(agent(ada.id).current_task, std::nullopt);
}

TEST_F(TownTasks, AFailedTaskIsTriedAgainByTheSameAgentAnotherOrFromTheBacklog) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  const auto made = assign("ada", "paint").value();
  EXPECT_TRUE(text_of(retry(made.id)).contains("is assigned"));
  ASSERT_TRUE(report(made.id, Report::fail, "no paint"));
  const auto again = retry(made.id).value();
  EXPECT_EQ(again.state, TaskState::assigned);
  EXPECT_EQ(again.agent, ada.id);
  EXPECT_EQ(again.result, std::nullopt);
  ASSERT_TRUE(cancel(made.id));
  EXPECT_EQ(retry(made.id, "bob")->agent, bob.id);
  ASSERT_TRUE(cancel(made.id));
  ASSERT_TRUE(kill("bob"));
  EXPECT_EQ(code_of(retry(made.id, "bob")), Errc::conflict);
  const auto open = retry(made.id).value();
  EXPECT_EQ(open.state, TaskState::pending);
  EXPECT_EQ(in_backlog(), std::vector<std::string>{"paint"});
}

TEST_F(TownTasks, ACompletedTaskIsNotOpenedAgain) {
  ASSERT_TRUE(spawn("ada"));
  const auto made = assign("ada", "paint").value();
  ASSERT_TRUE(report(made.id, Report::complete, "painted"));
  for (const auto& refused : {retry(made.id), requeue(made.id), cancel(made.id), remove(made.id),
                              claim(made.id, "ada")}) {
    EXPECT_EQ(code_of(refused), Errc::conflict);
    EXPECT_TRUE(text_of(refused).contains("is completed")) << text_of(refused);
  }
}

TEST_F(TownTasks, W27_TransitionsAreGuardedAndAnAgentReportsOnItsOwnTasksOnly) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  const auto hers = assign("ada", "paint").value();
  const auto free = add("sweep").value();
  EXPECT_EQ(code_of(report(hers.id, Report::complete, "mine", by(bob))), Errc::denied);
  EXPECT_TRUE(text_of(report(hers.id, Report::progress, "x", by(bob))).contains("ada's"));
  EXPECT_EQ(code_of(report(free.id, Report::fail, "no", by(bob))), Errc::denied);
  EXPECT_EQ(code_of(cancel(hers.id, "", by(bob))), Errc::denied);
  EXPECT_EQ(code_of(requeue(hers.id, by(bob))), Errc::denied);
  EXPECT_TRUE(report(hers.id, Report::progress, "half", by(ada)));
  EXPECT_TRUE(cancel(hers.id, "", by(ada)));
  EXPECT_EQ(code_of(retry(hers.id, {}, by(bob))), Errc::denied);
  EXPECT_EQ(code_of(report(hers.id, Report::complete, "done", by(ada))), Errc::conflict);
  EXPECT_EQ(task(hers.id).state, TaskState::cancelled) << "an end is not overwritten";
}

TEST_F(TownTasks, AnAgentThatGivesATaskMayCallItOff) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  const auto given = assign("bob", "sweep", by(ada)).value();
  EXPECT_EQ(given.from, ada.id.str());
  const auto delegated = world_.fact<fact::TaskDelegated>("TaskDelegated");
  EXPECT_EQ(delegated.from, ada.id);
  EXPECT_EQ(delegated.to, bob.id);
  EXPECT_TRUE(cancel(given.id, "", by(ada)));
  ASSERT_TRUE(assign("ada", "for myself", by(ada)));
  EXPECT_EQ(world_.count("TaskDelegated"), 1U) << "to oneself is no delegation";
}

TEST_F(TownTasks, ATaskIsStartedInsideARoundOnly) {
  ASSERT_TRUE(spawn("ada"));
  const auto made = assign("ada", "paint").value();
  EXPECT_EQ(code_of(start(made.id)), Errc::denied);
}

TEST_F(TownTasks, WhetherATaskMayBeStarted) {
  Caller ada;
  ada.agent = AgentId(Uuid{{1}});
  ada.round = Caller::Round{RunId(Uuid{{2}}), 1};
  reeve::Task mine;
  mine.id = TaskId(Uuid{{3}});
  mine.agent = ada.agent;
  mine.state = TaskState::assigned;
  EXPECT_EQ(decide_start(mine, ada, {})->size(), 1U);
  reeve::Task other;
  EXPECT_TRUE(text_of(decide_start(mine, ada, {other})).contains("waits for"));
  auto running = mine;
  running.state = TaskState::running;
  running.run = ada.round->run;
  EXPECT_TRUE(decide_start(running, ada, {})->empty()) << "it is in hand";
  auto elsewhere = mine;
  elsewhere.agent = AgentId(Uuid{{9}});
  EXPECT_EQ(code_of(decide_start(elsewhere, ada, {})), Errc::denied);
  auto free = mine;
  free.agent.reset();
  EXPECT_TRUE(text_of(decide_start(free, ada, {})).contains("claim"));
  auto over = mine;
  over.state = TaskState::failed;
  EXPECT_EQ(code_of(decide_start(over, ada, {})), Errc::conflict);
}

// --- Told when it is over

TEST_F(TownTasks, WhoeverWantedToKnowIsToldInTheSameCommit) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  const auto told = [&](std::string whom) {
    std::vector<std::pair<MessageType, std::string>> said;
    for (const auto& message : inbox(std::move(whom)).messages)
      if (!brings_task(message)) said.emplace_back(message.type, message.text);
    return said;
  };
  const api::AssignRequest want{.text = "sweep\nall of it", .notify = true};
  auto made = give("bob", want, by(ada)).value();
  const auto before = world_.store.commits;
  ASSERT_TRUE(report(made.id, Report::complete, "swept", by(bob)));
  EXPECT_EQ(world_.store.commits, before + 1);
  ASSERT_EQ(told("ada").size(), 1U);
  EXPECT_EQ(told("ada")[0].first, MessageType::task_done);
  EXPECT_EQ(told("ada")[0].second, "task " + made.id.short_str() + " (sweep) is completed: swept");

  made = give("bob", want).value();
  ASSERT_TRUE(report(made.id, Report::fail, "no broom", by(bob)));
  made = give("bob", want).value();
  ASSERT_TRUE(cancel(made.id, "enough"));
  const auto mine = told("supervisor");
  ASSERT_EQ(mine.size(), 2U);
  EXPECT_EQ(mine[0].first, MessageType::task_failed);
  EXPECT_TRUE(mine[0].second.ends_with("has failed: no broom")) << mine[0].second;
  EXPECT_TRUE(mine[1].second.ends_with("is cancelled: enough")) << mine[1].second;
  EXPECT_EQ(inbox("supervisor").messages[0].from, "bob");

  ASSERT_TRUE(assign("bob", "quietly"));
  ASSERT_TRUE(report(list({.state = "open"}).tasks[0].task.id, Report::complete, ""));
  EXPECT_EQ(told("supervisor").size(), 2U);
}

TEST_F(TownTasks, AnAgentThatIsEndedIsToldNothing) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(spawn("bob"));
  const auto made = give("bob", {.text = "sweep", .notify = true}, by(ada)).value();
  ASSERT_TRUE(kill("ada"));
  ASSERT_TRUE(report(made.id, Report::complete, "swept"));
  EXPECT_TRUE(inbox("ada").messages.empty());
  EXPECT_TRUE(inbox("supervisor").messages.empty());
}

// --- Lists

TEST_F(TownTasks, TheyAreListedByStateAgentAndTag) {
  ASSERT_TRUE(spawn("ada"));
  ASSERT_TRUE(spawn("bob"));
  const auto a = give("ada", {.text = "a", .tags = {"UI"}}).value();
  const auto b = give("ada", {.text = "b", .tags = {"api"}}).value();
  const auto c = give("bob", {.text = "c", .tags = {"ui"}}).value();
  const auto d = add("d", {"ui"}).value();
  ASSERT_TRUE(report(a.id, Report::complete, ""));
  const auto texts = [&](TaskFilter filter) {
    std::string all;
    for (const auto& view : list(std::move(filter)).tasks) all += view.task.text;
    return all;
  };
  EXPECT_EQ(texts({}), "dcba");
  EXPECT_EQ(texts({.agent = "ada"}), "ba");
  EXPECT_EQ(texts({.tag = "ui"}), "dca");
  EXPECT_EQ(texts({.state = "open", .agent = "ada"}), "b");
  EXPECT_EQ(texts({.state = "assigned", .agent = "ada"}), "b");
  EXPECT_EQ(texts({.state = "completed", .agent = "ada"}), "a");
  EXPECT_EQ(texts({.state = "completed", .tag = "Ui"}), "a");
  EXPECT_EQ(texts({.agent = "bob", .tag = "ui"}), "c");
  EXPECT_EQ(texts({.state = "pending", .tag = "ui"}), "d");
  EXPECT_EQ(texts({.state = "failed", .agent = "bob", .tag = "ui"}), "");
  EXPECT_EQ(code_of(world_.await(list_tasks(ground_, {.agent = "eve"}, 0, 9))), Errc::not_found);
  EXPECT_EQ(list({}).tasks[1].agent, "bob");
  EXPECT_EQ(list({}).tasks[1].from, "supervisor");
}

TEST_F(TownTasks, PagesOfSeveralConditionsLeaveNothingOut) {
  ASSERT_TRUE(spawn("ada"));
  for (int i = 0; i < 7; ++i) {
    const auto made = give("ada", {.text = std::to_string(i), .tags = {"ui"}}).value();
    if (i % 2 == 0) ASSERT_TRUE(report(made.id, Report::complete, ""));
  }
  std::string seen;
  std::size_t pages = 0;
  for (std::optional<std::uint64_t> next = 0; next; ++pages) {
    const auto page = list({.state = "completed", .agent = "ada", .tag = "ui"}, *next, 2);
    for (const auto& view : page.tasks) seen += view.task.text;
    next = page.next;
  }
  EXPECT_EQ(seen, "6420");
  EXPECT_LE(pages, 3U);
}

TEST_F(TownTasks, G9_ARepeatedRequestHasNoSecondEffect) {
  ASSERT_TRUE(spawn("ada"));
  const auto made = assign("ada", "paint").value();
  ASSERT_TRUE(cancel(made.id, "no", keyed("k1")));
  EXPECT_EQ(cancel(made.id, "no", keyed("k1")).value().state, TaskState::cancelled);
  ASSERT_TRUE(retry(made.id, {}, keyed("k2")));
  EXPECT_TRUE(retry(made.id, {}, keyed("k2")));
  EXPECT_EQ(world_.count("TaskRequeued"), 1U);
  EXPECT_EQ(inbox("ada").messages.size(), 1U);
}

}  // namespace
}  // namespace reeve::town
