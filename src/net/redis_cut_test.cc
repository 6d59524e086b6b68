// What becomes of asks when the connection is cut, at any moment of theirs, and when Redis dies.
#include <signal.h>

#include <algorithm>
#include <set>
#include <thread>

#include "aio/task_group.h"
#include "net/redis_fixture.h"
#include "net/testing.h"

namespace reeve::net {
namespace {

using testing::CuttingProxy;
using testing::RedisServer;
using Cut = CuttingProxy::Cut;
using namespace std::chrono_literals;

class RedisCutTest : public testing::RedisLoop {
 protected:
  /// The three ways in which an ask may end here.
  static bool ended_in_a_known_way(const testing::Begun<RedisReply>& one) {
    if (!one.ended) return false;
    return one.ended->has_value() || one.ended->error().is(Errc::unavailable) ||
           one.ended->error().is(Errc::unknown_outcome);
  }
  testing::TempFolder folder_;
};

TEST_F(RedisCutTest, InEachPhaseOfAnAskItIsUnknownAndNeverRepeated) {
  const RedisServer server;
  CuttingProxy proxy(server.socket(), folder_.path());
  connect(proxy.address());
  ASSERT_EQ(text({"PING"}), "PONG");
  struct Case {
    Cut where;
    std::int64_t has_run;
  };
  std::int64_t run = 0;
  std::uint64_t generation = 1;
  for (const auto& [where, has_run] :
       {Case{Cut::before_request, 0}, Case{Cut::before_reply, 1}, Case{Cut::in_reply, 1}}) {
    proxy.cut_at("INCRBY", where);
    const auto reply = ask({"INCRBY", "n", "1"});
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), Errc::unknown_outcome) << reply.error().message();
    EXPECT_TRUE(proxy.has_cut());
    run += has_run;
    EXPECT_EQ(text({"GET", "n"}), run == 0 ? "" : std::to_string(run));
    EXPECT_EQ(redis_->generation(), ++generation);
  }
}

TEST_F(RedisCutTest, APipelineThatIsCutIsUnknownAsAWhole) {
  const RedisServer server;
  CuttingProxy proxy(server.socket(), folder_.path());
  connect(proxy.address());
  ASSERT_EQ(text({"PING"}), "PONG");
  proxy.cut_at("last", Cut::in_reply, 6);  // the first reply and a part of the second
  const auto replies = ask_all({{"SET", "a", "1"}, {"SET", "b", "2"}, {"SET", "c", "last"}});
  EXPECT_EQ(replies.error().code(), Errc::unknown_outcome);
  EXPECT_EQ(text({"GET", "c"}), "last");
}

TEST_F(RedisCutTest, WhatWasNotWrittenWaitsForTheNextConnection) {
  RedisServer server;
  connect(server.address());
  ASSERT_EQ(text({"PING"}), "PONG");
  server.hold();
  // Far more than what a socket takes in: the first are written in part.
  std::vector<testing::BegunPtr<RedisReply>> asks;
  for (int i = 0; i < 40; ++i)
    asks.push_back(begin_ask({"SET", "k" + std::to_string(i), std::string(1 << 20, 'x')}));
  settle();
  server.kill();
  server.start();
  run_until([&] { return std::ranges::all_of(asks, [](const auto& one) { return one->over(); }); });
  std::int64_t answered = 0, unknown = 0;
  for (const auto& one : asks) {
    ASSERT_TRUE(one->ended);
    if (one->ended->has_value()) ++answered;
    if (!one->ended->has_value()) unknown += one->ended->error().is(Errc::unknown_outcome) ? 1 : 0;
  }
  EXPECT_EQ(answered + unknown, 40);
  EXPECT_GE(unknown, 1);
  EXPECT_GE(answered, 30);
  // The server has lost all that it had: what is there was sent on the second connection.
  EXPECT_EQ(ask({"DBSIZE"})->integer, answered);
}

TEST_F(RedisCutTest, AServerThatCutsAtOnceIsNotHurried) {
  const RedisServer server;
  CuttingProxy proxy(server.socket(), folder_.path());
  proxy.refuse(true);
  connect(proxy.address(), {.away_limit = 1s});
  EXPECT_EQ(ask({"PING"}).error().code(), Errc::unavailable);
  // At once, and after 0.2, 0.6 and 1.4 s.
  EXPECT_LE(proxy.connections(), 4);
  EXPECT_GE(proxy.connections(), 2);
  proxy.refuse(false);
  run_until([&] { return text({"PING"}) == "PONG"; });
}

/// How the asks of many writers ended.
struct Seen {
  bool stop = false;
  std::size_t ended = 0;
  std::vector<std::string> yes, no, unknown, odd;
};

Async<> write_on(RedisConnection& redis, Seen& seen, int writer) {
  for (int i = 0;; ++i) {
    if (seen.stop) co_return;
    auto id = std::to_string(writer) + "-" + std::to_string(i);
    RedisWords words{"SADD", "all", id};
    const auto reply = co_await redis.ask(std::move(words));
    ++seen.ended;
    if (reply && reply->integer == 1) {
      seen.yes.push_back(std::move(id));
    } else if (reply) {
      seen.odd.push_back(std::move(id));
    } else if (reply.error().is(Errc::unavailable)) {
      seen.no.push_back(std::move(id));
    } else if (reply.error().is(Errc::unknown_outcome)) {
      seen.unknown.push_back(std::move(id));
    } else {
      seen.odd.push_back(reply.error().message());
    }
  }
}

/// Redis is killed again and again while many write. With appendfsync always: what was answered is
/// there afterwards, what was unavailable is not, and what is unknown may be.
TEST_F(RedisCutTest, KilledUnderLoadEachAskEndsOnceAndTruly) {
  RedisServer server({.lines = {"appendonly yes", "appendfsync always"}});
  connect(server.address(), {.away_limit = 300ms});
  ASSERT_EQ(text({"PING"}), "PONG");
  constexpr int kWriters = 50;
  Seen seen;
  aio::TaskGroup writers(loop_.get_executor());
  for (int i = 0; i < kWriters; ++i) writers.spawn("writer", write_on(*redis_, seen, i));
  for (int kill = 0; kill < 4; ++kill) {
    const auto before = seen.yes.size();
    run_until([&] { return seen.yes.size() >= before + 500; });
    if (kill < 2) {  // it has not read what is asked
      server.hold();
      settle();
    } else {  // at any moment
      const auto pid = server.pid();
      std::thread killer([pid] { ::kill(pid, SIGKILL); });
      run_for(20ms);
      killer.join();
    }
    server.kill();
    // Twice they wait until it is back, twice for longer than they like.
    if (kill % 2 == 1)
      run_until([&, then = seen.no.size()] { return seen.no.size() >= then + kWriters; });
    server.start(false);
  }
  seen.stop = true;
  aio::run(loop_, writers.join());
  EXPECT_TRUE(seen.odd.empty()) << seen.odd.front();
  EXPECT_EQ(seen.yes.size() + seen.no.size() + seen.unknown.size(), seen.ended);
  EXPECT_GE(seen.unknown.size(), 1u);
  const auto there = ask({"SMEMBERS", "all"}).value();
  std::set<std::string> all;
  for (const auto& one : there.elements) all.insert(one.text);
  for (const auto& id : seen.yes) EXPECT_TRUE(all.contains(id)) << id;
  for (const auto& id : seen.no) EXPECT_FALSE(all.contains(id)) << id;
}

TEST_F(RedisCutTest, ManyInFlightAndAKill) {
  RedisServer server;
  connect(server.address());
  ASSERT_EQ(text({"PING"}), "PONG");
  std::vector<testing::BegunPtr<RedisReply>> asks;
  for (int i = 0; i < 10'000; ++i) asks.push_back(begin_ask({"INCR", "n"}));
  run_until([&] { return asks[100]->over(); });
  server.kill();
  server.start();
  run_until([&] { return std::ranges::all_of(asks, [](const auto& one) { return one->over(); }); });
  for (const auto& one : asks) EXPECT_TRUE(ended_in_a_known_way(*one));
}

}  // namespace
}  // namespace reeve::net
