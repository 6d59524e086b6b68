#include "doors/tinytown/streams.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace reeve::doors::tinytown {
namespace {

using ::testing::Each;
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
  ASSERT_THAT(ops[0].arguments, SizeIs(9));
  EXPECT_EQ(decode_event(ops[0].arguments[1])->message, "first");
  EXPECT_EQ(ops[0].arguments[2], "1");
  EXPECT_EQ(ops[0].arguments[8], "3");
  EXPECT_THAT(ops[1].arguments, ElementsAre(keys.events(), "1000", "0", "1", "2"));
  EXPECT_THAT(ops[2].arguments, ElementsAre(keys.agent_events(kBob), "100", "0", "2"));
  EXPECT_THAT(ops[3].arguments, ElementsAre(keys.agent_events(kAda), "100", "1"));
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
  const auto& entries = ops[0].arguments;
  EXPECT_THAT(entries, SizeIs(3 * 1050)) << "the newest thousand, and bob's";
  EXPECT_EQ(entries[2], "1");
  EXPECT_EQ(entries.back(), "2000");
  EXPECT_THAT(ops[1].arguments, SizeIs(2 + 1000));
  EXPECT_EQ(ops[1].arguments[2], "50") << "the 51st entry";
  for (const auto& op : {ops[2], ops[3]})
    EXPECT_THAT(op.arguments, SizeIs(op.arguments[0] == keys.agent_events(kAda) ? 102 : 52));
}

}  // namespace
}  // namespace reeve::doors::tinytown
