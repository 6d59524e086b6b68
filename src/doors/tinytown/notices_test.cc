#include "doors/tinytown/notices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "net/redis_fixture.h"

namespace reeve::doors::tinytown {
namespace {

using namespace std::chrono_literals;
using net::testing::RedisServer;
using net::testing::RedisServerOptions;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using How = Notices::How;

class RedisTinytownNotices : public net::testing::RedisLoop {
 protected:
  void TearDown() override {
    end();
    RedisLoop::TearDown();
  }
  void begin(const RedisServer& server) {
    notices_ = std::make_unique<Notices>(
        loop_.get_executor(), env_, server.address(), keys_,
        [this](const std::vector<std::string>& keys) {
          told_.insert(keys.begin(), keys.end());
          anything_ = anything_ || keys.empty();
        },
        [this](How how, const std::string& why) {
          how_ = how;
          why_ = why;
        });
    how_.reset();
    run_until([this] { return how_.has_value(); });
  }
  void end() {
    if (notices_) aio::run(loop_, notices_->close());
    notices_ = nullptr;
  }
  /// What tt and others write; the last is told of.
  void write(const RedisServer& server) {
    told_.clear();
    server.ask({"HSET", "tt:oak:agent:1", "state", "idle"});
    server.ask({"RPUSH", "tt:oak:inbox:1", "x"});
    server.ask({"XADD", "tt:oak:events", "*", "a", "b"});
    server.ask({"LPUSH", "tt:oak:activity:1", "x"});
    server.ask({"HSET", "tt:pine:agent:1", "state", "idle"});
    server.ask({"HSET", "reeve:{oak}:mirror", "position", "1"});
    server.ask({"SETEX", "tt:oak:stop:1", "100", "1"});
    server.ask({"HSET", "tt:oak:task:1", "state", "pending"});
    server.ask({"RPUSH", "tt:oak:urgent:1", "x"});
    server.ask({"RPUSH", "tt:oak:backlog", "1"});
    run_until([this] { return told_.contains("tt:oak:backlog"); });
    EXPECT_THAT(told_, UnorderedElementsAre("tt:oak:agent:1", "tt:oak:inbox:1", "tt:oak:stop:1",
                                            "tt:oak:task:1", "tt:oak:urgent:1", "tt:oak:backlog"));
  }

  Keys keys_{"oak"};
  std::unique_ptr<Notices> notices_;
  std::set<std::string> told_;
  bool anything_ = false;
  std::optional<How> how_;
  std::string why_;
};

constexpr const char* kNoTracking = "user default on nopass ~* &* +@all -client|tracking";

TEST_F(RedisTinytownNotices, AServerAsItComesTellsWhatChanged) {
  const RedisServer server;
  begin(server);
  EXPECT_EQ(how_, How::tracking);
  write(server);
  server.ask({"FLUSHALL"});
  run_until([this] { return anything_; });
}

TEST_F(RedisTinytownNotices, ADatabaseOfOnesOwnIsToldOf) {
  const RedisServer server({.lines = {kNoTracking, "notify-keyspace-events KA"}});
  auto address = server.address();
  address.database = 3;
  notices_ = std::make_unique<Notices>(
      loop_.get_executor(), env_, address, keys_,
      [this](const std::vector<std::string>& keys) { told_.insert(keys.begin(), keys.end()); },
      [this](How how, const std::string&) { how_ = how; });
  run_until([this] { return how_.has_value(); });
  connect(address);
  server.ask({"HSET", "tt:oak:agent:0", "state", "idle"});
  ASSERT_TRUE(ask({"HSET", "tt:oak:agent:3", "state", "idle"}));
  run_until([this] { return !told_.empty(); });
  EXPECT_THAT(told_, UnorderedElementsAre("tt:oak:agent:3"));
}

TEST_F(RedisTinytownNotices, OneWithoutTrackingTellsItByKeyspaceNotifications) {
  const RedisServer server({.lines = {kNoTracking, "notify-keyspace-events Kg$lh"}});
  begin(server);
  EXPECT_EQ(how_, How::keyspace);
  write(server);
}

TEST_F(RedisTinytownNotices, OneThatTellsNothingIsLeftAsItIsAndItIsSaid) {
  const RedisServer server({.lines = {kNoTracking}});
  begin(server);
  EXPECT_EQ(how_, How::none);
  EXPECT_THAT(why_, HasSubstr("CONFIG SET notify-keyspace-events KA"));
  EXPECT_EQ(server.ask({"CONFIG", "GET", "notify-keyspace-events"}).elements.at(1).text, "");
}

TEST_F(RedisTinytownNotices, ARestartedServerTellsAgain) {
  RedisServer server;
  begin(server);
  how_.reset();
  server.kill();
  server.start();
  run_until([this] { return how_ == How::tracking; });
  write(server);
}

}  // namespace
}  // namespace reeve::doors::tinytown
