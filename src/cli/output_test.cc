#include "cli/output.h"

#include <gtest/gtest.h>

#include <sstream>

namespace reeve::cli {
namespace {

using namespace std::chrono_literals;

std::string printed(const std::vector<std::vector<std::string>>& rows) {
  Table table;
  for (const auto& row : rows) table.row(row);
  std::ostringstream out;
  table.print(out);
  return out.str();
}

TEST(Table, ColumnsAreAsWideAsTheirTexts) {
  EXPECT_EQ(printed({{"a", "bb", "c"}, {"aaa", "b", "c"}}), "a    bb  c\naaa  b   c\n");
  EXPECT_EQ(printed({}), "");
}

TEST(Table, CountsCharactersNotBytes) {
  EXPECT_EQ(printed({{"jürgen", "x"}, {"ada", "x"}}), "jürgen  x\nada     x\n");
}

TEST(Table, ColoursHaveNoWidth) {
  const Paint paint(true);
  EXPECT_EQ(printed({{paint(Colour::red, "ab"), "x"}, {"abcd", "x"}}),
            "\033[31mab\033[0m    x\nabcd  x\n");
}

TEST(Table, RowsMayBeShortAndEndWithoutBlanks) {
  EXPECT_EQ(printed({{"a", "b", ""}, {"aa"}, {"", "x"}}), "a   b\naa\n    x\n");
}

TEST(Paint, ColoursOnlyWhereItIsOn) {
  EXPECT_EQ(Paint(false)(Colour::red, "x"), "x");
  EXPECT_EQ(Paint(true)(Colour::none, "x"), "x");
  EXPECT_EQ(Paint(true)(Colour::yellow, "x"), "\033[33mx\033[0m");
  EXPECT_FALSE(Paint::for_terminal(-1).on());
}

TEST(OneLine, IsTheFirstLineCut) {
  EXPECT_EQ(one_line("  paint \n", 20), "paint ");
  EXPECT_EQ(one_line("paint\nthe door", 20), "paint…");
  EXPECT_EQ(one_line("paint", 5), "paint");
  EXPECT_EQ(one_line("paints", 5), "paint…");
  EXPECT_EQ(one_line("ääääää", 5), "äääää…");
  EXPECT_EQ(one_line(" \n\t ", 5), "");
  EXPECT_EQ(one_line("", 5), "");
}

TEST(OneLine, NothingInItSteersTheTerminal) {
  EXPECT_EQ(one_line("a\033[2Jb\x07\tc\x7f", 40), "a [2Jb  c ");
  EXPECT_EQ(one_line("a\xc2\x9b"
                     "2Jb",
                     40),
            "a 2Jb");  // U+009B begins a sequence, too
  EXPECT_EQ(one_line("caf\xc3\xa9 \xc2\xa0x", 40), "caf\xc3\xa9 \xc2\xa0x");
}

TEST(Printable, KeepsLinesAndTabsAndNothingElseThatSteers) {
  EXPECT_EQ(printable("one\n\ttwo\r\n\033]0;title\x07 \xc2\x90three ä"),
            "one\n\ttwo \n ]0;title   three ä");
  EXPECT_EQ(printable(""), "");
}

TEST(Age, IsRoughAndShort) {
  EXPECT_EQ(age(0s), "0 s");
  EXPECT_EQ(age(-5s), "0 s");
  EXPECT_EQ(age(59s), "59 s");
  EXPECT_EQ(age(90s), "1 min");
  EXPECT_EQ(age(119min), "119 min");
  EXPECT_EQ(age(3h), "3 h");
  EXPECT_EQ(age(72h), "3 d");
}

}  // namespace
}  // namespace reeve::cli
