#include "town/reclaim.h"

#include <set>

#include "town/sweep.h"
#include "town/task_steps.h"
#include "town/testing.h"

namespace reeve::town {
namespace {

class TownBacklogReclaim : public ServicesTest {
 protected:
  /// ada is stopped, and what waits for her is: two tasks, an urgent question, work in free text,
  /// and news.
  void leave_work() {
    ada_ = spawn("ada").value();
    bob_ = spawn("bob").value();
    first_ = assign("ada", "paint").value();
    ASSERT_TRUE(send("ada", "sweep the yard", MessageType::task));
    ASSERT_TRUE(send("ada", "lunch at noon"));
    ASSERT_TRUE(send("ada", "are you there?", MessageType::query, Priority::urgent));
    second_ = assign("ada", "draw").value();
    ASSERT_TRUE(kill("ada"));
  }
  Result<api::ReclaimReport> ask(api::ReclaimRequest request) {
    return world_.await(reclaim(ground_, Caller{}, std::move(request)));
  }
  std::vector<std::string> backlog() {
    std::vector<std::string> out;
    for (const auto& item : world_.await(world_.store.items(kBacklog, 1000)).value())
      out.push_back(world_.get<reeve::Task>(TaskId::parse(item.item).value()).text);
    return out;
  }
  reeve::Task now(const reeve::Task& task) { return world_.get<reeve::Task>(task.id); }
  void expect_nothing_to_mend() {
    SweepRules rules;
    rules.grace = Duration(0);
    for (const auto& orphan : world_.await(sweep(ground_, rules)).value().orphans)
      ADD_FAILURE() << orphan.what << " " << orphan.id << ": " << orphan.text;
  }

  Agent ada_;
  Agent bob_;
  reeve::Task first_;
  reeve::Task second_;
};

/// Row: reclaim from dead.
TEST_F(TownBacklogReclaim, ReclaimFromDead) {
  leave_work();
  const auto listed = ask({}).value();
  EXPECT_TRUE(listed.dry_run);
  ASSERT_EQ(listed.agents.size(), 1U);
  EXPECT_EQ(listed.agents[0].agent, "ada");
  EXPECT_EQ(listed.agents[0].state, "stopped");
  EXPECT_EQ(listed.agents[0].messages, 5);
  EXPECT_EQ(listed.agents[0].urgent, 1);
  EXPECT_EQ(listed.agents[0].texts, 1);
  EXPECT_EQ(listed.agents[0].tasks, 2);
}

TEST_F(TownBacklogReclaim, W25_AListingTakesNothing) {
  leave_work();
  const auto before = texts("ada");
  const auto commits = world_.store.commits;
  ASSERT_TRUE(ask({}));
  ASSERT_TRUE(ask({.from = "ada"}));
  ASSERT_TRUE(ask({.orphan_tasks = true}));
  EXPECT_EQ(texts("ada"), before);
  EXPECT_EQ(world_.store.commits, commits);
}

/// Row: to backlog.
TEST_F(TownBacklogReclaim, ToBacklog) {
  leave_work();
  const auto done = ask({.to_backlog = true}).value().done;
  EXPECT_EQ(done.requeued, 2);
  EXPECT_EQ(done.created, 1);
  EXPECT_EQ(done.left, 2);
  EXPECT_EQ(backlog(), (std::vector<std::string>{"paint", "sweep the yard", "draw"}));
  EXPECT_EQ(texts("ada"), (std::vector<std::string>{"are you there?", "lunch at noon"}));
  for (const auto& task : {first_, second_}) {
    EXPECT_EQ(now(task).state, TaskState::pending);
    EXPECT_FALSE(now(task).agent) << "W-25: nothing stays assigned to the dead";
  }
  expect_nothing_to_mend();
  // Once more: nothing is there twice.
  const auto again = ask({.to_backlog = true}).value().done;
  EXPECT_EQ(again.requeued + again.created, 0);
  EXPECT_EQ(again.left, 2);
  EXPECT_EQ(backlog().size(), 3U);
}

/// Row: move message.
TEST_F(TownBacklogReclaim, MoveMessage) {
  leave_work();
  const auto before = texts("ada");
  EXPECT_EQ(before.front(), "are you there?") << "W-25: urgent ones are not passed over";
  const auto done = ask({.to = "bob"}).value().done;
  EXPECT_EQ(done.messages, 5);
  EXPECT_EQ(done.tasks, 2);
  EXPECT_EQ(texts("bob"), before);
  EXPECT_TRUE(texts("ada").empty());
  for (const auto& task : {first_, second_}) {
    EXPECT_EQ(now(task).state, TaskState::assigned);
    EXPECT_EQ(now(task).agent, bob_.id) << "W-25: tasks go with their messages";
  }
  EXPECT_EQ(world_.count("MessageMoved"), 5U);
  expect_nothing_to_mend();
  EXPECT_TRUE(ask({}).value().agents.empty());
}

TEST_F(TownBacklogReclaim, ATaskThatWasLeftOpenMovesWithoutAMessage) {
  leave_work();
  // As a round left it that reported progress, before ada was stopped.
  const auto letter = inbox("ada").messages.at(1).id;
  const RunId run(world_.env.uuid4());
  ASSERT_TRUE(world_.commit({fact::TaskStarted{first_.id, ada_.id, run}}));
  ASSERT_TRUE(world_.commit({fact::MessagesHandled{ada_.id, {letter}}}));
  ASSERT_TRUE(world_.await(
      world_.store.commit({.writes = {store::QueueAck{inbox_queue(ada_.id), letter.str()}}})));
  const auto done = ask({.to = "bob", .from = "ada"}).value().done;
  EXPECT_EQ(done.messages, 4);
  EXPECT_EQ(done.tasks, 2);
  EXPECT_EQ(now(first_).agent, bob_.id);
  EXPECT_FALSE(world_.get<Agent>(ada_.id).current_task);
  EXPECT_EQ(texts("bob").back(), "paint");
  expect_nothing_to_mend();
}

TEST_F(TownBacklogReclaim, MailOfTasksThatAreOverIsSettled) {
  leave_work();
  ASSERT_TRUE(report(first_.id, Report::complete, "somebody painted it"));
  const auto done = ask({.to = "bob"}).value().done;
  EXPECT_EQ(done.settled, 1);
  EXPECT_EQ(done.messages, 4);
  EXPECT_EQ(done.tasks, 1);
}

TEST_F(TownBacklogReclaim, OrphanTasksAreListedRequeuedOrCancelled) {
  leave_work();
  reeve::Task lost;
  lost.id = TaskId(world_.env.uuid4());
  lost.text = "of nobody\nand more";
  lost.state = TaskState::assigned;
  lost.agent = AgentId(world_.env.uuid4());
  ASSERT_TRUE(world_.commit({fact::TaskCreated{lost}}));

  const auto listed = ask({.orphan_tasks = true}).value();
  ASSERT_EQ(listed.tasks.size(), 3U);
  std::set<std::string> whys;
  for (const auto& task : listed.tasks) whys.insert(task.why);
  EXPECT_EQ(whys, (std::set<std::string>{"its agent is gone", "its agent is stopped"}));

  EXPECT_EQ(ask({.to_backlog = true, .from = "ada", .orphan_tasks = true}).value().done.requeued,
            2);
  EXPECT_EQ(backlog(), (std::vector<std::string>{"paint", "draw"}));
  EXPECT_EQ(texts("ada").size(), 3U) << "mail that brings no task stays";

  const auto cancelled = ask({.orphan_tasks = true, .cancel = true}).value().done;
  EXPECT_EQ(cancelled.cancelled, 1);
  EXPECT_EQ(now(lost).state, TaskState::cancelled);
  EXPECT_EQ(now(lost).result, "its agent is gone");
  EXPECT_TRUE(ask({.orphan_tasks = true}).value().tasks.empty());
  expect_nothing_to_mend();
}

TEST_F(TownBacklogReclaim, OnlyWhatWaitsForTheEndedIsReclaimed) {
  leave_work();
  ASSERT_TRUE(assign("bob", "his own"));
  EXPECT_EQ(code_of(ask({.from = "bob"})), Errc::conflict);
  EXPECT_EQ(code_of(ask({.to = "ada"})), Errc::conflict);
  EXPECT_EQ(code_of(ask({.to = "nobody"})), Errc::not_found);
  EXPECT_EQ(code_of(ask({.to_backlog = true, .to = "bob"})), Errc::invalid_argument);
  EXPECT_EQ(code_of(ask({.cancel = true})), Errc::invalid_argument);
  ASSERT_TRUE(ask({.to_backlog = true}));
  EXPECT_EQ(texts("bob"), std::vector<std::string>{"his own"});
}

TEST_F(TownBacklogReclaim, ACutOffReclaimIsGoneOnWithAndNothingIsThereTwice) {
  leave_work();
  ASSERT_TRUE(world_.commit({fact::AgentRestarted{ada_.id, AgentState::stopped, "", {}, false}}));
  for (int i = 0; i < 250; ++i) ASSERT_TRUE(send("ada", "news " + std::to_string(i)));
  ASSERT_TRUE(kill("ada"));
  const auto before = texts("ada");
  // The first commit is made, of the second nobody knows.
  world_.store.commits_left = 2;
  world_.store.last_applied = true;
  EXPECT_FALSE(ask({.to = "bob"}));
  world_.store.down = false;
  world_.store.commits_left.reset();
  EXPECT_EQ(texts("bob").size(), 200U);
  const auto done = ask({.to = "bob"}).value().done;
  EXPECT_EQ(done.messages, 55);
  EXPECT_EQ(texts("bob"), before);
  EXPECT_EQ(world_.count("MessageMoved"), before.size());
  EXPECT_EQ(world_.store.largest, 102U) << "commits are of bounded size";
}

}  // namespace
}  // namespace reeve::town
