#include "base/utf8.h"

#include <gtest/gtest.h>

namespace reeve {
namespace {

TEST(Utf8, KnowsWellFormedText) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("plain"));
  EXPECT_TRUE(is_utf8("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"));
  EXPECT_FALSE(is_utf8("\xC0\xAF"));          // overlong
  EXPECT_FALSE(is_utf8("\xE0\x80\xAF"));      // overlong
  EXPECT_FALSE(is_utf8("\xED\xA0\x80"));      // a surrogate
  EXPECT_FALSE(is_utf8("\xF4\x90\x80\x80"));  // above U+10FFFF
  EXPECT_FALSE(is_utf8("\xE2\x82"));          // cut
}

TEST(Utf8, ReplacesEachMalformedSequenceOnce) {
  EXPECT_EQ(to_utf8("caf\xE9!"), "caf\xEF\xBF\xBD!");
  EXPECT_EQ(to_utf8("\xE2\x82"), "\xEF\xBF\xBD");
  EXPECT_EQ(to_utf8("\xFF\xFE"), "\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(to_utf8("a\xF0\x9F\x98z"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(to_utf8("\xE2\x82\xAC"), "\xE2\x82\xAC");
}

TEST(Utf8, EveryTwoBytesBecomeWellFormed) {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const std::string bytes{static_cast<char>(a), static_cast<char>(b), 'x'};
      const auto text = to_utf8(bytes);
      ASSERT_TRUE(is_utf8(text)) << a << ' ' << b;
      if (is_utf8(bytes)) ASSERT_EQ(text, bytes);
    }
  }
}

TEST(Utf8, CutsBetweenCharacters) {
  const std::string euros = "\xE2\x82\xAC\xE2\x82\xAC";
  EXPECT_EQ(head_of(euros, 6), euros);
  EXPECT_EQ(head_of(euros, 5), "\xE2\x82\xAC");
  EXPECT_EQ(head_of(euros, 2), "");
  EXPECT_EQ(tail_of(euros, 5), "\xE2\x82\xAC");
  EXPECT_EQ(tail_of(euros, 2), "");
  EXPECT_EQ(tail_of("abc", 2), "bc");
}

}  // namespace
}  // namespace reeve
