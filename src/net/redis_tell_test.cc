// Commands that nobody waits for: RedisConnection::tell().
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "net/redis_fixture.h"
#include "net/testing.h"

namespace reeve::net {
namespace {

using testing::CuttingProxy;
using testing::RedisServer;
using Cut = CuttingProxy::Cut;
using namespace std::chrono_literals;

class RedisTellTest : public testing::RedisLoop {
 protected:
  /// Whether it was taken. What becomes of it is added to told_.
  bool tell(const RedisWords& words) {
    std::string command;
    wire::append_command(command, words);
    RedisDone done = [this](Result<RedisReply> reply) { told_.push_back(std::move(reply)); };
    const bool taken = redis_->tell(command, done);
    EXPECT_EQ(taken, !done);
    return taken;
  }
  void connected(RedisAddress address, RedisOptions options = {}) {
    connect(std::move(address), std::move(options));
    ASSERT_EQ(text({"PING"}), "PONG");
  }

  std::vector<Result<RedisReply>> told_;
  testing::TempFolder folder_;
};

TEST_F(RedisTellTest, ItIsOnItsWayWhenTheCallReturns) {
  const RedisServer server;
  connected(server.address());
  ASSERT_TRUE(tell({"SET", "a", "1"}));
  // Nothing of ours runs meanwhile.
  while (server.ask({"GET", "a"}).text != "1") std::this_thread::yield();
  EXPECT_TRUE(told_.empty());
  run_until([&] { return told_.size() == 1; });
  EXPECT_EQ(told_[0]->text, "OK");
}

TEST_F(RedisTellTest, EveryReplyIsToldAsItCame) {
  const RedisServer server;
  connected(server.address());
  ASSERT_TRUE(tell({"SET", "a", "text"}));
  ASSERT_TRUE(tell({"INCR", "a"}));
  ASSERT_TRUE(tell({"EVALSHA", std::string(40, '0'), "0"}));
  run_until([&] { return told_.size() == 3; });
  EXPECT_TRUE(told_[1].value().is_error());
  EXPECT_EQ(told_[2].value().word(), "NOSCRIPT");
}

TEST_F(RedisTellTest, WhereThereIsNoConnectionItIsNotTaken) {
  RedisServer server;
  server.stop();
  connect(server.address());
  settle();
  EXPECT_FALSE(tell({"PING"}));
  server.start();
  ASSERT_EQ(text({"PING"}), "PONG");
  EXPECT_TRUE(tell({"PING"}));
  aio::run(loop_, redis_->finish());
  EXPECT_EQ(told_.size(), 1u);
  EXPECT_FALSE(tell({"PING"}));
}

TEST_F(RedisTellTest, ItDoesNotOvertakeWhatWasAskedBefore) {
  RedisServer server;
  connected(server.address());
  ASSERT_TRUE(tell({"APPEND", "a", "1"}));
  server.hold();
  const auto large = begin_ask({"APPEND", "a", std::string(1 << 20, '2')});
  settle();  // it is being written
  const auto small = begin_ask({"APPEND", "a", "3"});
  settle();
  ASSERT_TRUE(tell({"APPEND", "a", "4"}));
  server.let_go();
  run_until([&] { return told_.size() == 2 && large->over() && small->over(); });
  EXPECT_EQ(text({"GET", "a"}), "1" + std::string(1 << 20, '2') + "34");
}

TEST_F(RedisTellTest, WhatTheSocketDoesNotTakeAtOnceFollows) {
  RedisServer server;
  connected(server.address());
  server.hold();
  constexpr int kMany = 60;
  for (int i = 0; i < kMany; ++i)
    ASSERT_TRUE(tell({"APPEND", "a", std::to_string(i) + std::string(200'000, '.')}));
  settle();
  EXPECT_TRUE(told_.empty());
  server.let_go();
  run_until([&] { return told_.size() == kMany; });
  const auto text = ask({"GET", "a"})->text;
  std::size_t at = 0;
  for (int i = 0; i < kMany; ++i) {
    const auto number = std::to_string(i);
    ASSERT_EQ(text.compare(at, number.size(), number), 0) << i;
    at += number.size() + 200'000;
  }
  EXPECT_EQ(text.size(), at);
}

TEST_F(RedisTellTest, WhoIsToldMayTellAgain) {
  const RedisServer server;
  connected(server.address());
  int left = 1'000;
  std::function<void(Result<RedisReply>)> again = [&](Result<RedisReply> reply) {
    ASSERT_TRUE(reply);
    if (--left == 0) return;
    std::string command;
    wire::append_command(command, RedisWords{"INCR", "n"});
    RedisDone done = again;
    EXPECT_TRUE(redis_->tell(command, done));
  };
  again(RedisReply());
  run_until([&] { return left == 0; });
  EXPECT_EQ(text({"GET", "n"}), "999");
}

TEST_F(RedisTellTest, InEachPhaseACutIsUnknownAndNeverRepeated) {
  const RedisServer server;
  CuttingProxy proxy(server.socket(), folder_.path());
  connected(proxy.address());
  int run = 0;
  for (const auto& [where, has_run] :
       {std::pair{Cut::before_request, 0}, std::pair{Cut::before_reply, 1},
        std::pair{Cut::in_reply, 1}}) {
    proxy.cut_at("INCRBY", where);
    told_.clear();
    ASSERT_TRUE(tell({"INCRBY", "n", "1"}));
    run_until([&] { return !told_.empty(); });
    EXPECT_EQ(told_[0].error().code(), Errc::unknown_outcome);
    run += has_run;
    EXPECT_EQ(text({"GET", "n"}), run == 0 ? "" : std::to_string(run));
    EXPECT_EQ(told_.size(), 1u);
  }
}

TEST_F(RedisTellTest, CloseTellsEverybodyAndNobodyInTheMiddleOfIt) {
  RedisServer server;
  connected(server.address());
  server.hold();
  ASSERT_TRUE(tell({"INCR", "n"}));
  ASSERT_TRUE(tell({"INCR", "n"}));
  aio::run(loop_, redis_->close());
  run_until([&] { return told_.size() == 2; });
  for (const auto& one : told_) EXPECT_EQ(one.error().code(), Errc::unknown_outcome);
  server.let_go();
}

}  // namespace
}  // namespace reeve::net
