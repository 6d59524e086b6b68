// A town in a Redis Cluster whose slot moves from one node to another: no part of it is ever taken
// for the whole.

#include <algorithm>
#include <set>

#include "store/redis/town_fixture.h"

namespace reeve::store {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// On a cluster that the tests of this suite share: each moves the town to and fro.
class RedisTownCluster : public RedisTown {
 protected:
  static void TearDownTestSuite() { shared_.reset(); }
  void SetUp() override {
    RedisTown::SetUp();
    if (!net::testing::has_redis()) return;
    if (!shared_) shared_ = std::make_unique<net::testing::RedisClusterOfThree>();
    name_ = "town" + std::to_string(++towns_);
    slot_ = shared_->slot(key("state"));
    here_ = shared_->owner(key("state"));
    there_ = net::testing::RedisClusterOfThree::other(here_);
  }

  [[nodiscard]] RedisOptions options(std::chrono::milliseconds patience = 30s) {
    auto options = redis_options(shared_->node(0).address(), name_);
    options.durability = RedisDurability::memory;
    options.holder = "us";
    options.who = "us, as a test";
    options.witness = dir_.file("witness.json");
    options.patience = patience;
    options.on_lost = [this](const Error& why) { lost_.push_back(why); };
    return options;
  }
  [[nodiscard]] std::string key(const std::string& name) const {
    return "reeve:{" + name_ + "}:" + name;
  }
  /// The names of the town's keys on a node.
  std::vector<std::string> keys_at(std::size_t node) {
    std::vector<std::string> names;
    const net::RedisWords words{"CLUSTER", "GETKEYSINSLOT", std::to_string(slot_), "1000"};
    for (const auto& name : shared_->node(node).ask(words).elements) names.push_back(name.text);
    return names;
  }
  void begin_move() { shared_->begin_move(slot_, here_, there_); }
  void move(const std::vector<std::string>& keys) { shared_->move_keys(keys, here_, there_); }
  void end_move() {
    shared_->end_move(slot_, there_);
    std::swap(here_, there_);
  }
  void set_stable(std::size_t node) {
    const net::RedisWords words{"CLUSTER", "SETSLOT", std::to_string(slot_), "STABLE"};
    ASSERT_EQ(shared_->node(node).ask(words).text, "OK");
  }
  void move_all() {
    begin_move();
    move(keys_at(here_));
    end_move();
  }

  static inline std::unique_ptr<net::testing::RedisClusterOfThree> shared_;
  static inline int towns_ = 0;
  std::string name_;
  int slot_ = 0;
  std::size_t here_ = 0;
  std::size_t there_ = 0;
};

TEST_F(RedisTownCluster, G2WhileItsSlotMovesKeyByKeyEachAcknowledgedCommitHappensOnce) {
  open(options());
  constexpr int kWriters = 6;
  constexpr int kMoves = 3;
  std::set<std::string> acknowledged;
  bool over = false;
  aio::TaskGroup group(loop_.get_executor());
  const auto write = [&](int writer) -> Async<> {
    for (int i = 0; !over; ++i) {
      const auto key = std::to_string(writer) + "-" + std::to_string(i);
      auto commit = note(key);
      commit.writes.emplace_back(QueuePush{.queue = "inbox:" + std::to_string(i % 3), .item = key});
      for (;;) {
        auto done = co_await store_->commit(commit);
        if (done) break;
        if (!done.error().is(Errc::unknown_outcome) && !done.error().is(Errc::unavailable)) {
          ADD_FAILURE() << done.error().message();
          co_return;
        }
      }
      acknowledged.insert(key);
    }
  };
  const auto move_it = [&]() -> Async<> {
    for (int i = 0; i < kMoves; ++i) {
      const auto before = acknowledged.size();
      while (acknowledged.size() < before + 100 && !::testing::Test::HasFailure())
        co_await aio::sleep(env_, 1ms);
      begin_move();
      for (const auto& one : keys_at(here_)) {
        move({one});
        co_await aio::sleep(env_, 20ms);
      }
      EXPECT_EQ(keys_at(here_).size(), 0u);
      end_move();
    }
    const auto before = acknowledged.size();
    while (acknowledged.size() < before + 100 && !::testing::Test::HasFailure())
      co_await aio::sleep(env_, 1ms);
    over = true;
  };
  for (int i = 0; i < kWriters; ++i) group.spawn("writer", write(i));
  group.spawn("mover", move_it());
  run(group.join());

  const auto look = [&] {
    const auto head = store_->log().head.value;
    EXPECT_EQ(head, acknowledged.size());
    EXPECT_EQ(positions_of(run(store_->latest({}, 1000)).value()).back(), head);
    EXPECT_EQ(run(store_->count("note", "open")).value(), acknowledged.size());
    std::size_t queued = 0;
    for (int i = 0; i < 3; ++i) {
      QueuePlace place;
      for (;;) {
        const auto some = run(store_->items("inbox:" + std::to_string(i), 1000, place)).value();
        if (some.empty()) break;
        queued += some.size();
        place = some.back().place();
      }
    }
    EXPECT_EQ(queued, acknowledged.size());
    for (const auto& key : acknowledged)
      ASSERT_TRUE(run(store_->get({"note", key})).value()) << key;
  };
  look();
  const auto head = store_->log().head.value;
  ASSERT_EQ(fed_.size(), head);
  for (std::size_t i = 0; i < fed_.size(); ++i) ASSERT_EQ(fed_[i], i + 1);
  close();
  open(options());
  look();
}

TEST_F(RedisTownCluster, AMoveThatIsCutOffHalfWayKeepsTheTownAwayAndNotLost) {
  open(options(400ms));
  ASSERT_TRUE(commit(note("a")));
  const auto keys = keys_at(here_);
  ASSERT_GE(keys.size(), 6u);
  // With what says that there is a town, and without it.
  for (const bool with_state : {true, false}) {
    begin_move();
    std::vector<std::string> some;
    for (const auto& one : keys) {
      const bool of_town = one == key("state") || one == key("meta") || one == key("log");
      if (of_town == with_state) some.push_back(one);
    }
    move(some);
    const auto away = commit(note("b"));
    ASSERT_EQ(code_of(away), Errc::unavailable) << away.error().message();
    EXPECT_THAT(away.error().message(), HasSubstr("moving"));
    // What is one key is whole, wherever it is.
    EXPECT_TRUE(run(store_->get({"note", "a"})).value());
    EXPECT_EQ(run(store_->count("note", "open")).value(), 1u);
    EXPECT_EQ(code_of(run(store_->list({.kind = "note"}))), Errc::unavailable);
    // Who comes just now finds no town, and does not think that there is none.
    close();
    EXPECT_EQ(code_of(try_open(options(400ms))), Errc::unavailable);
    auto other = options(400ms);
    other.witness.clear();
    EXPECT_EQ(code_of(try_open(other)), Errc::unavailable);
    // It goes on to its end.
    for (const auto& one : keys_at(here_)) move({one});
    end_move();
    open(options(400ms));
    EXPECT_TRUE(run(store_->get({"note", "a"})).value());
  }
  // And back, as a whole.
  ASSERT_TRUE(commits_at_last("b"));
  move_all();
  ASSERT_TRUE(commits_at_last("c"));
  EXPECT_EQ(run(store_->count("note", "")).value(), 3u);
  EXPECT_TRUE(lost_.empty());
}

TEST_F(RedisTownCluster, ATownThatIsGoneFromANodeThatKnowsOfNoMoveIsNotCalledLost) {
  open(options(400ms));
  ASSERT_TRUE(commit(note("a")));
  begin_move();
  const std::vector<std::string> away{key("state"), key("meta"), key("doc:note")};
  move(away);
  set_stable(here_);  // as a replica that takes over knows nothing of it, either
  const auto refused = commit(note("b"));
  ASSERT_EQ(code_of(refused), Errc::unavailable) << refused.error().message();
  EXPECT_THAT(refused.error().message(), HasSubstr("another node"));
  EXPECT_EQ(code_of(run(store_->get({"note", "a"}))), Errc::unavailable);
  EXPECT_EQ(code_of(run(store_->list({.kind = "note"}))), Errc::unavailable);
  close();
  EXPECT_EQ(code_of(try_open(options(400ms))), Errc::unavailable);
  auto stranger = options(400ms);
  stranger.witness.clear();
  EXPECT_EQ(code_of(try_open(stranger)), Errc::unavailable);
  const auto rest = keys_at(here_);
  shared_->move_keys({key("log")}, here_, there_);
  EXPECT_EQ(code_of(try_open(stranger)), Errc::unavailable);  // none is made
  EXPECT_EQ(keys_at(here_).size(), rest.size() - 1);
  shared_->move_keys({key("log")}, there_, here_);
  // Moved back, what says that there is a town as the last.
  for (const auto* one : {"doc:note", "meta", "state"})
    shared_->move_keys({key(one)}, there_, here_);
  set_stable(there_);
  open(options(400ms));
  EXPECT_TRUE(run(store_->get({"note", "a"})).value());
  EXPECT_TRUE(commits_at_last("b"));
}

TEST_F(RedisTownCluster, AMoveIsTakenBack) {
  open(options(400ms));
  ASSERT_TRUE(commit(note("a")));
  begin_move();
  EXPECT_EQ(code_of(commit(note("b"))), Errc::unavailable);
  set_stable(here_);
  set_stable(there_);
  EXPECT_TRUE(commits_at_last("b"));
  EXPECT_EQ(run(store_->count("note", "")).value(), 2u);
}

}  // namespace
}  // namespace reeve::store
