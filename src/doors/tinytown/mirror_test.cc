#include "doors/tinytown/mirror.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "doors/tinytown/mirror_testing.h"
#include "town/agents.h"
#include "town/pruning.h"

namespace reeve::doors::tinytown {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;
using town::Caller;

using RedisTinytownMirror = MirrorTest;

TEST_F(RedisTinytownMirror, ShowsWhatIsThereAndWhatHappens) {
  const auto ada = spawn("ada").value();
  start();
  follow();
  const auto bob = spawn("bob").value();
  const auto task = assign("ada", "write\nit").value();
  ASSERT_TRUE(send("bob", "fyi"));
  ASSERT_TRUE(send("bob", "now!", MessageType::task, Priority::urgent));
  ASSERT_TRUE(send("bob", "soon", MessageType::task, Priority::high));
  api::AssignRequest more;
  more.text = "fix the api";
  more.tags = {"api"};
  const auto later = world_.await(town::add_task(ground_, Caller{}, more)).value();
  follow();

  EXPECT_THAT(hash(keys_.agent(ada.id)),
              AllOf(Contains(Pair("name", "ada")), Contains(Pair("state", "idle")),
                    Contains(Pair("reeve_owner", world_.store.log().id.str()))));
  EXPECT_THAT(
      hash(keys_.task(task.id)),
      AllOf(Contains(Pair("description", "write\nit")), Contains(Pair("assigned_to", ada.id.str())),
            Contains(Pair("state", "assigned")), Contains(Pair("tags", "[]"))));
  EXPECT_THAT(texts_in(keys_.inbox(ada.id)), ElementsAre(task.id.str()));
  EXPECT_THAT(texts_in(keys_.inbox(bob.id)), ElementsAre("soon", "fyi"));
  EXPECT_THAT(texts_in(keys_.urgent(bob.id)), ElementsAre("now!"));
  EXPECT_THAT(list(keys_.backlog()), ElementsAre(later.id.str()));
  EXPECT_THAT(types_in(keys_.events()),
              ElementsAre("agent_spawned", "agent_spawned", "task_assigned"));
  EXPECT_THAT(types_in(keys_.agent_events(ada.id)), ElementsAre("agent_spawned", "task_assigned"));
  const auto entry = stream(keys_.events()).back();
  EXPECT_THAT(entry.fields, SizeIs(6));
  EXPECT_EQ(entry.fields[4], "reeve");
  EXPECT_TRUE(position_of_echo(entry.fields[5], mirror_->owner()));
  EXPECT_EQ(entry.event().message, "Task assigned: write");
  const auto view = mirror_->view();
  EXPECT_EQ(view.state, api::MirrorState::following);
  EXPECT_EQ(view.behind, 0);
  EXPECT_EQ(view.keys, "tt:oak:");
  EXPECT_EQ(world_.count("MirrorRewritten"), 0U);
}

TEST_F(RedisTinytownMirror, ARoundTakesItsMailAndComesToItsEnd) {
  const auto ada = spawn("ada").value();
  start();
  const auto task = assign("ada", "write it").value();
  ASSERT_TRUE(send("ada", "fyi"));
  const auto run = begin_round(ada, task.id);
  follow();
  EXPECT_THAT(list(keys_.inbox(ada.id)), IsEmpty());
  EXPECT_THAT(hash(keys_.agent(ada.id)), AllOf(Contains(Pair("state", "working")),
                                               Contains(Pair("current_task", task.id.str()))));
  EXPECT_THAT(hash(keys_.task(task.id)), Contains(Pair("state", "running")));
  ASSERT_TRUE(report(task.id, town::Report::complete, "all done"));
  end_round(run);
  follow();
  EXPECT_THAT(hash(keys_.agent(ada.id)),
              AllOf(Contains(Pair("state", "idle")), Contains(Pair("rounds_completed", "1")),
                    Contains(Pair("tasks_completed", "1")),
                    Not(Contains(Pair("current_task", task.id.str())))));
  EXPECT_THAT(hash(keys_.task(task.id)),
              AllOf(Contains(Pair("state", "completed")), Contains(Pair("result", "all done"))));
  EXPECT_THAT(list(keys_.activity(ada.id)), ElementsAre("Round 1: ✅ completed"));
  EXPECT_THAT(types_in(keys_.events()), Contains("task_completed"));
}

TEST_F(RedisTinytownMirror, ControlSetsStopFlagsAndActivity) {
  const auto ada = spawn("ada").value();
  start();
  ASSERT_TRUE(world_.await(town::interrupt(ground_, Caller{}, "ada", "")));
  follow();
  EXPECT_THAT(hash(keys_.agent(ada.id)), Contains(Pair("state", "paused")));
  ASSERT_TRUE(world_.await(town::resume(ground_, Caller{}, "ada", "")));
  const auto run = begin_round(ada);
  ASSERT_TRUE(world_.await(town::close(ground_, Caller{}, "ada", "")));
  follow();
  EXPECT_EQ(ask({"GET", keys_.stop(ada.id)}).text, "reeve");
  EXPECT_GT(ask({"TTL", keys_.stop(ada.id)}).integer, 3000);
  EXPECT_THAT(hash(keys_.agent(ada.id)), Contains(Pair("state", "draining")));
  EXPECT_THAT(list(keys_.activity(ada.id)), ElementsAre("🔻 Closing (draining then stop)",
                                                        "▶️ Resumed", "⏸️ Interrupted (paused)"));
  EXPECT_GT(ask({"TTL", keys_.activity(ada.id)}).integer, 3000);
  end_round(run);
  ASSERT_TRUE(kill("ada"));
  follow();
  EXPECT_EQ(ask({"EXISTS", keys_.stop(ada.id)}).integer, 0);
  EXPECT_THAT(hash(keys_.agent(ada.id)), Contains(Pair("state", "stopped")));
  api::PruneRequest prune;
  ASSERT_TRUE(world_.await(town::prune(ground_, Caller{}, "ada", prune)));
  follow();
  for (const auto& key : {keys_.agent(ada.id), keys_.inbox(ada.id), keys_.activity(ada.id)})
    EXPECT_EQ(ask({"EXISTS", key}).integer, 0) << key;
  EXPECT_EQ(ask({"EXISTS", keys_.agent_events(ada.id)}).integer, 1) << "tt keeps it, too";
}

TEST_F(RedisTinytownMirror, NobodyWaitsForAnEventThatIsNoFact) {
  start();
  follow();
  store::Commit commit;
  NewEvent said;
  said.id = EventId(world_.env.uuid7());
  said.kind = "ToolCallStarted";
  said.fidelity = Fidelity::committed;
  said.origin = "test";
  commit.events.push_back(said);
  ASSERT_TRUE(world_.await(ground_.log.store().commit(commit)));
  // The town's clock stands still: a progress mark would never come.
  follow();
  EXPECT_EQ(mirror_->view().position, ground_.log.head());
}

TEST_F(RedisTinytownMirror, TtResetEmptiesTheMirrorNotTheTown) {
  const auto ada = spawn("ada").value();
  const auto task = assign("ada", "write it").value();
  start();
  follow();
  const auto before = all_keys();
  ASSERT_TRUE(before.contains(keys_.mark()));
  // What `tt reset --force` does: all keys of the town.
  for (const auto& key : before) {
    if (key.starts_with(keys_.prefix())) ask({"DEL", key});
  }
  advance(11s);  // a heartbeat
  ASSERT_TRUE(until([&] { return world_.count("MirrorRewritten") == 1; }));
  follow_in_time();
  EXPECT_EQ(all_keys(), before);
  EXPECT_EQ(world_.get<Agent>(ada.id).state, AgentState::idle);
  EXPECT_THAT(texts_in(keys_.inbox(ada.id)), ElementsAre(task.id.str()));
  EXPECT_THAT(types_in(keys_.events()), ElementsAre("agent_spawned", "task_assigned"));
  const auto told = world_.fact<fact::MirrorRewritten>("MirrorRewritten");
  EXPECT_THAT(told.reason, HasSubstr("emptied"));
  EXPECT_THAT(told.redis, HasSubstr("redis.sock"));

  // All of Redis emptied, while nobody looks.
  stop();
  ask({"FLUSHALL"});
  start();
  follow();
  EXPECT_EQ(world_.count("MirrorRewritten"), 2U);
  stop();
  start();
  follow();
  EXPECT_EQ(world_.count("MirrorRewritten"), 2U) << "once each";
  EXPECT_EQ(all_keys(), before);
}

TEST_F(RedisTinytownMirror, WhatIsTinytownsStaysAsItIs) {
  const auto ada = spawn("ada").value();
  const std::string theirs = "9efcdaeb-876c-4936-b447-2a6ceae0ef5e";
  const std::string letter =
      R"({"id":"9efcdaeb-876c-4936-b447-2a6ceae0ef5e",)"
      R"("from":"00000000-0000-0000-0000-000000000001",)"
      R"("to":"9efcdaeb-876c-4936-b447-2a6ceae0ef5e","type":"ping","priority":"normal",)"
      R"("created_at":"2026-11-21T09:53:36Z","correlation_id":null})";
  ask({"HSET", keys_.prefix() + "agent:" + theirs, "id", theirs, "name", "zed"});
  ask({"HSET", keys_.prefix() + "task:" + theirs, "id", theirs, "state", "pending"});
  ask({"RPUSH", keys_.inbox(ada.id), letter});
  ask({"RPUSH", keys_.backlog(), theirs});
  ask({"SET", keys_.prefix() + "mission:m", "{}"});
  ask({"SADD", keys_.prefix() + "mission:active", "m"});
  ask({"SET", "tt:oaks:stop:x", "1"});
  start();
  follow();
  ASSERT_TRUE(send("ada", "one"));
  api::AssignRequest more;
  more.text = "fix";
  const auto ours = world_.await(town::add_task(ground_, Caller{}, more)).value();
  follow();
  ASSERT_TRUE(send("ada", "two"));
  ASSERT_TRUE(send("ada", "first", MessageType::informational, Priority::high));
  follow();
  const auto items = list(keys_.inbox(ada.id));
  ASSERT_EQ(items.size(), 4U);
  EXPECT_THAT(items, Contains(letter));
  std::vector<std::string> said;
  for (const auto& item : items) {
    if (is_our_item(item)) said.push_back(decode_message(item)->text);
  }
  EXPECT_THAT(said, ElementsAre("first", "one", "two"));
  EXPECT_THAT(list(keys_.backlog()), ElementsAre(theirs, ours.id.str()));
  begin_round(ada);
  follow();
  EXPECT_THAT(list(keys_.inbox(ada.id)), ElementsAre(letter));
  EXPECT_EQ(hash(keys_.prefix() + "agent:" + theirs).at("name"), "zed");
  EXPECT_EQ(hash(keys_.prefix() + "task:" + theirs).at("state"), "pending");
  EXPECT_EQ(ask({"GET", keys_.prefix() + "mission:m"}).text, "{}");
  EXPECT_EQ(ask({"SCARD", keys_.prefix() + "mission:active"}).integer, 1);
  EXPECT_EQ(ask({"EXISTS", "tt:oaks:stop:x"}).integer, 1);
}

TEST_F(RedisTinytownMirror, W12_HeartbeatsShowThatAllLivingAgentsLive) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  ASSERT_TRUE(kill("bob"));
  start();
  follow();
  const auto before = hash(keys_.agent(ada.id)).at("last_heartbeat");
  const auto stopped = hash(keys_.agent(bob.id)).at("last_heartbeat");
  const auto beats = calls("evalsha");
  advance(10s);
  ASSERT_TRUE(world_.until([&] { return calls("evalsha") > beats; }));
  EXPECT_GT(hash(keys_.agent(ada.id)).at("last_heartbeat"), before);
  EXPECT_EQ(hash(keys_.agent(bob.id)).at("last_heartbeat"), stopped);
  // Within 30 s, as the promise is.
  EXPECT_LE(Mirror::Options().heartbeat, 30s);
}

TEST_F(RedisTinytownMirror, WhatTtHasDeletedOrChangedIsWrittenOver) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(send("ada", "fyi"));
  start();
  follow();
  ask({"DEL", keys_.agent(ada.id), keys_.inbox(ada.id)});
  advance(10s);
  ASSERT_TRUE(until([&] { return ask({"EXISTS", keys_.agent(ada.id)}).integer == 1; }));
  follow();
  EXPECT_THAT(texts_in(keys_.inbox(ada.id)), ElementsAre("fyi"));
  ask({"HSET", keys_.agent(ada.id), "state", "stopped"});
  advance(10s);
  ASSERT_TRUE(until([&] { return hash(keys_.agent(ada.id)).at("state") == "idle"; }));
}

TEST_F(RedisTinytownMirror, WhatIsTouchedWhileItWritesIsWrittenNext) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  start();
  follow();
  for (const auto& agent : {ada, bob}) ask({"HSET", keys_.agent(agent.id), "state", "stopped"});
  server_->hold();
  in_loop([&] { mirror_->touch(ada.id); });
  world_.quiet();  // ada's write has gone out
  in_loop([&] { mirror_->touch(bob.id); });
  server_->let_go();
  // And no heartbeat is due that would take it along.
  ASSERT_TRUE(world_.until([&] { return hash(keys_.agent(bob.id)).at("state") == "idle"; }));
  EXPECT_EQ(hash(keys_.agent(ada.id)).at("state"), "idle");
  follow();
}

TEST_F(RedisTinytownMirror, AChangeOfTtIsKeptAndToldToWhoeverActsOnIt) {
  std::vector<TtKey> told;
  on_changed_ = [&](TtKey key) { told.push_back(std::move(key)); };
  const auto ada = spawn("ada").value();
  const auto task = assign("ada", "write it").value();
  start();
  follow();
  ask({"HSET", keys_.agent(ada.id), "state", "paused"});
  ask({"HSET", keys_.task(task.id), "state", "completed", "result", "tt says so"});
  ASSERT_TRUE(send("ada", "touches ada"));
  ASSERT_TRUE(report(task.id, town::Report::progress, "touches the task"));
  follow();
  EXPECT_THAT(told, Contains(TtKey{KeyFamily::agent, ada.id.str()}));
  EXPECT_THAT(told, Contains(TtKey{KeyFamily::task, task.id.str()}));
  EXPECT_EQ(hash(keys_.agent(ada.id)).at("state"), "paused");
  EXPECT_EQ(hash(keys_.task(task.id)).at("state"), "completed");
  // Dealt with: the agent is paused here, too, and the task's completion was refused.
  ASSERT_TRUE(world_.await(town::interrupt(ground_, Caller{}, "ada", "")));
  in_loop([&] { mirror_->touch(task.id); });
  follow();
  EXPECT_EQ(hash(keys_.agent(ada.id)).at("state"), "paused");
  EXPECT_EQ(hash(keys_.task(task.id)).at("state"), "assigned");
  told.clear();
  advance(10s);
  ASSERT_TRUE(send("ada", "again"));
  follow();
  EXPECT_THAT(told, IsEmpty());
}

TEST_F(RedisTinytownMirror, AnotherTownOfThatNameIsToldApart) {
  ASSERT_TRUE(spawn("ada"));
  const std::string other = "9efcdaeb-876c-4936-b447-2a6ceae0ef5e";
  const auto now = ask({"TIME"}).elements.at(0).text;
  ask({"HSET", mirror_place_key("oak"), "log", other, "position", "7", "nonce", "n", "seen", now});
  ask({"SET", keys_.mark(), "n"});
  start();
  ASSERT_TRUE(until([&] { return mirror_->view().error.contains("same name"); }));
  EXPECT_EQ(mirror_->view().state, api::MirrorState::away);
  EXPECT_EQ(hash(mirror_place_key("oak")).at("log"), other);
  // That one was left long ago; what it left goes.
  const auto left = keys_.prefix() + "agent:" + other;
  ask({"HSET", left, "id", other, "reeve_owner", other});
  ask({"HSET", mirror_place_key("oak"), "seen", "1"});
  follow_in_time();
  EXPECT_EQ(hash(mirror_place_key("oak")).at("log"), mirror_->owner().str());
  EXPECT_EQ(ask({"EXISTS", left}).integer, 0);
}

TEST_F(RedisTinytownMirror, ACopyOfTheTownIsRefusedWhileTheOriginalLives) {
  const auto ada = spawn("ada").value();
  Mirror::Options original, copy;
  original.by = "here:/original";
  copy.by = "here:/copy";
  start(server_->address(), original);
  follow();
  EXPECT_EQ(hash(mirror_place_key("oak")).at("by"), "here:/original");
  stop();
  start(server_->address(), copy);
  ASSERT_TRUE(until([&] { return mirror_->view().error.contains("/original"); }));
  ask({"HSET", mirror_place_key("oak"), "seen", "1"});
  follow_in_time();
  ASSERT_TRUE(send("ada", "fyi"));
  follow();
  EXPECT_EQ(hash(mirror_place_key("oak")).at("by"), "here:/copy");
  EXPECT_EQ(world_.count("MirrorRewritten"), 0U);
}

TEST_F(RedisTinytownMirror, AKeyOfAnotherTypeIsLeftAloneAndTold) {
  const auto ada = spawn("ada").value();
  const auto bob = spawn("bob").value();
  ask({"SET", keys_.inbox(ada.id), "what is this"});
  start();
  ASSERT_TRUE(send("ada", "fyi"));
  ASSERT_TRUE(send("bob", "fyi"));
  follow();
  EXPECT_EQ(ask({"GET", keys_.inbox(ada.id)}).text, "what is this");
  EXPECT_THAT(texts_in(keys_.inbox(bob.id)), ElementsAre("fyi"));
  EXPECT_THAT(mirror_->view().error, HasSubstr(keys_.inbox(ada.id)));
}

TEST_F(RedisTinytownMirror, AListThatTtHasFloodedIsLeftAloneAndTold) {
  const auto ada = spawn("ada").value();
  RedisWords flood{"RPUSH", keys_.inbox(ada.id)};
  flood.resize(6'002, "an item of tinytown's");
  ask(flood);
  start();
  ASSERT_TRUE(send("ada", "fyi"));
  follow();
  EXPECT_EQ(ask({"LLEN", keys_.inbox(ada.id)}).integer, 6'000);
  EXPECT_THAT(mirror_->view().error, HasSubstr(keys_.inbox(ada.id)));
  ask({"LTRIM", keys_.inbox(ada.id), "0", "99"});
  in_loop([&] { mirror_->touch(ada.id); });
  follow();
  EXPECT_EQ(ask({"LLEN", keys_.inbox(ada.id)}).integer, 101);
  EXPECT_EQ(mirror_->view().error, "");
}

TEST_F(RedisTinytownMirror, ABroadcastIsPublishedOnce) {
  for (const char* name : {"ada", "bob", "eve"}) ASSERT_TRUE(spawn(name));
  start();
  follow();
  api::SendRequest request;
  request.text = "all hands";
  request.type = MessageType::informational;
  ASSERT_TRUE(world_.await(town::broadcast(ground_, Caller{}, request)));
  ASSERT_TRUE(send("ada", "to one"));
  follow();
  EXPECT_EQ(calls("publish"), 1);
}

TEST_F(RedisTinytownMirror, ATownThatTtMistakesIsRefusedWithAReason) {
  ground_.town = "workshop";
  start();
  ASSERT_TRUE(until([&] { return !mirror_->view().error.empty(); }));
  EXPECT_THAT(mirror_->view().error, HasSubstr("begins with \"work\""));
  EXPECT_THAT(all_keys(), IsEmpty());
}

TEST_F(RedisTinytownMirror, ALongListIsCutAndFollowed) {
  const auto ada = spawn("ada").value();
  start();
  std::vector<Fact> facts;
  std::vector<store::Write> writes;
  std::vector<MessageId> ids;
  for (int i = 0; i < 1200; ++i) {
    Message message;
    message.id = MessageId(world_.env.uuid4());
    message.from = kSupervisor;
    message.to = ada.id;
    message.text = std::to_string(i);
    message.created_at = world_.env.now() + Duration(i);
    ids.push_back(message.id);
    facts.emplace_back(fact::MessageSent{message, {}});
    writes.emplace_back(store::QueuePush{inbox_queue(ada.id), message.id.str(), 1});
  }
  make(std::move(facts), std::move(writes));
  follow();
  EXPECT_THAT(list(keys_.inbox(ada.id)), SizeIs(1000));
  EXPECT_EQ(texts_in(keys_.inbox(ada.id)).back(), "999");
  make({fact::MessagesHandled{ada.id, {ids[0], ids[5]}}},
       {store::QueueAck{inbox_queue(ada.id), ids[0].str()},
        store::QueueAck{inbox_queue(ada.id), ids[5].str()}});
  follow();
  const auto shown = texts_in(keys_.inbox(ada.id));
  EXPECT_THAT(shown, SizeIs(1000));
  EXPECT_EQ(shown.front(), "1");
  EXPECT_EQ(shown.back(), "1001");
}

}  // namespace
}  // namespace reeve::doors::tinytown
