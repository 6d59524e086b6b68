// A town on Redis whose connection is cut, or whose server is killed, in the middle of its commits.

#include <set>

#include "store/redis/town_fixture.h"

namespace reeve::store {
namespace {

using namespace std::chrono_literals;
using net::testing::CuttingProxy;
using ::testing::ElementsAre;

class RedisTownCut : public RedisTown {
 protected:
  void SetUp() override {
    RedisTown::SetUp();
    serve();
    proxy_ = std::make_unique<CuttingProxy>(server_->socket(), dir_.path());
    auto how = options();
    how.address = proxy_->address();
    open(how);
    ASSERT_TRUE(commit(note("first")));
  }
  void TearDown() override {
    RedisTown::TearDown();
    proxy_.reset();
  }
  /// A commit that is cut there, and what its repetition with the same key leads to.
  void cut(const std::string& key, CuttingProxy::Cut where) {
    proxy_->cut_at(key, where);
    const auto cut_off = commit(note(key));
    ASSERT_TRUE(proxy_->has_cut());
    ASSERT_EQ(code_of(cut_off), Errc::unknown_outcome);
    ASSERT_TRUE(commit(note(key)));
  }
  std::unique_ptr<CuttingProxy> proxy_;
};

TEST_F(RedisTownCut, G9BeforeItArrivedItIsDoneByTheRepetition) {
  cut("gone", CuttingProxy::Cut::before_request);
  EXPECT_THAT(fed_, ElementsAre(1, 2));
  EXPECT_THAT(positions(), ElementsAre(1, 2));
}

TEST_F(RedisTownCut, G9BeforeItsAnswerItIsDoneOnceAndToldOnce) {
  cut("answer", CuttingProxy::Cut::before_reply);
  EXPECT_THAT(fed_, ElementsAre(1, 2));
  EXPECT_THAT(positions(), ElementsAre(1, 2));
}

TEST_F(RedisTownCut, G9InItsAnswerItIsDoneOnceAndToldOnce) {
  cut("middle", CuttingProxy::Cut::in_reply);
  EXPECT_THAT(fed_, ElementsAre(1, 2));
  EXPECT_THAT(positions(), ElementsAre(1, 2));
}

TEST_F(RedisTownCut, G3WhatHappenedUnansweredIsToldWithoutARepetition) {
  proxy_->cut_at("lonely", CuttingProxy::Cut::before_reply);
  ASSERT_EQ(code_of(commit(note("lonely"))), Errc::unknown_outcome);
  for (int i = 0; i < 500 && fed_.size() < 2; ++i) run(aio::sleep(env_, 10ms));
  EXPECT_THAT(fed_, ElementsAre(1, 2));
}

TEST_F(RedisTownCut, G11RetentionWhoseAnswerWasLostHasHappened) {
  const auto truncate = [&](const std::string& kind, Position from, Position upto) {
    Truncation all{.from = from, .upto = upto, .changed = {}, .events = {}};
    all.events.push_back(make_event(env_, kind));
    return run(store_->truncate(std::move(all)));
  };
  const auto add = [&](const std::string& kind) {
    Commit commit;
    commit.events = {make_event(env_, kind, {}, std::string(1000, ' ') + "{}")};
    ASSERT_TRUE(run(store_->commit(std::move(commit))));
  };
  for (const auto* kind : {"Some", "Bulky", "Other", "Other"}) add(kind);  // at 2 to 5
  // The scripts are known then, so the call that is cut is the one that does it.
  ASSERT_TRUE(truncate("Begin", {}, {1}));
  ASSERT_TRUE(run(store_->prune({{2}})));
  proxy_->cut_at("Bulky", CuttingProxy::Cut::before_reply);
  ASSERT_EQ(code_of(run(store_->prune({{3}}))), Errc::unknown_outcome);
  ASSERT_TRUE(commit(note("on")));
  proxy_->cut_at("Shortened", CuttingProxy::Cut::before_reply);
  ASSERT_EQ(code_of(truncate("Shortened", {1}, {4})), Errc::unknown_outcome);
  ASSERT_TRUE(proxy_->has_cut());
  ASSERT_TRUE(commit(note("and on")));
  EXPECT_EQ(store_->log().oldest, Position{5});
  EXPECT_THAT(positions_of(run(store_->read({4}, {}, 100)).value().events),
              ElementsAre(5, 6, 7, 8, 9));
  EXPECT_THAT(fed_, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9));
  ASSERT_TRUE(truncate("Goes on", {4}, {5}));
  const auto now = store_->log();
  close();
  auto how = options();
  how.address = proxy_->address();
  open(how);
  EXPECT_EQ(store_->log().head, now.head);
  EXPECT_EQ(store_->log().oldest, now.oldest);
  EXPECT_EQ(store_->log().bytes, now.bytes);
}

TEST_F(RedisTownCut, AReadThatIsCutOffIsAskedAgain) {
  const auto cut = [&](const std::string& text) {
    proxy_->cut_at(text, CuttingProxy::Cut::in_reply);
  };
  cut("HGET");
  EXPECT_TRUE(run(store_->get({"note", "first"})).value());
  EXPECT_TRUE(proxy_->has_cut());
  cut("ZCARD");
  EXPECT_EQ(run(store_->count("note", "open")).value(), 1u);
  EXPECT_TRUE(proxy_->has_cut());
  cut("EVALSHA");
  EXPECT_EQ(run(store_->list({.kind = "note"})).value().size(), 1u);
  cut("EVALSHA");
  EXPECT_THAT(positions(), ElementsAre(1));
  // Not for ever: nobody is told later than what waits for a server that is away.
  close();
  auto how = options();
  how.address = proxy_->address();
  how.patience = 500ms;
  open(how);
  proxy_->refuse(true);
  cut("HGET");
  const auto away = run(store_->get({"note", "first"}));
  EXPECT_EQ(code_of(away), Errc::unavailable) << away.error().message();
  proxy_->refuse(false);
}

// What a session knows of a document it knows only as long as nobody else has had the town.
TEST_F(RedisTownCut, G8WhatAnotherWroteMeanwhileIsNotForgotten) {
  const auto put = [&](Store& store) {
    Commit commit;
    commit.writes = {PutDoc{.key = {"note", "x"}, .body = "{}", .marks = {"open"}}};
    commit.events = {make_event(env_, "Note")};
    return run(store.commit(std::move(commit)));
  };
  ASSERT_TRUE(put(*store_));
  ASSERT_TRUE(put(*store_));
  proxy_->refuse(true);
  proxy_->cut_at("breaks", CuttingProxy::Cut::before_request);
  ASSERT_EQ(code_of(commit(note("breaks"))), Errc::unknown_outcome);
  const auto other = try_open(options()).value();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(put(*other));
  run(other->close());
  proxy_->refuse(false);
  ASSERT_TRUE(commits_at_last("back"));
  ASSERT_TRUE(put(*store_));
  EXPECT_EQ(run(store_->get({"note", "x"})).value()->version, 6u);
}

/// Each acknowledged commit exactly once, in order, through restarts and SIGKILLs of the server.
class RedisTownRestart : public RedisTown, public ::testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(, RedisTownRestart, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "killed" : "stopped"; });

TEST_P(RedisTownRestart, G1EachAcknowledgedCommitIsThereExactlyOnce) {
  serve();
  open();
  constexpr int kWriters = 8;
  constexpr int kRestarts = 4;
  std::set<std::string> acknowledged;
  bool over = false;
  aio::TaskGroup group(loop_.get_executor());
  const auto write = [&](int writer) -> Async<> {
    for (int i = 0; !over; ++i) {
      const auto key = std::to_string(writer) + "-" + std::to_string(i);
      for (;;) {
        auto done = co_await store_->commit(note(key));
        if (done) break;
        if (!done.error().is(Errc::unknown_outcome) && !done.error().is(Errc::unavailable)) {
          ADD_FAILURE() << done.error().message();
          co_return;
        }
      }
      acknowledged.insert(key);
    }
  };
  const auto torment = [&]() -> Async<> {
    for (int i = 0; i < kRestarts; ++i) {
      const auto before = acknowledged.size();
      while (acknowledged.size() < before + 200) co_await aio::sleep(env_, 1ms);
      GetParam() ? server_->kill() : server_->stop();
      server_->start(false);
    }
    const auto before = acknowledged.size();
    while (acknowledged.size() < before + 100) co_await aio::sleep(env_, 1ms);
    over = true;
  };
  for (int i = 0; i < kWriters; ++i) group.spawn("writer", write(i));
  group.spawn("torment", torment());
  run(group.join());

  const auto head = store_->log().head.value;
  EXPECT_EQ(head, acknowledged.size());
  ASSERT_EQ(fed_.size(), head);
  for (std::size_t i = 0; i < fed_.size(); ++i) ASSERT_EQ(fed_[i], i + 1);
  EXPECT_EQ(run(store_->count("note", "open")).value(), acknowledged.size());
  for (const auto& key : acknowledged) ASSERT_TRUE(run(store_->get({"note", key})).value()) << key;
}

}  // namespace
}  // namespace reeve::store
