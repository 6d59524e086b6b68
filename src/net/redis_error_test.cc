#include "net/redis_error.h"

#include <gtest/gtest.h>

namespace reeve::net {
namespace {

RedisReply error(std::string text) {
  return {.kind = RedisReply::Kind::error, .text = std::move(text)};
}

TEST(RedisError, SaysWhatACallerCanDo) {
  const std::vector<std::pair<std::string, Errc>> cases{
      {"NOAUTH Authentication required.", Errc::denied},
      {"WRONGPASS invalid username-password pair or user is disabled.", Errc::denied},
      {"NOPERM this user has no permissions to run the 'get' command", Errc::denied},
      {"DENIED Redis is running in protected mode", Errc::denied},
      {"OOM command not allowed when used memory > 'maxmemory'.", Errc::storage_full},
      {"MISCONF Errors writing to the AOF file: No space left on device", Errc::storage_full},
      {"READONLY You can't write against a read only replica.", Errc::read_only},
      {"NOREPLICAS Not enough good replicas to write.", Errc::unavailable},
      {"CLUSTERDOWN The cluster is down", Errc::unavailable},
      {"MASTERDOWN Link with MASTER is down", Errc::unavailable},
      {"LOADING Redis is loading the dataset in memory", Errc::unavailable},
      {"BUSY Redis is busy running a script.", Errc::unavailable},
      {"TRYAGAIN Multiple keys request during rehashing of slot", Errc::unavailable},
      {"MOVED 1 127.0.0.1:7000", Errc::unsupported},
      {"WRONGTYPE Operation against a key holding the wrong kind of value", Errc::corrupt},
      {"ERR max number of clients reached", Errc::unavailable},
      {"ERR unknown command 'EVALSHA'", Errc::unsupported},
      {"ERR The user executing the script can't run this command or subcommand", Errc::denied},
      {"ERR DB index is out of range", Errc::invalid_argument},
      {"ERR syntax error", Errc::internal},
      {"BUSYGROUP Consumer Group name already exists", Errc::internal},
  };
  for (const auto& [text, code] : cases) {
    const auto got = redis_error(error(text));
    EXPECT_EQ(got.code(), code) << text;
    EXPECT_TRUE(got.message().contains(text)) << got.message();
  }
}

TEST(RedisError, ConditionsOfTheServerAreToldFromAnswers) {
  EXPECT_TRUE(is_condition(error("OOM x")));
  EXPECT_FALSE(passes(error("OOM x")));
  EXPECT_TRUE(is_condition(error("ERR max number of clients reached")));
  EXPECT_TRUE(passes(error("LOADING x")));
  EXPECT_TRUE(passes(error("BUSY x")));
  EXPECT_FALSE(passes(error("BUSYKEY x")));
  for (const auto* answer : {"NOSCRIPT x", "ERR x", "WRONGTYPE x", "MOVED 1 a:1", "FENCED x"})
    EXPECT_FALSE(is_condition(error(answer))) << answer;
  EXPECT_FALSE(is_condition({.kind = RedisReply::Kind::status, .text = "OOM"}));
}

TEST(RedisError, ARedirectNamesANode) {
  EXPECT_EQ(redirect_of(error("MOVED 3999 127.0.0.1:6381")),
            (RedisRedirect{true, "127.0.0.1", 6381}));
  EXPECT_EQ(redirect_of(error("ASK 3999 node-3.example:80")),
            (RedisRedirect{false, "node-3.example", 80}));
  EXPECT_EQ(redirect_of(error("MOVED 1 ::1:6381")), (RedisRedirect{true, "::1", 6381}));
  EXPECT_EQ(redirect_of(error("MOVED 1 :6381")), (RedisRedirect{true, "", 6381}));
  EXPECT_EQ(redirect_of(error("MOVED 1 ?:6381")), (RedisRedirect{true, "", 6381}));
  for (const auto* bad : {"MOVED", "MOVED 1", "MOVED :1", "MOVED 1 a", "MOVED 1 a:", "MOVED 1 a:x",
                          "MOVED 1 a:0", "MOVED 1 a:65536", "MOVED 1 a:1 ", "ERR 1 a:1", ""})
    EXPECT_FALSE(redirect_of(error(bad))) << bad;
  EXPECT_FALSE(redirect_of({.kind = RedisReply::Kind::text, .text = "MOVED 1 a:1"}));
}

}  // namespace
}  // namespace reeve::net
