#include "run/control.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace reeve::run {
namespace {

struct Colour {
  int value = 0;
};
struct Shape {
  int corners = 0;
};
struct Size {};

// behest: control_cancel_sets_flag_and_shares_state
TEST(EventsControl, CancelSetsTheFlagAndIsSharedByCopies) {
  Control control;
  const Control copy = control;
  EXPECT_FALSE(copy.is_cancelled());
  control.cancel("enough");
  control.cancel("again");
  EXPECT_TRUE(copy.is_cancelled());
  EXPECT_EQ(copy.cancel_reason(), "enough");
}

// behest: control_set_data_and_data
TEST(EventsControl, DataAreKeptByType) {
  Control control;
  control.set_data(std::make_shared<Colour>(Colour{3}));
  control.set_data(std::make_shared<Shape>(Shape{4}));
  EXPECT_EQ(control.data<Colour>()->value, 3);
  EXPECT_EQ(control.data<Shape>()->corners, 4);
  EXPECT_EQ(control.data<Size>(), nullptr);
  control.set_data(std::make_shared<Colour>(Colour{5}));
  EXPECT_EQ(control.data<Colour>()->value, 5);
}

// behest: control_data_shared_across_clones
TEST(EventsControl, DataAreSharedByCopies) {
  Control control;
  const Control copy = control;
  control.set_data(std::make_shared<Colour>(Colour{3}));
  EXPECT_EQ(copy.data<Colour>()->value, 3);
}

TEST(EventsControl, SharedDataAreSeenAsTheyAreAtAnyMoment) {
  Control facade;
  Control call;
  call.share_data_of(facade);
  facade.set_data(std::make_shared<Colour>(Colour{1}));
  EXPECT_EQ(call.data<Colour>()->value, 1);
  call.set_data(std::make_shared<Colour>(Colour{2}));
  EXPECT_EQ(call.data<Colour>()->value, 2);
  EXPECT_EQ(facade.data<Colour>()->value, 1);
}

// behest: control_set_concurrency_limit_clamps_zero_to_one
TEST(EventsControl, AConcurrencyLimitOfZeroCountsAsOne) {
  Control control;
  EXPECT_FALSE(control.concurrency_limit());
  control.set_concurrency_limit(0);
  EXPECT_EQ(control.concurrency_limit(), 1);
}

TEST(EventsControl, WatchersAreToldOfEachChangeUntilTheyLetGo) {
  Control control;
  int told = 0;
  {
    const auto watch = control.watch([&] { ++told; });
    control.set_timeout(Duration(5));
    control.set_concurrency_limit(2);
    control.cancel();
  }
  control.set_timeout(Duration(6));
  EXPECT_EQ(told, 3);
}

TEST(EventsControl, ManyThreadsMayUseIt) {
  Control control;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([control]() mutable {
      for (int n = 0; n < 1'000; ++n) {
        const auto watch = control.watch([] {});
        control.set_concurrency_limit(static_cast<std::size_t>(n));
        control.set_data(std::make_shared<Colour>(Colour{n}));
      }
      control.cancel();
    });
  }
  threads.clear();
  EXPECT_TRUE(control.is_cancelled());
  EXPECT_EQ(control.data<Colour>()->value, 999);
}

}  // namespace
}  // namespace reeve::run
