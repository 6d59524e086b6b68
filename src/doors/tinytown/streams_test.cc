#include "doors/tinytown/streams.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace reeve::doors::tinytown {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

const AgentId kAda(Uuid::parse("9efcdaeb-876c-4936-b447-2a6ceae0ef5e").value());
const AgentId kBob(Uuid::parse("0efcdaeb-876c-4936-b447-2a6ceae0ef5e").value());

TtEvent event_of(const AgentId& agent, const std::string& message) {
  TtEvent event;
  event.agent = agent;
  event.message = message;
  return event;
}

/// An operation of Writes::words().
struct Op {
  std::string what;
  std::vector<std::string> arguments;
};
std::vector<Op> ops_of(const Writes& writes) {
  std::vector<Op> ops;
  const auto& words = writes.words();
  for (std::size_t at = 0; at < words.size();) {
    const auto count = std::stoul(words[at + 1]);
    const auto first = words.begin() + static_cast<std::ptrdiff_t>(at + 2);
    ops.push_back({words[at], {first, first + static_cast<std::ptrdiff_t>(count)}});
    at += 2 + count;
  }
  return ops;
}

/// Texts and numbers of an array that is packed as they are.
std::vector<std::string> unpacked(std::string_view packed) {
  const auto take = [&packed](std::size_t bytes) {
    std::size_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i)
      value = value << 8 | static_cast<unsigned char>(packed[i]);
    packed.remove_prefix(bytes);
    return value;
  };
  std::vector<std::string> values;
  EXPECT_EQ(take(1), 0xdd);
  for (auto count = take(4); count > 0; --count) {
    const auto mark = take(1);
    if (mark == 0xce) {
      values.push_back(std::to_string(take(4)));
      continue;
    }
    EXPECT_TRUE(mark == 0xdb || (mark >= 0xa0 && mark < 0xc0));
    const auto size = mark == 0xdb ? take(4) : mark - 0xa0;
    values.emplace_back(packed.substr(0, size));
    packed.remove_prefix(size);
  }
  EXPECT_EQ(packed, "");
  return values;
}

TEST(TinytownStreams, EachStreamHasItsEntriesTheOldestFirst) {
  const Keys keys("oak");
  Writes writes(keys);
  Streams streams;
  streams.add(event_of(kBob, "third"), {3});
  streams.add(event_of(kAda, "second"), {2});
  streams.add(event_of(kBob, "first"), {1});
  streams.write(writes);
  const auto ops = ops_of(writes);
  ASSERT_THAT(ops, SizeIs(4));
  EXPECT_EQ(ops[0].what, "entries");
  const auto entries = unpacked(ops[0].arguments.at(0));
  ASSERT_THAT(entries, SizeIs(9));
  EXPECT_EQ(decode_event(entries[1])->message, "first");
  EXPECT_EQ(entries[2], "1");
  EXPECT_EQ(entries[8], "3");
  const auto stream = [&ops](std::size_t which, const std::string& key, const std::string& most) {
    EXPECT_EQ(ops[which].arguments.at(0), key);
    EXPECT_EQ(ops[which].arguments.at(1), most);
    return unpacked(ops[which].arguments.at(2));
  };
  EXPECT_THAT(stream(1, keys.events(), "1000"), ElementsAre("0", "1", "2"));
  EXPECT_THAT(stream(2, keys.agent_events(kBob), "100"), ElementsAre("0", "2"));
  EXPECT_THAT(stream(3, keys.agent_events(kAda), "100"), ElementsAre("1"));
  // It has begun anew.
  writes.clear();
  streams.write(writes);
  EXPECT_TRUE(writes.empty());
}

TEST(TinytownStreams, WhatWouldBeTrimmedAtOnceIsLeftOut) {
  const Keys keys("oak");
  Writes writes(keys);
  Streams streams;
  for (std::uint64_t at = 2000; at > 0; --at)
    streams.add(event_of(at > 50 ? kAda : kBob, std::to_string(at)), {at});
  streams.write(writes);
  const auto ops = ops_of(writes);
  ASSERT_THAT(ops, SizeIs(4));
  const auto entries = unpacked(ops[0].arguments.at(0));
  EXPECT_THAT(entries, SizeIs(3 * 1050)) << "the newest thousand, and bob's";
  EXPECT_EQ(entries[2], "1");
  EXPECT_EQ(entries.back(), "2000");
  const auto town = unpacked(ops[1].arguments.at(2));
  EXPECT_THAT(town, SizeIs(1000));
  EXPECT_EQ(town.front(), "50") << "the 51st entry";
  for (const auto& op : {ops[2], ops[3]})
    EXPECT_THAT(unpacked(op.arguments.at(2)),
                SizeIs(op.arguments[0] == keys.agent_events(kAda) ? 100 : 50));
}

}  // namespace
}  // namespace reeve::doors::tinytown
