#include "town/backlog.h"

#include <gtest/gtest.h>

#include "town/task_test_support.h"

namespace reeve::town {
namespace {

class TownBacklog : public TownTasks {};

TEST_F(TownBacklog, AddListClaimFifo) {
  const auto ada = spawn("ada").value();
  const auto first = add("first").value();
  ASSERT_TRUE(add("second"));
  EXPECT_EQ(in_backlog(), (std::vector<std::string>{"first", "second"}));
  const auto before = world_.store.commits;
  const auto claimed = claim(first.id, "ada").value();
  EXPECT_EQ(world_.store.commits, before + 1) << "one commit";
  EXPECT_EQ(claimed.agent, ada.id);
  EXPECT_EQ(claimed.state, TaskState::assigned);
  EXPECT_EQ(in_backlog(), std::vector<std::string>{"second"});
  EXPECT_EQ(inbox("ada").messages[0].task, first.id);
}

TEST_F(TownBacklog, ByPriorityThenByAge) {
  for (const auto& [text, priority] : {std::pair{"low", Priority::low},
                                       {"normal", Priority::normal},
                                       {"urgent", Priority::urgent},
                                       {"high", Priority::high},
                                       {"high too", Priority::high}})
    ASSERT_TRUE(add(text, {}, priority));
  EXPECT_EQ(in_backlog(),
            (std::vector<std::string>{"urgent", "high", "high too", "normal", "low"}));
  std::vector<std::string> paged;
  for (std::optional<std::uint64_t> next = 0; next;) {
    const auto page = backlog(*next, 2);
    for (const auto& view : page.tasks) paged.push_back(view.task.text);
    next = page.next;
  }
  EXPECT_EQ(paged, in_backlog());
}

TEST_F(TownBacklog, WhoCouldTakeWhat) {
  ASSERT_TRUE(spawn("backend-1"));
  ASSERT_TRUE(spawn("ada"));
  ASSERT_TRUE(spawn("tester"));
  ASSERT_TRUE(kill("tester"));
  ASSERT_TRUE(add("mend the button", {"ui"}));
  ASSERT_TRUE(add("mend the API"));
  const auto page = backlog();
  EXPECT_EQ(page.tasks[0].takers, std::vector<std::string>{"ada"});
  EXPECT_EQ(page.tasks[1].takers, (std::vector<std::string>{"backend-1", "ada"}));
  EXPECT_EQ(page.tasks[0].from, "supervisor");
}

TEST_F(TownBacklog, W26_ABadAgentNameLosesNothing) {
  ASSERT_TRUE(spawn("ada"));
  ASSERT_TRUE(kill("ada"));
  const auto made = add("paint").value();
  EXPECT_EQ(code_of(claim(made.id, "nobody")), Errc::not_found);
  EXPECT_EQ(code_of(claim(made.id, "ada")), Errc::conflict);
  EXPECT_EQ(code_of(claim(made.id, "")), Errc::invalid_argument);
  EXPECT_EQ(in_backlog(), std::vector<std::string>{"paint"});
}

TEST_F(TownBacklog, OfTwoClaimersOneWinsAndTheOtherIsToldWho) {
  ASSERT_TRUE(spawn("ada"));
  ASSERT_TRUE(spawn("bob"));
  const auto made = add("paint").value();
  std::vector<Result<reeve::Task>> answers;
  aio::TaskGroup group(world_.loop.get_executor());
  const auto one = [](Ground ground, std::string task, std::string agent,
                      std::vector<Result<reeve::Task>>& out) -> Async<> {
    out.push_back(co_await claim_task(ground, Caller{}, task, agent));
  };
  group.spawn("ada", one(ground_, made.id.str(), "ada", answers));
  group.spawn("bob", one(ground_, made.id.str(), "bob", answers));
  world_.await(group.join());
  ASSERT_EQ(answers.size(), 2U);
  const auto& won = answers[0] ? answers[0] : answers[1];
  const auto& lost = answers[0] ? answers[1] : answers[0];
  ASSERT_TRUE(won);
  EXPECT_EQ(code_of(lost), Errc::conflict);
  const auto winner = agent(*won->agent).name;
  EXPECT_TRUE(text_of(lost).contains(winner + "'s")) << text_of(lost);
  EXPECT_EQ(world_.count("TaskAssigned"), 1U);
}

TEST_F(TownBacklog, InsideARoundTheAgentClaimsForItself) {
  const auto ada = spawn("ada").value();
  const auto made = add("paint").value();
  const auto claimed = world_.await(claim_task(ground_, by(ada), made.id.str(), std::nullopt));
  ASSERT_TRUE(claimed) << claimed.error().message();
  EXPECT_EQ(claimed->agent, ada.id);
  EXPECT_EQ(world_.count("TaskDelegated"), 0U);
}

TEST_F(TownBacklog, AssignAllGoesOnPastAFailureAndReports) {
  ASSERT_TRUE(spawn("ada"));
  const auto first = add("first").value();
  const auto waits = add({.text = "waits", .after = {first.id.str()}}).value();
  ASSERT_TRUE(add("third"));
  const auto all = [&](std::string agent, Caller caller = {}) {
    return world_.await(assign_all(ground_, std::move(caller), std::move(agent)));
  };
  const auto report = all("ada", keyed("k")).value();
  EXPECT_EQ(report.agent, "ada");
  EXPECT_EQ(report.claimed, 2);
  ASSERT_EQ(report.tasks.size(), 3U);
  EXPECT_EQ(report.tasks[0].text, "first");
  EXPECT_EQ(report.tasks[1].task, waits.id);
  EXPECT_TRUE(report.tasks[1].error.value_or("").contains("waits for " + first.id.short_str()));
  EXPECT_FALSE(report.tasks[2].error);
  EXPECT_EQ(in_backlog(), std::vector<std::string>{"waits"});

  // G9: a repetition gives no more than the first one.
  ASSERT_TRUE(add("later"));
  const auto again = all("ada", keyed("k")).value();
  EXPECT_EQ(again.claimed, 2);
  EXPECT_EQ(again.tasks.size(), 3U);
  EXPECT_EQ(in_backlog(), (std::vector<std::string>{"waits", "later"}));

  EXPECT_EQ(code_of(all("nobody")), Errc::not_found);
  ASSERT_TRUE(kill("ada"));
  EXPECT_EQ(code_of(all("ada")), Errc::conflict);
}

TEST_F(TownBacklog, RemoveCancelsWhatIsThereAndNothingElse) {
  ASSERT_TRUE(spawn("ada"));
  const auto made = add("paint").value();
  EXPECT_EQ(remove(made.id).value().state, TaskState::cancelled);
  EXPECT_TRUE(in_backlog().empty());
  const auto taken = assign("ada", "sweep").value();
  EXPECT_EQ(code_of(remove(taken.id)), Errc::conflict);
  EXPECT_TRUE(text_of(remove(taken.id)).contains("is assigned"));
  EXPECT_EQ(task(taken.id).state, TaskState::assigned);
}

TEST_F(TownBacklog, WhatWaitsForOthersCannotBeClaimed) {
  ASSERT_TRUE(spawn("ada"));
  const auto first = add("first").value();
  const auto second = add({.text = "second", .after = {first.id.str()}}).value();
  EXPECT_TRUE(text_of(claim(second.id, "ada")).contains(first.id.short_str() + " (pending)"));
  ASSERT_EQ(show(second.id).waits_for.size(), 1U);
  EXPECT_EQ(show(second.id).waits_for[0].text, "first");
  EXPECT_EQ(backlog().tasks[1].waits_for[0].id, first.id);
  ASSERT_TRUE(cancel(first.id));
  EXPECT_TRUE(text_of(claim(second.id, "ada")).contains("(cancelled)"));
  EXPECT_EQ(show(second.id).waits_for[0].state, TaskState::cancelled);
  ASSERT_TRUE(retry(first.id));
  ASSERT_TRUE(report(first.id, Report::complete, ""));
  EXPECT_TRUE(show(second.id).waits_for.empty());
  EXPECT_TRUE(claim(second.id, "ada"));
}

TEST_F(TownBacklog, TheNextForARoleOfTheFirstFew) {
  auto ada = spawn("backend").value();
  const auto next = [&] { return world_.await(claim_next(ground_, ada)); };
  EXPECT_EQ(next().value(), false);
  const auto ui = add("ui", {"ui"}).value();
  const auto waits = add({.text = "api, later", .after = {ui.id.str()}}).value();
  EXPECT_EQ(next().value(), false);
  const auto api = add("the api").value();
  EXPECT_EQ(next().value(), true);
  EXPECT_EQ(task(api.id).agent, ada.id);
  EXPECT_EQ(task(waits.id).state, TaskState::pending);
  // However many there are, so many are looked at.
  for (std::size_t i = 2; i < kLookedAt; ++i) ASSERT_TRUE(add("ui", {"ui"}));
  ASSERT_TRUE(add("an api too far"));
  EXPECT_EQ(next().value(), false);
  ASSERT_TRUE(add("an api at once", {}, Priority::high));
  EXPECT_EQ(next().value(), true);
}

}  // namespace
}  // namespace reeve::town
