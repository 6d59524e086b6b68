#include "base/quantity.h"

#include <gtest/gtest.h>

namespace reeve {
namespace {

using namespace std::chrono_literals;

TEST(Quantity, ADurationHasItsUnit) {
  for (const auto& [text, wanted] : {std::pair<const char*, Duration>{"30d", 30 * 24h},
                                     {"12 h", 12h},
                                     {"90m", 90min},
                                     {"90min", 90min},
                                     {"45s", 45s},
                                     {"2w", 14 * 24h},
                                     {"0d", 0s}}) {
    const auto parsed = parse_duration(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, wanted) << text;
  }
  for (const char* text : {"", "30", "d", "-3d", "+3d", "1.5h", "3 dd", "3d ", " 3d", "3y",
                           "99999999999999999999d", "18446744073709551615w", "366000d"}) {
    const auto parsed = parse_duration(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_TRUE(parsed.error().message().contains("30d")) << parsed.error().message();
  }
}

TEST(Quantity, ASizeMayHaveItsUnit) {
  for (const auto& [text, wanted] : {std::pair<const char*, std::uint64_t>{"2GB", 2'000'000'000},
                                     {"500 MB", 500'000'000},
                                     {"64KiB", 65'536},
                                     {"1GiB", 1'073'741'824},
                                     {"7", 7},
                                     {"7B", 7},
                                     {"0", 0},
                                     {"9223372TB", 9'223'372'000'000'000'000}}) {
    const auto parsed = parse_size(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, wanted) << text;
  }
  for (const char* text :
       {"", "GB", "2 gigs", "2.5GB", "-1", "2GB!", "9223373TB", "99999999999999999999"})
    EXPECT_FALSE(parse_size(text)) << text;
}

TEST(Quantity, IsShownAsPeopleSayIt) {
  EXPECT_EQ(duration_text(30 * 24h), "30d");
  EXPECT_EQ(duration_text(36h), "36h");
  EXPECT_EQ(duration_text(90min), "90min");
  EXPECT_EQ(duration_text(90s), "90s");
  EXPECT_EQ(duration_text(1500ms), "1500ms");
  EXPECT_EQ(duration_text(0ms), "0s");
  for (const auto time : {Duration(7 * 24h), Duration(5h), Duration(3min), Duration(1s)})
    EXPECT_EQ(parse_duration(duration_text(time)), time);
  EXPECT_EQ(size_text(0), "0 B");
  EXPECT_EQ(size_text(999), "999 B");
  EXPECT_EQ(size_text(1'000), "1.0 kB");
  EXPECT_EQ(size_text(1'949), "1.9 kB");
  EXPECT_EQ(size_text(1'950), "2.0 kB");
  EXPECT_EQ(size_text(123'400'000), "123 MB");
  EXPECT_EQ(size_text(2'000'000'000), "2.0 GB");
  EXPECT_EQ(size_text(UINT64_MAX), "18446744 TB");
}

}  // namespace
}  // namespace reeve
