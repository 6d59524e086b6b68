#include "store/redis/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/testing.h"

namespace reeve::store::redis {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class RedisCodec : public ::testing::Test {
 protected:
  NewEvent event(std::string payload) {
    auto event = make_event(env_, "Note", {"agent:a", "run:r"}, std::move(payload));
    event.correlation = "c";
    return event;
  }
  Status decode(std::string_view id, std::string_view entry, std::uint64_t from = 1,
                std::uint64_t to = UINT64_MAX) {
    events_.clear();
    return decode_entry(id, entry, {from}, {to}, events_);
  }

  boost::asio::io_context loop_;
  TestEnv env_{loop_};
  std::vector<EventPtr> events_;
};

TEST_F(RedisCodec, AnEntryHoldsEventsThatFollowOneAnother) {
  std::string entry;
  const auto first = event("{\n \"lines\": 2}");
  const auto second = event(std::string(kPrunedPayload));
  const auto third = event("{\"last\":true}");
  for (const auto* one : {&first, &second, &third}) append_event(entry, *one);
  ASSERT_TRUE(decode(entry_id({12}, 3), entry));
  ASSERT_THAT(events_, SizeIs(3));
  EXPECT_EQ(events_[0]->position, Position{10});
  EXPECT_EQ(events_[0]->payload, first.payload);
  EXPECT_EQ(events_[0]->scopes, first.scopes);
  EXPECT_EQ(events_[0]->correlation, "c");
  EXPECT_EQ(events_[0]->causation, std::nullopt);
  EXPECT_EQ(events_[1]->payload, kPrunedPayload);
  EXPECT_EQ(events_[2]->id, third.id);
  EXPECT_EQ(events_[2]->position, Position{12});
  ASSERT_TRUE(decode("12-3", entry, 11, 11));
  ASSERT_THAT(events_, SizeIs(1));
  EXPECT_EQ(events_[0]->position, Position{11});
}

TEST_F(RedisCodec, WhatIsNoEntryIsCorruptAndNamed) {
  std::string entry;
  append_event(entry, event("{}"));
  for (const auto* id : {"", "5", "5-", "-1", "5-0", "5-2", "5-x", "x-1", "2-5", "5-1-1"}) {
    const auto read = decode(id, entry);
    ASSERT_FALSE(read) << id;
    EXPECT_EQ(read.error().code(), Errc::corrupt);
    EXPECT_THAT(read.error().message(), HasSubstr("docs/redis.md"));
  }
  EXPECT_FALSE(decode("5-1", entry + "x"));
  EXPECT_FALSE(decode("5-1", entry.substr(0, entry.size() - 1)));
  EXPECT_FALSE(decode("5-1", "99999999999999999999\n{}"));
  EXPECT_FALSE(decode("5-1", "3\n{}x"));
  EXPECT_FALSE(decode("5-1", ""));
}

TEST_F(RedisCodec, TheStateComesBack) {
  const State state{.log = LogId(env_.uuid4()),
                    .head = {1'000'000'000'000},
                    .oldest = {77},
                    .bytes = 1,
                    .last_rank = 2,
                    .last_order = 3,
                    .last_snapshot = 4,
                    .entries = 5,
                    .pruned = 6};
  const auto text = encode_state(state);
  EXPECT_THAT(text, ::testing::StartsWith(state.log.str() + " 0"));
  const auto read = decode_state(text).value();
  EXPECT_EQ(read.log, state.log);
  EXPECT_EQ(read.head, state.head);
  EXPECT_EQ(read.oldest, state.oldest);
  EXPECT_EQ(encode_state(read), text);
  EXPECT_FALSE(decode_state(text.substr(0, 40)));
  EXPECT_FALSE(decode_state("nobody 0" + text.substr(text.size() - 64)));
}

TEST_F(RedisCodec, DocumentsItemsAndKeysComeBack) {
  const auto doc =
      decode_doc({"agent", "a"}, encode_doc("{\"a\":1}", "open\ntag:x y", 3, 9)).value();
  EXPECT_EQ(doc.doc.body, "{\"a\":1}");
  EXPECT_EQ(doc.doc.version, 3u);
  EXPECT_EQ(doc.doc.rank, 9u);
  EXPECT_THAT(doc.marks, ::testing::ElementsAre("open", "tag:x y"));
  EXPECT_FALSE(decode_doc({"agent", "a"}, "{}"));
  EXPECT_FALSE(decode_doc({"agent", "a"}, std::string(20, '\xff')));

  const QueueItem item{.item = "m",
                       .priority = -2,
                       .attempt = 1,
                       .not_before = from_ms(5),
                       .lease = "a run",
                       .order = 8};
  const auto back = decode_item("m", encode_item(item)).value();
  EXPECT_EQ(back.priority, -2);
  EXPECT_EQ(back.lease, "a run");
  EXPECT_EQ(back.order, 8u);
  EXPECT_FALSE(decode_item("m", "1 2 3"));

  const portable::KeyRow row{.key = {.writer = "w:1", .key = "k", .digest = "d d"},
                             .first = {3},
                             .last = {2},
                             .answer = "said 7:x",
                             .time = from_ms(99)};
  const auto key = decode_key(key_name(row.key), encode_key(row)).value();
  EXPECT_EQ(key.key.writer, "w:1");
  EXPECT_EQ(key.key.key, "k");
  EXPECT_EQ(key.key.digest, "d d");
  EXPECT_EQ(key.answer, "said 7:x");
  EXPECT_EQ(key.time, from_ms(99));
  EXPECT_FALSE(decode_key("9:w", encode_key(row)));

  const auto snap =
      decode_snapshot(snapshot_name({"task", "1"}), encode_snapshot({{"task", "1"}, "{\n}", 4}))
          .value();
  EXPECT_EQ(snap.key, (DocKey{"task", "1"}));
  EXPECT_EQ(snap.body, "{\n}");
  EXPECT_EQ(snap.rank, 4u);
}

}  // namespace
}  // namespace reeve::store::redis
