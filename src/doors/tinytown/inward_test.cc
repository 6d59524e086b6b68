#include "doors/tinytown/inward.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/post.hpp>

#include "doors/tinytown/mirror_testing.h"
#include "town/brought.h"
#include "town/inbox.h"

/// What tt's verbs do to a town, command for command as they were recorded, against a real Redis.
namespace reeve::doors::tinytown {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using town::Caller;

using State = AgentState;

class RedisTinytownInward : public MirrorTest {
 protected:
  void TearDown() override {
    end();
    MirrorTest::TearDown();
  }
  void begin() {
    mirror_ = std::make_unique<Mirror>(ground_, world_.loop.get_executor(), server_->address(),
                                       Mirror::Options());
    inward_ = std::make_unique<Inward>(ground_, world_.loop.get_executor(), *mirror_,
                                       server_->address(), Inward::Options());
    mirror_->start();
    inward_->start();
    follow();
    look();
  }
  void end() {
    if (inward_) world_.await(inward_->close());
    inward_.reset();
    stop();
  }
  /// What tt did has been seen, done, and is shown.
  void look() {
    ASSERT_TRUE(world_.await(inward_->looked()));
    follow();
  }
  void pass(std::chrono::nanoseconds time) {
    // Within the loop, as the daemon's clock is.
    boost::asio::post(world_.loop, [this, time] { world_.env.advance(time); });
    world_.loop.restart();
    world_.loop.poll();
    look();
  }
  Agent now(const Agent& agent) { return world_.get<Agent>(agent.id); }
  reeve::Task now(const TaskId& task) { return world_.get<reeve::Task>(task); }
  std::string state_there(const Agent& agent) { return hash(keys_.agent(agent.id))["state"]; }
  std::string origin_of(std::string_view kind) {
    const auto events = world_.events(kind);
    return events.empty() ? "" : events.back()->origin;
  }

  // --- tt's commands

  /// Most verbs read the whole hash and write all of it.
  void rewrite(const std::string& key, std::map<std::string, std::string> changes) {
    auto fields = hash(key);
    fields.erase(std::string(kOwnerField));
    fields.erase(std::string(kWroteField));
    RedisWords words{"HSET", key};
    for (auto& [name, value] : changes) fields[name] = value;
    for (const auto& [name, value] : fields) {
      words.push_back(name);
      words.push_back(value);
    }
    ask(words);
  }
  void tt_state(const Agent& agent, const std::string& state) {
    rewrite(keys_.agent(agent.id), {{"state", state}});
  }
  void tt_kill(const Agent& agent) {
    ask({"SETEX", keys_.stop(agent.id), "3600", "1"});
    tt_state(agent, "stopped");
  }
  void tt_complete(const TaskId& task, const std::string& result) {
    rewrite(keys_.task(task), {{"state", "completed"},
                               {"result", result},
                               {"completed_at", "2026-11-21T09:53:47.123456789+00:00"}});
  }
  TtMessage letter(AgentId to, MessageType type, const std::string& text) {
    TtMessage message;
    message.id = MessageId(world_.env.uuid4());
    message.from = supervisor_id();
    message.to = to;
    message.type = type;
    message.text = text;
    message.created_at = moment_of(world_.env.now());
    return message;
  }
  TtMessage tt_send(AgentId to, MessageType type, const std::string& text, bool urgent = false) {
    auto message = letter(to, type, text);
    if (urgent) {
      ask({"LPUSH", keys_.urgent(to), encode(message)});
    } else {
      ask({"RPUSH", keys_.inbox(to), encode(message)});
    }
    return message;
  }
  TaskId tt_task(const std::string& text, const std::string& state, const std::string& to = "",
                 const std::string& tags = "[]") {
    const TaskId id(world_.env.uuid4());
    RedisWords words{"HMSET",  keys_.task(id), "id",
                     id.str(), "description",  text,
                     "state",  state,          "tags",
                     tags,     "created_at",   "2026-11-21T09:53:39.425338231+00:00"};
    if (!to.empty()) words.insert(words.end(), {"assigned_to", to});
    ask(words);
    return id;
  }
  void tt_send_task(AgentId to, const TaskId& task) {
    auto message = letter(to, MessageType::task_assign, "");
    message.task_id = task.str();
    ask({"RPUSH", keys_.inbox(to), encode(message)});
  }
  TaskId tt_backlog_add(const std::string& text) {
    const auto id = tt_task(text, "pending", "", R"(["api"])");
    ask({"RPUSH", keys_.backlog(), id.str()});
    return id;
  }
  TaskId add_to_backlog(const std::string& text) {
    api::AssignRequest request;
    request.text = text;
    return world_.await(town::add_task(ground_, Caller{}, std::move(request))).value().id;
  }
  std::vector<std::string> pending() {
    std::vector<std::string> texts;
    for (const auto& one : world_.await(town::list_backlog(ground_, 0, 100)).value().tasks)
      texts.push_back(one.task.text);
    return texts;
  }

  std::unique_ptr<Inward> inward_;
};

// --- Agents

TEST_F(RedisTinytownInward, InterruptResumeAndClose) {
  const auto ada = spawn("ada").value();
  begin();
  tt_state(ada, "paused");
  look();
  EXPECT_EQ(now(ada).state, State::paused);
  EXPECT_EQ(origin_of("AgentInterrupted"), "tinytown");
  EXPECT_EQ(state_there(ada), "paused");

  tt_state(ada, "idle");
  ask({"DEL", keys_.stop(ada.id)});
  look();
  EXPECT_EQ(now(ada).state, State::idle);
  EXPECT_EQ(origin_of("AgentResumed"), "tinytown");

  tt_state(ada, "draining");
  ask({"SETEX", keys_.stop(ada.id), "3600", "1"});
  look();
  look();
  EXPECT_EQ(now(ada).state, State::stopped) << "it had no round to finish";
  EXPECT_EQ(origin_of("AgentCompleted"), "tinytown");
  EXPECT_EQ(state_there(ada), "stopped");
  EXPECT_EQ(world_.count("AgentInterrupted"), 1U);
  EXPECT_EQ(world_.count("AgentResumed"), 1U);
}

TEST_F(RedisTinytownInward, KillAndRestart) {
  const auto ada = spawn("ada").value();
  begin();
  tt_kill(ada);
  look();
  look();
  EXPECT_EQ(now(ada).state, State::stopped);
  EXPECT_EQ(origin_of("AgentStopped"), "tinytown");
  EXPECT_EQ(ask({"EXISTS", keys_.stop(ada.id)}).integer, 0);
  rewrite(keys_.agent(ada.id), {{"state", "idle"}, {"rounds_completed", "0"}});
  ask({"DEL", keys_.stop(ada.id)});
  look();
  EXPECT_EQ(now(ada).state, State::idle);
  EXPECT_EQ(origin_of("AgentRestarted"), "tinytown");
}

TEST_F(RedisTinytownInward, AKillOfAnAgentInARoundWaitsForItsEnd) {
  const auto ada = spawn("ada").value();
  begin();
  const auto run = begin_round(ada);
  follow();
  tt_kill(ada);
  look();
  look();
  EXPECT_TRUE(now(ada).stopping);
  EXPECT_EQ(world_.count("RunStopRequested"), 1U) << "asked once";
  end_round(run);
}

TEST_F(RedisTinytownInward, AStopFlagIsWaitedForAndThenMeansStop) {
  const auto ada = spawn("ada").value();
  begin();
  ask({"SETEX", keys_.stop(ada.id), "3600", "1"});
  look();
  EXPECT_EQ(now(ada).state, State::idle);
  pass(5s);
  EXPECT_EQ(now(ada).state, State::stopped);
}

TEST_F(RedisTinytownInward, WhatRecoverBelievesIsWrittenOver) {
  const auto ada = spawn("ada").value();
  begin();
  tt_state(ada, "stopped");
  look();
  EXPECT_EQ(now(ada).state, State::idle);
  EXPECT_EQ(state_there(ada), "idle");
  EXPECT_EQ(world_.count("AgentStopped"), 0U);
}

TEST_F(RedisTinytownInward, PruneOfAStoppedAgentLosesNoneOfItsWork) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(spawn("bob"));
  assign("ada", "write it").value();
  ASSERT_TRUE(send("ada", "and that", MessageType::task));
  ASSERT_TRUE(kill("ada"));
  begin();
  ask({"DEL", keys_.agent(ada.id)});
  ask({"DEL", keys_.inbox(ada.id)});
  look();
  EXPECT_TRUE(now(ada).pruned);
  EXPECT_EQ(origin_of("AgentPruned"), "tinytown");
  EXPECT_THAT(pending(), UnorderedElementsAre("write it", "and that"));
}

TEST_F(RedisTinytownInward, PruneOfALivingAgentIsWrittenOver) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  ASSERT_TRUE(kill("bob"));
  ASSERT_TRUE(send("ada", "fyi"));
  begin();
  for (const auto& key : {keys_.agent(ada.id), keys_.inbox(ada.id), keys_.agent(bob.id)})
    ask({"DEL", key});
  look();
  look();
  EXPECT_FALSE(now(ada).pruned);
  EXPECT_FALSE(now(bob).pruned) << "everything went: that is no pruning";
  EXPECT_EQ(state_there(ada), "idle");
  EXPECT_EQ(state_there(bob), "stopped");
  EXPECT_THAT(texts_in(keys_.inbox(ada.id)), ElementsAre("fyi"));
}

TEST_F(RedisTinytownInward, ResetEmptiesTheMirrorNotTheTown) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  ASSERT_TRUE(kill("bob"));
  const auto task = assign("ada", "write it").value();
  const auto later = add_to_backlog("later");
  begin();
  for (const auto& key : all_keys()) {
    if (key.starts_with(keys_.prefix())) ask({"DEL", key});
  }
  ASSERT_TRUE(until([&] { return world_.count("MirrorRewritten") == 1; }));
  follow();
  look();
  EXPECT_EQ(world_.count("MirrorRewritten"), 1U);
  EXPECT_FALSE(now(bob).pruned);
  EXPECT_EQ(now(task.id).state, TaskState::assigned);
  EXPECT_EQ(now(later).state, TaskState::pending);
  EXPECT_EQ(state_there(ada), "idle");
  EXPECT_EQ(state_there(bob), "stopped");
}

TEST_F(RedisTinytownInward, W05_ALoopOnOneOfOursParksItAndTakesNothingFromUs) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(send("ada", "do it", MessageType::task));
  begin();
  ask({"LPOP", keys_.inbox(ada.id)});
  rewrite(keys_.agent(ada.id),
          {{"state", "working"}, {"last_heartbeat", "2026-11-21T09:53:41.069275081+00:00"}});
  look();
  ASSERT_TRUE(now(ada).parked);
  EXPECT_EQ(now(ada).parked->code, kLoopCode);
  EXPECT_EQ(origin_of("AgentParked"), "tinytown");
  EXPECT_EQ(ask({"GET", keys_.stop(ada.id)}).text, "reeve");
  EXPECT_THAT(texts("ada"), ElementsAre("do it"));
  look();
  EXPECT_EQ(world_.count("AgentParked"), 1U);
  EXPECT_EQ(now(ada).state, State::idle);

  // It has read the flag and leaves.
  ask({"DEL", keys_.stop(ada.id)});
  tt_state(ada, "stopped");
  look();
  look();
  EXPECT_FALSE(now(ada).parked);
  EXPECT_EQ(now(ada).state, State::idle);
  EXPECT_EQ(state_there(ada), "idle");
  EXPECT_THAT(texts_in(keys_.inbox(ada.id)), ElementsAre("do it"));
}

// --- Mail

TEST_F(RedisTinytownInward, AMessageBecomesOurs) {
  const auto ada = spawn("ada").value();
  begin();
  const auto info = tt_send(ada.id, MessageType::informational, "fyi");
  const auto query = tt_send(ada.id, MessageType::query, "what is up?");
  tt_send(ada.id, MessageType::task, "first", true);
  tt_send(ada.id, MessageType::task, "second", true);
  look();
  EXPECT_THAT(texts("ada"), ElementsAre("first", "second", "fyi", "what is up?"));
  const auto message = world_.get<Message>(query.id);
  EXPECT_EQ(message.type, MessageType::query);
  EXPECT_EQ(message.from, kSupervisor);
  EXPECT_EQ(origin_of("MessageSent"), "tinytown");
  for (const auto& item : list(keys_.inbox(ada.id))) EXPECT_TRUE(is_our_item(item)) << item;
  EXPECT_THAT(texts_in(keys_.inbox(ada.id)), ElementsAre("fyi", "what is up?"));
  EXPECT_THAT(texts_in(keys_.urgent(ada.id)), ElementsAre("first", "second"));
}

TEST_F(RedisTinytownInward, AMessageThatWasTakenBeforeACrashIsTakenOnce) {
  const auto ada = spawn("ada").value();
  begin();
  end();
  const auto message = tt_send(ada.id, MessageType::informational, "fyi");
  api::SendRequest request;
  request.to = "ada";
  request.text = "fyi";
  request.type = MessageType::informational;
  ASSERT_TRUE(world_.await(town::send(ground_, Caller{}, std::move(request), message.id)));
  begin();
  look();
  EXPECT_THAT(texts("ada"), ElementsAre("fyi"));
  EXPECT_THAT(list(keys_.inbox(ada.id)), SizeIs(1));
}

TEST_F(RedisTinytownInward, W07_WhatIsNoMessageIsKeptBesideTheInbox) {
  const auto ada = spawn("ada").value();
  begin();
  ask({"LPUSH", keys_.urgent(ada.id), "{no json"});
  tt_send(ada.id, MessageType::informational, "fyi");
  look();
  EXPECT_THAT(inbox("ada").quarantined, SizeIs(1));
  EXPECT_THAT(texts("ada"), ElementsAre("fyi"));
  EXPECT_THAT(list(keys_.urgent(ada.id)), IsEmpty());
}

TEST_F(RedisTinytownInward, OnlyOursAreReadAndSendersOfTinytownsStayThemselves) {
  const auto ada = spawn("ada").value();
  begin();
  const AgentId zed(world_.env.uuid4());
  ask({"HSET", keys_.agent(zed), "id", zed.str(), "name", "zed", "state", "idle"});
  tt_send(zed, MessageType::task, "zed's own");
  auto from_zed = letter(ada.id, MessageType::query, "may I?");
  from_zed.from = zed;
  ask({"RPUSH", keys_.inbox(ada.id), encode(from_zed)});
  auto ping = letter(ada.id, MessageType::ping, "");
  ping.from = zed;
  ask({"RPUSH", keys_.inbox(ada.id), encode(ping)});
  look();
  EXPECT_THAT(texts_in(keys_.inbox(zed)), ElementsAre("zed's own"));
  EXPECT_THAT(texts("ada"), ElementsAre("may I?", "ping"));
  EXPECT_EQ(inbox("ada").messages.at(0).from, zed.str());
}

TEST_F(RedisTinytownInward, MailOfAStoppedAgentWaitsUntilItIsRestarted) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(kill("ada"));
  begin();
  tt_send(ada.id, MessageType::informational, "fyi");
  const auto task = tt_task("write it", "assigned", ada.id.str());
  tt_send_task(ada.id, task);
  look();
  EXPECT_THAT(texts("ada"), IsEmpty());
  EXPECT_THAT(list(keys_.inbox(ada.id)), SizeIs(2));
  ASSERT_TRUE(world_.await(town::restart(ground_, Caller{}, "ada", {})));
  look();
  EXPECT_THAT(texts("ada"), UnorderedElementsAre("fyi", "write it"));
  EXPECT_EQ(now(task).agent, ada.id);
}

TEST_F(RedisTinytownInward, W25_ReclaimOfAStoppedAgentsMailLosesNothing) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(spawn("bob"));
  assign("ada", "write it").value();
  ASSERT_TRUE(send("ada", "fyi"));
  ASSERT_TRUE(kill("ada"));
  begin();
  ask({"DEL", keys_.inbox(ada.id)});  // tt reclaim without a destination
  look();
  EXPECT_THAT(list(keys_.inbox(ada.id)), IsEmpty()) << "it may be at work still";
  pass(5s);
  EXPECT_THAT(list(keys_.inbox(ada.id)), SizeIs(2));
}

TEST_F(RedisTinytownInward, W25_ReclaimToTheBacklogMovesAllOnce) {
  const auto ada = spawn("ada").value();
  const auto task = assign("ada", "write it").value();
  ASSERT_TRUE(send("ada", "and that", MessageType::task));
  ASSERT_TRUE(kill("ada"));
  begin();
  ask({"DEL", keys_.inbox(ada.id)});
  ask({"RPUSH", keys_.backlog(), task.id.str()});
  const auto copy = tt_backlog_add("and that");
  look();
  look();
  EXPECT_THAT(pending(), UnorderedElementsAre("write it", "and that"));
  EXPECT_THAT(list(keys_.backlog()), SizeIs(2));
  EXPECT_EQ(ask({"EXISTS", keys_.task(copy)}).integer, 0) << "ours stands for it";
  EXPECT_THAT(inbox("ada").messages, IsEmpty());
}

TEST_F(RedisTinytownInward, W25_ReclaimToAnAgentMovesAllOnce) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  const auto task = assign("ada", "write it").value();
  ASSERT_TRUE(send("ada", "fyi"));
  ASSERT_TRUE(kill("ada"));
  begin();
  for (const auto& item : list(keys_.inbox(ada.id)))
    ask({"RPUSH", keys_.inbox(bob.id), encode(decode_message(item).value())});
  ask({"DEL", keys_.inbox(ada.id)});
  look();
  look();
  EXPECT_THAT(texts("bob"), UnorderedElementsAre("write it", "fyi"));
  EXPECT_EQ(now(task.id).agent, bob.id);
  EXPECT_THAT(list(keys_.inbox(bob.id)), SizeIs(2));
  EXPECT_THAT(list(keys_.inbox(ada.id)), IsEmpty());
}

// --- Tasks

TEST_F(RedisTinytownInward, AssignMakesATaskWithTinytownsId) {
  const auto ada = spawn("ada").value();
  begin();
  const auto task = tt_task("write it\nall", "assigned", ada.id.str());
  tt_send_task(ada.id, task);
  look();
  EXPECT_EQ(now(task).state, TaskState::assigned);
  EXPECT_EQ(now(task).agent, ada.id);
  EXPECT_EQ(now(task).text, "write it\nall");
  EXPECT_EQ(origin_of("TaskCreated"), "tinytown");
  EXPECT_THAT(inbox("ada").messages, SizeIs(1));
  look();
  ASSERT_THAT(list(keys_.inbox(ada.id)), SizeIs(1));
  EXPECT_TRUE(is_our_item(list(keys_.inbox(ada.id))[0]));
  EXPECT_EQ(hash(keys_.task(task))["reeve_owner"], world_.store.log().id.str());
}

TEST_F(RedisTinytownInward, W29_AnAssignThatWasCutOffIsTakenAllTheSame) {
  const auto ada = spawn("ada").value();
  begin();
  const auto task = tt_task("write it", "assigned", ada.id.str());
  look();
  EXPECT_EQ(now(task).agent, ada.id);
  tt_send_task(ada.id, task);  // it was only slow
  look();
  EXPECT_THAT(inbox("ada").messages, SizeIs(1));
  EXPECT_THAT(list(keys_.inbox(ada.id)), SizeIs(1));
}

TEST_F(RedisTinytownInward, CompleteEndsTheTaskWithItsResult) {
  ASSERT_TRUE(spawn("ada"));
  const auto task = assign("ada", "write it").value();
  begin();
  tt_complete(task.id, "all done");
  look();
  EXPECT_EQ(now(task.id).state, TaskState::completed);
  EXPECT_EQ(now(task.id).result, "all done");
  EXPECT_EQ(origin_of("TaskCompleted"), "tinytown");
  look();
  EXPECT_EQ(world_.count("TaskCompleted"), 1U);
}

TEST_F(RedisTinytownInward, BacklogAddClaimAndRemove) {
  const auto ada = spawn("ada").value();
  const auto ours = add_to_backlog("ours");
  const auto other = add_to_backlog("other");
  begin();
  const auto theirs = tt_backlog_add("theirs");
  look();
  EXPECT_THAT(pending(), ElementsAre("ours", "other", "theirs"));
  EXPECT_THAT(now(theirs).tags, ElementsAre("api"));

  for (const auto& id : {ours, theirs}) {  // tt backlog claim
    ask({"LREM", keys_.backlog(), "1", id.str()});
    rewrite(keys_.task(id), {{"state", "assigned"}, {"assigned_to", ada.id.str()}});
    tt_send_task(ada.id, id);
  }
  look();
  look();
  EXPECT_EQ(now(ours).agent, ada.id);
  EXPECT_EQ(now(theirs).agent, ada.id);
  EXPECT_EQ(origin_of("TaskAssigned"), "tinytown");
  EXPECT_THAT(texts("ada"), UnorderedElementsAre("ours", "theirs"));
  EXPECT_THAT(list(keys_.inbox(ada.id)), SizeIs(2));
  EXPECT_THAT(list(keys_.backlog()), ElementsAre(other.str()));

  ask({"LREM", keys_.backlog(), "1", other.str()});  // tt backlog remove
  ask({"DEL", keys_.task(other)});
  look();
  EXPECT_EQ(now(other).state, TaskState::cancelled) << "and reeve task retry has it back";
  EXPECT_THAT(pending(), IsEmpty());
}

TEST_F(RedisTinytownInward, W26_AClaimThatFailedHalfwayLosesNoTask) {
  const auto task = add_to_backlog("ours");
  begin();
  ask({"LREM", keys_.backlog(), "1", task.str()});
  look();
  EXPECT_THAT(list(keys_.backlog()), IsEmpty()) << "it may be at work still";
  look();
  EXPECT_THAT(list(keys_.backlog()), ElementsAre(task.str()));
  EXPECT_EQ(now(task).state, TaskState::pending);
}

TEST_F(RedisTinytownInward, AClaimOfAnAgentOfTinytownsTakesTheTaskFromUs) {
  const auto task = add_to_backlog("ours");
  begin();
  const auto zed = AgentId(world_.env.uuid4()).str();
  ask({"LREM", keys_.backlog(), "1", task.str()});
  rewrite(keys_.task(task), {{"state", "assigned"}, {"assigned_to", zed}});
  look();
  look();
  EXPECT_EQ(now(task).state, TaskState::cancelled);
  EXPECT_THAT(now(task).result.value_or(""), HasSubstr("tinytown"));
  EXPECT_THAT(hash(keys_.task(task)),
              AllOf(Contains(Pair("state", "assigned")), Contains(Pair("assigned_to", zed))));
}

TEST_F(RedisTinytownInward, WhatATaskOfOursCannotBecomeIsWrittenOver) {
  const auto ada = spawn("ada").value();
  const auto task = assign("ada", "write it").value();
  begin();
  rewrite(keys_.task(task.id), {{"state", "pending"}});
  ask({"HDEL", keys_.task(task.id), "assigned_to"});
  look();
  EXPECT_EQ(now(task.id).agent, ada.id);
  EXPECT_EQ(hash(keys_.task(task.id))["assigned_to"], ada.id.str());
  ask({"DEL", keys_.task(task.id)});  // tt reclaim --orphan-tasks --delete
  look();
  EXPECT_EQ(hash(keys_.task(task.id))["state"], "assigned");
}

TEST_F(RedisTinytownInward, MissionsAreLeftAndTheirTasksEndAsTheirsDo) {
  const auto ada = spawn("ada").value();
  begin();
  const std::string mission = keys_.prefix() + "mission:895044d2-9bbd-4f2f-b29e-fd7253dee827";
  ask({"SET", mission, "{}"});
  ask({"HSET", mission + ":work", "1", "{}"});
  const auto task =
      tt_task("[Mission Work Item] x", "assigned", ada.id.str(),
              R"(["mission-work-item","mission:895044d2-9bbd-4f2f-b29e-fd7253dee827"])");
  tt_send_task(ada.id, task);
  look();
  ASSERT_TRUE(report(task, town::Report::complete, ""));
  look();
  EXPECT_EQ(hash(keys_.task(task))["result"], "Completed");
  EXPECT_EQ(ask({"GET", mission}).text, "{}");
  EXPECT_THAT(hash(mission + ":work"), Contains(Pair("1", "{}")));
}

// --- Adopting

TEST_F(RedisTinytownInward, AnAgentOfTinytownsIsAdoptedOnlyWhenAsked) {
  begin();
  const AgentId zed(world_.env.uuid4());
  const auto fresh = hash_text(moment_of(world_.env.now()));
  ask({"HSET", keys_.agent(zed), "id", zed.str(), "name", "zed", "state", "idle", "cli", "worker",
       "last_heartbeat", fresh});
  tt_send(zed, MessageType::task, "do it");
  look();
  EXPECT_EQ(world_.count("AgentSpawned"), 0U);

  const auto adopt = [&](const std::string& name, bool force = false) {
    api::AdoptRequest request;
    request.agent = name;
    request.force = force;
    return world_.await(inward_->adopt(Caller{}, request));
  };
  EXPECT_EQ(town::code_of(adopt("nobody")), Errc::not_found);
  EXPECT_EQ(town::code_of(adopt("zed")), Errc::conflict) << "its loop";
  tt_kill(Agent{.id = zed});
  const auto adopted = adopt("Zed");
  ASSERT_TRUE(adopted) << adopted.error().message();
  EXPECT_EQ(adopted->id, zed);
  look();
  EXPECT_THAT(texts("zed"), ElementsAre("do it"));
  EXPECT_EQ(hash(keys_.agent(zed))["reeve_owner"], world_.store.log().id.str());
  EXPECT_EQ(hash(keys_.agent(zed))["state"], "idle");
  pass(10s);
  EXPECT_EQ(now(*adopted).state, State::idle) << "the flag that killed its loop went";
  EXPECT_EQ(town::code_of(adopt("zed")), Errc::not_found) << "ours already";
}

}  // namespace
}  // namespace reeve::doors::tinytown
