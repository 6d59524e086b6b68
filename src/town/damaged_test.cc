// A town whose documents are damaged: what cannot be read holds nothing else up, and is told once.

#include <gtest/gtest.h>

#include "run/damaged_runs.h"
#include "town/agent_views.h"
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
  template <class D>
  std::string body_of(const typename run::DocOf<D>::Key& id) {
    return world_.await(world_.store.get(run::key_of<D>(id))).value()->body;
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

TEST_P(DamagedTown, ADaemonComesUpThoughARunIsDamaged) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  const auto run = *now(ada).current_run;
  stop_daemon();
  damage<reeve::Run>(run);
  start_daemon();
  EXPECT_EQ(runs_->running(), 0U);
  // Nothing that it says could be kept, so it does not go on unseen.
  ASSERT_EQ(world_.machine.process().stops.size(), 1U);
  EXPECT_EQ(world_.count("AgentNeedsAttention"), 0U) << "its process is there still";
  EXPECT_EQ(now(ada).current_run, run);
  world_.machine.exit(1);
  ASSERT_TRUE(world_.until_event("AgentNeedsAttention"));
  EXPECT_TRUE(now(ada).attention->contains(run.str()));
  const store::DocKey kept{run::kDamagedRunKind, run.str()};
  EXPECT_EQ(world_.await(world_.store.get(kept)).value()->body, "{") << "as it was";
  EXPECT_FALSE(world_.await(world_.store.run_epoch(run)).value()) << "its token is worth nothing";
  const auto report = world_.await(recover(ground_, {})).value();
  ASSERT_EQ(report.damaged.size(), 1U);
  EXPECT_EQ(report.damaged[0].what, "run");
  EXPECT_EQ(report.damaged[0].id, run.str());
  ASSERT_TRUE(until_rounds(2)) << "what it had was given back";
  EXPECT_EQ(now(ada).current_task, task.id);
  end_round(0);
  EXPECT_EQ(state_of(task), TaskState::completed);
  stop_daemon();
  start_daemon();
  EXPECT_EQ(world_.count("AgentNeedsAttention"), 1U) << "it is told once";
  expect_at_rest();
}

TEST_P(DamagedTown, WhileARunIsInProgressItsDamageFreesNobody) {
  const auto ada = spawn("ada");
  assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  const auto run = *now(ada).current_run;
  damage<reeve::Run>(run);
  const auto report = world_.await(recover(ground_, {})).value();
  EXPECT_TRUE(report.orphans.empty());
  ASSERT_EQ(report.damaged.size(), 1U);
  EXPECT_EQ(now(ada).current_run, run) << "its process works still";
}

TEST_P(DamagedTown, G7_ARoundEndsThoughItsOwnDocumentIsDamagedMeanwhile) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  std::vector<RunId> runs;
  for (const int code : {1, 0}) {
    world_.env.advance(2s);
    ASSERT_TRUE(until_rounds(world_.machine.started() + 1));
    runs.push_back(*now(ada).current_run);
    damage<reeve::Run>(runs.back());
    end_round(code, "it is red");
    const auto run = world_.get<reeve::Run>(runs.back());
    EXPECT_EQ(run.state, code == 0 ? RunState::completed : RunState::failed);
    EXPECT_EQ(now(ada).state, AgentState::idle);
    EXPECT_EQ(now(ada).current_run, std::nullopt);
    EXPECT_TRUE(now(ada).attention->contains(runs.back().str())) << *now(ada).attention;
    const store::DocKey kept{run::kDamagedRunKind, runs.back().str()};
    EXPECT_EQ(world_.await(world_.store.get(kept)).value()->body, "{") << "as it was";
  }
  EXPECT_EQ(state_of(task), TaskState::completed) << "nothing is done twice";
  EXPECT_EQ(world_.get<reeve::Run>(runs.back()).text, "it is red\n");
  EXPECT_EQ(world_.count("AgentNeedsAttention"), 2U) << "each is told once";
  const auto report = world_.await(recover(ground_, {})).value();
  ASSERT_EQ(report.damaged.size(), 2U);
  EXPECT_TRUE(report.damaged[0].text.contains("made anew")) << report.damaged[0].text;
  stop_daemon();
  start_daemon();
  expect_at_rest();
  expect_works_on(ada);
  world_.made_up = false;  // what was made anew is what the log says
}

TEST_P(DamagedTown, ARoundGoesOnThoughItsOwnDocumentIsDamagedMeanwhile) {
  const auto ada = spawn("ada", Completes::success, "claude");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  const auto run = *now(ada).current_run;
  damage<reeve::Run>(run);
  world_.machine.out(run::testing::claude_init("s-1"));
  ASSERT_TRUE(world_.until_event("SessionStarted"));
  EXPECT_EQ(world_.get<reeve::Run>(run).session, "s-1");
  EXPECT_EQ(now(ada).current_run, run);
  world_.machine.out(run::testing::claude_result("done"));
  end_round(0);
  EXPECT_EQ(state_of(task), TaskState::completed);
  EXPECT_EQ(world_.get<reeve::Run>(run).text, "done");
  EXPECT_TRUE(now(ada).attention->contains(run.str()));
  world_.made_up = false;
}

TEST_P(DamagedTown, ARoundIsStoppedThoughItsOwnDocumentIsDamagedMeanwhile) {
  const auto ada = spawn("ada");
  assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  const auto run = *now(ada).current_run;
  send("supervisor", "which colour?", MessageType::query, inside(ada));
  damage<reeve::Run>(run);
  supervisor_->hold();
  ASSERT_TRUE(world_.await(runs_->stop_all("the daemon stops")));
  ASSERT_TRUE(world_.until([&] { return !world_.machine.process().stops.empty(); }));
  world_.machine.exit(1);
  world_.await(runs_->wait_idle());
  const auto ended = world_.get<reeve::Run>(run);
  EXPECT_EQ(ended.state, RunState::cancelled);
  EXPECT_TRUE(now(ada).attention->contains(run.str()));
  EXPECT_TRUE(ended.question) << "that its start does not say, and the log does";
  EXPECT_EQ(now(ada).state, AgentState::idle);
  world_.made_up = false;
}

TEST_P(DamagedTown, ADaemonComesUpThoughAnAgentIsDamaged) {
  const auto ada = spawn("ada");
  const auto bob = spawn("bob");
  supervisor_->hold();
  assign(ada, "paint");
  const auto task = assign(bob, "sweep");
  stop_daemon();
  damage<Agent>(ada.id);
  start_daemon();
  ASSERT_TRUE(until_rounds(1));
  EXPECT_EQ(now(bob).current_task, task.id);
  end_round(0);
  EXPECT_EQ(state_of(task), TaskState::completed);
  EXPECT_EQ(body_of<Agent>(ada.id), "{");
  EXPECT_EQ(queue(inbox_queue(ada.id)).size(), 1U) << "what waits for it waits";
  const auto report = world_.await(recover(ground_, {})).value();
  ASSERT_EQ(report.damaged.size(), 1U);
  EXPECT_EQ(report.damaged[0].what, "agent");
  EXPECT_TRUE(report.damaged[0].text.contains(ada.id.str()));
  const auto listed = world_.await(list_agents(ground_, {})).value();
  ASSERT_EQ(listed.agents.size(), 1U);
  EXPECT_EQ(listed.agents[0].agent.name, "bob");
  EXPECT_EQ(world_.await(notable_agents(ground_, 10)).value().size(), 1U);
  expect_at_rest();
  expect_works_on(bob);
}

TEST_P(DamagedTown, G12_ARoundWhoseAgentIsDamagedIsTakenUpOnceItIsMended) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  const auto whole = now(ada);
  stop_daemon();
  damage<Agent>(ada.id);
  start_daemon();
  EXPECT_EQ(runs_->running(), 0U);
  EXPECT_TRUE(world_.machine.process().stops.empty());
  expect_at_rest();
  EXPECT_EQ(body_of<Agent>(ada.id), "{");
  stop_daemon();
  store::Commit mended;
  mended.writes.emplace_back(store::PutDoc{run::key_of<Agent>(ada.id), write_json_of(whole),
                                           run::DocOf<Agent>::marks(whole)});
  ASSERT_TRUE(world_.await(world_.store.commit(std::move(mended))));
  start_daemon();
  ASSERT_EQ(runs_->running(), 1U);
  end_round(0);
  EXPECT_EQ(state_of(task), TaskState::completed);
}

}  // namespace
}  // namespace reeve::town
