#include "doors/tinytown/seen.h"

#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>

/// One row for each verb of tt: what it leaves in our keys (as recorded), and what the town does.
namespace reeve::doors::tinytown {

void PrintTo(const Verdict& verdict, std::ostream* out) {
  *out << enum_name(verdict.act) << " \"" << verdict.text << "\" "
       << (verdict.agent ? verdict.agent->str() : "");
}

namespace {

using namespace std::chrono_literals;
using enum Act;
using enum AgentState;

AgentId id(char digit) {
  return AgentId::parse("00000000-0000-4000-8000-00000000000" + std::string(1, digit)).value();
}
const AgentId kAda = id('a'), kBob = id('b'), kZed = id('9');  // zed is tinytown's own

Agent agent_in(AgentState state, AgentId agent = kAda) {
  Agent made;
  made.id = agent;
  made.state = state;
  return made;
}

// --- Agents

struct AgentRow {
  const char* verb;
  AgentState here;    ///< in the town
  const char* wrote;  ///< what we wrote last
  const char* now;    ///< what stands there; null: the hash is gone
  bool stop;          ///< tt's flag
  Act act;
};
constexpr AgentRow kAgentRows[]{
    {"nothing", idle, "idle", "idle", false, nothing},
    {"nothing, ours is newer", working, "idle", "idle", false, nothing},
    {"tt interrupt", idle, "idle", "paused", false, interrupt},
    {"tt interrupt in a round", working, "working", "paused", false, interrupt},
    {"tt interrupt, done", paused, "idle", "paused", false, rewrite},
    {"tt interrupt of one that stopped meanwhile", stopped, "idle", "paused", false, rewrite},
    {"tt interrupt of one that closes", draining, "idle", "paused", false, rewrite},
    {"tt resume", paused, "paused", "idle", false, resume},
    {"an old snapshot with idle", working, "working", "idle", false, rewrite},
    {"an old snapshot with idle, paused meanwhile", paused, "working", "idle", false, rewrite},
    {"tt close, its first command", idle, "idle", "draining", false, close},
    {"tt close", idle, "idle", "draining", true, close},
    {"tt close, done", draining, "idle", "draining", true, rewrite},
    {"tt close, done and over", stopped, "idle", "draining", true, rewrite},
    {"tt kill, its first command", idle, "idle", "idle", true, wait},
    {"tt kill", idle, "idle", "stopped", true, kill},
    {"tt kill in a round", working, "working", "stopped", true, kill},
    {"tt kill of a paused one", paused, "paused", "stopped", true, kill},
    {"tt kill, done", stopped, "idle", "stopped", true, rewrite},
    {"a flag of one that is over", stopped, "stopped", "stopped", true, drop_stop},
    {"a flag of one that closes", draining, "draining", "draining", true, nothing},
    {"tt recover", idle, "idle", "stopped", false, rewrite},
    {"tt recover in a round", working, "working", "stopped", false, rewrite},
    {"tt restart", stopped, "stopped", "idle", false, restart},
    {"tt restart of one in error", error, "error", "idle", false, restart},
    {"tt restart, done", idle, "stopped", "idle", false, rewrite},
    {"an old snapshot with idle, stopped meanwhile", stopped, "idle", "idle", false, nothing},
    {"tt prune", stopped, "stopped", nullptr, false, prune},
    {"tt prune of one in error", error, "error", nullptr, false, prune},
    {"tt prune --all, it lives", idle, "idle", nullptr, false, rewrite},
    {"tt prune --all, never used", cold, "cold", nullptr, false, rewrite},
    {"a loop's round", idle, "idle", "working", false, rewrite},
    {"tt restart, its loop is at work already", stopped, "stopped", "working", false, restart},
    {"a loop that goes on after a kill", stopped, "working", "idle", false, rewrite},
    {"a loop's start", stopped, "stopped", "starting", false, rewrite},
    {"no state at all", idle, "idle", "sleepy", false, rewrite},
    {"pruned and written by a loop", idle, "", "idle", false, rewrite},
};

TEST(TinytownSeen, AVerbOnAnAgent) {
  for (const auto& row : kAgentRows) {
    AgentKeys keys;
    keys.there = row.now != nullptr;
    keys.wrote = row.wrote;
    keys.state = row.now != nullptr ? row.now : "";
    keys.stop = row.stop;
    EXPECT_EQ(seen(keys, agent_in(row.here)), Verdict{row.act}) << row.verb;
  }
}

TEST(TinytownSeen, W01_AStopFlagWhoseStateWasOverwrittenStopsAllTheSame) {
  AgentKeys keys{.wrote = "idle", .state = "idle", .stop = true, .patient = false};
  EXPECT_EQ(seen(keys, agent_in(idle)).act, kill);
  auto stopping = agent_in(working);
  stopping.stopping = "killed";
  keys.wrote = keys.state = "working";
  EXPECT_EQ(seen(keys, stopping).act, nothing);
  keys.state = "stopped";
  EXPECT_EQ(seen(keys, stopping).act, nothing) << "it is being stopped already";
}

TEST(TinytownSeen, WhatALoopSaysOfOursIsNoVerb) {
  AgentKeys keys{.wrote = "idle", .state = "draining", .loop = true};
  EXPECT_EQ(seen(keys, agent_in(idle)).act, rewrite) << "it had nothing to do for long";
  keys.stop = true;
  EXPECT_EQ(seen(keys, agent_in(idle)).act, close);
  keys = {.wrote = "idle", .state = "working", .loop = true};
  EXPECT_EQ(seen(keys, agent_in(idle)).act, nothing);
}

TEST(TinytownSeen, W02_ALoopThatHasOutlivedItsAgentIsNoRestart) {
  AgentKeys keys{.wrote = "stopped", .state = "idle", .loop = true};
  EXPECT_EQ(seen(keys, agent_in(stopped)).act, rewrite);
  keys.state = "working";
  EXPECT_EQ(seen(keys, agent_in(stopped)).act, nothing);
  keys.state = "stopped";
  keys.stop = true;
  EXPECT_EQ(seen(keys, agent_in(stopped)).act, nothing) << "it is to see the flag";
}

TEST(TinytownSeen, ARestartWaitsForTheEndOfTheKill) {
  AgentKeys keys{.wrote = "stopped", .state = "idle"};
  auto agent = agent_in(working);
  agent.stopping = "tt kill";
  EXPECT_EQ(seen(keys, agent).act, wait);
  EXPECT_EQ(seen(keys, agent_in(stopped)).act, restart);
  keys.wrote = "working";
  EXPECT_EQ(seen(keys, agent).act, rewrite) << "a loop's";
}

TEST(TinytownSeen, AnAgentWhoseRoundIsNotOverIsNotPruned) {
  auto agent = agent_in(stopped);
  agent.current_run = RunId();
  EXPECT_EQ(seen(AgentKeys{.there = false}, agent).act, rewrite);
}

TEST(TinytownSeen, ALoopIsToldByWhatOnlyALoopDoes) {
  const Time now = from_ms(1'700'000'000'000);
  const auto beat = [](int second, bool ours = false) {
    return "2023-11-14T22:13:" + std::to_string(second) + (ours ? ".123" : ".123456789") + "+00:00";
  };
  LoopSigns working;
  EXPECT_TRUE(working.look({.wrote = "idle", .state = "working"}, now));
  EXPECT_TRUE(working.look({.wrote = "idle", .state = "working"}, now + 14min));
  EXPECT_FALSE(working.look({.wrote = "idle", .state = "working"}, now + 15min)) << "it died";

  LoopSigns ours;
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(
        ours.look({.wrote = "working", .state = "working", .heartbeat = beat(20 + i, true)}, now));
  }
  LoopSigns idle_loop;
  EXPECT_FALSE(idle_loop.look({"idle", "idle", beat(20)}, now));
  EXPECT_FALSE(idle_loop.look({"idle", "idle", beat(20)}, now + 1s)) << "the same one";
  EXPECT_FALSE(idle_loop.look({"idle", "idle", beat(25)}, now + 5s));
  EXPECT_TRUE(idle_loop.look({"idle", "idle", beat(30)}, now + 10s));
  EXPECT_FALSE(idle_loop.look({"idle", "idle", beat(30)}, now + 60s)) << "it has gone";

  LoopSigns completions;  // tt task complete writes a heartbeat, too
  for (int i = 0; i < 20; i += 5)
    EXPECT_FALSE(completions.look({"idle", "idle", beat(20 + i), false, true}, now));

  LoopSigns pops;
  EXPECT_FALSE(pops.look({.wrote = "idle", .state = "idle", .popped = true}, now));
  EXPECT_TRUE(pops.look({.wrote = "idle", .state = "idle", .popped = true}, now + 5s));
}

// --- Tasks

struct TaskRow {
  const char* verb;
  TaskState here;
  const char* agent;  ///< whose it is here: "ada" (lives), "bob" (stopped), ""
  const char* now;    ///< its state; null: the hash is gone
  const char* to;     ///< assigned_to: the same, and "zed" of tinytown's own
  Act act;
};
using T = TaskState;
constexpr TaskRow kTaskRows[]{
    {"nothing", T::assigned, "ada", "assigned", "ada", nothing},
    {"tt task complete", T::assigned, "ada", "completed", "ada", complete},
    {"tt task complete in a round", T::running, "ada", "completed", "ada", complete},
    {"tt task complete of the backlog's", T::pending, "", "completed", "", complete},
    {"tt task complete, over", T::failed, "ada", "completed", "ada", rewrite},
    {"a service's fail", T::running, "ada", "failed", "ada", fail},
    {"tt backlog claim", T::pending, "", "assigned", "ada", claim},
    {"tt backlog claim for one that stopped", T::pending, "", "assigned", "bob", rewrite},
    {"tt backlog claim for tinytown's own", T::pending, "", "assigned", "zed", let_go},
    {"... and what zed does with it", T::cancelled, "", "completed", "zed", nothing},
    {"another's claim of a task that is ada's", T::assigned, "ada", "assigned", "zed", rewrite},
    {"a task of an agent that stopped, given on", T::assigned, "bob", "assigned", "ada", claim},
    {"tt reclaim --orphan-tasks --to-backlog", T::assigned, "bob", "pending", "", requeue},
    {"... mistaken", T::assigned, "ada", "pending", "", rewrite},
    {"tt reclaim --orphan-tasks --cancel", T::assigned, "bob", "cancelled", "bob", cancel},
    {"... mistaken", T::assigned, "ada", "cancelled", "ada", rewrite},
    {"tt reclaim --orphan-tasks --delete", T::assigned, "bob", nullptr, "", rewrite},
    {"tt backlog remove", T::pending, "", nullptr, "", cancel},
    {"what is over, deleted", T::completed, "ada", nullptr, "", rewrite},
    {"a loop began it", T::assigned, "ada", "running", "ada", rewrite},
};

std::string id_of(std::string_view name) {
  if (name.empty()) return "";
  return (name == "ada" ? kAda : name == "bob" ? kBob : kZed).str();
}
const Agent* agents(const AgentId& agent) {
  static const Agent ada = agent_in(idle, kAda), bob = agent_in(stopped, kBob);
  return agent == kAda ? &ada : agent == kBob ? &bob : nullptr;
}
Task task_of(const TaskRow& row) {
  Task task;
  task.state = row.here;
  if (*row.agent != '\0') task.agent = AgentId::parse(id_of(row.agent)).value();
  return task;
}

TEST(TinytownSeen, AVerbOnATask) {
  for (const auto& row : kTaskRows) {
    const auto task = task_of(row);
    TaskKeys keys;
    keys.there = row.now != nullptr;
    keys.wrote = std::string(enum_name(row.here)) + "|" + id_of(row.agent);
    keys.state = row.now != nullptr ? row.now : "";
    keys.assigned_to = id_of(row.to);
    EXPECT_EQ(seen(keys, &task, agents).act, row.act) << row.verb;
  }
}

TEST(TinytownSeen, ACompletionHasItsResult) {
  const auto task = task_of({"", T::assigned, "ada", "", "", nothing});
  TaskKeys keys{.wrote = "assigned|", .state = "completed", .result = "all done"};
  EXPECT_EQ(seen(keys, &task, agents), (Verdict{complete, "all done"}));
  keys.result.clear();
  EXPECT_EQ(seen(keys, &task, agents), (Verdict{complete, "Completed"})) << "as tt says it";
}

TEST(TinytownSeen, AMissionsTaskIsCalledOffAsItsMissionSays) {
  auto task = task_of({"", T::running, "ada", "", "", nothing});
  task.tags = {"mission-work-item", "mission:1"};
  const TaskKeys keys{.wrote = "running|", .state = "cancelled", .result = "redirected"};
  EXPECT_EQ(seen(keys, &task, agents), (Verdict{cancel, "redirected"}));
}

TEST(TinytownSeen, TtReclaimListsATaskThatItsStoppedAgentKeeps) {
  const auto task = task_of({"", T::assigned, "bob", "", "", nothing});
  TaskKeys keys{.wrote = "assigned|" + kBob.str(),
                .state = "assigned",
                .assigned_to = kBob.str(),
                .in_backlog = true};
  EXPECT_EQ(seen(keys, &task, agents).act, requeue);
  const auto living = task_of({"", T::assigned, "ada", "", "", nothing});
  keys.wrote = "assigned|" + kAda.str();
  keys.assigned_to = kAda.str();
  EXPECT_EQ(seen(keys, &living, agents).act, nothing);
}

TEST(TinytownSeen, W29_ATaskOfTinytownsIsTakenByItsHashAlone) {
  TaskKeys keys{.ours = false, .state = "assigned", .assigned_to = kAda.str()};
  EXPECT_EQ(seen(keys, nullptr, agents), (Verdict{take, "", kAda}));
  keys.assigned_to = kBob.str();
  EXPECT_EQ(seen(keys, nullptr, agents).act, nothing) << "when it is restarted";
  keys.assigned_to = kZed.str();
  EXPECT_EQ(seen(keys, nullptr, agents).act, nothing) << "tinytown's own";
  keys = {.ours = false, .state = "pending", .in_backlog = true};
  EXPECT_EQ(seen(keys, nullptr, agents), Verdict{take});
  keys.in_backlog = false;
  EXPECT_EQ(seen(keys, nullptr, agents).act, nothing) << "tt sync makes those";
  keys = {.ours = false, .state = "completed", .assigned_to = kAda.str()};
  EXPECT_EQ(seen(keys, nullptr, agents).act, nothing);
  keys = {.ours = true, .state = "assigned", .assigned_to = kAda.str()};
  EXPECT_EQ(seen(keys, nullptr, agents).act, nothing) << "another log's";
}

// --- Messages

TEST(TinytownSeen, AMessageIsSentAsOurs) {
  TtMessage message;
  message.type = MessageType::query;
  message.text = "what is up?";
  EXPECT_EQ(letter_of(message, true).priority, Priority::urgent);
  EXPECT_EQ(letter_of(message, false).type, MessageType::query);
  message.type = MessageType::confirmation;
  message.ack = {AckKind::rejected, "too late"};
  EXPECT_EQ(letter_of(message, false).text, "rejected: too late");
  EXPECT_EQ(read_ack(letter_of(message, false).text).reason, "too late");
  message.type = MessageType::task_done;
  message.task_id = "17";
  message.text = "ok";
  EXPECT_EQ(letter_of(message, false).type, MessageType::informational);
  EXPECT_EQ(letter_of(message, false).text, "task 17 is done: ok");
}

TEST(TinytownSeen, TagsThatATaskOfOursCanHave) {
  std::vector<std::string> tags{"api", " ", "a\nb"};
  for (int i = 0; i < 20; ++i) tags.push_back("t" + std::to_string(i));
  const auto good = tags_of(tags);
  EXPECT_EQ(good.size(), 10U);
  EXPECT_EQ(good[1], "t0");
}

}  // namespace
}  // namespace reeve::doors::tinytown
