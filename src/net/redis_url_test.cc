#include "net/redis_url.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace reeve::net {
namespace {

TEST(RedisUrl, Unix) {
  const auto address = read_redis_url("unix:///town/.tt/redis.sock").value();
  EXPECT_EQ(address.unix_socket, "/town/.tt/redis.sock");
  EXPECT_EQ(address.database, 0);
  EXPECT_TRUE(address.password.empty());
  EXPECT_EQ(address.origin(), "unix:///town/.tt/redis.sock");
  EXPECT_EQ(read_redis_url("redis+unix:///s")->unix_socket, "/s");
  EXPECT_EQ(read_redis_url("unix:///a%20b/%40s?db=3")->unix_socket, "/a b/@s");
  EXPECT_EQ(read_redis_url("unix:///a/b@c")->unix_socket, "/a/b@c");
  const auto with = read_redis_url("unix:///s?user=ada&password=p%26q&db=3").value();
  EXPECT_EQ(with.user, "ada");
  EXPECT_EQ(with.password.reveal(), "p&q");
  EXPECT_EQ(with.database, 3);
  EXPECT_EQ(with.display(), "unix://ada:***@/s?db=3");
  EXPECT_EQ(read_redis_url("unix://:pw@/s")->password.reveal(), "pw");
  EXPECT_EQ(read_redis_url("unix:///s?pass=pw&username=eve")->user, "eve");
}

TEST(RedisUrl, Tcp) {
  const auto address = read_redis_url("redis://Example.org:7000/2").value();
  EXPECT_EQ(address.tcp.host, "example.org");
  EXPECT_EQ(address.tcp.port, 7000);
  EXPECT_EQ(address.database, 2);
  EXPECT_FALSE(address.tls);
  EXPECT_EQ(address.display(), "redis://example.org:7000/2");
  EXPECT_EQ(read_redis_url("redis://[::1]:7000")->tcp.host, "::1");
  EXPECT_EQ(read_redis_url("redis://[::1]:7000")->origin(), "redis://[::1]:7000");
  EXPECT_TRUE(read_redis_url("redis://h?cluster=true")->cluster);
  EXPECT_EQ(read_redis_url("redis://h?db=5")->database, 5);
}

TEST(RedisUrl, Defaults) {
  for (const auto* text :
       {"redis://", "redis:///", "REDIS://127.0.0.1", "redis://127.0.0.1:6379/"}) {
    const auto address = read_redis_url(text).value();
    EXPECT_EQ(address.tcp.host, "127.0.0.1") << text;
    EXPECT_EQ(address.tcp.port, 6379) << text;
    EXPECT_EQ(address.database, 0) << text;
    EXPECT_FALSE(address.tls || address.cluster) << text;
    EXPECT_EQ(address.display(), "redis://127.0.0.1:6379") << text;
  }
}

TEST(RedisUrl, Password) {
  EXPECT_EQ(read_redis_url("redis://:sesame@h")->password.reveal(), "sesame");
  EXPECT_EQ(read_redis_url("redis://:sesame@h")->user, "");
  EXPECT_EQ(read_redis_url("redis://ada:sesame@h")->user, "ada");
  EXPECT_EQ(read_redis_url("redis://a%3Ab:%40%3a%2F%3F%23%25%20@h:1/1")->password.reveal(),
            "@:/?#% ");
  EXPECT_EQ(read_redis_url("redis://a%3Ab:x@h")->user, "a:b");
  EXPECT_EQ(read_redis_url("redis://:@h")->password.reveal(), "");
}

TEST(RedisUrl, Tls) {
  const auto address =
      read_redis_url("rediss://:pw@h:7001/1?ca=/a%20b/ca.pem&cert=c.pem&key=k.pem&verify=false")
          .value();
  EXPECT_TRUE(address.tls);
  EXPECT_EQ(address.ca_file, "/a b/ca.pem");
  EXPECT_EQ(address.certificate_file, "c.pem");
  EXPECT_EQ(address.key_file, "k.pem");
  EXPECT_FALSE(address.verify);
  EXPECT_TRUE(read_redis_url("rediss://h")->verify);
  EXPECT_EQ(address.display(),
            "rediss://:***@h:7001/1?ca=/a%20b/ca.pem&cert=c.pem&key=k.pem&verify=false");
}

TEST(RedisUrl, IsRemoteMatrix) {
  for (const auto* here : {"unix:///s", "redis://localhost", "redis://127.0.0.1:1", "redis://[::1]",
                           "rediss://127.8.8.8", "redis://"}) {
    EXPECT_TRUE(read_redis_url(here)->local()) << here;
  }
  for (const auto* away : {"redis://10.0.0.1", "rediss://redis.example.org", "redis://[::2]",
                           "redis://127.0.0.1.example.org"}) {
    EXPECT_FALSE(read_redis_url(away)->local()) << away;
  }
}

TEST(RedisUrl, WhatIsNoneIsRefusedWithoutItsPassword) {
  for (const auto* text : {
           "",
           "hunter2",
           "http://:hunter2@h",
           "redis:/hunter2",
           "redis:hunter2@h",
           "redis://:hunter2:x@h",
           "redis://:hunter2@x@h",
           "redis://:hunter2/x@h",
           "redis://:hunter2?x@h",
           "redis://:hunter2#x@h",
           "redis://me:1234?hunter2=x@h",
           "redis://:hunter2%4@h",
           "redis://:hunter2%zz@h",
           "redis://:hunter2@h:port",
           "redis://:hunter2@h:0",
           "redis://:hunter2@h:65536",
           "redis://:hunter2@h h",
           "redis://:hunter2@h/one",
           "redis://:hunter2@h/-1",
           "redis://:hunter2@h/99999999999",
           "redis://:hunter2@h/1/2",
           "redis://:hunter2@h?what=1",
           "redis://:hunter2@h?db",
           "redis://:hunter2@h?cluster=maybe",
           "redis://:hunter2@h/1?cluster=true",
           "redis://:hunter2@h?ca=f",
           "rediss://:hunter2@h?cert=f",
           "rediss://:hunter2@h?key=f",
           "rediss://:hunter2@h?ca=",
           "unix://:hunter2@s",
           "unix://hunter2",
           "unix://:hunter2@/",
           "unix://:hunter2@/a/",
           "unix:///a%00b",
           "unix:///s?cluster=true",
           "redis://hunter2@h",
           "redis://:hunter2\n@h",
           "redis://[::1",
           "redis://a..b",
           "redis://h\xC3\xA4",
       }) {
    const auto address = read_redis_url(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code(), Errc::invalid_argument) << text;
    EXPECT_FALSE(address.error().message().contains("hunter2")) << address.error().message();
    EXPECT_FALSE(redacted_redis_url(text).contains("hunter2")) << redacted_redis_url(text);
  }
}

TEST(RedisUrl, Redaction) {
  EXPECT_EQ(redacted_redis_url("redis://:sesame@h:1"), "redis://:***@h:1");
  EXPECT_EQ(redacted_redis_url("redis://ada:sesame@h:1/2"), "redis://ada:***@h:1/2");
  EXPECT_EQ(redacted_redis_url("redis://:s%40same%3A@h:1"), "redis://:***@h:1");
  EXPECT_EQ(redacted_redis_url("redis://:sesame@open@h:1"), "redis://***");
  EXPECT_EQ(redacted_redis_url("rediss://:ses/ame@h"), "rediss://***");
  EXPECT_EQ(redacted_redis_url("unix:///s?password=sesame"), "unix://:***@/s");
  EXPECT_EQ(redacted_redis_url("sesame"), "***");
  EXPECT_EQ(redacted_redis_url("redis://h:1"), "redis://h:1");
}

TEST(RedisUrl, HasALimit) {
  const std::string path(limits::kUrl - 8, 's');
  EXPECT_TRUE(read_redis_url("unix:///" + path));
  EXPECT_FALSE(read_redis_url("unix:///" + path + "s"));
}

}  // namespace
}  // namespace reeve::net
