#include "proc/terminal_text.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/utf8.h"
#include "proc/round_test_support.h"

namespace reeve::proc {
namespace {

TEST(TerminalText, LosesColoursTitlesAndMovements) {
  EXPECT_EQ(without_escapes("\x1b[1;31mred\x1b[0m"), "red");
  EXPECT_EQ(without_escapes("\x1b]0;a title\adone"), "done");
  EXPECT_EQ(without_escapes("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\"), "link");
  EXPECT_EQ(without_escapes("\x1b(Btext\x1b=\x1b[?25l"), "text");
  EXPECT_EQ(without_escapes("10 %\r50 %\r\n"), "10 %\n50 %\n");
  EXPECT_EQ(without_escapes(std::string_view("a\0b\x7f\tc", 6)), "ab\tc");
}

TEST(TerminalText, TakesAnyBytes) {
  EXPECT_EQ(without_escapes("\x1b"), "");
  EXPECT_EQ(without_escapes("\x1b["), "");
  EXPECT_EQ(without_escapes("\x1b[1;"), "");
  EXPECT_EQ(without_escapes("\x1b]never ends\nbut its line does"), "\nbut its line does");
  EXPECT_EQ(without_escapes("\xff\xfe"), "\xff\xfe");
}

class LastLines : public ::testing::Test {
 protected:
  LastLines()
      : dir_(std::filesystem::temp_directory_path() /
             ("reeve_last_lines_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(dir_);
  }
  ~LastLines() override { std::filesystem::remove_all(dir_); }
  void write(const char* name, const std::string& text) {
    std::ofstream(dir_ / name, std::ios::binary) << text;
  }
  std::filesystem::path dir_;
};

TEST_F(LastLines, AreTheEndOfBothFilesAlsoWithoutANewline) {
  EXPECT_EQ(last_lines(dir_, 100), "");
  write("err", "warning: old\n");
  std::filesystem::last_write_time(
      dir_ / "err", std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  write("out", "first\n\x1b[32mOverwrite? [y/N] \x1b[0m");
  EXPECT_EQ(last_lines(dir_, 100), "warning: old\nfirst\nOverwrite? [y/N] ");
  std::filesystem::last_write_time(
      dir_ / "out", std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
  EXPECT_EQ(last_lines(dir_, 100), "first\nOverwrite? [y/N] \nwarning: old");
}

TEST_F(LastLines, AreWholeLinesWhereTheyFitAndCharactersAlways) {
  write("out", std::string(5000, 'x') + "\nsecond\nthird\n");
  EXPECT_EQ(last_lines(dir_, 100), "second\nthird");
  std::string line;
  for (int i = 0; i < 3000; ++i) line += "ä";
  write("out", "x" + line);
  const auto end = last_lines(dir_, 2047);
  EXPECT_TRUE(is_utf8(end));
  EXPECT_LE(end.size(), 2047U);
  EXPECT_FALSE(end.contains("\uFFFD"));
  EXPECT_GE(end.size(), 2000U);
}

}  // namespace
}  // namespace reeve::proc
