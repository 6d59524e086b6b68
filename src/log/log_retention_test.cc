// What followers see of retention (G11), over every store.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "log/testing.h"

namespace reeve::log {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EventsRetentionLog : public LogTest {
 public:
  void truncate(std::uint64_t upto) {
    store::Truncation cut{
        .from = store_->log().mark(), .upto = {upto}, .changed = {}, .events = {}};
    const auto done = run(store_->truncate(std::move(cut)));
    ASSERT_TRUE(done) << done.error().message();
  }
  static Errc code_of(const Result<std::vector<Frame>>& answer) {
    return answer ? Errc::internal : answer.error().code();
  }
};

INSTANTIATE_TEST_SUITE_P(, EventsRetentionLog, ::testing::ValuesIn(backends()),
                         [](const auto& backend) { return backend.param.name; });

TEST_P(EventsRetentionLog, G11ACursorBelowTheMarkIsToldTheOldestOne) {
  commit_many(8);
  truncate(5);
  EXPECT_EQ(log_->position_of(log_->cursor({5})).value().value, 5U);
  EXPECT_EQ(log_->position_of(log_->cursor({8})).value().value, 8U);
  for (const std::uint64_t position : {0U, 4U}) {
    const auto refused = log_->position_of(log_->cursor({position}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::cursor_expired);
    EXPECT_THAT(refused.error().message(), HasSubstr(log_->cursor({5}).str()));
  }
  // A cursor of another log says so first.
  EXPECT_EQ(log_->position_of({LogId(env_.uuid4()), {0}}).error().code(), Errc::cursor_foreign);
}

TEST_P(EventsRetentionLog, G11TheBeginningIsTheOldestEventThatIsLeft) {
  commit_many(8);
  truncate(5);
  for (int look = 0; look < 2; ++look) {
    auto all = subscribe(From::beginning());
    EXPECT_EQ(all->position().value, 5U);
    EXPECT_THAT(read(*all, 3), ElementsAre("6", "7", "8"));
    all.reset();
    restart();
  }
}

TEST_P(EventsRetentionLog, G11AFollowerThatWasOvertakenIsToldAndStaysSo) {
  commit_many(8);
  const auto before = subscribe(From::after({2}));
  truncate(5);
  const auto after = subscribe(From::after({4}));
  for (auto* follower : {before.get(), after.get()}) {
    for (int look = 0; look < 2; ++look) {
      const auto answer = run(follower->next());
      ASSERT_EQ(code_of(answer), Errc::cursor_expired);
      EXPECT_THAT(answer.error().message(), HasSubstr(log_->cursor({5}).str()));
    }
  }
  const auto right_at_it = subscribe(From::after({5}));
  EXPECT_THAT(read(*right_at_it, 3), ElementsAre("6", "7", "8"));
}

TEST_P(EventsRetentionLog, G11AFollowerInTheMiddleOfItsReplayIsTold) {
  commit_many(20);
  const auto follower = subscribe(From::beginning(), {}, false, 4);
  EXPECT_THAT(told(next(*follower)), ElementsAre("1", "2", "3", "4"));
  truncate(4);  // up to where it is
  EXPECT_THAT(told(next(*follower)), ElementsAre("5", "6", "7", "8"));
  truncate(15);
  EXPECT_EQ(code_of(run(follower->next())), Errc::cursor_expired);
}

TEST_P(EventsRetentionLog, G11AFollowerAtTheEndSeesNothingOfIt) {
  commit_many(8);
  const auto follower = subscribe(From::now(), make_filter({"agent:a"}));
  const auto waiting = start(*follower);
  truncate(8);
  settle();
  EXPECT_FALSE(waiting->done());
  commit({event("A", {"agent:a"})});
  settle();
  ASSERT_TRUE(waiting->done());
  EXPECT_THAT(waiting->texts(), ElementsAre("9"));
}

TEST_P(EventsRetentionLog, AHoldIsWhoHoldsBackTheMost) {
  EXPECT_FALSE(log_->holds().lowest());
  auto hook = log_->holds().add("webhook ci", {4});
  {
    const auto other = log_->holds().add("run 3fa2", {2});
    EXPECT_EQ(log_->holds().lowest()->name, "run 3fa2");
    other->advance({9});
    EXPECT_EQ(log_->holds().lowest()->name, "webhook ci");
    other->advance({1});  // it never goes back
    EXPECT_EQ(other->position().value, 9U);
  }
  hook->advance({6});
  EXPECT_EQ(log_->holds().lowest()->position.value, 6U);
  hook.reset();
  EXPECT_FALSE(log_->holds().lowest());
}

TEST_P(EventsRetentionLog, AFollowerMayHoldWhatItHasNotDealtWith) {
  commit_many(6);
  SubscribeOptions options;
  options.from = From::beginning();
  options.batch = 2;
  options.hold_as = "supervisor";
  auto follower = log_->subscribe(std::move(options));
  const auto held = [&] { return log_->holds().lowest()->position.value; };
  EXPECT_EQ(held(), 0U);
  EXPECT_THAT(told(next(*follower)), ElementsAre("1", "2"));
  EXPECT_EQ(held(), 0U);  // it may be at work on them still
  EXPECT_THAT(told(next(*follower)), ElementsAre("3", "4"));
  EXPECT_EQ(held(), 2U);
  next(*follower);
  const auto waiting = start(*follower);
  EXPECT_EQ(held(), 6U);
  stop(*waiting);
  follower.reset();
  EXPECT_FALSE(log_->holds().lowest());
}

TEST_P(EventsRetentionLog, AFollowerForWhomNothingHappensHoldsNothing) {
  SubscribeOptions options;
  options.filter = make_filter({"agent:nobody"});
  options.hold_as = "a wait";
  const auto follower = log_->subscribe(std::move(options));
  const auto waiting = start(*follower);
  commit_many(5);
  settle();
  EXPECT_EQ(log_->holds().lowest()->position.value, 5U);
  stop(*waiting);
}

TEST_P(EventsRetentionLog, WhatWasPrunedIsFollowedAsTheStoreHasIt) {
  commit({event("Note", {}, R"({"text":"long"})"), event("Note", {}, R"({"text":"longer"})")});
  ASSERT_TRUE(run(store_->prune({{1}})));
  log_->forget({1});
  const auto all = subscribe(From::beginning());
  std::vector<std::string> payloads;
  while (payloads.size() < 2) {
    for (const auto& frame : next(*all)) payloads.push_back(std::get<EventPtr>(frame)->payload);
  }
  EXPECT_THAT(payloads, ElementsAre(std::string(kPrunedPayload), R"({"text":"longer"})"));
}

}  // namespace
}  // namespace reeve::log
