// A Redis that is away, or that has lost what it acknowledged.

#include <boost/asio/steady_timer.hpp>

#include <fstream>
#include <map>

#include "store/redis/redis_store.h"
#include "store/redis/town_fixture.h"
#include "store/redis/witness.h"

namespace reeve::store {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(RedisTown, WhileRedisIsAwayCommitsWaitAndThenFail) {
  serve();
  auto how = options();
  how.patience = 300ms;
  open(how);
  ASSERT_TRUE(commit(note()));
  server_->stop();
  const auto refused = commit(note("away"));
  EXPECT_TRUE(refused.error().is(Errc::unavailable) || refused.error().is(Errc::unknown_outcome))
      << refused.error().message();
  EXPECT_EQ(code_of(commit(note("away"))), Errc::unavailable);
  server_->start();
  EXPECT_TRUE(commits_at_last("away"));
  EXPECT_THAT(positions(), ElementsAre(1, 2));
}

TEST_F(RedisTown, LostDataIsNamedAndNothingIsGuessed) {
  serve();
  open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(commit(note()));
  ask({"FLUSHALL"});
  const auto refused = commit(note());
  ASSERT_EQ(code_of(refused), Errc::corrupt);
  EXPECT_THAT(refused.error().message(), HasSubstr("the town is gone"));
  EXPECT_THAT(ask({"KEYS", "*"}).elements, IsEmpty());
  close();
  // Also for the next process, which knows by the witness.
  const auto again = try_open(options());
  ASSERT_EQ(code_of(again), Errc::corrupt);
  EXPECT_THAT(again.error().message(), HasSubstr("the town is gone"));
}

TEST_F(RedisTown, ARestoredBackupIsNoticed) {
  serve();
  open();
  ASSERT_TRUE(commit(note("a")));
  close();
  std::map<std::string, std::string> dump;
  for (const auto& key : ask({"KEYS", "*"}).elements) dump[key.text] = ask({"DUMP", key.text}).text;
  open();
  ASSERT_TRUE(commit(note("b")));
  ASSERT_TRUE(commit(note("c")));
  const auto restore = [&] {
    ask({"FLUSHALL"});
    for (const auto& [key, value] : dump) ask({"RESTORE", key, "0", value});
    ask({"CLIENT", "KILL", "TYPE", "normal"});
  };
  restore();
  auto refused = commit(note("d"));
  ASSERT_EQ(code_of(refused), Errc::corrupt);
  EXPECT_THAT(refused.error().message(), HasSubstr("lost 2 acknowledged events"));
  close();
  EXPECT_EQ(code_of(try_open(options())), Errc::corrupt);
  // Somebody else, without our witness, went on from the backup: it is as long as ours was.
  auto how = options();
  how.holder = "them";
  how.witness.clear();
  env_.advance(1min);
  const auto other = try_open(how).value();
  for (const auto* key : {"x", "y", "z"}) ASSERT_TRUE(run(other->commit(note(key))));
  run(other->close());
  refused = fail(try_open(options()).error());
  ASSERT_EQ(code_of(refused), Errc::corrupt);
  EXPECT_THAT(refused.error().message(), HasSubstr("another event at position 3"));
}

/// The machine's disk is slower than its Redis.
class SlowDisk final : public Env {
 public:
  SlowDisk(Env& env, boost::asio::io_context& loop) : env_(env), loop_(loop) {}
  [[nodiscard]] Time now() const override { return env_.now(); }
  [[nodiscard]] std::chrono::nanoseconds uptime() const override { return env_.uptime(); }
  void random(std::span<std::uint8_t> out) override { env_.random(out); }
  [[nodiscard]] std::unique_ptr<Timer> after(std::chrono::nanoseconds delay,
                                             std::move_only_function<void()> then) override {
    return env_.after(delay, std::move(then));
  }
  void offload(std::move_only_function<void()> work,
               std::move_only_function<void()> done) override {
    auto later = std::make_shared<boost::asio::steady_timer>(loop_, 300ms);
    later->async_wait(
        [this, later, w = std::move(work), d = std::move(done)](boost::system::error_code) mutable {
          env_.offload(std::move(w), std::move(d));
        });
  }
  void defer(std::move_only_function<void()> work) override { env_.defer(std::move(work)); }

 private:
  Env& env_;
  boost::asio::io_context& loop_;
};

TEST_F(RedisTown, WhatTheWitnessKnowsIsHeldAgainstTheServerHoweverLongReadingItTakes) {
  serve();
  open();
  ASSERT_TRUE(commit(note("a")));
  close();
  SlowDisk slow(env_, loop_);
  {
    auto again = open_redis_now(slow, loop_, options());
    ASSERT_TRUE(again) << again.error().message();
    run((*again)->close());
  }
  ask({"FLUSHALL"});
  EXPECT_EQ(code_of(open_redis_now(slow, loop_, options())), Errc::corrupt);
  EXPECT_EQ(ask({"DBSIZE"}).integer, 0) << "a town was made where one was lost";
}

TEST_F(RedisTown, AFailoverThatLostWritesIsNoticed) {
  auto settings = disk_settings();
  settings.emplace_back("repl-diskless-sync-delay 0");
  serve({.tcp = true, .lines = std::move(settings)});
  const auto port = std::to_string(std::get<net::TcpAddress>(server_->socket()).port);
  auto lines = disk_settings();
  lines.insert(lines.end(), {"replicaof 127.0.0.1 " + port});
  RedisServer replica({.lines = lines});
  open();
  ASSERT_TRUE(commit(note("a")));
  while (replica.ask({"EXISTS", "reeve:{town}:log"}).integer == 0) run(aio::sleep(env_, 10ms));
  replica.ask({"REPLICAOF", "NO", "ONE"});  // promoted; what comes now it never has
  ASSERT_TRUE(commit(note("b")));
  close();
  auto how = options();
  how.address = replica.address();
  const auto refused = try_open(how);
  ASSERT_EQ(code_of(refused), Errc::corrupt);
  EXPECT_THAT(refused.error().message(), HasSubstr("lost 1 acknowledged events"));
}

TEST_F(RedisTown, TheWitnessIsWrittenBehindAndAtTheEnd) {
  serve();
  open();
  const auto seen = [&] {
    const auto witness = redis::read_witness(dir_.file("witness.json")).value();
    return witness ? witness->position.value : 0;
  };
  ASSERT_TRUE(commit(note("a")));
  for (int i = 0; i < 200 && seen() == 0; ++i) run(aio::sleep(env_, 20ms));
  EXPECT_EQ(seen(), 1u);
  ASSERT_TRUE(commit(note("b")));
  close();
  EXPECT_EQ(seen(), 2u);
  std::ofstream(dir_.file("witness.json")) << "spoiled";
  EXPECT_EQ(code_of(try_open(options())), Errc::corrupt);
}

}  // namespace
}  // namespace reeve::store
