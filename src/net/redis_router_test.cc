#include "net/redis_router.h"

#include <algorithm>

#include "net/redis_fixture.h"

namespace reeve::net {
namespace {

using testing::RedisClusterOfThree;
using testing::RedisServer;
using namespace std::chrono_literals;

const std::string kKey = "reeve:{town}:log";

class RedisRouterTest : public testing::RedisLoop {
 protected:
  void TearDown() override {
    if (router_) aio::run(loop_, router_->close());
    router_ = nullptr;
    RedisLoop::TearDown();
  }
  void route(RedisAddress address, RedisOptions options = {}) {
    if (router_) aio::run(loop_, router_->close());
    router_ = std::make_unique<RedisRouter>(loop_.get_executor(), env_, std::move(address), kKey,
                                            std::move(options));
  }
  Result<RedisReply> ask(RedisWords words) {
    return aio::run(loop_, router_->ask(std::move(words)));
  }
  Result<RedisReplies> ask_all(std::vector<RedisWords> commands) {
    return aio::run(loop_, router_->ask_all(std::move(commands)));
  }
  std::string text(RedisWords words) {
    const auto reply = ask(std::move(words));
    return reply ? reply->text : reply.error().message();
  }

  std::unique_ptr<RedisRouter> router_;
};

TEST_F(RedisRouterTest, OneRedisIsAskedAsItIs) {
  const RedisServer server;
  int greeted = 0;
  RedisOptions options;
  options.greet = [&](RedisAsk, std::uint64_t) -> Async<Status> {
    ++greeted;
    co_return Status();
  };
  route(server.address(), options);
  EXPECT_EQ(text({"SET", kKey, "1"}), "OK");
  EXPECT_EQ(ask_all({{"GET", kKey}, {"GET"}})->back().word(), "ERR");
  EXPECT_EQ(greeted, 1);
  EXPECT_EQ(router_->generation(), 1u);
}

TEST_F(RedisRouterTest, WhatIsNoClusterIsSaidToBe) {
  const RedisServer server;
  auto address = server.address();
  address.cluster = true;
  route(address, {.away_limit = 60s});
  const auto reply = ask({"GET", kKey});
  EXPECT_EQ(reply.error().code(), Errc::invalid_argument) << reply.error().message();
  EXPECT_TRUE(reply.error().message().contains("cluster=true"));
}

TEST_F(RedisRouterTest, ACluster) {
  RedisClusterOfThree cluster;
  const auto slot = cluster.slot(kKey);
  const auto owner = cluster.owner(kKey);
  const auto other = RedisClusterOfThree::other(owner);
  std::vector<std::uint16_t> greeted;
  RedisOptions options;
  options.greet = [&](RedisAsk ask_first, std::uint64_t) -> Async<Status> {
    // Where the keys are: what the owner asks has an answer.
    RedisWords words{"SET", "reeve:{town}:greeted", "yes"};
    const auto reply = co_await ask_first(std::move(words));
    if (!reply) co_return fail(reply.error());
    if (reply->is_error()) co_return fail(Errc::internal, reply->text);
    greeted.push_back(router_->address().tcp.port);
    co_return Status();
  };
  const auto port_of = [&](std::size_t i) { return cluster.node(i).address().tcp.port; };

  // From any node.
  for (std::size_t i = 0; i < 3; ++i) {
    greeted.clear();
    route(cluster.node(i).address(), options);
    EXPECT_EQ(text({"SET", kKey, std::to_string(i)}), "OK");
    EXPECT_EQ(cluster.node(owner).ask({"GET", kKey}).text, std::to_string(i));
    EXPECT_EQ(router_->address().tcp.port, port_of(owner));
    EXPECT_EQ(greeted, std::vector{port_of(owner)});
    EXPECT_EQ(router_->generation(), 1u);
  }

  // The slot is moving: keys that have not gone are here, new ones are there.
  const std::string here = "reeve:{town}:a", there = "reeve:{town}:b";
  EXPECT_EQ(text({"SET", here, "h"}), "OK");
  EXPECT_EQ(text({"SET", there, "t"}), "OK");
  cluster.begin_move(slot, owner, other);
  cluster.move_keys({there}, owner, other);
  EXPECT_EQ(text({"GET", here}), "h");
  EXPECT_EQ(text({"GET", there}), "t");
  EXPECT_EQ(text({"SET", "reeve:{town}:c", "new"}), "OK");
  EXPECT_EQ(text({"GET", "reeve:{town}:c"}), "new");
  const auto pipeline =
      ask_all({{"GET", here}, {"GET", there}, {"GET"}, {"GET", "reeve:{town}:c"}});
  ASSERT_TRUE(pipeline) << pipeline.error().message();
  EXPECT_EQ((*pipeline)[0].text, "h");
  EXPECT_EQ((*pipeline)[1].text, "t");
  EXPECT_EQ((*pipeline)[2].word(), "ERR");
  EXPECT_EQ((*pipeline)[3].text, "new");
  EXPECT_EQ(router_->address().tcp.port, port_of(owner));  // ASK is for this once

  // Whose connection is new is not let in before the slot is there, and whoever it is learns why.
  {
    auto hasty = options;
    hasty.away_limit = 300ms;
    greeted.clear();
    RedisRouter late(loop_.get_executor(), env_, cluster.node(owner).address(),
                     "reeve:{town}:nowhere", hasty);
    const auto refused = aio::run(loop_, late.ask({"GET", here}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::unavailable);
    EXPECT_TRUE(refused.error().message().contains("moving")) << refused.error().message();
    EXPECT_TRUE(greeted.empty());
    aio::run(loop_, late.close());
  }

  // A script is not sent on: nobody has greeted the other node.
  const auto script = begin(router_->ask({"EVAL", "return 'ran'", "1", "reeve:{town}:nowhere"}));
  // Both at once: only when all is there.
  const auto both = begin(router_->ask({"MGET", here, there}));
  run_for(300ms);
  EXPECT_FALSE(both->over());
  cluster.move_keys({here, kKey, "reeve:{town}:greeted"}, owner, other);
  run_until([&] { return both->over(); });
  ASSERT_TRUE(both->ended.value()) << both->ended->error().message();
  EXPECT_EQ(both->ended.value()->elements[1].text, "t");
  EXPECT_FALSE(script->over());

  // It has moved: for good, and the owner greets the other node. A WAIT goes where what it waits
  // for has gone.
  cluster.end_move(slot, other);
  greeted.clear();
  const auto moved = ask_all({{"SET", "reeve:{town}:w", "1"}, {"WAIT", "0", "1"}});
  ASSERT_TRUE(moved) << moved.error().message();
  EXPECT_EQ(moved->front().text, "OK");
  EXPECT_TRUE(cluster.node(other).ask({"INFO", "commandstats"}).text.contains("cmdstat_wait:"));
  run_until([&] { return script->over(); });
  EXPECT_EQ(script->ended.value()->text, "ran");
  std::vector<testing::BegunPtr<RedisReply>> asks;
  for (int i = 0; i < 100; ++i) asks.push_back(begin(router_->ask({"INCR", "reeve:{town}:n"})));
  run_until([&] { return std::ranges::all_of(asks, [](const auto& one) { return one->over(); }); });
  for (const auto& one : asks) EXPECT_TRUE(one->ended.value());
  EXPECT_EQ(cluster.node(other).ask({"GET", "reeve:{town}:n"}).text, "100");
  EXPECT_EQ(router_->address().tcp.port, port_of(other));
  EXPECT_EQ(greeted, std::vector{port_of(other)});
  EXPECT_EQ(router_->generation(), 2u);

  // Its node dies, and comes back.
  route(cluster.node(owner).address(), {.away_limit = 2s});
  EXPECT_EQ(text({"GET", "reeve:{town}:n"}), "100");
  cluster.node(other).kill();
  const auto away = ask({"GET", kKey});
  ASSERT_FALSE(away);
  EXPECT_TRUE(away.error().is(Errc::unavailable) || away.error().is(Errc::unknown_outcome))
      << away.error().message();
  EXPECT_EQ(ask({"GET", kKey}).error().code(), Errc::unavailable);
  cluster.node(other).start();
  Result<RedisReply> back;
  run_until([&] { return (back = ask({"EXISTS", kKey})).has_value(); });
  EXPECT_EQ(back->integer, 0);  // nothing of it was on disk
}

}  // namespace
}  // namespace reeve::net
