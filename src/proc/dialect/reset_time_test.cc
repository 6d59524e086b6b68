#include "proc/dialect/reset_time.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace reeve::proc {
namespace {

using namespace std::chrono_literals;

Time at(std::string_view text) { return parse_rfc3339(text).value(); }

/// In a time zone of its own.
class ResetTime : public ::testing::Test {
 protected:
  ResetTime() { set("CET-1CEST,M3.5.0,M10.5.0/3"); }
  ~ResetTime() override {
    ::unsetenv("TZ");
    ::tzset();
  }
  static void set(const char* zone) {
    ::setenv("TZ", zone, 1);
    ::tzset();
  }
  const Time now_ = at("2026-11-21T22:39:20Z");
};

TEST_F(ResetTime, APauseIsCountedFromNow) {
  const auto in = [&](std::string_view text) { return reset_time_in(text, now_); };
  EXPECT_EQ(in("Rate limit reached for gpt. Please try again in 11.054s. Visit x"), now_ + 11054ms);
  EXPECT_EQ(in("please try again in 250ms."), now_ + 250ms);
  EXPECT_EQ(in("Try again in 2m 30s"), now_ + 150s);
  EXPECT_EQ(in("try again in 1h2m3s"), now_ + 3723s);
  EXPECT_EQ(in("try again in 3 days 1 hour 9 minutes."), now_ + 73h + 9min);
  EXPECT_EQ(in(R"({"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"19s"})"),
            now_ + 19s);
}

TEST_F(ResetTime, ATimeOfDayIsTodayInTheMachinesZone) {
  EXPECT_EQ(reset_time_in("You've hit your usage limit. ... or try again at 11:40 PM.", now_),
            at("2026-11-21T22:41:00Z"));
  EXPECT_EQ(reset_time_in("Try again at Nov 23rd, 2026 9:05 AM.", now_),
            at("2026-11-23T08:06:00Z"));
  EXPECT_EQ(reset_time_in("try again at Jul 1st, 2027 12:00 AM.", now_),
            at("2027-06-30T22:01:00Z"));
}

TEST_F(ResetTime, WhatWasToldJustBeforeMidnightIsOver) {
  EXPECT_EQ(reset_time_in("try again at 11:59 PM.", at("2026-11-21T23:00:05Z")),
            at("2026-11-21T23:00:00Z"));
}

TEST_F(ResetTime, AnythingElseSaysNothing) {
  for (const auto* text :
       {"", "too many requests", "try again later", "try again at ", "try again at 13:00 PM",
        "try again at 11:40", "try again at Foo 3rd, 2026 1:00 AM", "try again in 5 parsecs",
        "try again in 99999999999999999999s", "try again in -3s", "resets 3pm (UTC)",
        "exceeded retry limit, last status: 429 Too Many Requests"})
    EXPECT_EQ(reset_time_in(text, now_), std::nullopt) << text;
}

}  // namespace
}  // namespace reeve::proc
