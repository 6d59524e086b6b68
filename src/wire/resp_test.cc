#include "wire/resp.h"

#include <gtest/gtest.h>

namespace reeve::wire {
namespace {

using Kind = RedisReply::Kind;

/// Every reply of `bytes`, fed in pieces of `step`.
Result<std::vector<RedisReply>> read(std::string_view bytes, std::size_t step,
                                     std::size_t limit = limits::kRedisReply) {
  RespReader reader(limit);
  std::vector<RedisReply> out;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    reader.feed(bytes.substr(at, step));
    for (;;) {
      auto reply = reader.next();
      if (!reply) return fail(reply.error());
      if (!*reply) break;
      out.push_back(std::move(**reply));
    }
  }
  return out;
}

std::vector<RedisReply> read(std::string_view bytes) { return read(bytes, bytes.size()).value(); }

RedisReply text(std::string value) { return {.kind = Kind::text, .text = std::move(value)}; }
RedisReply integer(std::int64_t value) { return {.kind = Kind::integer, .integer = value}; }

TEST(RedisResp, EveryKindOfReply) {
  const auto got = read("+OK\r\n:-7\r\n$3\r\na\r\n\r\n$-1\r\n*-1\r\n*0\r\n$0\r\n\r\n-ERR no\r\n");
  ASSERT_EQ(got.size(), 8u);
  EXPECT_EQ(got[0], (RedisReply{.kind = Kind::status, .text = "OK"}));
  EXPECT_EQ(got[1], integer(-7));
  EXPECT_EQ(got[2], text("a\r\n"));
  EXPECT_EQ(got[3], RedisReply());
  EXPECT_EQ(got[4], RedisReply());
  EXPECT_EQ(got[5], RedisReply{.kind = Kind::array});
  EXPECT_EQ(got[6], text(""));
  EXPECT_EQ(got[7], (RedisReply{.kind = Kind::error, .text = "ERR no"}));
}

TEST(RedisResp, AnErrorIsKnownByItsFirstWord) {
  EXPECT_EQ(read("-NOSCRIPT No matching script.\r\n").front().word(), "NOSCRIPT");
  EXPECT_EQ(read("-MOVED 3999 127.0.0.1:6381\r\n").front().word(), "MOVED");
  EXPECT_EQ(read("-OOM\r\n").front().word(), "OOM");
  EXPECT_EQ(read("+OOM no error\r\n").front().word(), "");
}

TEST(RedisResp, ArraysInArraysSplitAnywhere) {
  const std::string bytes =
      "*3\r\n*2\r\n$3\r\n1-0\r\n*2\r\n+f\r\n$4\r\nv\r\nv\r\n:1\r\n*1\r\n*1\r\n$-1\r\n:9\r\n";
  const auto whole = read(bytes);
  ASSERT_EQ(whole.size(), 2u);
  ASSERT_EQ(whole[0].elements.size(), 3u);
  EXPECT_EQ(whole[0].elements[0].elements[1].elements[1], text("v\r\nv"));
  EXPECT_EQ(whole[0].elements[2].elements[0].elements[0], RedisReply());
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    EXPECT_EQ(read(bytes, step).value(), whole) << step;
  }
}

TEST(RedisResp, ValuesAreBinarySafe) {
  std::string any;
  for (int i = 0; i < 256; ++i) any.push_back(static_cast<char>(i));
  std::string bytes = "*2\r\n$256\r\n" + any + "\r\n:5\r\n";
  for (const std::size_t step : {1U, 2U, 7U, 1000U}) {
    const auto got = read(bytes, step).value();
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].elements, (std::vector{text(any), integer(5)}));
  }
}

TEST(RedisResp, ACommandIsReadBackAsItsWords) {
  std::string out = "before";
  const std::vector<std::string> words{"SET", std::string("k\0\r\n$9", 6), ""};
  append_command(out, words);
  EXPECT_EQ(out.substr(6), std::string("*3\r\n$3\r\nSET\r\n$6\r\nk\0\r\n$9\r\n$0\r\n\r\n", 31));
  const auto back = read(std::string_view(out).substr(6));
  ASSERT_EQ(back.size(), 1u);
  ASSERT_EQ(back[0].elements.size(), words.size());
  for (std::size_t i = 0; i < words.size(); ++i) EXPECT_EQ(back[0].elements[i].text, words[i]);
}

TEST(RedisResp, WhatIsNoRespIsCorrupt) {
  for (const auto* bytes : {"HTTP/1.1 400 Bad Request\r\n\r\n", ":x\r\n", "$-2\r\n", "*-2\r\n",
                            "$99999999999999999999\r\n", "*99999999999\r\n", "%1\r\n+a\r\n+b\r\n",
                            ",3.14\r\n", "\r\n"}) {
    const auto got = read(bytes, 1);
    ASSERT_FALSE(got) << bytes;
    EXPECT_EQ(got.error().code(), Errc::corrupt) << bytes;
  }
}

TEST(RedisResp, ArraysStandAtMostEightDeep) {
  std::string deep;
  for (int i = 0; i < 8; ++i) deep += "*1\r\n";
  EXPECT_TRUE(read(deep + ":1\r\n", 3));
  EXPECT_EQ(read("*1\r\n" + deep + ":1\r\n", 3).error().code(), Errc::corrupt);
}

TEST(RedisResp, AReplyHasALimitInBytes) {
  const std::string fits = "$90\r\n" + std::string(90, 'x') + "\r\n";  // 97 bytes
  for (const std::size_t step : {1U, 50U, 97U, 1000U}) {
    EXPECT_TRUE(read(fits + fits, step, 97)) << step;
    EXPECT_EQ(read(fits + fits, step, 96).error().code(), Errc::too_large) << step;
  }
  EXPECT_EQ(read("$1000000\r\n" + std::string(200, 'x'), 10, 97).error().code(), Errc::too_large);
  EXPECT_EQ(read("+" + std::string(200, 'x'), 10, 97).error().code(), Errc::too_large);
}

TEST(RedisResp, AnArrayTakesNoMemoryForWhatHasNotCome) {
  // 2^31 - 1 values would be 150 GB.
  const auto got = read("*2147483647\r\n:1\r\n", 100).value();
  EXPECT_TRUE(got.empty());
}

TEST(RedisResp, AReplyHasALimitInValues) {
  const auto with = [](std::size_t values) {
    std::string bytes = "*" + std::to_string(values) + "\r\n";
    for (std::size_t i = 0; i < values; ++i) bytes += ":1\r\n";
    return bytes;
  };
  EXPECT_EQ(read(with(limits::kRedisValues - 1), 1 << 16)->front().elements.size(),
            limits::kRedisValues - 1);
  EXPECT_EQ(read(with(limits::kRedisValues), 1 << 16).error().code(), Errc::too_large);
  EXPECT_EQ(read(with(limits::kRedisValues - 1) + with(limits::kRedisValues - 1), 1 << 16)->size(),
            2u);
}

}  // namespace
}  // namespace reeve::wire
