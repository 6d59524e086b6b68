#include "net/url.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace reeve::net {
namespace {

TEST(Url, IsReadIntoWhatARequestNeeds) {
  const auto url = read_url("https://Example.org:8443/a%20b?q=1&r=%2F#part").value();
  EXPECT_TRUE(url.tls);
  EXPECT_EQ(url.host, "example.org");
  EXPECT_EQ(url.port, 8443);
  EXPECT_EQ(url.target, "/a%20b?q=1&r=%2F");
  EXPECT_EQ(url.authority(), "example.org:8443");
  EXPECT_EQ(url.origin(), "https://example.org:8443");
}

TEST(Url, ThePortOfTheSchemeIsNotRepeated) {
  EXPECT_EQ(read_url("http://a.b")->port, 80);
  EXPECT_EQ(read_url("http://a.b")->target, "/");
  EXPECT_EQ(read_url("https://a.b/")->port, 443);
  EXPECT_EQ(read_url("https://a.b:443/")->authority(), "a.b");
  EXPECT_EQ(read_url("http://a.b:443/")->authority(), "a.b:443");
  EXPECT_EQ(read_url("HTTP://a.b?x")->target, "/?x");
}

TEST(Url, NumericHosts) {
  const auto v6 = read_url("http://[::1]:8080/x").value();
  EXPECT_EQ(v6.host, "::1");
  EXPECT_TRUE(v6.numeric);
  EXPECT_EQ(v6.authority(), "[::1]:8080");
  EXPECT_TRUE(read_url("http://10.0.0.1/")->numeric);
  EXPECT_FALSE(read_url("http://a.b/")->numeric);
}

TEST(Url, ANameMayBeginLikeAnAddress) {
  const auto url = read_url("http://127.0.0.1.example.org/x").value();
  EXPECT_EQ(url.host, "127.0.0.1.example.org");
  EXPECT_EQ(url.target, "/x");
  EXPECT_FALSE(url.numeric);
}

TEST(Url, LoopbackIsWhatStaysOnThisMachine) {
  for (const auto* here : {"http://localhost/", "http://127.0.0.1:1/", "http://127.9.9.9/",
                           "http://[::1]/", "http://LOCALHOST:99/"}) {
    EXPECT_TRUE(read_url(here)->loopback()) << here;
  }
  for (const auto* away : {"http://127.0.0.1.example.org/", "http://localhost.example.org/",
                           "http://10.0.0.1/", "http://[::2]/", "http://[::ffff:10.0.0.1]/"}) {
    EXPECT_FALSE(read_url(away)->loopback()) << away;
  }
}

TEST(Url, WhatCannotBeAskedIsRefused) {
  for (const auto* text : {"",
                           "example.org",
                           "/path",
                           "ftp://a.b/",
                           "file:///etc/passwd",
                           "unix:/s",
                           "http:",
                           "http:/x",
                           "http://",
                           "http:///path",
                           "http://:80/",
                           "http://user@a.b/",
                           "http://user:word@a.b/",
                           "http://a b/",
                           "http://a.b/a b",
                           "http://a.b/\r\nX: y",
                           "http://a.b/\x01",
                           "http://a.b:0/",
                           "http://a.b:65536/",
                           "http://a.b:x/",
                           "http://a.b:8x/",
                           "http://[::1]x/",
                           "http://[::1",
                           "http://a.b:+8/",
                           "http://a%00b/",
                           "http://a,b/",
                           "http://[v1.x]/",
                           "http://.a/",
                           "http://a..b/",
                           "http://[::1/",
                           "http://a.b/\xff",
                           "http:a://b/",
                           "http://a.b/%zz"}) {
    const auto url = read_url(text);
    ASSERT_FALSE(url) << text << " " << (url ? url->host : "");
    EXPECT_EQ(url.error().code(), Errc::invalid_argument) << text;
  }
}

TEST(Url, HasALimit) {
  const std::string head = "http://a.b/";
  const auto longest = head + std::string(limits::kUrl - head.size(), 'x');
  EXPECT_TRUE(read_url(longest));
  EXPECT_EQ(read_url(longest + "x").error().code(), Errc::invalid_argument);
}

}  // namespace
}  // namespace reeve::net
