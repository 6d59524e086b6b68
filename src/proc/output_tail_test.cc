#include "proc/output_tail.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <random>

namespace reeve::proc {
namespace {

class OutputTailTest : public testing::Test {
 protected:
  OutputTailTest() {
    auto pattern = testing::TempDir() + "/reeve_tail_XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  ~OutputTailTest() override { std::filesystem::remove_all(root_); }

  std::filesystem::path file() const { return root_ / "out"; }
  void append(std::string_view text) const { std::ofstream(file(), std::ios::app) << text; }

  std::filesystem::path root_;
};

std::vector<std::string> texts(const OutputBatch& batch) {
  std::vector<std::string> all;
  for (const auto& line : batch.lines) all.push_back(line.text);
  return all;
}
using Texts = std::vector<std::string>;

TEST_F(OutputTailTest, AFileThatIsNotThereYetIsEmpty) {
  OutputTail tail(file());
  EXPECT_EQ(tail.size(), 0u);
  const auto batch = tail.read(false);
  ASSERT_TRUE(batch);
  EXPECT_TRUE(batch->lines.empty());
  EXPECT_FALSE(batch->more);
  EXPECT_FALSE(batch->at_end);
  append("late\n");
  EXPECT_EQ(tail.size(), 5u);
  EXPECT_EQ(texts(tail.read(false).value()), Texts{"late"});
}

TEST_F(OutputTailTest, GivesCompleteLinesWithTheirPlaces) {
  append("one\n\ntwo\r\nthr");
  OutputTail tail(file());
  auto batch = tail.read(false).value();
  EXPECT_EQ(texts(batch), (Texts{"one", "", "two\r"}));
  EXPECT_EQ(batch.lines[0].begin, 0u);
  EXPECT_EQ(batch.lines[0].end, 4u);
  EXPECT_EQ(batch.lines[1].begin, 4u);
  EXPECT_EQ(batch.lines[1].end, 5u);
  EXPECT_EQ(batch.lines[2].end, 10u);
  EXPECT_EQ(batch.offset, 10u);
  append("ee\n");
  batch = tail.read(false).value();
  EXPECT_EQ(texts(batch), Texts{"three"});
  EXPECT_EQ(batch.lines[0].begin, 10u);
  EXPECT_EQ(batch.offset, 16u);
}

TEST_F(OutputTailTest, GivesTheLastLineWithoutItsNewlineOnlyAtTheEnd) {
  append("one\ntw");
  OutputTail tail(file());
  auto batch = tail.read(false).value();
  EXPECT_EQ(texts(batch), Texts{"one"});
  EXPECT_EQ(batch.offset, 4u);
  batch = tail.read(true).value();
  EXPECT_EQ(texts(batch), Texts{"tw"});
  EXPECT_TRUE(batch.lines[0].unterminated);
  EXPECT_FALSE(batch.lines[0].cut);
  EXPECT_EQ(batch.offset, 6u);
  EXPECT_TRUE(batch.at_end);
  batch = tail.read(true).value();
  EXPECT_TRUE(batch.lines.empty());
  EXPECT_TRUE(batch.at_end);
}

TEST_F(OutputTailTest, ReadsAtMostWhatItIsAskedFor) {
  append("aaaa\nbbbb\ncccc\n");
  OutputTail tail(file());
  auto batch = tail.read(true, 7).value();
  EXPECT_EQ(texts(batch), Texts{"aaaa"});
  EXPECT_TRUE(batch.more);
  EXPECT_FALSE(batch.at_end) << "there is more";
  batch = tail.read(true, 7).value();
  EXPECT_EQ(texts(batch), Texts{"bbbb"});
  batch = tail.read(true, 7).value();
  EXPECT_EQ(texts(batch), Texts{"cccc"});
  EXPECT_FALSE(batch.more);
  EXPECT_TRUE(batch.at_end);
}

TEST_F(OutputTailTest, CutsALineOnePastTheLimitAndGoesOnBehindIt) {
  append("12345\n123456\nok\n");
  OutputTail tail(file(), {.line_limit = 5});
  const auto batch = tail.read(true).value();
  EXPECT_EQ(texts(batch), (Texts{"12345", "12345", "ok"}));
  EXPECT_FALSE(batch.lines[0].cut);
  EXPECT_TRUE(batch.lines[1].cut);
  EXPECT_EQ(batch.lines[1].end, 13u);
  EXPECT_FALSE(batch.lines[2].cut);
}

TEST_F(OutputTailTest, TakesALineOfManyMegabytes) {
  const std::string line(9 << 20, 'z');
  append(line + "\nnext\n");
  OutputTail tail(file());
  Texts all;
  for (bool more = true; more;) {
    const auto batch = tail.read(false).value();
    for (const auto& text : texts(batch)) all.push_back(text);
    more = batch.more;
  }
  ASSERT_EQ(all.size(), 2u);
  EXPECT_TRUE(all[0] == line);
  EXPECT_EQ(all[1], "next");
}

TEST_F(OutputTailTest, KeepsEveryByte) {
  append(std::string("a\0b\xff\n", 5));
  OutputTail tail(file());
  EXPECT_EQ(texts(tail.read(false).value()), Texts{std::string("a\0b\xff", 4)});
}

TEST_F(OutputTailTest, AFileThatShrankIsCorrupt) {
  append("one\ntwo\n");
  OutputTail tail(file());
  ASSERT_TRUE(tail.read(false));
  std::filesystem::resize_file(file(), 3);
  EXPECT_TRUE(tail.read(false).error().is(Errc::corrupt));
  OutputTail beyond(file(), {.offset = 100});
  EXPECT_TRUE(beyond.read(false).error().is(Errc::corrupt));
}

// Whatever is read in which pieces, and resumed wherever: the same lines at the same places.
TEST_F(OutputTailTest, IsTheSameInEveryCut) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::string text;
  for (int i = 0; i < 400; ++i) {
    text += std::string(random() % 40, static_cast<char>('a' + random() % 26));
    if (random() % 3 != 0) text += '\n';
  }
  append(text);
  const auto read_all = [&](std::uint64_t offset, std::size_t step, std::size_t count) {
    OutputTail tail(file(), {.offset = offset, .line_limit = 50});
    std::vector<OutputLine> lines;
    for (bool more = true; more && lines.size() < count;) {
      auto batch = tail.read(true, step).value();
      for (auto& line : batch.lines) lines.push_back(std::move(line));
      more = batch.more;
    }
    return lines;
  };
  const auto whole = read_all(0, 1 << 20, 1 << 20);
  std::uint64_t at = 0;
  for (const auto& line : whole) {
    ASSERT_EQ(line.begin, at);
    ASSERT_TRUE(text.substr(line.begin, line.end - line.begin).starts_with(line.text));
    at = line.end;
  }
  ASSERT_EQ(at, text.size());
  for (int i = 0; i < 30; ++i) {
    auto first = read_all(0, 1 + random() % 100, 1 + random() % whole.size());
    const auto rest = read_all(first.back().end, 1 + random() % 100, 1 << 20);
    first.insert(first.end(), rest.begin(), rest.end());
    ASSERT_EQ(first.size(), whole.size());
    for (std::size_t n = 0; n < whole.size(); ++n) {
      ASSERT_EQ(first[n].text, whole[n].text);
      ASSERT_EQ(first[n].begin, whole[n].begin);
      ASSERT_EQ(first[n].end, whole[n].end);
      ASSERT_EQ(first[n].cut, whole[n].cut);
    }
  }
}

}  // namespace
}  // namespace reeve::proc
