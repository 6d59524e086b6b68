// Deltas among events: where they stand, and who gets them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "log/log_contract.h"

namespace reeve::log {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

TEST_P(LogContract, DeltasKeepTheirPlaceAmongEventsWhateverTheBatch) {
  std::vector<std::unique_ptr<Subscription>> readers;
  for (const std::size_t batch : {1U, 2U, 3U, 7U, 256U})
    readers.push_back(subscribe(From::beginning(), {}, true, batch));
  std::vector<std::string> expected;
  std::uint64_t number = 0;
  for (std::uint64_t i = 1; i <= 30; ++i) {
    for (std::uint64_t d = 0; d < i % 4; ++d) {
      publish(++number);
      expected.push_back("d" + std::to_string(number));
    }
    commit({event("A")});
    expected.push_back(std::to_string(i));
  }
  for (const auto& reader : readers)
    EXPECT_THAT(read(*reader, expected.size()), ElementsAreArray(expected));
}

TEST_P(LogContract, DeltasKeepTheirPlaceForAFilteredReader) {
  const auto filter = make_filter({"agent:a"});
  std::vector<std::unique_ptr<Subscription>> readers;
  for (const std::size_t batch : {1U, 2U, 256U})
    readers.push_back(subscribe(From::beginning(), filter, true, batch));
  std::vector<std::string> expected;
  for (std::uint64_t i = 1; i <= 30; ++i) {
    publish(i);
    expected.push_back("d" + std::to_string(i));
    const bool mine = i % 3 == 0;
    commit({event("A", {mine ? "agent:a" : "agent:b"})});
    if (mine) expected.push_back(std::to_string(i));
  }
  for (const auto& reader : readers)
    EXPECT_THAT(read(*reader, expected.size()), ElementsAreArray(expected));
}

TEST_P(LogContract, ADeltaOfBeforeTheCommitComesBeforeItsEvents) {
  const auto subscription = subscribe(From::now(), {}, true, 1);
  publish(1);
  aio::TaskGroup writers(loop_.get_executor());
  const auto write = [](store::Store& store, store::Commit commit) -> Async<> {
    const auto done = co_await store.commit(std::move(commit));
    EXPECT_TRUE(done);
  };
  writers.spawn("writer", write(*store_, commit_of({event("A"), event("B")})));
  loop_.restart();
  loop_.poll_one();  // it is on its way
  publish(2);
  run(writers.join());
  publish(3);
  commit({event("C")});
  publish(4);
  EXPECT_THAT(read(*subscription, 7), ElementsAre("d1", "d2", "1", "2", "d3", "3", "d4"));
}

TEST_P(LogContract, DeltasGoToThoseWhoAskedForThemAndForTheirScope) {
  const auto asked = subscribe(From::now(), make_filter({"agent:a", "run:1"}), true);
  const auto of_the_town = subscribe(From::now(), make_filter({"town"}), true);
  const auto other = subscribe(From::now(), make_filter({"agent:b"}), true);
  const auto without = subscribe(From::now(), make_filter({"agent:a"}), false);
  publish(1, {"agent:a"});
  publish(2, {"agent:c"});
  publish(3, {"run:1", "agent:x"});
  const auto late = subscribe(From::beginning(), {}, true);  // what was before is gone
  publish(4, {"agent:a"});
  commit({event("A", {"agent:a", "agent:b"})});
  EXPECT_THAT(read(*asked, 4), ElementsAre("d1", "d3", "d4", "1"));
  EXPECT_THAT(read(*of_the_town, 5), ElementsAre("d1", "d2", "d3", "d4", "1"));
  EXPECT_THAT(read(*other, 1), ElementsAre("1"));
  EXPECT_THAT(read(*without, 1), ElementsAre("1"));
  EXPECT_THAT(read(*late, 2), ElementsAre("d4", "1"));
}

TEST_P(LogContract, ADeltaArrivesAsItWasPublishedAndAtOnce) {
  const auto subscription = subscribe(From::now(), {}, true);
  commit_many(2);
  read(*subscription, 2);
  const auto waiting = start(*subscription);
  auto sent = delta(run_id_, 77, {"agent:a", "run:1"}, R"({"delta":"hi"})");
  sent.epoch = 5;
  log_->publish(sent);
  settle();
  ASSERT_TRUE(waiting->done());
  const auto got = std::get<DeltaPtr>(waiting->answer->value().at(0));
  EXPECT_EQ(got->run, run_id_);
  EXPECT_EQ(got->epoch, 5u);
  EXPECT_EQ(got->number, 77u);
  EXPECT_EQ(got->scopes, sent.scopes);
  EXPECT_EQ(got->kind, "TextDelta");
  EXPECT_EQ(got->payload, sent.payload);
  EXPECT_EQ(got->after.value, 2u);
  EXPECT_FALSE(frame_position(waiting->answer->value()[0]));
}

}  // namespace
}  // namespace reeve::log
