// State is the fold of its events: a whole small town against its log, with retention at work.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/town_at.h"
#include "run/fold_check.h"
#include "town/retention.h"
#include "town/testing.h"

namespace reeve::town {
namespace {

class EventsReplayTown : public DaemonTest {
 protected:
  /// ... also where the beginning is gone.
  void check(std::string_view when) {
    SCOPED_TRACE(when);
    world_.quiet();
    world_.expect_folded();
    auto ground = ground_;
    ground.retention.max_events = 3;
    ground.retention.keep_events = 3;
    const auto done = world_.await(apply_retention(ground, Caller{}));
    ASSERT_TRUE(done) << done.error().message();
    removed_ += done->events;
    world_.quiet();
    world_.expect_folded();
    compare_views();
  }
  /// What `status` says is what it says of a fold.
  void compare_views() {
    const auto fold = world_.await(run::testing::fold_of(world_.store)).value();
    const auto folded = town_at(fold, Scope::town());
    auto agents = world_.await(list_agents(ground_)).value().agents;
    for (auto& view : agents) view.permissions_note.reset();
    const auto by_id = [](const api::AgentView& view) { return view.agent.id; };
    auto folded_agents = folded.agents;
    std::ranges::sort(folded_agents, {}, by_id);  // the clock stood when they were spawned
    std::ranges::sort(agents, {}, by_id);
    EXPECT_EQ(write_json_of(folded_agents), write_json_of(agents));
    EXPECT_EQ(write_json_of(folded.tasks),
              write_json_of(world_.await(count_tasks(ground_)).value()));
    EXPECT_EQ(folded.supervisor_inbox,
              static_cast<std::int64_t>(
                  world_.await(inbox(ground_, std::string(kSupervisor)))->messages.size()));
  }

  std::uint64_t removed_ = 0;
};

INSTANTIATE_TEST_SUITE_P(, EventsReplayTown, ::testing::Values(Backend::memory, Backend::sqlite),
                         run::testing::name_of);

TEST_P(EventsReplayTown, G11EveryDocumentIsTheFoldOfTheLogAtEveryTurnOfADay) {
  const auto ada = spawn("ada", Completes::success, "claude");
  const auto bob = spawn("bob");
  const auto eve = spawn("eve");
  check("agents");

  const auto door = assign(ada, "paint the door");
  ASSERT_TRUE(until_rounds(1));
  world_.machine.out(run::testing::claude_init("s-1"));
  world_.machine.out(run::testing::claude_message("m1", "on it"));
  ASSERT_TRUE(world_.until_event("AssistantMessage"));
  check("a round is at work");
  report(door, Report::progress, "half of it", inside(ada));
  send("bob", "a word", MessageType::query, inside(ada));
  send("supervisor", "a word", MessageType::informational, inside(ada));
  check("it reported and asked");
  ASSERT_TRUE(until_rounds(2));  // bob has been asked
  world_.machine.out(run::testing::claude_result("done"), 0);
  end_round(0, "", 0);
  check("it succeeded, and its task waits for its agent's word");

  end_round(1);
  check("a round failed");
  for (std::size_t round = 3; round <= 4; ++round) {
    world_.env.advance(60s);
    ASSERT_TRUE(until_rounds(round));
    end_round(1);
  }
  check("a dead letter");

  const auto wall = assign(eve, "paint the wall");
  ASSERT_TRUE(until_rounds(5));
  report(wall, Report::complete, "painted", inside(eve));
  check("a task was reported as done");
  kill(eve);
  check("a stop was asked for");
  world_.machine.exit(143);
  ASSERT_TRUE(world_.until([&] { return runs_->running() == 0; }));
  check("it was stopped");

  assign(ada, "paint the floor");
  ASSERT_TRUE(until_rounds(6));
  stop_daemon();  // the round goes on without it
  check("no daemon");
  start_daemon();
  world_.machine.out(run::testing::claude_result("done again"));
  end_round(0);
  kill(bob);
  check("the evening");
  EXPECT_GT(removed_, 40U);
}

}  // namespace
}  // namespace reeve::town
