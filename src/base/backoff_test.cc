#include "base/backoff.h"

#include <gtest/gtest.h>

namespace reeve {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, DoublesUpToItsLimitAndBeginsAnewAfterASuccess) {
  Backoff backoff;
  for (const auto pause : {200ms, 400ms, 800ms, 1600ms, 3200ms, 6400ms, 10000ms, 10000ms})
    EXPECT_EQ(backoff.next(), pause);
  backoff.reset();
  EXPECT_EQ(backoff.next(), 200ms);
}

}  // namespace
}  // namespace reeve
