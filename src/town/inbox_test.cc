#include "town/inbox.h"

#include <gtest/gtest.h>

#include "town/mailbox.h"
#include "town/testing.h"

namespace reeve::town {
namespace {

class TownInbox : public ServicesTest {
 protected:
  Result<api::DoneReply> done(std::vector<std::string> ids, bool all = false,
                              std::string agent = "", Caller caller = {}) {
    api::DoneRequest request;
    request.ids = std::move(ids);
    request.all = all;
    request.agent = std::move(agent);
    return world_.await(done_with(ground_, std::move(caller), std::move(request)));
  }
  Result<Message> retry(const Message& message) {
    return world_.await(retry_message(ground_, Caller{}, message.id.str()));
  }
  /// A dead letter, as the supervisor makes one.
  Message dead(const Agent& agent, std::string text, MessageType type = MessageType::task) {
    auto message = send(agent.name, std::move(text), type).value();
    const auto work = [](World& world, AgentId to,
                         MessageId id) -> Async<Result<store::Committed>> {
      run::Draft draft(world.env, world.store, Caller{});
      fact::MessageDeadLettered fact{to, RunId(), id, "failed 3 times"};
      if (auto added = co_await draft.add(std::move(fact)); !added) co_return fail(added.error());
      draft.write(store::QueueAck{inbox_queue(to), id.str()});
      draft.write(store::QueuePush{dead_queue(to), id.str(), 1, {}, 3});
      co_return co_await draft.commit();
    };
    EXPECT_TRUE(world_.await(work(world_, agent.id, message.id)));
    return message;
  }
  std::vector<store::QueueItem> queue(std::string name) {
    return world_.await(world_.store.items(std::move(name), 100)).value();
  }
  /// What no service would write.
  void poison(store::Commit commit) {
    world_.made_up = true;  // documents that no fact tells of
    ASSERT_TRUE(world_.await(world_.store.commit(std::move(commit))));
  }
};

TEST_F(TownInbox, W52_LookingConsumesNothing) {
  ASSERT_TRUE(spawn("ada"));
  const auto sent = send("ada", "line one\nline two").value();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(texts("ada").size(), 1U);
  const auto view = world_.await(show_message(ground_, sent.id.str().substr(0, 6))).value();
  EXPECT_EQ(view.message.text, "line one\nline two");
  EXPECT_EQ(view.from, "supervisor");
  EXPECT_EQ(view.to, "ada");
  EXPECT_EQ(view.message.state, MessageState::queued);
  EXPECT_EQ(code_of(world_.await(show_message(ground_, "ffff0000"))), Errc::not_found);
}

TEST_F(TownInbox, W52_ThePeoplesMailCanBeDoneWith) {
  const auto first = send("supervisor", "one").value();
  const auto second = send("supervisor", "two").value();
  ASSERT_TRUE(send("supervisor", "three"));
  const auto told = done({first.id.str().substr(0, 8)}).value();
  EXPECT_EQ(told.number, 1);
  EXPECT_EQ(world_.get<Message>(first.id).state, MessageState::handled);
  EXPECT_EQ(texts("supervisor"), (std::vector<std::string>{"two", "three"}));
  EXPECT_EQ(done({first.id.str()})->number, 0) << "is done with already";
  EXPECT_EQ(done({}, true)->number, 2);
  EXPECT_TRUE(inbox("supervisor").messages.empty());
  EXPECT_EQ(world_.get<Message>(second.id).state, MessageState::handled);
  EXPECT_EQ(done({}, true)->number, 0);
  EXPECT_EQ(code_of(done({})), Errc::invalid_argument);
}

TEST_F(TownInbox, ManyAreDoneWithInSeveralCommitsAndARepetitionHasNoEffect) {
  for (int i = 0; i < 1'100; ++i) ASSERT_TRUE(send("supervisor", "x"));
  world_.store.commits_left = 2;
  EXPECT_FALSE(done({}, true, "", keyed("k1")));
  world_.store.down = false;
  world_.store.commits_left.reset();
  EXPECT_EQ(inbox("supervisor").messages.size(), 600U);
  ASSERT_TRUE(done({}, true, "", keyed("k1")));
  EXPECT_TRUE(inbox("supervisor").messages.empty());
}

TEST_F(TownInbox, AnAgentsInboxIsEmptiedByItsRoundsOnly) {
  const auto ada = spawn("ada").value();
  const auto sent = send("ada", "fyi").value();
  EXPECT_EQ(code_of(done({sent.id.str()})), Errc::conflict);
  EXPECT_EQ(texts("ada").size(), 1U);
  Caller from_ada;
  from_ada.agent = ada.id;
  const auto mail = send("supervisor", "x").value();
  EXPECT_EQ(code_of(done({mail.id.str()}, false, "", from_ada)), Errc::denied);
}

TEST_F(TownInbox, ADeadLetterIsDoneWithOrTriedAgain) {
  const auto ada = spawn("ada").value();
  const auto first = dead(ada, "one");
  const auto second = dead(ada, "two");
  EXPECT_EQ(inbox("ada").dead.size(), 2U);
  ASSERT_TRUE(done({first.id.str()}));
  EXPECT_EQ(world_.get<Message>(first.id).state, MessageState::handled);
  EXPECT_EQ(code_of(retry(first)), Errc::conflict);

  const auto again = retry(second).value();
  EXPECT_EQ(again.state, MessageState::queued);
  EXPECT_EQ(again.attempt, 0);
  EXPECT_EQ(texts("ada"), std::vector<std::string>{"two"});
  EXPECT_TRUE(queue(dead_queue(ada.id)).empty());
  EXPECT_EQ(queue(inbox_queue(ada.id))[0].attempt, 0);
  const auto third = dead(ada, "three");
  ASSERT_TRUE(kill("ada"));
  EXPECT_EQ(code_of(retry(third)), Errc::conflict);
  EXPECT_EQ(done({}, true, "ada")->number, 1);
  EXPECT_TRUE(inbox("ada").dead.empty());
}

TEST_F(TownInbox, ADeadLetterOfATaskThatIsOverIsTriedAgainByItsTask) {
  reeve::Task task;
  Message message;
  message.state = MessageState::dead;
  message.type = MessageType::task_assign;
  message.task = task.id;
  Agent agent;
  EXPECT_TRUE(decide_retry(message, agent, &task));
  task.state = TaskState::failed;
  const auto refused = decide_retry(message, agent, &task);
  ASSERT_EQ(code_of(refused), Errc::conflict);
  EXPECT_TRUE(refused.error().message().contains("reeve task retry"));
  // The news that it is over is not the task.
  message.type = MessageType::task_failed;
  EXPECT_TRUE(decide_retry(message, agent, &task));
  message.withdrawn = "it was taken back";
  EXPECT_EQ(code_of(decide_retry(message, agent, &task)), Errc::conflict);
}

TEST_F(TownInbox, WhatCannotBeReadIsShownAsSuch) {
  const auto ada = spawn("ada").value();
  const auto others = send("supervisor", "not for ada").value();
  store::Commit commit;
  commit.writes = {store::QueuePush{inbox_queue(ada.id), "no id", 3},
                   store::QueuePush{inbox_queue(ada.id), others.id.str(), 1},
                   store::QueuePush{inbox_queue(supervisor_id()), "no id either", 1}};
  poison(std::move(commit));
  ASSERT_TRUE(send("ada", "can be read"));
  auto view = inbox("ada");
  EXPECT_EQ(view.messages.size(), 1U);
  ASSERT_EQ(view.quarantined.size(), 2U);
  EXPECT_EQ(view.quarantined[0].item, "no id");
  EXPECT_TRUE(view.quarantined[1].reason.contains("somebody else"));

  auto box = world_.await(open_mailbox(world_.store, ada.id, world_.env.now())).value();
  EXPECT_EQ(box.unreadable.size(), 2U);
  ASSERT_TRUE(world_.await(quarantine(ground_, ada.id, std::move(box.unreadable))));
  EXPECT_EQ(queue(quarantine_queue(ada.id)).size(), 2U);
  EXPECT_EQ(inbox("ada").quarantined.size(), 2U) << "it is still shown";
  EXPECT_TRUE(world_.get<Agent>(ada.id).attention);
  ASSERT_TRUE(done({"no id"}, false, "ada"));
  EXPECT_EQ(done({}, true, "ada")->number, 1);
  EXPECT_TRUE(inbox("ada").quarantined.empty());
  EXPECT_EQ(world_.get<Message>(others.id).state, MessageState::queued) << "it is not ada's";

  EXPECT_EQ(inbox("supervisor").quarantined.size(), 1U);
  ASSERT_TRUE(done({}, true));
  EXPECT_TRUE(inbox("supervisor").quarantined.empty());
}

TEST_F(TownInbox, AStoreInTroubleIsNoReasonForQuarantine) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(send("ada", "x"));
  world_.store.down = true;
  EXPECT_EQ(code_of(world_.await(open_mailbox(world_.store, ada.id, world_.env.now()))),
            Errc::unavailable);
  world_.store.down = false;
  EXPECT_EQ(texts("ada").size(), 1U);
}

}  // namespace
}  // namespace reeve::town
