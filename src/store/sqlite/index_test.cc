#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "store/postings.h"
#include "store/tail_index.h"

namespace reeve::store::sqlite {
namespace {

using ::testing::ElementsAre;

TEST(Postings, ComeBackAsTheyWere) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::uint64_t> positions;
    std::uint64_t at = 0;
    for (auto n = random() % 50; n > 0; --n)
      positions.push_back(at += 1 + random() % (1ULL << (random() % 56)));
    std::vector<std::uint8_t> bytes;
    encode_postings(positions, bytes);
    EXPECT_EQ(decode_postings(bytes), positions);
  }
}

TEST(Postings, DamagedBytesAreRefused) {
  for (const auto& bytes : std::vector<std::vector<std::uint8_t>>{
           {0x80}, {0x00}, {1, 0}, std::vector<std::uint8_t>(12, 0xff)})
    EXPECT_FALSE(decode_postings(bytes));
}

TEST(TailIndex, KnowsTheEventsOfAScopeInOrder) {
  TailIndex index(Position{100});
  const auto a = Scope::trusted("agent:a"), b = Scope::trusted("agent:b");
  index.add(Position{101}, {a});
  index.add(Position{102}, {a, b});
  index.reach(Position{103});
  index.add(Position{104}, {a});
  EXPECT_EQ(index.last().value, 104u);
  EXPECT_THAT(index.positions("agent:a", {}, Position{200}), ElementsAre(101, 102, 104));
  EXPECT_THAT(index.positions("agent:a", Position{101}, Position{103}), ElementsAre(102));
  EXPECT_THAT(index.positions("agent:c", {}, Position{200}), ElementsAre());
  EXPECT_THAT(index.sorted_scopes(), ElementsAre("agent:a", "agent:b"));
}

TEST(TailIndex, IsFullBeforeItIsLarge) {
  TailIndex events(Position{});
  std::uint64_t n = 0;
  while (!events.full()) events.reach(Position{++n});
  EXPECT_EQ(n, 30'000u);
  TailIndex scopes(Position{});
  for (n = 0; !scopes.full();) {
    ++n;
    for (int i = 0; i < 16; ++i)
      scopes.add(Position{n}, "task:" + std::to_string(n) + "." + std::to_string(i));
  }
  EXPECT_LT(n, 2'000u);
}

}  // namespace
}  // namespace reeve::store::sqlite
