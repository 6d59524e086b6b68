// The invariant of work holds whatever two agents and a person do, in whatever order.

#include <gtest/gtest.h>

#include <random>

#include "town/directory.h"
#include "town/task_test_support.h"

namespace reeve::town {
namespace {

class TownWalk : public DaemonTest {
 protected:
  std::size_t below(std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(dice_);
  }
  bool chance(int percent) { return below(100) < static_cast<std::size_t>(percent); }

  Agent claimer(std::string name, Completes completes) {
    api::SpawnRequest request;
    request.name = std::move(name);
    request.cli = "worker";
    request.claims = true;
    request.completes = completes;
    return world_.await(town::spawn(ground_, Caller{}, std::move(request))).value();
  }
  /// The rounds that go on.
  std::vector<int> alive() {
    std::vector<int> all;
    for (std::size_t i = 0; i < world_.machine.started(); ++i) {
      if (world_.machine.process(static_cast<int>(i)).state.phase == proc::RoundPhase::alive)
        all.push_back(static_cast<int>(i));
    }
    return all;
  }
  /// A person or, where a round goes on, its agent.
  Caller somebody() {
    const auto rounds = alive();
    if (rounds.empty() || chance(40)) return {};
    const auto run = world_.machine.run_at(rounds[below(rounds.size())]);
    Caller caller;
    caller.round = Caller::Round{run, 1};
    caller.agent = world_.get<reeve::Run>(run).agent;
    caller.origin = "agent";
    return caller;
  }
  std::string some_agent() { return chance(50) ? "ada" : "bob"; }
  TaskId some_task() { return tasks_[below(tasks_.size())]; }

  api::AssignRequest request() {
    api::AssignRequest made{.text = "task " + std::to_string(tasks_.size())};
    made.priority = static_cast<Priority>(below(4));
    made.notify = chance(30);
    if (!tasks_.empty() && chance(30)) made.after.push_back(some_task().str());
    return made;
  }
  void keep(const Result<reeve::Task>& made) {
    if (made) tasks_.push_back(made->id);
  }
  /// Refused or not: it is the state after it that counts.
  std::string step() {
    const auto caller = somebody();
    if (tasks_.size() < 3 || chance(12)) {
      if (chance(50)) {
        keep(world_.await(add_task(ground_, caller, request())));
        return "add";
      }
      keep(world_.await(town::assign(ground_, caller, some_agent(), request())));
      return "assign";
    }
    const auto task = some_task().str();
    switch (below(11)) {
      case 0: world_.await(claim_task(ground_, caller, task, some_agent())); return "claim";
      case 1: world_.await(cancel_task(ground_, caller, task, "")); return "cancel";
      case 2: world_.await(requeue_task(ground_, caller, task, "")); return "requeue";
      case 3: world_.await(retry_task(ground_, caller, task, {})); return "retry";
      case 4:
        world_.await(retry_task(ground_, caller, task, {some_agent(), ""}));
        return "retry elsewhere";
      case 5: world_.await(start_task(ground_, caller, task)); return "start";
      case 6:
        world_.await(town::report(ground_, caller, task, Report::complete, "done"));
        return "complete";
      case 7: world_.await(town::report(ground_, caller, task, Report::fail, "no")); return "fail";
      case 8:
        world_.await(town::report(ground_, caller, task, Report::progress, "on"));
        return "progress";
      case 9: world_.env.advance(std::chrono::seconds(below(90))); return "time";
      default: break;
    }
    const auto rounds = alive();
    if (rounds.empty()) return "nothing";
    world_.machine.exit(chance(70) ? 0 : 1, rounds[below(rounds.size())]);
    return "end of a round";
  }
  /// Everything that the town can do by itself is done.
  void rest() {
    world_.quiet();
    for (int round = 0; round < 20; ++round) {  // what threads and files bring
      world_.loop.restart();
      if (world_.loop.poll() == 0 && world_.store.in_flight == 0) break;
      world_.quiet();
    }
  }
  /// Looks until nothing was committed while it looked.
  void expect_placed(const std::string& after) {
    auto head = world_.store.log().head;
    auto wrong = world_.await(misplaced_in(world_.store));
    while (wrong && (world_.store.in_flight > 0 || head < world_.store.log().head)) {
      head = world_.store.log().head;
      wrong = world_.await(misplaced_in(world_.store));
    }
    ASSERT_TRUE(wrong) << wrong.error().message();
    for (const auto& one : *wrong) ADD_FAILURE() << after << ": " << one;
  }

  void walk(unsigned seed, int steps) {
    dice_.seed(seed);
    claimer("ada", Completes::success);
    claimer("bob", Completes::report);
    for (int i = 0; i < steps; ++i) {
      const auto did = step();
      ASSERT_NO_FATAL_FAILURE(expect_placed("seed " + std::to_string(seed) + ", step " +
                                            std::to_string(i) + ", " + did));
      rest();
      ASSERT_NO_FATAL_FAILURE(expect_placed("seed " + std::to_string(seed) + ", step " +
                                            std::to_string(i) + ", at rest after " + did));
      if (HasFailure()) return;
    }
    // All of it can be brought to an end.
    for (const auto& id : tasks_) world_.await(cancel_task(ground_, Caller{}, id.str(), "evening"));
    for (int i = 0; i < 200 && !alive().empty(); ++i) {
      world_.machine.exit(0, alive().front());
      ASSERT_TRUE(world_.until([&] { return runs_->running() <= alive().size(); }));
      rest();
    }
    EXPECT_TRUE(alive().empty());
    for (const auto& id : tasks_) EXPECT_TRUE(is_ended(world_.get<reeve::Task>(id).state));
    for (const char* name : {"ada", "bob"}) {
      const auto agent = world_.await(find_agent(world_.store, name)).value();
      EXPECT_EQ(agent.state, AgentState::idle) << name;
      EXPECT_EQ(agent.current_task, std::nullopt) << name;
    }
  }

  std::mt19937 dice_;
  std::vector<TaskId> tasks_;
};

INSTANTIATE_TEST_SUITE_P(, TownWalk, ::testing::Values(Backend::memory, Backend::sqlite),
                         run::testing::name_of);

TEST_P(TownWalk, AnOpenTaskIsInHandInTheInboxOrInTheBacklogAfterEveryStep1) { walk(1, 250); }
TEST_P(TownWalk, AnOpenTaskIsInHandInTheInboxOrInTheBacklogAfterEveryStep2) { walk(2, 250); }
TEST_P(TownWalk, AnOpenTaskIsInHandInTheInboxOrInTheBacklogAfterEveryStep3) { walk(3, 250); }
TEST_P(TownWalk, AnOpenTaskIsInHandInTheInboxOrInTheBacklogAfterEveryStep4) { walk(4, 250); }

}  // namespace
}  // namespace reeve::town
