// A town whose documents are damaged: what cannot be read holds nothing else up, and is told once.

#include <gtest/gtest.h>

#include "town/mailbox.h"
#include "town/recovery.h"
#include "town/sweep.h"
#include "town/task_test_support.h"

namespace reeve::town {
namespace {

class DamagedTown : public DaemonTest {
 protected:
  DamagedTown() { world_.made_up = true; }  // the documents are not what the log says

  /// The document is not JSON any more; what it is listed by stays.
  template <class D>
  void damage(const typename run::DocOf<D>::Key& id) {
    store::Commit commit;
    commit.writes.emplace_back(
        store::PutDoc{run::key_of<D>(id), "{", run::DocOf<D>::marks(world_.get<D>(id))});
    ASSERT_TRUE(world_.await(world_.store.commit(std::move(commit))));
  }
  template <class D>
  void lose(const typename run::DocOf<D>::Key& id) {
    store::Commit commit;
    commit.writes.emplace_back(store::RemoveDoc{run::key_of<D>(id)});
    ASSERT_TRUE(world_.await(world_.store.commit(std::move(commit))));
  }
  MessageId only_letter(const Agent& agent) {
    const auto items = queue(inbox_queue(agent.id));
    EXPECT_EQ(items.size(), 1U);
    return MessageId::parse(items.at(0).item).value();
  }
  Agent now(const Agent& agent) { return world_.get<Agent>(agent.id); }
  /// Sweeps and looks take turns, and find nothing more to do.
  void expect_at_rest() {
    const auto events = world_.store.events.size();
    for (int turn = 0; turn < 3; ++turn) {
      const auto report = world_.await(recover(ground_, {})).value();
      for (const auto& orphan : report.orphans) ADD_FAILURE() << orphan.what << ": " << orphan.text;
      world_.quiet();
      world_.env.advance(60s);
      world_.quiet();
    }
    EXPECT_EQ(world_.store.events.size(), events);
  }
  /// Whatever the damage, the next task has its round.
  void expect_works_on(const Agent& agent) {
    const auto rounds = world_.machine.started();
    const auto next = assign(agent, "the next one");
    ASSERT_TRUE(until_rounds(rounds + 1));
    EXPECT_EQ(now(agent).current_task, next.id);
    end_round(0);
    EXPECT_EQ(state_of(next), TaskState::completed);
  }
};

INSTANTIATE_TEST_SUITE_P(, DamagedTown, ::testing::Values(Backend::memory, Backend::sqlite),
                         run::testing::name_of);

TEST_P(DamagedTown, AMessageWhoseTaskIsMissingGoesIntoQuarantineOnce) {
  const auto ada = spawn("ada");
  supervisor_->hold();
  const auto task = assign(ada, "paint");
  const auto letter = only_letter(ada);
  lose<reeve::Task>(task.id);
  stop_daemon();
  start_daemon();
  EXPECT_EQ(world_.count("MessageQuarantined"), 1U);
  EXPECT_TRUE(queue(inbox_queue(ada.id)).empty());
  EXPECT_EQ(queue(quarantine_queue(ada.id)).size(), 1U);
  EXPECT_EQ(world_.get<Message>(letter).state, MessageState::handled);
  EXPECT_TRUE(world_.get<Message>(letter).withdrawn->contains("task"));
  EXPECT_TRUE(now(ada).attention->contains("cannot be read"));
  EXPECT_EQ(world_.await(inbox(ground_, "ada")).value().quarantined.size(), 1U);
  expect_at_rest();
  EXPECT_EQ(world_.count("MessageQuarantined"), 1U);
  expect_works_on(ada);
}

TEST_P(DamagedTown, G7_ARoundEndsThoughItsTaskIsDamagedMeanwhile) {
  const auto ada = spawn("ada");
  for (const int code : {0, 1}) {
    const auto task = assign(ada, "paint");
    ASSERT_TRUE(until_rounds(world_.machine.started() + 1));
    damage<reeve::Task>(task.id);
    end_round(code);
    EXPECT_EQ(now(ada).state, AgentState::idle);
    EXPECT_EQ(now(ada).current_run, std::nullopt);
    EXPECT_TRUE(queue(inbox_queue(ada.id)).empty());
    expect_works_on(ada);
  }
  EXPECT_EQ(world_.count("RunCompleted"), 3U);
  EXPECT_EQ(world_.count("RunFailed"), 1U);
  EXPECT_EQ(queue(quarantine_queue(ada.id)).size(), 1U) << "of the one that failed";
}

TEST_P(DamagedTown, G7_ARoundEndsThoughItsMessageIsDamagedMeanwhile) {
  const auto ada = spawn("ada");
  for (const int code : {0, 1}) {
    send("ada", "do it", MessageType::task);
    ASSERT_TRUE(until_rounds(world_.machine.started() + 1));
    const auto letter = only_letter(ada);
    if (code == 0)
      damage<Message>(letter);
    else
      lose<Message>(letter);
    end_round(code);
    EXPECT_EQ(now(ada).state, AgentState::idle);
    EXPECT_TRUE(queue(inbox_queue(ada.id)).empty());
    expect_works_on(ada);
  }
  EXPECT_EQ(world_.count("RunFailed"), 1U);
}

TEST_P(DamagedTown, ATaskGoesOnThoughTheMessageThatBroughtItIsDamaged) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  damage<Message>(only_letter(ada));
  end_round(1);
  // It is in hand, and nothing brings it: it is brought again.
  world_.env.advance(2s);
  ASSERT_TRUE(until_rounds(2));
  EXPECT_EQ(now(ada).current_task, task.id);
  end_round(0);
  EXPECT_EQ(state_of(task), TaskState::completed);
}

TEST_P(DamagedTown, ALaterDaemonComesUpWithARoundWhoseTaskIsDamaged) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  stop_daemon();
  damage<reeve::Task>(task.id);
  world_.machine.exit(1);
  start_daemon();
  ASSERT_TRUE(world_.until_event("RunFailed"));
  world_.quiet();
  EXPECT_EQ(now(ada).state, AgentState::idle);
  expect_works_on(ada);
}

TEST_P(DamagedTown, AnAgentWhoseTaskInHandIsDamagedClaimsAnother) {
  api::SpawnRequest request;
  request.name = "ada";
  request.cli = "worker";
  request.claims = true;
  const auto ada = world_.await(town::spawn(ground_, Caller{}, request)).value();
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  damage<reeve::Task>(task.id);
  end_round(0);
  const auto next = world_.await(add_task(ground_, Caller{}, {.text = "sweep"})).value();
  ASSERT_TRUE(until_rounds(2));
  EXPECT_EQ(now(ada).current_task, next.id);
  end_round(0);
}

}  // namespace
}  // namespace reeve::town
