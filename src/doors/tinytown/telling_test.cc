#include "doors/tinytown/telling.h"

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

Told told_of(const AgentId& agent, const std::string& message) {
  Told told;
  told.event.emplace();
  told.event->agent = agent;
  told.event->message = message;
  return told;
}
Told line_of(const AgentId& agent, const std::string& text) {
  return {.event = {}, .activity = Told::Activity{agent, text}, .stop = {}};
}
Told stop_of(const AgentId& agent, bool set) {
  return {.event = {}, .activity = {}, .stop = Told::Stop{agent, set}};
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

std::vector<std::string> names_of(const std::vector<Op>& ops) {
  std::vector<std::string> names;
  for (const auto& op : ops) names.push_back(op.what);
  return names;
}

TEST(TinytownTelling, EachStreamHasItsEntriesTheOldestFirst) {
  const Keys keys("oak");
  Writes writes(keys);
  Telling telling;
  telling.add(told_of(kBob, "third"), {3});
  telling.add(told_of(kAda, "second"), {2});
  telling.add(told_of(kBob, "first"), {1});
  EXPECT_EQ(telling.write(writes, 10), Position{3});
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
  telling.write(writes, 10);
  EXPECT_TRUE(writes.empty());
}

TEST(TinytownTelling, WhatWouldBeTrimmedAtOnceIsLeftOut) {
  const Keys keys("oak");
  Writes writes(keys);
  Telling telling;
  for (std::uint64_t at = 2000; at > 0; --at)
    telling.add(told_of(at > 50 ? kAda : kBob, std::to_string(at)), {at});
  EXPECT_EQ(telling.size(), 1050U) << "the newest thousand, and bob's";
  telling.write(writes, 2000);
  const auto ops = ops_of(writes);
  ASSERT_THAT(ops, SizeIs(4));
  const auto entries = unpacked(ops[0].arguments.at(0));
  EXPECT_THAT(entries, SizeIs(3 * 1050));
  EXPECT_EQ(entries[2], "1");
  EXPECT_EQ(entries.back(), "2000");
  const auto town = unpacked(ops[1].arguments.at(2));
  EXPECT_THAT(town, SizeIs(1000));
  EXPECT_EQ(town.front(), "50") << "the 51st entry";
  for (const auto& op : {ops[2], ops[3]})
    EXPECT_THAT(unpacked(op.arguments.at(2)),
                SizeIs(op.arguments[0] == keys.agent_events(kAda) ? 100 : 50));
}

TEST(TinytownTelling, OvertakenIsWhatNobodyWouldSee) {
  Telling telling;
  const std::vector<Scope> ada{Scope::of(kAda), Scope::mission("m")},
      both{Scope::of(kAda), Scope::of(kBob)};
  for (std::uint64_t at = 3000; at > 2000; --at) {
    EXPECT_FALSE(telling.is_overtaken(ada, false)) << "the town's stream has room";
    telling.add(told_of(kAda, "x"), {at});
  }
  EXPECT_TRUE(telling.is_overtaken(ada, false));
  EXPECT_FALSE(telling.is_overtaken(ada, true)) << "ada's activity has room";
  EXPECT_FALSE(telling.is_overtaken(both, false)) << "bob's stream has room";
  for (std::uint64_t at = 2000; at > 1990; --at) {
    EXPECT_FALSE(telling.is_overtaken(ada, true));
    telling.add(line_of(kAda, std::to_string(at)), {at});
  }
  EXPECT_TRUE(telling.is_overtaken(ada, true));
  const auto before = telling.size();
  telling.add(line_of(kAda, "older"), {1});
  EXPECT_EQ(telling.size(), before) << "an eleventh line";
}

TEST(TinytownTelling, PartsAreTheOldestFirstAndEachTellsAllOfItsEvents) {
  const Keys keys("oak");
  Writes writes(keys);
  Telling telling;
  telling.add(told_of(kAda, "fifth"), {5});
  telling.add(stop_of(kBob, false), {4});
  telling.add(line_of(kAda, "third"), {3}, "everybody");
  telling.add(stop_of(kBob, true), {2});  // overtaken by the fourth
  telling.add(stop_of(kAda, true), {1});
  EXPECT_EQ(telling.size(), 4U);
  EXPECT_EQ(telling.write(writes, 2), Position{3});
  EXPECT_THAT(names_of(ops_of(writes)), ElementsAre("activity", "stop", "publish"));
  writes.clear();
  EXPECT_EQ(telling.write(writes, 2), Position{5});
  EXPECT_THAT(names_of(ops_of(writes)), ElementsAre("remove", "entries", "stream", "stream"));
  EXPECT_EQ(telling.size(), 0U);
}

}  // namespace
}  // namespace reeve::doors::tinytown
