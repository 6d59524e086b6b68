#include "net/http_parser.h"

#include <gtest/gtest.h>

#include <random>

namespace reeve::net {
namespace {

constexpr ParserLimits kSmall{.head = 512, .body = 100};

std::expected<Request, ParseError> parse(std::string_view bytes, ParserLimits limits = kSmall) {
  RequestParser parser(limits);
  const auto parsed = parser.feed(bytes);
  if (!parsed) return std::unexpected(parsed.error());
  if (*parsed != Parsed::done) return std::unexpected(ParseError{0, Error()});
  return parser.take();
}

int status_of(std::string_view bytes) {
  const auto request = parse(bytes);
  return request ? 200 : request.error().status;
}

TEST(RequestParser, TakesAMessageApart) {
  const auto request = parse(
      "POST /v1/agents/a%2Fb%20c/x?limit=3&q=a+b%26&flag HTTP/1.1\r\nHost: h\r\nX-One: 1 \r\n"
      "X-One: 2\r\nContent-Length: 4\r\n\r\nbody");
  ASSERT_TRUE(request) << request.error().error.message();
  EXPECT_EQ(request->method, "POST");
  EXPECT_EQ(request->segments, (std::vector<std::string>{"v1", "agents", "a/b c", "x"}));
  EXPECT_EQ(request->param("limit"), "3");
  EXPECT_EQ(request->param("q"), "a b&");
  EXPECT_EQ(request->param("flag"), "");
  EXPECT_EQ(request->param("none"), std::nullopt);
  EXPECT_EQ(header(request->headers, "x-one"), "1");
  EXPECT_EQ(request->body, "body");
}

TEST(RequestParser, SplitAtEveryByte) {
  const std::string bytes =
      "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
      "GET /b HTTP/1.1\r\nConnection: close\r\n\r\n";
  for (std::size_t i = 0; i <= bytes.size(); ++i) {
    RequestParser parser(kSmall);
    std::vector<Request> requests;
    for (const auto& part : {bytes.substr(0, i), bytes.substr(i)}) {
      auto parsed = parser.feed(part);
      while (parsed && *parsed == Parsed::done) {
        EXPECT_EQ(parser.keep_alive(), requests.empty());
        requests.push_back(parser.take().value());
        parsed = parser.feed({});
      }
      ASSERT_TRUE(parsed) << "split at " << i << ": " << parsed.error().error.message();
    }
    ASSERT_EQ(requests.size(), 2u) << "split at " << i;
    EXPECT_EQ(requests[0].body, "abc0123456789");
    EXPECT_EQ(requests[1].target, "/b");
  }
  RequestParser byte_by_byte(kSmall);
  std::size_t done = 0;
  for (const char c : bytes) {
    const auto parsed = byte_by_byte.feed({&c, 1});
    ASSERT_TRUE(parsed);
    if (*parsed != Parsed::done) continue;
    ++done;
    ASSERT_TRUE(byte_by_byte.take());
  }
  EXPECT_EQ(done, 2u);
}

TEST(RequestParser, OnePastEachLimit) {
  const auto sized = [](std::size_t n) {
    return "POST / HTTP/1.1\r\nContent-Length: " + std::to_string(n) + "\r\n\r\n" +
           std::string(n, 'x');
  };
  EXPECT_EQ(status_of(sized(100)), 200);
  EXPECT_EQ(status_of(sized(101)), 413);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"), 413);

  const auto chunked = [](std::size_t n) {
    std::string bytes = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (std::size_t i = 0; i < n; ++i) bytes += "1\r\nx\r\n";
    return bytes + "0\r\n\r\n";
  };
  EXPECT_EQ(status_of(chunked(100)), 200);
  EXPECT_EQ(status_of(chunked(101)), 413);

  const auto headed = [](std::size_t n) {
    const std::string line = "GET / HTTP/1.1\r\nA: ";
    return line + std::string(n - line.size() - 4, 'x') + "\r\n\r\n";
  };
  EXPECT_EQ(status_of(headed(500)), 200);
  EXPECT_EQ(status_of(headed(600)), 431);
  EXPECT_EQ(status_of("GET /" + std::string(600, 'x')), 431);  // no end of line in sight
}

TEST(RequestParser, NothingGrowsWithoutEnd) {
  RequestParser parser(kSmall);
  ASSERT_TRUE(parser.feed("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;x="));
  bool refused = false;  // a chunk's extension that never ends
  for (int i = 0; i < 100 && !refused; ++i) refused = !parser.feed(std::string(16, 'x'));
  EXPECT_TRUE(refused);

  RequestParser trailers(kSmall);
  ASSERT_TRUE(trailers.feed("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"));
  refused = false;
  for (int i = 0; i < 1000 && !refused; ++i) refused = !trailers.feed("A: b\r\n");
  EXPECT_TRUE(refused);
}

TEST(RequestParser, WhatIsMalformed) {
  EXPECT_EQ(status_of("nonsense\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/2.0\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nNo colon\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nA : b\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET http://other/ HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET * HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET /%zz HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), 400);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "0\r\n\r\n"),
            400);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 501);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"), 400);
}

TEST(RequestParser, RandomBytesAreAnErrorOrARequest) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string good =
      "POST /a?b=c HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (int round = 0; round < 5000; ++round) {
    auto bytes = good;
    for (auto changes = random() % 8; changes > 0; --changes) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    RequestParser parser(kSmall);
    std::string_view rest = bytes;
    while (!rest.empty()) {
      const auto part = rest.substr(0, 1 + random() % rest.size());
      rest.remove_prefix(part.size());
      const auto parsed = parser.feed(part);
      if (!parsed) {
        EXPECT_GE(parsed.error().status, 400);
        break;
      }
      if (*parsed == Parsed::done) (void)parser.take();
    }
  }
}

TEST(RequestParser, ContinueIsExpectedOnlyBeforeTheBody) {
  RequestParser parser(kSmall);
  ASSERT_TRUE(parser.feed("POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n"));
  EXPECT_TRUE(parser.expects_continue());
  ASSERT_TRUE(parser.feed("ab"));
  EXPECT_FALSE(parser.expects_continue());
}

TEST(ResponseParser, ReadsSizedChunkedAndClosedBodies) {
  ResponseParser sized({}, false);
  EXPECT_EQ(sized.feed("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2"
                       "\r\nX: Y\r\n\r\nno"),
            Parsed::done);
  EXPECT_EQ(sized.head().status, 404);
  EXPECT_EQ(header(sized.head().headers, "x"), "Y");
  EXPECT_EQ(sized.take_body(), "no");
  EXPECT_TRUE(sized.keep_alive());

  ResponseParser chunked({.body = 3}, false);
  EXPECT_EQ(chunked.feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), Parsed::in_body);
  chunked.unlimited_body();
  EXPECT_EQ(chunked.feed("3\r\nabc\r\n4\r\nde"), Parsed::in_body);
  EXPECT_EQ(chunked.take_body(), "abcde");
  EXPECT_EQ(chunked.feed("fg\r\n0\r\n\r\n"), Parsed::done);
  EXPECT_EQ(chunked.take_body(), "fg");

  ResponseParser closed({}, false);
  EXPECT_EQ(closed.feed("HTTP/1.0 200 OK\r\n\r\nabc"), Parsed::in_body);
  EXPECT_EQ(closed.finish(), Parsed::done);
  EXPECT_EQ(closed.take_body(), "abc");
  EXPECT_FALSE(closed.keep_alive());

  ResponseParser head_only({}, true);
  EXPECT_EQ(head_only.feed("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"), Parsed::done);
}

TEST(ResponseParser, WhatIsCutOrTooLarge) {
  ResponseParser cut({}, false);
  ASSERT_TRUE(cut.feed("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"));
  EXPECT_EQ(cut.finish().error().code(), Errc::unavailable);
  ResponseParser empty({}, false);
  EXPECT_EQ(empty.finish().error().code(), Errc::unavailable);
  ResponseParser large({.body = 3}, false);
  EXPECT_EQ(large.feed("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n").error().code(),
            Errc::too_large);
  ResponseParser other({}, false);
  EXPECT_EQ(other.feed("SSH-2.0-OpenSSH\r\n\r\n").error().code(), Errc::corrupt);
}

TEST(EncodeHead, NothingBreaksOutOfItsLine) {
  EXPECT_EQ(encode_head(404, {{"A", "b"}}).value(), "HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n");
  EXPECT_EQ(encode_head("GET", "/a?b", {}).value(), "GET /a?b HTTP/1.1\r\n\r\n");
  EXPECT_FALSE(encode_head(200, {{"A", "b\r\nSet-Cookie: c"}}));
  EXPECT_FALSE(encode_head(200, {{"A", std::string("b\0c", 3)}}));
  EXPECT_FALSE(encode_head(200, {{"A: b", "c"}}));
  EXPECT_TRUE(encode_head(200, {{"A", "gr\xC3\xBC\xC3\x9F"}}));
  EXPECT_FALSE(encode_head("GET", "/a b", {}));
  EXPECT_FALSE(encode_head("GET", "/a\r\nX: y", {}));
  EXPECT_FALSE(encode_head("GET", "a", {}));
  EXPECT_FALSE(encode_head("GE T", "/", {}));
}

}  // namespace
}  // namespace reeve::net
