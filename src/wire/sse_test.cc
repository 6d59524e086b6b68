#include "wire/sse.h"

#include <gtest/gtest.h>

#include <random>

namespace reeve::wire {
namespace {

using Messages = std::vector<SseMessage>;

Messages decode(std::string_view bytes) {
  SseDecoder decoder;
  return decoder.feed(bytes).value();
}

TEST(SseEncode, WireFormIsFixed) {
  EXPECT_EQ(encode_sse({.event = "delta", .data = "{\"a\":1}", .id = "c1"}),
            "id: c1\nevent: delta\ndata: {\"a\":1}\n\n");
  EXPECT_EQ(encode_sse({.data = "a\nb\r\nc\rd", .retry = std::chrono::milliseconds(1500)}),
            "retry: 1500\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
  EXPECT_EQ(encode_sse({}), "data: \n\n");
  EXPECT_EQ(encode_sse_comment("two\nlines"), ": two lines\n\n");
}

TEST(SseEncode, ForgedFramesAreRefused) {
  EXPECT_THROW(encode_sse({.event = "a\ndata: forged"}), BrokenInvariant);
  EXPECT_THROW(encode_sse({.id = "a\rb"}), BrokenInvariant);
  EXPECT_THROW(encode_sse({.id = std::string("a\0b", 3)}), BrokenInvariant);
}

TEST(SseDecode, EveryLineEnd) {
  const Messages two{{.data = "a\nb"}, {.event = "x", .data = "c"}};
  EXPECT_EQ(decode("data: a\ndata: b\n\nevent: x\ndata: c\n\n"), two);
  EXPECT_EQ(decode("data: a\rdata: b\r\revent: x\rdata: c\r\r"), two);
  EXPECT_EQ(decode("data: a\r\ndata: b\r\n\r\nevent: x\r\ndata: c\r\n\r\n"), two);
}

TEST(SseDecode, TheSpecificationsOddCases) {
  EXPECT_EQ(decode("data\n\ndata\ndata\n\ndata:"), (Messages{{.data = ""}, {.data = "\n"}}));
  EXPECT_EQ(decode("data:test\n\ndata: test\n\n"), (Messages{{.data = "test"}, {.data = "test"}}));
  EXPECT_EQ(decode("data:  two\n\n"), (Messages{{.data = " two"}}));
  EXPECT_EQ(decode(": only a comment\n\ndata: x\n\n"), (Messages{{.data = "x"}}));
  EXPECT_EQ(decode("event: dropped\n\ndata: x\n\n"), (Messages{{.data = "x"}}));
  EXPECT_EQ(decode("\xEF\xBB\xBF"
                   "data: x\n\n"),
            (Messages{{.data = "x"}}));
  EXPECT_EQ(decode("unknown: 1\nDATA: 2\ndata: x\n\n"), (Messages{{.data = "x"}}));
  EXPECT_EQ(decode("retry: 12x\nretry: -1\ndata: x\n\n"), (Messages{{.data = "x"}}));
  EXPECT_EQ(decode("retry: 12\ndata: x\n\n"),
            (Messages{{.data = "x", .retry = std::chrono::milliseconds(12)}}));
  EXPECT_EQ(decode("data: a:b\n\n"), (Messages{{.data = "a:b"}}));
  EXPECT_EQ(decode("data: no end\n"), Messages{});
}

TEST(SseDecode, TheLastIdOutlivesItsFrame) {
  SseDecoder decoder;
  ASSERT_TRUE(decoder.feed("id: 7\ndata: a\n\ndata: b\n\n"));
  EXPECT_EQ(decoder.last_id(), "7");
  ASSERT_TRUE(decoder.feed("id: 8\n\n"));
  EXPECT_EQ(decoder.last_id(), "8");
  ASSERT_TRUE(decoder.feed(std::string_view("id: 9\0\n\n", 8)));
  EXPECT_EQ(decoder.last_id(), "8");
  ASSERT_TRUE(decoder.feed("id\n\n"));
  EXPECT_EQ(decoder.last_id(), "");
}

TEST(SseDecode, SplitAtEveryByte) {
  const std::string bytes =
      "\xEF\xBB\xBF"
      "id: 1\r\nevent: e\r\ndata: first\r\ndata: gr\xC3\xBC\xC3\x9F\r\n\r\n"
      ": comment\r\rdata: second\r\rdata\n\nid: 2\ndata: last\n\n";
  const auto whole = decode(bytes);
  ASSERT_EQ(whole.size(), 4u);
  for (std::size_t i = 0; i <= bytes.size(); ++i) {
    for (std::size_t j = i; j <= bytes.size(); ++j) {
      SseDecoder decoder;
      Messages got;
      for (const auto part :
           {std::string_view(bytes).substr(0, i), std::string_view(bytes).substr(i, j - i),
            std::string_view(bytes).substr(j)}) {
        const auto messages = decoder.feed(part).value();
        got.insert(got.end(), messages.begin(), messages.end());
      }
      ASSERT_EQ(got, whole) << "split at " << i << " and " << j;
      ASSERT_EQ(decoder.last_id(), "2");
    }
  }
}

TEST(SseDecode, WhatIsEncodedComesBack) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string alphabet = "ab:\n \xC3\xBC\"{}";
  const auto any = [&](std::size_t most, bool lines) {
    std::string text(random() % (most + 1), ' ');
    for (auto& c : text) {
      do c = alphabet[random() % alphabet.size()];
      while (!lines && c == '\n');
    }
    return text;
  };
  for (int round = 0; round < 500; ++round) {
    SseMessage message{.event = any(4, false), .data = any(40, true)};
    if (random() % 2) message.id = any(4, false);
    if (random() % 2) message.retry = std::chrono::milliseconds(random() % 9999);
    EXPECT_EQ(decode(encode_sse_comment("x") + encode_sse(message)), Messages{message});
  }
}

TEST(SseDecode, OnePastTheLimitIsRefusedForGood) {
  const auto frame = [](std::size_t size) { return "data:" + std::string(size, 'x') + "\n"; };
  SseDecoder fits(5 + 100);
  ASSERT_TRUE(fits.feed(frame(100) + "\n"));
  ASSERT_TRUE(fits.feed(frame(100) + "\n"));  // the next message starts from nothing

  SseDecoder line(5 + 100);
  EXPECT_EQ(line.feed(frame(101)).error().code(), Errc::too_large);
  EXPECT_EQ(line.feed("data: a\n\n").error().code(), Errc::too_large);

  SseDecoder endless(100);  // neither a line end nor a blank line
  Status status;
  int fed = 0;
  for (; fed < 1000 && status; ++fed) {
    if (auto got = endless.feed("xx"); !got) status = fail(got.error());
  }
  EXPECT_EQ(fed, 51);

  SseDecoder many(100);  // many short lines of one message
  bool refused = false;
  for (int i = 0; i < 1000 && !refused; ++i) refused = !many.feed("data: 12345\n");
  EXPECT_TRUE(refused);
}

}  // namespace
}  // namespace reeve::wire
