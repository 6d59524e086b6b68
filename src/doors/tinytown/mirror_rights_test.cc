// A Redis that does not let the mirror do everything: nothing is there twice, and nothing of
// tinytown's is lost.

#include "doors/tinytown/mirror.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "doors/tinytown/mirror_testing.h"

namespace reeve::doors::tinytown {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using town::Caller;

class RedisTinytownMirrorRights : public MirrorTest {
 protected:
  /// The right to everything, as one makes a user; to no channel.
  void start_as_user() {
    ask({"ACL", "SETUSER", "acl", "on", ">password", "~*", "+@all"});
    auto where = server_->address();
    where.user = "acl";
    where.password = Secret("password");
    start(where);
  }
  void set_right(const std::string& right) { ask({"ACL", "SETUSER", "acl", right}); }
  void say_to_all(const std::string& text) {
    api::SendRequest request;
    request.text = text;
    request.type = MessageType::informational;
    ASSERT_TRUE(world_.await(town::broadcast(ground_, Caller{}, request)));
  }
  bool in_trouble() {
    return until([&] { return !mirror_->view().error.empty(); });
  }
  void each_is_there_once(const std::string& key) {
    std::vector<std::string> echoes;
    for (const auto& entry : stream(key)) echoes.push_back(entry.fields.at(5));
    std::ranges::sort(echoes);
    EXPECT_EQ(std::ranges::adjacent_find(echoes), echoes.end()) << key;
  }
};

TEST_F(RedisTinytownMirrorRights, AUserWithoutChannelsDoublesNothing) {
  const auto ada = spawn("ada").value();
  for (const char* name : {"bob", "eve"}) ASSERT_TRUE(spawn(name));
  start_as_user();
  follow();
  say_to_all("hi");
  ASSERT_TRUE(assign("ada", "write it"));
  ASSERT_TRUE(in_trouble());
  follow_in_time();
  EXPECT_THAT(types_in(keys_.events()), SizeIs(4));
  EXPECT_THAT(types_in(keys_.agent_events(ada.id)), SizeIs(2));
  EXPECT_THAT(mirror_->view().error, HasSubstr("ACL SETUSER acl &tt:oak:*"));
  advance(20s);
  ASSERT_TRUE(assign("ada", "and that"));
  follow();
  EXPECT_THAT(types_in(keys_.events()), SizeIs(5));
  EXPECT_THAT(mirror_->view().error, HasSubstr("tt:oak:broadcast")) << "it is true still";
  set_right("&tt:oak:*");
  say_to_all("hi again");
  follow();
  EXPECT_EQ(mirror_->view().error, "");
}

TEST_F(RedisTinytownMirrorRights, NoCommandThatIsMissingDoublesAnything) {
  const auto ada = spawn("ada").value();
  ASSERT_TRUE(spawn("bob"));
  start_as_user();
  set_right("&*");
  follow();
  for (const std::string command :
       {"xadd", "lpush", "ltrim", "expire", "set", "hset", "hdel", "hmget", "hexists", "rpush",
        "lrem", "lrange", "llen", "del", "publish", "type", "time", "script", "evalsha"}) {
    SCOPED_TRACE(command);
    set_right("-" + command);
    ASSERT_TRUE(assign("ada", "without " + command));
    say_to_all("without " + command);
    const auto run = begin_round(ada);  // its list is emptied, it is written what it does
    end_round(run);
    ASSERT_TRUE(send("ada", "behind"));
    world_.quiet();
    for (int i = 0; i < 5; ++i) {
      advance(1s);
      world_.quiet();
    }
    set_right("+" + command);
    follow_in_time();
    each_is_there_once(keys_.events());
    each_is_there_once(keys_.agent_events(ada.id));
    EXPECT_THAT(list(keys_.inbox(ada.id)), SizeIs(1));
    EXPECT_EQ(mirror_->view().state, api::MirrorState::following);
  }
  EXPECT_EQ(world_.count("MirrorRewritten"), 0U);
}

TEST_F(RedisTinytownMirrorRights, WhatIsTinytownsStaysWhereAListCannotBeWritten) {
  const auto ada = spawn("ada").value();
  start_as_user();
  ASSERT_TRUE(send("ada", "one"));
  follow();
  const std::string letter =
      R"({"id":"9efcdaeb-876c-4936-b447-2a6ceae0ef5e",)"
      R"("from":"00000000-0000-0000-0000-000000000001",)"
      R"("to":"9efcdaeb-876c-4936-b447-2a6ceae0ef5e","type":"ping","priority":"normal",)"
      R"("created_at":"2026-11-21T09:53:36Z","correlation_id":null})";
  ask({"RPUSH", keys_.inbox(ada.id), letter});
  for (const char* command : {"rpush", "ltrim", "lrange"}) {
    SCOPED_TRACE(command);
    set_right("-" + std::string(command));
    // Before all others: the list is made anew.
    ASSERT_TRUE(send("ada", command, MessageType::informational, Priority::high));
    ASSERT_TRUE(in_trouble());
    EXPECT_THAT(list(keys_.inbox(ada.id)), Contains(letter));
    set_right("+" + std::string(command));
    follow_in_time();
    EXPECT_THAT(list(keys_.inbox(ada.id)), Contains(letter));
  }
  EXPECT_THAT(list(keys_.inbox(ada.id)), SizeIs(5));
}

TEST_F(RedisTinytownMirrorRights, ARedisWithoutRoomIsWrittenLater) {
  const auto ada = spawn("ada").value();
  start();
  follow();
  ask({"CONFIG", "SET", "maxmemory", "1"});
  ASSERT_TRUE(assign("ada", "write it"));
  ASSERT_TRUE(in_trouble());
  EXPECT_THAT(mirror_->view().error, HasSubstr("maxmemory"));
  begin_round(ada);
  for (int i = 0; i < 5; ++i) {
    advance(1s);
    world_.quiet();
  }
  ask({"CONFIG", "SET", "maxmemory", "0"});
  follow_in_time();
  each_is_there_once(keys_.events());
  EXPECT_THAT(types_in(keys_.events()), SizeIs(3));
  EXPECT_EQ(hash(keys_.agent(ada.id)).at("state"), "working");
}

}  // namespace
}  // namespace reeve::doors::tinytown
