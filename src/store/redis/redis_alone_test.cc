// A commit that is on its way alone goes the shortest way (lua/alone.lua), and leaves what any
// other would.
#include <algorithm>
#include <vector>

#include "aio/task_group.h"
#include "store/redis/codec.h"
#include "store/redis/town_fixture.h"

namespace reeve::store {
namespace {

using ::testing::ElementsAre;

class RedisTownAlone : public RedisTown {
 protected:
  Commit put(std::string body, std::string mark = "open") {
    auto commit = note();
    commit.events.push_back(make_event(env_, "Second", {"agent:b"}));
    commit.writes = {
        PutDoc{.key = {"note", "x"}, .body = std::move(body), .marks = {std::move(mark)}}};
    return commit;
  }
  Async<> commit_often(int times, std::uint64_t& done) {
    for (int i = 0; i < times; ++i) {
      const auto one = co_await store_->commit(note());
      done += one ? 1U : 0U;
    }
  }
  redis::State state() const {
    return redis::decode_state(ask({"GET", "reeve:{town}:state"}).text).value();
  }
};

TEST_F(RedisTownAlone, ItLeavesWhatALargerCallWould) {
  serve();
  open();
  // The first is looked at; then what it is like is known, and the next two go the shortest way.
  for (const auto* body : {"1", "2", "3"}) ASSERT_TRUE(commit(put(body)));
  ASSERT_TRUE(commit(note()));
  EXPECT_THAT(positions(), ElementsAre(1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(fed_, ElementsAre(1, 2, 3, 4, 5, 6, 7));
  const auto doc = run(store_->get({"note", "x"})).value();
  ASSERT_TRUE(doc);
  EXPECT_EQ(doc->body, "3");
  EXPECT_EQ(doc->version, 3u);
  const auto is = state();
  EXPECT_EQ(is.head, Position{7});
  EXPECT_EQ(is.entries, 4u);
  EXPECT_EQ(is.bytes, store_->log().bytes);
  EXPECT_EQ(is.last_rank, 1u);
  const auto last = ask({"XREVRANGE", "reeve:{town}:log", "+", "-", "COUNT", "2"});
  EXPECT_EQ(last.elements.at(0).elements.at(0).text, "7-1");
  EXPECT_EQ(last.elements.at(1).elements.at(0).text, "6-2");
  // Another mark: it is looked at again, and listed otherwise.
  ASSERT_TRUE(commit(put("4", "shut")));
  EXPECT_EQ(run(store_->count("note", "open")).value(), 0u);
  EXPECT_EQ(run(store_->count("note", "shut")).value(), 1u);
}

TEST_F(RedisTownAlone, ALogOfAWrongTypeIsToldBeforeAnythingIsWritten) {
  serve();
  open();
  for (const auto* body : {"1", "2"}) ASSERT_TRUE(commit(put(body)));
  const auto before = ask({"GET", "reeve:{town}:state"}).text;
  ask({"RENAME", "reeve:{town}:log", "kept"});
  ask({"SET", "reeve:{town}:log", "spoiled"});
  EXPECT_FALSE(commit(put("3")));
  EXPECT_EQ(ask({"GET", "reeve:{town}:state"}).text, before);
  EXPECT_EQ(run(store_->get({"note", "x"})).value()->body, "2");
  ask({"RENAME", "kept", "reeve:{town}:log"});
  EXPECT_TRUE(commit(put("4")));
}

TEST_F(RedisTownAlone, WhenTheStateIsGoneNothingIsWritten) {
  serve();
  open();
  for (const auto* body : {"1", "2"}) ASSERT_TRUE(commit(put(body)));
  ask({"DEL", "reeve:{town}:state"});
  EXPECT_EQ(commit(put("3")).error().code(), Errc::corrupt);
  EXPECT_EQ(ask({"XLEN", "reeve:{town}:log"}).integer, 2);
  EXPECT_EQ(ask({"EXISTS", "reeve:{town}:state"}).integer, 0);
}

TEST_F(RedisTownAlone, ThoseOfOneMomentAreNotAlone) {
  serve();
  open();
  ASSERT_TRUE(commit(note()));
  const auto before = state().entries;
  std::uint64_t done = 0;
  aio::TaskGroup group(loop_.get_executor());
  for (int i = 0; i < 10; ++i) group.spawn("writer", commit_often(1, done));
  run(group.join());
  EXPECT_EQ(done, 10u);
  EXPECT_EQ(state().entries - before, 1u);
}

TEST_F(RedisTownAlone, WhoCommitsAgainWhenItIsAnsweredSharesCallsWithOthers) {
  serve();
  open();
  ASSERT_TRUE(commit(note()));
  const auto before = state().entries;
  std::uint64_t done = 0;
  aio::TaskGroup group(loop_.get_executor());
  for (int i = 0; i < 20; ++i) group.spawn("writer", commit_often(50, done));
  run(group.join());
  EXPECT_EQ(done, 1'000u);
  EXPECT_EQ(fed_.size(), 1'001u);
  EXPECT_TRUE(std::ranges::is_sorted(fed_));
  // An entry has what was committed at one moment: two moments in turn have half of the writers
  // each.
  EXPECT_LE(state().entries - before, 200u);
}

}  // namespace
}  // namespace reeve::store
