#include "base/time.h"

#include <gtest/gtest.h>

namespace reeve {
namespace {

TEST(Rfc3339, IsWrittenWithMillisecondsInUtc) {
  EXPECT_EQ(to_rfc3339(from_ms(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(from_ms(1'776'852'672'123)), "2026-04-22T10:11:12.123Z");
}

TEST(Rfc3339, IsReadInEveryOffsetAndPrecision) {
  const auto time = from_ms(1'776'852'672'123);
  for (const char* text : {"2026-04-22T10:11:12.123Z", "2026-04-22T10:11:12.123456789+00:00",
                           "2026-04-22t12:11:12.123+02:00", "2026-04-22 04:41:12.1239-05:30"}) {
    EXPECT_EQ(parse_rfc3339(text).value_or(Time()), time) << text;
  }
  EXPECT_EQ(parse_rfc3339("2026-04-22T10:11:12Z").value(), from_ms(1'776'852'672'000));
}

TEST(Rfc3339, RefusesWhatIsNoTime) {
  for (const char* text : {"", "2026", "2026-04-22", "2026-02-30T00:00:00Z", "2026-04-22T10:11:12",
                           "2026-04-22T25:11:12Z", "2026-04-22T10:11:12.Z", "2026-04-22T10:11:12Zx",
                           "-026-04-22T10:11:12Z"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

}  // namespace
}  // namespace reeve
