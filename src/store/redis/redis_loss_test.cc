// A town whose server was emptied or restored while somebody was connected to it. What is noticed
// at a new connection: redis_store_test.cc.

#include <map>

#include "store/redis/town_fixture.h"

namespace reeve::store {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RedisTownLoss : public RedisTown {
 protected:
  using Dump = std::map<std::string, std::string>;
  [[nodiscard]] Dump dump() const {
    Dump out;
    for (const auto& key : ask({"KEYS", "*"}).elements)
      out[key.text] = ask({"DUMP", key.text}).text;
    return out;
  }
  /// Nothing else is there then.
  void restore(const Dump& from) const {
    ask({"FLUSHALL"});
    for (const auto& [key, value] : from) ask({"RESTORE", key, "0", value});
  }
};

TEST_F(RedisTownLoss, IsNotWhatWasAcknowledgedWhileAReadWasOnItsWay) {
  serve();
  open();
  const auto together = [](Store& store, NewEvent event) -> aio::Async<std::size_t> {
    aio::TaskGroup group(co_await boost::asio::this_coro::executor);
    std::size_t failed = 0;
    const auto one = [](Store& of, NewEvent said, std::size_t& bad) -> aio::Async<> {
      Commit commit;
      commit.events.push_back(std::move(said));
      if (!co_await of.commit(std::move(commit))) ++bad;
    };
    const auto look = [](Store& of, std::size_t& bad) -> aio::Async<> {
      DocKey key{"note", "a"};
      if (!co_await of.get(std::move(key))) ++bad;
      if (!co_await of.count("note", "")) ++bad;
    };
    for (int i = 0; i < 400; ++i) {
      group.spawn("commit", one(store, event, failed));
      if (i % 4 == 0) group.spawn("look", look(store, failed));
    }
    co_await group.join();
    co_return failed;
  };
  for (int round = 0; round < 10; ++round)
    EXPECT_EQ(run(together(*store_, note("a").events.front())), 0U);
}

TEST_F(RedisTownLoss, IsNamedByEachReadOfALivingConnection) {
  serve();
  auto how = options();
  how.lease = 1s;  // looked at three times as often
  open(how);
  auto all = note("a");
  all.writes.emplace_back(QueuePush{.queue = "inbox:ada", .item = "m1"});
  ASSERT_TRUE(commit(std::move(all)));
  const auto old = dump();
  ASSERT_TRUE(commit(note("b")));
  const auto whole = dump();
  EventFilter scoped;
  scoped.scopes = {Scope::trusted("agent:a")};
  const auto read_all = [&](Errc want) {
    const auto code = [](const auto& result) {
      return result ? Errc::internal : result.error().code();
    };
    EXPECT_EQ(code(run(store_->get({"note", "a"}))), want);
    EXPECT_EQ(code(run(store_->get({"note", "none"}))), want);
    EXPECT_EQ(code(run(store_->list({.kind = "note"}))), want);
    EXPECT_EQ(code(run(store_->count("note", "open"))), want);
    EXPECT_EQ(code(run(store_->items("inbox:ada", 10))), want);
    EXPECT_EQ(code(run(store_->ready("inbox:ada", env_.now(), 10))), want);
    EXPECT_EQ(code(run(store_->run_epoch(RunId(env_.uuid4())))), want);
    EXPECT_EQ(code(run(store_->read({}, {}, 10))), want);
    EXPECT_EQ(code(run(store_->read({}, scoped, 10))), want);
    EXPECT_EQ(code(run(store_->read({2}, {}, 10))), want);
    EXPECT_EQ(code(run(store_->latest({}, 10))), want);
    EXPECT_EQ(code(run(store_->snapshot(0, 10))), want);
    EXPECT_EQ(code(run(store_->snapshot_of({{"note", "a"}}))), want);
  };
  read_all(Errc::internal);
  restore({});
  // Also where there is nothing to be asked: the head is known.
  const auto at_head = [&] { return run(store_->read({2}, {}, 10)); };
  for (int i = 0; i < 500 && at_head(); ++i) run(aio::sleep(env_, 10ms));
  EXPECT_EQ(code_of(at_head()), Errc::corrupt);
  read_all(Errc::corrupt);
  restore(old);
  read_all(Errc::corrupt);
  EXPECT_THAT(run(store_->get({"note", "a"})).error().message(),
              HasSubstr("lost 1 acknowledged events"));
  EXPECT_EQ(code_of(commit(note("c"))), Errc::corrupt);  // nothing is written over it
  // Somebody brings it back: it goes on by itself.
  restore(whole);
  read_all(Errc::internal);
  EXPECT_TRUE(commit(note("c")));
  restore(whole);
  for (int i = 0; i < 500 && run(store_->read({3}, {}, 10)); ++i) run(aio::sleep(env_, 10ms));
  EXPECT_EQ(code_of(run(store_->read({3}, {}, 10))), Errc::corrupt);
  EXPECT_EQ(code_of(commit(note("d"))), Errc::corrupt);
}

/// Whether the follower sees the log while it is shorter, or only when it is longer again.
class RedisTownFailover : public RedisTownLoss, public ::testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(, RedisTownFailover, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "seen" : "unseen"; });

TEST_P(RedisTownFailover, G3AFollowerTellsNothingThatWouldSkipWhatWasLost) {
  serve();
  open();
  ASSERT_TRUE(commit(note("a")));
  close();
  const auto old = dump();
  open();
  auto how = options();
  how.reader = true;
  how.witness.clear();
  const auto reader = try_open(how).value();
  std::vector<std::uint64_t> told;
  reader->set_feed([&](const std::vector<EventPtr>& events) {
    for (const auto& event : events) told.push_back(event->position.value);
  });
  for (const auto* key : {"b", "c"}) ASSERT_TRUE(commit(note(key)));
  for (int i = 0; i < 500 && told.size() < 2; ++i) run(aio::sleep(env_, 10ms));
  ASSERT_THAT(told, ElementsAre(2, 3));
  // It comes back without b and c, and somebody else goes on from there, further than we were.
  restore(old);
  auto theirs = options();
  theirs.holder = "them";
  theirs.witness.clear();
  env_.advance(1min);
  const auto other = try_open(theirs).value();
  const bool seen_short = GetParam();
  if (seen_short) run(aio::sleep(env_, 1500ms));  // it looks each second
  const auto commit_there = [&](const std::string& key) {
    auto done = run(other->commit(note(key)));
    for (int i = 0; i < 200 && !done; ++i) {
      run(aio::sleep(env_, 10ms));
      done = run(other->commit(note(key)));
    }
    ASSERT_TRUE(done);
  };
  for (const auto* key : {"x", "y", "z"}) commit_there(key);
  run(aio::sleep(env_, 2500ms));
  EXPECT_THAT(told, ElementsAre(2, 3));
  run(other->close());
  run(reader->close());
}

}  // namespace
}  // namespace reeve::store
