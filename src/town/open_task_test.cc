// What becomes of a task that a round has left open.

#include "town/open_task.h"

#include <gtest/gtest.h>

#include "town/asking.h"
#include "town/reclaim.h"
#include "town/recovery.h"
#include "town/sweep.h"
#include "town/task_test_support.h"

namespace reeve::town {
namespace {

TEST(AfterSuccess, ATaskIsDoneUnlessItsAgentAskedOrSaidThatItGoesOn) {
  const RunId run(Uuid{{1}});
  reeve::Task task;
  using enum AfterSuccess;
  EXPECT_EQ(after_success(task, Completes::success, run, false), done);
  EXPECT_EQ(after_success(task, Completes::success, run, true), waits);
  EXPECT_EQ(after_success(task, Completes::report, run, false), again);
  EXPECT_EQ(after_success(task, Completes::report, run, true), waits);
  task.reported = RunId(Uuid{{2}});
  EXPECT_EQ(after_success(task, Completes::success, run, false), done) << "that was an earlier run";
  task.reported = run;
  EXPECT_EQ(after_success(task, Completes::success, run, false), again);
  EXPECT_EQ(after_success(task, Completes::success, run, true), waits);
}

TEST(AfterSuccess, ARestDoublesUpToTenMinutesAndNoSweepShortensIt) {
  const Pauses pauses;
  EXPECT_EQ(rest_after(pauses, 1), 2s);
  EXPECT_EQ(rest_after(pauses, 2), 4s);
  EXPECT_EQ(rest_after(pauses, 9), 512s);
  EXPECT_EQ(rest_after(pauses, 10), 600s);
  EXPECT_EQ(rest_after(pauses, 1'000'000), 600s);
  EXPECT_GT(SweepRules().longest_rest, pauses.last_rest);
}

class OpenTasks : public TaskRounds {
 protected:
  /// A round that says that the task goes on.
  void make_progress(const Agent& agent, const reeve::Task& task, std::size_t round) {
    ASSERT_TRUE(until_rounds(round));
    ASSERT_EQ(now(agent).current_task, task.id);
    report(task, Report::progress, "step " + std::to_string(round), inside(agent));
    end_round(0, "more later");
  }
  void done(const MessageId& message) {
    api::DoneRequest request;
    request.ids = {message.str()};
    ASSERT_TRUE(world_.await(done_with(ground_, Caller{}, request)));
    world_.quiet();
  }
};

INSTANTIATE_TEST_SUITE_P(, OpenTasks, ::testing::Values(Backend::memory, Backend::sqlite),
                         run::testing::name_of);

TEST_P(OpenTasks, ProgressBringsTheTaskAgainAfterAPauseThatGrows) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  make_progress(ada, task, 1);
  EXPECT_EQ(state_of(task), TaskState::running);
  EXPECT_EQ(now(ada).current_task, task.id) << "in hand, for whoever says something about it";
  const auto left = world_.fact<fact::TaskLeftOpen>("TaskLeftOpen");
  EXPECT_EQ(left.rounds, 1);
  EXPECT_EQ(left.again_at, world_.env.now() + 2s);
  EXPECT_EQ(now(task).again_at, left.again_at);
  EXPECT_EQ(world_.await(view_agent(ground_, now(ada)))->again_at, left.again_at) << "status";
  pass(1900ms, 100ms);
  EXPECT_EQ(world_.machine.started(), 1U);
  pass(100ms, 100ms);
  make_progress(ada, task, 2);
  EXPECT_TRUE(prompt().contains("You reported before: step 1")) << prompt();
  pass(3900ms, 100ms);
  EXPECT_EQ(world_.machine.started(), 2U);
  pass(100ms, 100ms);
  ASSERT_TRUE(until_rounds(3));
  EXPECT_EQ(now(task).again_at, std::nullopt);
  end_round(0, "painted");
  EXPECT_EQ(now(task).result, "painted\n");
  EXPECT_EQ(now(task).attempts, 3);
  expect_no_more_rounds_than(3);
}

TEST_P(OpenTasks, WhoWaitsForTheAgentWaitsUntilItIsDone) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  make_progress(ada, task, 1);
  std::optional<api::WaitReply> reply;
  const auto wait = [](Ground ground, std::optional<api::WaitReply>* out) -> Async<> {
    auto waited = co_await wait_agent(std::move(ground), "ada");
    if (waited) *out = *waited;
  };
  aio::TaskGroup group(world_.loop.get_executor());
  group.spawn("wait", wait(ground_, &reply));
  world_.quiet();
  EXPECT_FALSE(reply);
  pass(2s);
  ASSERT_TRUE(until_rounds(2));
  end_round(0, "painted");
  ASSERT_TRUE(world_.until([&] { return reply.has_value(); }));
  EXPECT_EQ(reply->state, "idle");
  EXPECT_EQ(state_of(task), TaskState::completed);
}

TEST_P(OpenTasks, EachOfItsRoundsCountsForTheLimit) {
  api::SpawnRequest request;
  request.name = "ada";
  request.cli = "worker";
  request.limits.rounds = 2;
  const auto ada = world_.await(town::spawn(ground_, Caller{}, request)).value();
  const auto task = assign(ada, "paint");
  make_progress(ada, task, 1);
  pass(2s);
  make_progress(ada, task, 2);
  EXPECT_EQ(now(ada).state, AgentState::stopped);
  EXPECT_TRUE(now(ada).attention->contains("has used its 2 rounds")) << *now(ada).attention;
  expect_no_more_rounds_than(2);
  ASSERT_TRUE(
      world_.commit({fact::AgentRestarted{ada.id, AgentState::stopped, "go on", {}, false}}));
  ASSERT_TRUE(until_rounds(3)) << "it has not forgotten it";
  EXPECT_EQ(now(ada).current_task, task.id);
  end_round(0);
  EXPECT_EQ(state_of(task), TaskState::completed);
}

TEST_P(OpenTasks, WhatWasPutAsideIsNotHeldUpByIt) {
  const auto ada = spawn("ada");
  const auto first = assign(ada, "door");
  const auto second = assign(ada, "roof");
  make_progress(ada, first, 1);
  make_progress(ada, second, 2);  // the first one is put aside for it
  pass(2s, 100ms);
  ASSERT_TRUE(until_rounds(3));
  EXPECT_EQ(now(ada).current_task, first.id);
  end_round(0);
  EXPECT_EQ(state_of(first), TaskState::completed);
  ASSERT_TRUE(until_rounds(4));
  end_round(0);
  EXPECT_EQ(state_of(second), TaskState::completed);
  expect_no_more_rounds_than(4);
}

TEST_P(OpenTasks, AMessageBringsItAtOnceAndThePausesBeginAnew) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  make_progress(ada, task, 1);
  pass(2s);
  make_progress(ada, task, 2);
  EXPECT_EQ(now(task).left_open, 2);
  send("ada", "in red", MessageType::task);
  make_progress(ada, task, 3);
  EXPECT_TRUE(prompt().contains("in red"));
  EXPECT_EQ(now(task).left_open, 1);
  EXPECT_EQ(now(task).again_at, world_.env.now() + 2s);
  EXPECT_EQ(queue(inbox_queue(ada.id)).size(), 1U) << "brought once";
  pass(2s);
  ASSERT_TRUE(until_rounds(4));
  end_round(0);
  EXPECT_EQ(state_of(task), TaskState::completed);
}

TEST_P(OpenTasks, ARestIsKeptByALaterDaemon) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  make_progress(ada, task, 1);
  stop_daemon();
  start_daemon();
  pass(1900ms, 100ms);
  EXPECT_EQ(world_.machine.started(), 1U);
  pass(100ms, 100ms);
  ASSERT_TRUE(until_rounds(2));
  end_round(0);
  EXPECT_EQ(state_of(task), TaskState::completed);
}

TEST_P(OpenTasks, WhatIsSaidOfAnotherTaskLeavesTheOneInHandAsItIs) {
  const auto ada = spawn("ada");
  const auto first = assign(ada, "door");
  const auto second = assign(ada, "roof");
  ASSERT_TRUE(until_rounds(1));
  report(second, Report::progress, "I have looked at it", inside(ada));
  end_round(0, "the door is red");
  EXPECT_EQ(now(first).result, "the door is red\n");
  ASSERT_TRUE(until_rounds(2));
  end_round(0, "the roof is red");
  EXPECT_EQ(now(second).result, "the roof is red\n");
}

TEST_P(OpenTasks, ATaskThatWaitsForAnAnswerIsNotBroughtAgain) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  send("supervisor", "which colour?", MessageType::query, inside(ada));
  report(task, Report::progress, "I asked", inside(ada));
  end_round(0);
  pass(30min, 1min);
  EXPECT_EQ(world_.machine.started(), 1U);
  EXPECT_EQ(world_.count("TaskLeftOpen"), 0U);
  EXPECT_EQ(now(ada).current_task, task.id);
}

TEST_P(OpenTasks, AQuestionThatNobodyAnswersAnyMoreHoldsNothingUp) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  send("supervisor", "which colour?", MessageType::query, inside(ada));
  end_round(0, "I asked");
  done(world_.await(inbox(ground_, "supervisor")).value().messages.at(0).id);
  pass(62s, 2s);  // looked after once a minute
  ASSERT_TRUE(until_rounds(2));
  EXPECT_EQ(now(ada).current_task, task.id);
  end_round(0, "red, then");
  EXPECT_EQ(state_of(task), TaskState::completed);
}

TEST_P(OpenTasks, AQuestionThatWasAnsweredWithinTheRoundHoldsNothingUp) {
  const auto ada = spawn("ada");
  const auto bob = spawn("bob");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  send("bob", "which colour?", MessageType::query, inside(ada));  // reeve ask
  ASSERT_TRUE(world_.until([&] { return world_.machine.started() == 2; }));
  world_.quiet();
  world_.machine.out("red\n", 1);
  world_.machine.exit(0, 1);
  ASSERT_TRUE(world_.until([&] { return runs_->running() == 1; }));
  world_.quiet();
  world_.machine.out("painted\n", 0);
  world_.machine.exit(0, 0);
  ASSERT_TRUE(world_.until([&] { return runs_->running() == 0; }));
  world_.quiet();
  EXPECT_EQ(now(task).result, "painted\n");
  expect_no_more_rounds_than(2);
}

TEST_P(OpenTasks, AnOlderTownsTaskThatNothingBringsIsBroughtAgain) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  end_round(1);
  supervisor_->hold();
  // In hand, and no message of it.
  const auto letter = world_.await(inbox(ground_, "ada")).value().messages.at(0).id;
  const auto run = world_.machine.run_at();
  const auto work = [](World& world, AgentId agent, TaskId id, RunId last,
                       MessageId message) -> Async<Result<store::Committed>> {
    run::Draft draft(world.env, world.store, Caller{});
    draft.write(store::QueueAck{inbox_queue(agent), message.str()});
    auto added = co_await draft.add(fact::MessagesHandled{agent, {message}});
    if (added) added = co_await draft.add(fact::TaskStarted{id, agent, last});
    if (!added) co_return fail(added.error());
    co_return co_await draft.commit();
  };
  ASSERT_TRUE(world_.await(work(world_, ada.id, task.id, run, letter)));
  stop_daemon();
  start_daemon();
  EXPECT_EQ(world_.count("TaskLeftOpen"), 1U);
  pass(2s, 500ms);
  ASSERT_TRUE(until_rounds(2));
  end_round(0, "painted");
  EXPECT_EQ(state_of(task), TaskState::completed);
}

TEST_P(OpenTasks, WhatRestsIsCancelledClaimedAndStoppedAsAnyOther) {
  const auto ada = spawn("ada");
  const auto bob = spawn("bob");
  auto task = assign(ada, "paint");
  make_progress(ada, task, 1);
  ASSERT_TRUE(requeue(task));
  EXPECT_EQ(now(task).again_at, std::nullopt);
  EXPECT_EQ(now(task).left_open, 0);
  EXPECT_TRUE(queue(inbox_queue(ada.id)).empty());
  ASSERT_TRUE(world_.await(
      claim_task(ground_, Caller{}, task.id.str(), std::optional<std::string>("bob"))));
  make_progress(bob, task, 2);
  kill(bob);
  expect_no_more_rounds_than(2);
  const auto told = world_.await(recover(ground_, {.dry_run = true})).value();
  ASSERT_EQ(told.trouble.size(), 1U);
  EXPECT_EQ(told.trouble[0].reason, "1 thing waits for it");
  const auto report =
      world_.await(reclaim(ground_, Caller{}, {.to = "ada", .from = "bob"})).value();
  EXPECT_EQ(report.done.tasks, 1);
  ASSERT_TRUE(until_rounds(3));
  end_round(0, "painted");
  EXPECT_EQ(state_of(task), TaskState::completed);
  task = assign(ada, "sweep");
  make_progress(ada, task, 4);
  ASSERT_TRUE(cancel(task));
  expect_no_more_rounds_than(4);
  EXPECT_EQ(now(ada).current_task, std::nullopt);
}

}  // namespace
}  // namespace reeve::town
