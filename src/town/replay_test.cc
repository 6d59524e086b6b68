// State is the fold of its events: a whole small town against its log, with retention at work.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/town_at.h"
#include "run/testing.h"
#include "town/agent_views.h"
#include "town/agents.h"
#include "town/control.h"
#include "town/inbox.h"
#include "town/messages.h"
#include "town/retention.h"
#include "town/supervisor.h"
#include "town/tasks.h"

namespace reeve::town {
namespace {

using namespace std::chrono_literals;
using run::testing::Backend;
using run::testing::World;
using ::testing::IsEmpty;

class EventsReplayTown : public ::testing::TestWithParam<Backend> {
 protected:
  EventsReplayTown() { start_daemon(); }
  ~EventsReplayTown() override { stop_daemon(); }

  void start_daemon() {
    supervisor_ =
        std::make_unique<Supervisor>(ground_, world_.loop.get_executor(), Supervisor::Options());
    run::Runs::Options options;
    options.rounds = world_.dir.path() / "rounds";
    options.root = world_.dir.path();
    runs_ = std::make_unique<run::Runs>(world_.env, world_.loop.get_executor(), world_.log,
                                        world_.machine, *supervisor_, options);
    ASSERT_TRUE(world_.await(runs_->recover()));
    ASSERT_TRUE(world_.await(supervisor_->start(*runs_)));
    world_.quiet();
  }
  void stop_daemon() {
    world_.await(supervisor_->close());
    world_.await(runs_->close());
    runs_.reset();
    supervisor_.reset();
  }
  Agent spawn(std::string name, std::string cli = "claude") {
    api::SpawnRequest request;
    request.name = std::move(name);
    request.cli = std::move(cli);
    return world_.await(town::spawn(ground_, Caller{}, std::move(request))).value();
  }
  reeve::Task assign(const Agent& agent, std::string text) {
    api::AssignRequest request;
    request.text = std::move(text);
    return world_.await(town::assign(ground_, Caller{}, agent.id.str(), std::move(request)))
        .value();
  }
  void send(std::string to, MessageType type, Caller caller = {}) {
    api::SendRequest request;
    request.to = std::move(to);
    request.text = "a word";
    request.type = type;
    ASSERT_TRUE(world_.await(town::send(ground_, std::move(caller), std::move(request))));
  }
  Caller inside(const Agent& agent) {
    Caller caller;
    caller.agent = agent.id;
    caller.origin = "agent:" + agent.name;
    caller.round = Caller::Round{world_.machine.run_at(), 1};
    return caller;
  }
  void until_round(std::size_t number) {
    ASSERT_TRUE(world_.until([&] {
      world_.env.advance(1ms);
      return world_.machine.started() >= number && runs_->running() > 0;
    }));
  }
  void end_round(int code, int index = -1) {
    const auto running = runs_->running();
    world_.machine.exit(code, index);
    ASSERT_TRUE(world_.until([&] { return runs_->running() < running; }));
    world_.quiet();
  }
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

  World world_{GetParam()};
  Ground ground_{world_.env, world_.log, "oak", "claude"};
  std::unique_ptr<Supervisor> supervisor_;
  std::unique_ptr<run::Runs> runs_;
  std::uint64_t removed_ = 0;
};

INSTANTIATE_TEST_SUITE_P(, EventsReplayTown, ::testing::Values(Backend::memory, Backend::sqlite),
                         run::testing::name_of);

TEST_P(EventsReplayTown, G11EveryDocumentIsTheFoldOfTheLogAtEveryTurnOfADay) {
  const auto ada = spawn("ada");
  const auto bob = spawn("bob", "worker");
  const auto eve = spawn("eve", "worker");
  check("agents");

  const auto door = assign(ada, "paint the door");
  until_round(1);
  world_.machine.out(run::testing::claude_init("s-1"));
  world_.machine.out(run::testing::claude_message("m1", "on it"));
  ASSERT_TRUE(world_.until_event("AssistantMessage"));
  check("a round is at work");
  ASSERT_TRUE(world_.await(
      town::report(ground_, inside(ada), door.id.str(), Report::progress, "half of it")));
  send("bob", MessageType::query, inside(ada));
  send("supervisor", MessageType::informational, inside(ada));
  check("it reported and asked");
  until_round(2);  // bob has been asked
  world_.machine.out(run::testing::claude_result("done"), 0);
  end_round(0, 0);
  check("it succeeded, and its task waits for its agent's word");

  end_round(1);
  check("a round failed");
  for (std::size_t round = 3; round <= 4; ++round) {
    world_.env.advance(60s);
    until_round(round);
    end_round(1);
  }
  check("a dead letter");

  const auto wall = assign(eve, "paint the wall");
  until_round(5);
  ASSERT_TRUE(
      world_.await(town::report(ground_, inside(eve), wall.id.str(), Report::complete, "painted")));
  check("a task was reported as done");
  ASSERT_TRUE(world_.await(town::kill(ground_, Caller{}, "eve", "enough")));
  check("a stop was asked for");
  world_.machine.exit(143);
  ASSERT_TRUE(world_.until([&] { return runs_->running() == 0; }));
  check("it was stopped");

  assign(ada, "paint the floor");
  until_round(6);
  stop_daemon();  // the round goes on without it
  check("no daemon");
  start_daemon();
  world_.machine.out(run::testing::claude_result("done again"));
  end_round(0);
  ASSERT_TRUE(world_.await(town::kill(ground_, Caller{}, bob.id.str(), "")));
  check("the evening");
  EXPECT_GT(removed_, 40U);
}

}  // namespace
}  // namespace reeve::town
