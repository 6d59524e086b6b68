#include "town/control.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "aio/task_group.h"
#include "town/change.h"
#include "town/directory.h"
#include "town/pruning.h"
#include "town/testing.h"

namespace reeve::town {
namespace {

class TownControl : public ServicesTest {
 protected:
  Result<Agent> interrupt(std::string agent, std::string reason = "") {
    return world_.await(town::interrupt(ground_, Caller{}, std::move(agent), std::move(reason)));
  }
  Result<Agent> resume(std::string agent) {
    return world_.await(town::resume(ground_, Caller{}, std::move(agent), ""));
  }
  Result<Agent> close(std::string agent, Caller caller = {}) {
    return world_.await(town::close(ground_, std::move(caller), std::move(agent), ""));
  }
  Result<Agent> restart(std::string agent, api::RestartRequest request = {}) {
    return world_.await(town::restart(ground_, Caller{}, std::move(agent), std::move(request)));
  }
};

TEST_F(TownControl, AKillStopsAnAgentWithoutARunAtOnce) {
  ASSERT_TRUE(spawn("ada"));
  const auto stopped = kill("ada", "no need").value();
  EXPECT_EQ(stopped.state, AgentState::stopped);
  EXPECT_EQ(world_.fact<fact::AgentStopped>("AgentStopped").reason, "no need");
  EXPECT_EQ(kill("ada").value().state, AgentState::stopped);
  EXPECT_EQ(world_.count("AgentStopped"), 1U);
  EXPECT_EQ(code_of(kill("nobody")), Errc::not_found);
}

TEST(DecideKill, AWorkingAgentIsAskedToStop) {
  Agent agent;
  agent.state = AgentState::working;
  agent.current_run = RunId(Uuid{{1}});
  const auto facts = decide_kill(agent, "enough").value();
  ASSERT_EQ(facts.size(), 2U);
  EXPECT_EQ(kind_of(facts[0]), "AgentStopRequested");
  EXPECT_EQ(std::get<fact::RunStopRequested>(facts[1]).run, *agent.current_run);
  agent.stopping = "enough";
  ASSERT_EQ(decide_kill(agent, "again").value().size(), 1U);
  EXPECT_EQ(kind_of(decide_kill(agent, "again").value()[0]), "RunStopRequested");
}

TEST_F(TownControl, StateTransitionsPersistAndAreTold) {
  const auto ada = spawn("ada").value();
  EXPECT_EQ(interrupt("ada", "lunch")->state, AgentState::paused);
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::paused);
  EXPECT_EQ(world_.fact<fact::AgentInterrupted>("AgentInterrupted").reason, "lunch");
  EXPECT_EQ(resume("ada")->state, AgentState::idle);
  EXPECT_EQ(close("ada")->state, AgentState::stopped);
  EXPECT_EQ(world_.kinds(),
            (std::vector<std::string>{"AgentSpawned", "AgentInterrupted", "AgentResumed",
                                      "AgentStateChanged", "AgentCompleted", "AgentStopped"}));
  EXPECT_EQ(restart("ada")->state, AgentState::idle);
  EXPECT_EQ(world_.fact<fact::AgentRestarted>("AgentRestarted").from, AgentState::stopped);
}

TEST_F(TownControl, TerminalStatesTakeNoWorkAndAreOver) {
  using enum AgentState;
  for (const auto state : {cold, starting, idle, working, paused, draining, stopped, error}) {
    const bool over = state == cold || state == stopped || state == error;
    EXPECT_EQ(is_ended(state), over) << enum_name(state);
    EXPECT_EQ(takes_work(state), !over && state != draining) << enum_name(state);
  }
}

TEST_F(TownControl, W19_WhatIsNotLegalIsAConflictThatNamesTheStateAndWhatToDo) {
  ASSERT_TRUE(spawn("ada"));
  const auto text = [](const Result<Agent>& refused) {
    EXPECT_EQ(code_of(refused), Errc::conflict);
    return refused ? std::string() : std::string(refused.error().message());
  };
  EXPECT_TRUE(text(restart("ada")).contains("ada is idle"));
  EXPECT_TRUE(text(resume("ada")).contains("ada is idle"));
  ASSERT_TRUE(interrupt("ada"));
  EXPECT_TRUE(interrupt("ada")) << "paused already: nothing happens";
  EXPECT_EQ(world_.count("AgentInterrupted"), 1U);
  EXPECT_TRUE(text(restart("ada")).contains("reeve resume ada"));
  ASSERT_TRUE(kill("ada"));
  for (const auto& refused : {interrupt("ada"), resume("ada"), close("ada")}) {
    EXPECT_TRUE(text(refused).contains("ada is stopped")) << text(refused);
    EXPECT_TRUE(text(refused).contains("reeve restart ada")) << text(refused);
  }
  const auto events = world_.store.events.size();
  for (const auto& missing :
       {interrupt("nobody"), resume("nobody"), close("nobody"), restart("nobody"), kill("nobody")})
    EXPECT_EQ(code_of(missing), Errc::not_found);
  EXPECT_EQ(world_.store.events.size(), events) << "nothing is made of a name that is unknown";
}

TEST_F(TownControl, W13_ARestartCountsAnewAndKeepsTheLifetimeCounters) {
  const auto ada = spawn("ada").value();
  fact::RunCompleted end;
  end.run = RunId(world_.env.uuid4());
  end.agent = ada.id;
  end.thread = ThreadId(world_.env.uuid4());
  end.usage.input_tokens = 7;
  ASSERT_TRUE(world_.commit({end}));
  ASSERT_TRUE(kill("ada"));
  world_.env.advance(1h);
  api::RestartRequest request;
  request.rounds = 4;
  const auto again = restart("ada", request).value();
  EXPECT_EQ(again.last_active_at, world_.env.now()) << "it has just become active";
  EXPECT_EQ(again.spent.rounds, 0);
  EXPECT_EQ(again.spent.tokens, 0);
  EXPECT_EQ(again.limits.rounds, 4);
  EXPECT_EQ(again.rounds_completed, 1);
  EXPECT_EQ(again.usage.input_tokens, 7);
  request.rounds = 0;
  ASSERT_TRUE(kill("ada"));
  EXPECT_EQ(code_of(restart("ada", request)), Errc::invalid_argument);
}

TEST(DecideRestart, W02_NeverTwoLoopsWhileARunIsNotOver) {
  Agent agent;
  agent.name = "ada";
  agent.state = AgentState::stopped;
  agent.current_run = RunId(Uuid{{1}});
  EXPECT_EQ(code_of(decide_restart(agent, {})), Errc::conflict);
  agent.current_run.reset();
  agent.stopping = "killed";
  EXPECT_EQ(code_of(decide_restart(agent, {})), Errc::conflict);
  agent.stopping.reset();
  for (const auto state : {AgentState::stopped, AgentState::error, AgentState::cold}) {
    agent.state = state;
    EXPECT_TRUE(decide_restart(agent, {})) << enum_name(state);
  }
}

TEST(DecideInterrupt, AWorkingAgentIsPausedInTheCommitThatStopsItsRun) {
  Agent agent;
  agent.state = AgentState::working;
  agent.current_run = RunId(Uuid{{1}});
  const auto facts = decide_interrupt(agent, "").value();
  ASSERT_EQ(facts.size(), 2U);
  EXPECT_EQ(std::get<fact::AgentInterrupted>(facts[0]).run, agent.current_run);
  EXPECT_EQ(std::get<fact::RunStopRequested>(facts[1]).reason, "interrupted");
  agent.stopping = "killed";
  EXPECT_EQ(code_of(decide_interrupt(agent, "")), Errc::conflict);
}

TEST(DecideResume, AParkedAgentGoesOnBeforeItsTime) {
  Agent agent;
  agent.name = "ada";
  EXPECT_EQ(code_of(decide_resume(agent, "")), Errc::conflict);
  agent.parked = Parked{"rate_limited", "too much", Time(Duration(5))};
  const auto facts = decide_resume(agent, "").value();
  ASSERT_EQ(facts.size(), 1U);
  std::optional<Agent> after = agent;
  apply(after, facts[0], Time());
  EXPECT_FALSE(after->parked);
  EXPECT_EQ(after->state, AgentState::idle);
}

TEST_F(TownControl, AClosedAgentRefusesNewWork) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(
      world_.commit({fact::AgentStateChanged{ada.id, AgentState::idle, AgentState::draining, ""}}));
  EXPECT_EQ(code_of(assign("ada", "paint")), Errc::conflict);
  EXPECT_EQ(code_of(send("ada", "hello")), Errc::conflict);
  EXPECT_EQ(close("ada")->state, AgentState::draining) << "it closes already";
}

TEST_F(TownControl, G9_ARepeatedCloseAnswersAsTheFirst) {
  ASSERT_TRUE(spawn("ada"));
  EXPECT_EQ(close("ada", keyed("k"))->state, AgentState::stopped);
  EXPECT_EQ(close("ada", keyed("k"))->state, AgentState::stopped);
  EXPECT_EQ(world_.count("AgentStopped"), 1U);
}

TEST_F(TownControl, StopAllGoesOnPastAFailureAndReportsEach) {
  for (const auto* name : {"ada", "bob", "eve"}) ASSERT_TRUE(spawn(name));
  ASSERT_TRUE(kill("bob"));
  ASSERT_TRUE(spawn("fay"));
  world_.store.next = {{Errc::storage_full, false}};
  const auto all = world_.await(stop_all(ground_, Caller{}, "enough")).value();
  ASSERT_EQ(all.agents.size(), 3U) << "bob is over already";
  EXPECT_TRUE(all.agents[0].error);
  for (const auto i : {1U, 2U}) {
    EXPECT_FALSE(all.agents[i].error) << *all.agents[i].error;
    EXPECT_EQ(all.agents[i].state, AgentState::stopped);
  }
  EXPECT_EQ(world_.count("AgentStopped"), 3U);
}

TEST_F(TownControl, G9_ARepeatedStopAllTellsOfTheSameAgents) {
  for (const auto* name : {"ada", "bob"}) ASSERT_TRUE(spawn(name));
  const auto first = world_.await(stop_all(ground_, keyed("k"), "")).value();
  ASSERT_TRUE(spawn("eve"));
  const auto again = world_.await(stop_all(ground_, keyed("k"), "")).value();
  EXPECT_EQ(write_json_of(first), write_json_of(again));
  EXPECT_EQ(world_.await(find_agent(world_.store, "eve"))->state, AgentState::idle);
}

TEST_F(TownControl, WhoWaitsForAStateIsAnsweredAtTheEvent) {
  ASSERT_TRUE(spawn("ada"));
  std::optional<api::WaitReply> reply;
  const auto wait = [](Ground ground, std::optional<api::WaitReply>* out) -> Async<> {
    auto waited = co_await wait_agent(std::move(ground), "ada", AgentState::paused);
    if (waited) *out = *waited;
  };
  aio::TaskGroup group(world_.loop.get_executor());
  group.spawn("wait", wait(ground_, &reply));
  world_.quiet();
  EXPECT_FALSE(reply);
  ASSERT_TRUE(interrupt("ada"));
  world_.quiet();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->state, "paused");
  world_.await(group.join());
}

/// What the log says of an agent: every edge that it went, and what it counts.
struct Walk {
  std::optional<Agent> agent;
  std::vector<std::string> illegal;

  void see(const Event& event) {
    const auto fact = fact_of(event).value();
    if (!fact) return;
    const auto before = agent ? std::optional(agent->state) : std::nullopt;
    apply(agent, *fact, event.time);
    if (before && !may_become(*before, agent->state)) {
      illegal.push_back(std::string(enum_name(*before)) + " -> " +
                        std::string(enum_name(agent->state)) + " by " + event.kind);
    }
  }
};

/// What a run of an agent would commit, without a machine.
Async<> play(World& world, AgentId id, int what) {
  for (int attempt = 0; attempt < 8; ++attempt) {
    run::Draft draft(world.env, world.store, Caller{});
    auto agent = co_await draft.get<Agent>(id);
    if (!agent) co_return;
    if (what == 0) {
      if (agent->state != AgentState::idle || agent->current_run || agent->stopping) co_return;
      reeve::Run run;
      run.id = RunId(world.env.uuid4());
      run.agent = id;
      run.thread = ThreadId(Uuid{{7}});
      if (!co_await draft.add(fact::RunStarted{run})) co_return;
    } else {
      if (!agent->current_run) co_return;
      if (agent->stopping) {
        if (!co_await draft.add(fact::AgentStopped{id, agent->state, *agent->stopping})) co_return;
      } else if (agent->state == AgentState::draining) {
        if (!co_await add_all(draft, decide_closed(*agent))) co_return;
      }
      fact::RunCompleted end;
      end.run = *agent->current_run;
      end.agent = id;
      end.thread = ThreadId(Uuid{{7}});
      if (!co_await draft.add(end)) co_return;
    }
    const auto committed = co_await draft.commit();
    if (committed) co_return;
  }
}

Async<> write_at_random(Ground ground, World& world, AgentId id, unsigned seed) {
  std::mt19937 random(seed);
  const auto name = id.str();
  for (int step = 0; step < 60; ++step) {
    const auto what = random() % 16;
    if (what < 2) {
      static_cast<void>(co_await interrupt(ground, Caller{}, name, ""));
    } else if (what < 4) {
      static_cast<void>(co_await resume(ground, Caller{}, name, ""));
    } else if (what < 5) {
      static_cast<void>(co_await kill(ground, Caller{}, name, ""));
    } else if (what < 6) {
      static_cast<void>(co_await close(ground, Caller{}, name, ""));
    } else if (what < 9) {
      static_cast<void>(co_await restart(ground, Caller{}, name, {}));
    } else if (what < 13) {
      co_await play(world, id, 0);
    } else {
      co_await play(world, id, 1);
    }
  }
}

TEST_F(TownControl, W01_ManyWritersNeverGoAnIllegalEdgeAndCountExactly) {
  for (unsigned seed = 1; seed <= 8; ++seed) {
    const auto agent = spawn("a" + std::to_string(seed)).value();
    const auto since = world_.store.events.size();
    aio::TaskGroup group(world_.loop.get_executor());
    for (unsigned writer = 0; writer < 6; ++writer) {
      group.spawn("writer", write_at_random(ground_, world_, agent.id, seed * 100 + writer));
    }
    world_.await(group.join());
    Walk walk{agent, {}};
    std::map<std::string, std::int64_t> seen;
    for (auto i = since; i < world_.store.events.size(); ++i) {
      walk.see(*world_.store.events[i]);
      ++seen[world_.store.events[i]->kind];
    }
    EXPECT_EQ(walk.illegal, std::vector<std::string>()) << "seed " << seed;
    const auto now = world_.get<Agent>(agent.id);
    EXPECT_EQ(write_json_of(*walk.agent), write_json_of(now)) << "seed " << seed;
    EXPECT_EQ(now.rounds_completed, seen["RunCompleted"]) << "seed " << seed;
    EXPECT_GT(seen["RunCompleted"], 0) << "seed " << seed;
    EXPECT_GT(seen["AgentInterrupted"] + seen["AgentResumed"], 1) << "seed " << seed;
  }
}

// --- With a supervisor, and a machine

class TownControlAtWork : public DaemonTest {
 protected:
  Agent ask(Async<Result<Agent>> work) {
    auto done = world_.await(std::move(work));
    EXPECT_TRUE(done) << done.error().message();
    return done.value();
  }
};
INSTANTIATE_TEST_SUITE_P(, TownControlAtWork, ::testing::Values(Backend::memory, Backend::sqlite),
                         run::testing::name_of);

TEST_P(TownControlAtWork, W04_AnInterruptPausesMidRoundAndAResumeGoesOnInTheSameConversation) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  const auto paused = ask(interrupt(ground_, Caller{}, "ada", "wrong door"));
  EXPECT_EQ(paused.state, AgentState::paused);
  EXPECT_TRUE(paused.current_run) << "it is ending";
  ASSERT_TRUE(world_.until([&] { return !world_.machine.process().stops.empty(); }));
  end_round(0, "half a door");
  const auto waiting = world_.get<Agent>(ada.id);
  EXPECT_EQ(waiting.state, AgentState::paused);
  EXPECT_EQ(waiting.current_run, std::nullopt);
  EXPECT_EQ(world_.count("RunCancelled"), 1U);
  EXPECT_EQ(state_of(task), TaskState::assigned);
  const auto inbox = queue(inbox_queue(ada.id));
  ASSERT_EQ(inbox.size(), 1U);
  EXPECT_EQ(inbox[0].attempt, 0) << "no failure of its own";
  EXPECT_TRUE(inbox[0].lease.empty());
  world_.env.advance(1h);
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 1U) << "nothing begins while it is paused";

  EXPECT_EQ(ask(resume(ground_, Caller{}, "ada", "")).state, AgentState::idle);
  ASSERT_TRUE(until_rounds(2));
  const auto prompt = world_.machine.process().stdin_text;
  EXPECT_TRUE(prompt.contains("stopped before it ended (interrupted: wrong door)")) << prompt;
  const auto first = world_.get<reeve::Run>(world_.machine.run_at(0));
  const auto second = world_.get<reeve::Run>(world_.machine.run_at(1));
  EXPECT_EQ(first.thread, second.thread);
  end_round(0, "painted");
  EXPECT_EQ(state_of(task), TaskState::completed);
  EXPECT_EQ(world_.get<Agent>(ada.id).failures_in_a_row, 0);
}

TEST_P(TownControlAtWork, AResumeWhileTheRoundStillEndsMakesNoSecondLoop) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  ask(interrupt(ground_, Caller{}, "ada", ""));
  ask(resume(ground_, Caller{}, "ada", ""));
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 1U);
  end_round(0);
  ASSERT_TRUE(until_rounds(2));
  end_round(0, "painted");
  EXPECT_EQ(state_of(task), TaskState::completed);
}

TEST_P(TownControlAtWork, APausedAgentTakesMailAndReadsItWhenItIsResumed) {
  const auto ada = spawn("ada");
  ask(interrupt(ground_, Caller{}, "ada", ""));
  const auto task = assign(ada, "paint");
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 0U);
  ask(resume(ground_, Caller{}, "ada", ""));
  ASSERT_TRUE(until_rounds(1));
  EXPECT_FALSE(world_.machine.process().stdin_text.contains("stopped before"));
}

TEST_P(TownControlAtWork, AClosedAgentFinishesItsRoundAndStopsInItsCommit) {
  const auto ada = spawn("ada");
  const auto task = assign(ada, "paint");
  const auto next = assign(ada, "dry");
  ASSERT_TRUE(until_rounds(1));
  EXPECT_EQ(ask(close(ground_, Caller{}, "ada", "evening")).state, AgentState::draining);
  world_.quiet();
  EXPECT_TRUE(world_.machine.process().stops.empty()) << "the round goes on";
  EXPECT_EQ(code_of(world_.await(town::assign(ground_, Caller{}, "ada", {.text = "more"}))),
            Errc::conflict);
  end_round(0, "painted");
  EXPECT_EQ(state_of(task), TaskState::completed);
  EXPECT_EQ(state_of(next), TaskState::assigned) << "it waits for a restart";
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::stopped);
  const auto completed = world_.fact<fact::AgentCompleted>("AgentCompleted");
  EXPECT_EQ(completed.tasks_completed, 1);
  EXPECT_EQ(completed.last_task, task.id);
  const auto stopped = world_.events("AgentStopped").back()->position;
  const auto ended = world_.events("RunCompleted").back()->position;
  EXPECT_EQ(ended.value, stopped.value + 1) << "one commit";
  world_.quiet();
  EXPECT_EQ(world_.machine.started(), 1U);
  ask(restart(ground_, Caller{}, "ada", {}));
  ASSERT_TRUE(until_rounds(2));
  EXPECT_TRUE(world_.machine.process().stdin_text.contains("dry"));
}

TEST_P(TownControlAtWork, W02_AKilledAgentIsStoppedWhenItsProcessIsGoneAndNotBefore) {
  const auto ada = spawn("ada");
  assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  EXPECT_EQ(kill(ada).state, AgentState::working);
  const auto early = world_.await(restart(ground_, Caller{}, "ada", {}));
  ASSERT_EQ(code_of(early), Errc::conflict);
  EXPECT_TRUE(early.error().message().contains("not over yet")) << early.error().message();
  end_round(0);
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::stopped);
  ask(restart(ground_, Caller{}, "ada", {}));
  ASSERT_TRUE(until_rounds(2)) << "it goes on with what it had";
  EXPECT_TRUE(world_.machine.process().stdin_text.contains("stopped before it ended (killed)"));
}

TEST_P(TownControlAtWork, AFreshRestartBeginsANewConversation) {
  const auto ada = spawn("ada");
  assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  kill(ada);
  end_round(0);
  ask(restart(ground_, Caller{}, "ada", {.reason = "", .rounds = {}, .fresh = true}));
  ASSERT_TRUE(until_rounds(2));
  EXPECT_NE(world_.get<reeve::Run>(world_.machine.run_at(0)).thread,
            world_.get<reeve::Run>(world_.machine.run_at(1)).thread);
  EXPECT_FALSE(world_.machine.process().stdin_text.contains("stopped before"));
}

TEST_P(TownControlAtWork, APausedAgentIsPausedForALaterDaemon) {
  const auto ada = spawn("ada");
  assign(ada, "paint");
  ASSERT_TRUE(until_rounds(1));
  ask(interrupt(ground_, Caller{}, "ada", ""));
  stop_daemon();
  world_.machine.exit(0);
  start_daemon();
  ASSERT_TRUE(world_.until_event("RunCancelled"));
  world_.quiet();
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::paused);
  EXPECT_EQ(world_.machine.started(), 1U);
  ask(resume(ground_, Caller{}, "ada", ""));
  EXPECT_TRUE(until_rounds(2));
}

TEST_P(TownControlAtWork, AForkedAgentsFirstRoundForksAndTheNextResumes) {
  api::SpawnRequest request;
  request.name = "eve";
  request.cli = "claude";
  request.mode = SpawnMode::forked_context;
  request.session = "s-1";
  const auto eve = world_.await(town::spawn(ground_, Caller{}, std::move(request))).value();
  assign(eve, "paint");
  ASSERT_TRUE(until_rounds(1));
  const auto argv = [&] {
    std::string all;
    for (const auto& word : world_.machine.process().spec.argv) all += " " + word;
    return all;
  };
  EXPECT_TRUE(argv().contains("--resume s-1 --fork-session")) << argv();
  world_.machine.out(run::testing::claude_init("s-2"));
  world_.machine.out(run::testing::claude_result("painted"));
  end_round(0);
  EXPECT_EQ(world_.get<Thread>(*world_.get<Agent>(eve.id).thread).session, "s-2");
  assign(eve, "dry");
  ASSERT_TRUE(until_rounds(2));
  EXPECT_TRUE(argv().contains("--resume s-2")) << argv();
  EXPECT_FALSE(argv().contains("--fork-session")) << argv();
}

}  // namespace
}  // namespace reeve::town
