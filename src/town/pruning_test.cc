#include "town/pruning.h"

#include <gtest/gtest.h>

#include "town/directory.h"
#include "town/testing.h"

namespace reeve::town {
namespace {

class TownPruning : public ServicesTest {
 protected:
  Result<Agent> prune(std::string agent, api::Leftovers leftovers = api::Leftovers::refuse,
                      Caller caller = {}) {
    api::PruneRequest request;
    request.leftovers = leftovers;
    return world_.await(
        town::prune(ground_, std::move(caller), std::move(agent), std::move(request)));
  }
  std::vector<std::string> backlog() {
    std::vector<std::string> ids;
    for (const auto& item : world_.await(world_.store.items("backlog", 1000)).value())
      ids.push_back(item.item);
    return ids;
  }
  std::size_t in_queue(std::string queue) {
    return world_.await(world_.store.items(std::move(queue), 1000)).value().size();
  }
};

TEST_F(TownPruning, W03_TheLivingAreRefused) {
  ASSERT_TRUE(spawn("ada"));
  for (const auto how : {api::Leftovers::refuse, api::Leftovers::drop}) {
    const auto refused = prune("ada", how);
    ASSERT_EQ(code_of(refused), Errc::conflict);
    EXPECT_TRUE(refused.error().message().contains("ada is idle")) << refused.error().message();
    EXPECT_TRUE(refused.error().message().contains("reeve kill ada"));
  }
  Agent ending;
  ending.state = AgentState::error;
  ending.current_run = RunId(Uuid{{1}});
  EXPECT_EQ(code_of(decide_prune(ending, 0, 0, api::Leftovers::drop)), Errc::conflict);
}

TEST_F(TownPruning, APrunedAgentIsOutOfTheTownAndItsNamesAreFree) {
  api::SpawnRequest request;
  request.name = "ada";
  request.nickname = "countess";
  request.cli = "worker";
  request.env = {{"KEY", "secret"}};
  const auto ada = world_.await(town::spawn(ground_, Caller{}, request)).value();
  ASSERT_TRUE(kill("ada"));
  EXPECT_TRUE(prune("ada").value().pruned);
  EXPECT_TRUE(world_.await(all_agents(world_.store)).value().empty());
  EXPECT_TRUE(world_.await(list_agents(ground_)).value().agents.empty());
  EXPECT_EQ(world_.await(list_agents(ground_)).value().total, 0);
  EXPECT_TRUE(world_.await(notable_agents(ground_, 50)).value().empty());
  EXPECT_EQ(api::sum(world_.await(count_agents(ground_)).value()), 0);
  for (const std::string gone : {"ada", "countess"})
    EXPECT_EQ(code_of(world_.await(find_agent(world_.store, gone))), Errc::not_found) << gone;
  // Its history stays: by its id it is known still, and has its name.
  EXPECT_EQ(world_.await(display_name(world_.store, ada.id.str())), "ada");
  EXPECT_FALSE(world_.await(world_.store.get({run::kEnvKind, ada.id.str()})).value());
  const auto again = spawn("ada").value();
  EXPECT_NE(again.id, ada.id);
  EXPECT_TRUE(spawn("countess"));
  // Nothing can be done to it any more.
  EXPECT_EQ(code_of(world_.await(restart(ground_, Caller{}, ada.id.str(), {}))), Errc::not_found);
  EXPECT_EQ(code_of(kill(ada.id.str())), Errc::not_found);
  EXPECT_EQ(code_of(prune(ada.id.str())), Errc::not_found);
  EXPECT_FALSE(assign(ada.id.str(), "paint"));
  EXPECT_EQ(code_of(world_.await(wait_agent(ground_, ada.id.str()))), Errc::conflict);
}

TEST_F(TownPruning, MailAndOpenTasksAreNotLostSilently) {
  const auto ada = spawn("ada").value();
  const auto task = assign("ada", "paint").value();
  ASSERT_TRUE(send("ada", "fyi"));
  ASSERT_TRUE(kill("ada"));
  const auto refused = prune("ada");
  ASSERT_EQ(code_of(refused), Errc::conflict);
  EXPECT_TRUE(refused.error().message().contains("2 messages and 1 open task"))
      << refused.error().message();
  EXPECT_TRUE(refused.error().message().contains("--requeue"));
  EXPECT_EQ(in_queue(inbox_queue(ada.id)), 2U);
  EXPECT_EQ(world_.get<reeve::Task>(task.id).state, TaskState::assigned);
}

TEST_F(TownPruning, RequeuedItsWorkIsInTheBacklog) {
  const auto ada = spawn("ada").value();
  const auto task = assign("ada", "paint", {}, Priority::urgent).value();
  const auto free_text = send("ada", "sweep the yard", MessageType::task).value();
  const auto info = send("ada", "fyi").value();
  const auto query = send("ada", "which?", MessageType::query).value();
  const auto done = assign("ada", "old").value();
  ASSERT_TRUE(report(done.id, Report::complete, "yes"));
  ASSERT_TRUE(kill("ada"));
  ASSERT_TRUE(prune("ada", api::Leftovers::requeue));
  const auto waiting = backlog();
  ASSERT_EQ(waiting.size(), 2U);
  EXPECT_EQ(waiting[0], task.id.str()) << "urgent first";
  const auto requeued = world_.get<reeve::Task>(task.id);
  EXPECT_EQ(requeued.state, TaskState::pending);
  EXPECT_EQ(requeued.agent, std::nullopt);
  const auto made = world_.get<reeve::Task>(TaskId::parse(waiting[1]).value());
  EXPECT_EQ(made.text, "sweep the yard");
  EXPECT_EQ(made.state, TaskState::pending);
  EXPECT_EQ(made.from, "supervisor");
  EXPECT_EQ(world_.get<reeve::Task>(done.id).state, TaskState::completed);
  EXPECT_EQ(in_queue(inbox_queue(ada.id)), 0U);
  for (const auto& id : {free_text.id, info.id, query.id}) {
    EXPECT_EQ(world_.get<Message>(id).state, MessageState::handled);
    EXPECT_TRUE(world_.get<Message>(id).withdrawn);
  }
}

TEST_F(TownPruning, DroppedItsTasksAreCancelled) {
  const auto ada = spawn("ada").value();
  const auto task = assign("ada", "paint").value();
  ASSERT_TRUE(send("ada", "sweep the yard", MessageType::task));
  ASSERT_TRUE(kill("ada"));
  ASSERT_TRUE(prune("ada", api::Leftovers::drop));
  EXPECT_EQ(world_.get<reeve::Task>(task.id).state, TaskState::cancelled);
  EXPECT_EQ(world_.get<reeve::Task>(task.id).result, "ada was pruned");
  EXPECT_TRUE(backlog().empty());
  EXPECT_EQ(in_queue(inbox_queue(ada.id)), 0U);
}

TEST_F(TownPruning, WhatItHadBegunIsItsToo) {
  const auto ada = spawn("ada").value();
  const auto task = assign("ada", "paint").value();
  // A round that reported progress is over, and the task is in no inbox.
  const auto begun = [](World& world, AgentId id, TaskId began) -> Async<Result<store::Committed>> {
    run::Draft draft(world.env, world.store, Caller{});
    const auto items = co_await world.store.items(inbox_queue(id), 10);
    for (const auto& item : *items) draft.write(store::QueueAck{inbox_queue(id), item.item});
    fact::TaskStarted started{began, id, RunId(world.env.uuid4())};
    EXPECT_TRUE(co_await draft.add(std::move(started)));
    co_return co_await draft.commit();
  };
  ASSERT_TRUE(world_.await(begun(world_, ada.id, task.id)));
  ASSERT_TRUE(kill("ada"));
  EXPECT_TRUE(prune("ada").error().message().contains("1 open task"));
  ASSERT_TRUE(prune("ada", api::Leftovers::requeue));
  EXPECT_EQ(backlog(), std::vector<std::string>{task.id.str()});
  EXPECT_EQ(world_.get<Agent>(ada.id).current_task, std::nullopt);
}

TEST_F(TownPruning, AVeryLongInboxGoesInParts) {
  const auto ada = spawn("ada").value();
  for (int i = 0; i < 450; ++i) ASSERT_TRUE(send("ada", "fyi"));
  ASSERT_TRUE(kill("ada"));
  EXPECT_TRUE(prune("ada").error().message().contains("200 messages or more"));
  EXPECT_TRUE(prune("ada", api::Leftovers::drop, keyed("k")).value().pruned);
  EXPECT_EQ(in_queue(inbox_queue(ada.id)), 0U);
  EXPECT_EQ(world_.count("MessageWithdrawn"), 450U);
  EXPECT_EQ(world_.count("AgentPruned"), 1U);
  // A repetition means the one that was pruned, not whoever has its name now.
  ASSERT_TRUE(spawn("ada"));
  EXPECT_EQ(prune("ada", api::Leftovers::drop, keyed("k")).value().id, ada.id);
}

TEST_F(TownPruning, AllThatAreOverAndTheOthersStay) {
  for (const auto* name : {"ada", "bob", "eve", "fay"}) ASSERT_TRUE(spawn(name));
  ASSERT_TRUE(assign("eve", "paint"));
  for (const auto* name : {"ada", "bob", "eve"}) ASSERT_TRUE(kill(name));
  const auto all = world_.await(prune_all(ground_, keyed("k"), {})).value();
  ASSERT_EQ(all.agents.size(), 3U);
  EXPECT_TRUE(all.agents[0].pruned);
  EXPECT_TRUE(all.agents[1].pruned);
  EXPECT_FALSE(all.agents[2].pruned);
  EXPECT_TRUE(all.agents[2].error->contains("--requeue"));
  EXPECT_EQ(world_.await(list_agents(ground_)).value().total, 2);
  const auto again = world_.await(prune_all(ground_, keyed("k"), {})).value();
  EXPECT_EQ(write_json_of(all), write_json_of(again));
}

}  // namespace
}  // namespace reeve::town
