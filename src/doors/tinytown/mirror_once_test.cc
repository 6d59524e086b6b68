// Nothing is missing and nothing is there twice, whatever cuts the mirror off.

#include "doors/tinytown/mirror.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "doors/tinytown/mirror_testing.h"

namespace reeve::doors::tinytown {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using net::testing::CuttingProxy;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

using RedisTinytownMirrorOnce = MirrorTest;

TEST_F(RedisTinytownMirrorOnce, GoesOnWhereItWasNothingIsMissingOrTwice) {
  const auto ada = spawn("ada").value();
  start();
  follow();
  stop();
  for (int i = 0; i < 12; ++i) {
    start();
    ASSERT_TRUE(assign("ada", "task " + std::to_string(i)));
    // Cut off wherever it is by now.
    for (int step = 0; step < i * 5; ++step) {
      world_.loop.restart();
      world_.loop.run_one_for(2ms);
    }
    stop();
  }
  start();
  follow();
  EXPECT_THAT(types_in(keys_.events()), SizeIs(13));
  EXPECT_THAT(list(keys_.inbox(ada.id)), SizeIs(12));
  std::vector<std::string> echoes;
  for (const auto& entry : stream(keys_.events())) echoes.push_back(entry.fields.at(5));
  std::ranges::sort(echoes);
  EXPECT_EQ(std::ranges::adjacent_find(echoes), echoes.end()) << "none is there twice";
  EXPECT_EQ(world_.count("MirrorRewritten"), 0U);
}

TEST_F(RedisTinytownMirrorOnce, AConnectionCutInAnyPhaseLosesAndDoublesNothing) {
  const auto ada = spawn("ada").value();
  CuttingProxy proxy(server_->socket(), world_.dir.path());
  start(proxy.address());
  follow_in_time();
  std::size_t tasks = 0;
  for (const auto where : {CuttingProxy::Cut::before_request, CuttingProxy::Cut::before_reply,
                           CuttingProxy::Cut::in_reply}) {
    proxy.cut_at("EVALSHA", where);
    ASSERT_TRUE(assign("ada", "task " + std::to_string(++tasks)));
    ASSERT_TRUE(until([&] { return proxy.has_cut(); }));
    ASSERT_TRUE(assign("ada", "task " + std::to_string(++tasks)));
    follow_in_time();
    EXPECT_THAT(types_in(keys_.events()), SizeIs(1 + tasks));
    EXPECT_THAT(list(keys_.inbox(ada.id)), SizeIs(tasks));
  }
  EXPECT_EQ(world_.count("MirrorRewritten"), 0U);
}

TEST_F(RedisTinytownMirrorOnce, OfAFloodEachPartIsWrittenOnce) {
  ASSERT_TRUE(spawn("ada"));
  start();
  follow();
  stop();
  // More than one call tells, the second of which is cut off.
  constexpr std::size_t kTasks = 300;
  std::size_t tasks = 0;
  for (const auto where : {CuttingProxy::Cut::before_request, CuttingProxy::Cut::before_reply}) {
    for (std::size_t i = 0; i < kTasks; ++i)
      ASSERT_TRUE(assign("ada", "task " + std::to_string(++tasks)));
    CuttingProxy proxy(server_->socket(), world_.dir.path());
    proxy.cut_at("Task assigned: task " + std::to_string(tasks - 20), where);
    start(proxy.address());
    ASSERT_TRUE(until([&] { return proxy.has_cut(); }));
    follow_in_time();
    stop();
    std::vector<std::uint64_t> told;
    for (const auto& entry : stream(keys_.events()))
      told.push_back(position_of_echo(entry.fields.at(5), ground_.log.store().log().id)->value);
    EXPECT_THAT(told, SizeIs(1 + tasks));
    EXPECT_TRUE(std::ranges::is_sorted(told, std::ranges::less_equal())) << "none twice";
  }
  EXPECT_EQ(world_.count("MirrorRewritten"), 0U);
}

TEST_F(RedisTinytownMirrorOnce, ABatchIsOneScriptCall) {
  ASSERT_TRUE(spawn("ada"));
  start();
  follow();
  stop();
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(assign("ada", "task"));
  const auto before = calls("evalsha");
  start();
  follow();
  EXPECT_LE(calls("evalsha") - before, 4);
  EXPECT_EQ(types_in(keys_.events()).size(), 61U);
}

TEST_F(RedisTinytownMirrorOnce, WritingAllThatIsCutOffIsBegunAgainAndToldOnce) {
  const auto ada = spawn("ada").value();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(assign("ada", "task"));
  start();
  follow();
  stop();
  ask({"FLUSHALL"});
  CuttingProxy proxy(server_->socket(), world_.dir.path());
  start(proxy.address());
  proxy.cut_at("EVALSHA", CuttingProxy::Cut::before_reply);
  ASSERT_TRUE(until([&] { return proxy.has_cut(); }));
  stop();
  start(proxy.address());
  follow_in_time();
  EXPECT_LE(world_.count("MirrorRewritten"), 1U);
  EXPECT_THAT(types_in(keys_.events()), SizeIs(6));
  EXPECT_THAT(list(keys_.inbox(ada.id)), SizeIs(5));
}

TEST_F(RedisTinytownMirrorOnce, ARedisThatIsAwayHoldsNobodyUp) {
  server_ = std::make_unique<RedisServer>(
      net::testing::RedisServerOptions{.lines = {"appendonly yes", "appendfsync always"}});
  const auto ada = spawn("ada").value();
  start();
  follow();
  server_->kill();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(assign("ada", "task"));
  ASSERT_TRUE(until([&] { return mirror_->view().state == api::MirrorState::away; }));
  EXPECT_THAT(mirror_->view().error, Not(IsEmpty()));
  EXPECT_GT(mirror_->view().behind, 0);
  server_->start();
  follow_in_time();
  EXPECT_EQ(mirror_->view().error, "");
  EXPECT_THAT(types_in(keys_.events()), SizeIs(6));
  EXPECT_THAT(list(keys_.inbox(ada.id)), SizeIs(5));
  EXPECT_EQ(world_.count("MirrorRewritten"), 0U);
}

TEST_F(RedisTinytownMirrorOnce, FarBehindAllIsWrittenWithTheNewestEvents) {
  const auto ada = spawn("ada").value();
  Mirror::Options options;
  options.far = 10;
  start(server_->address(), options);
  follow();
  stop();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(assign("ada", "task"));
  start(server_->address(), options);
  follow();
  EXPECT_EQ(mirror_->view().rewritten, 1);
  EXPECT_EQ(world_.count("MirrorRewritten"), 0U);
  EXPECT_THAT(types_in(keys_.events()), SizeIs(21)) << "none of them twice";
}

TEST_F(RedisTinytownMirrorOnce, AForgottenScriptIsLoadedAgain) {
  const auto ada = spawn("ada").value();
  start();
  follow();
  ask({"SCRIPT", "FLUSH"});
  ASSERT_TRUE(send("ada", "fyi"));
  follow();
  EXPECT_THAT(texts_in(keys_.inbox(ada.id)), ElementsAre("fyi"));
}

}  // namespace
}  // namespace reeve::doors::tinytown
