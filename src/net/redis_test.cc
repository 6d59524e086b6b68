#include "net/redis.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <thread>

#include "net/redis_fixture.h"
#include "net/testing.h"

namespace reeve::net {
namespace {

using testing::RedisServer;
using testing::RedisServerOptions;
using namespace std::chrono_literals;
using Kind = RedisReply::Kind;

class RedisConnectionTest : public testing::RedisLoop {};

TEST_F(RedisConnectionTest, AnswersOfEveryKind) {
  const RedisServer server;
  connect(server.address());
  std::string any("a\0\r\n\xFF", 5);
  EXPECT_EQ(ask({"SET", "k", any})->kind, Kind::status);
  EXPECT_EQ(ask({"GET", "k"})->text, any);
  EXPECT_TRUE(ask({"GET", "none"})->is(Kind::nil));
  EXPECT_EQ(ask({"INCRBY", "n", "-7"})->integer, -7);
  EXPECT_EQ(ask({"RPUSH", "l", "1", ""})->integer, 2);
  EXPECT_EQ(ask({"LRANGE", "l", "0", "-1"})->elements.size(), 2u);
  EXPECT_EQ(ask({"GET"})->word(), "ERR");
  EXPECT_EQ(ask({"GET", "l"})->word(), "WRONGTYPE");
  EXPECT_EQ(ask({"EVALSHA", std::string(40, '0'), "0"})->word(), "NOSCRIPT");
  EXPECT_EQ(server.ask({"CLIENT", "LIST"}).text.contains("name=reeve "), true);
}

TEST_F(RedisConnectionTest, APipelineIsAnsweredInItsOrder) {
  const RedisServer server;
  connect(server.address());
  std::vector<RedisWords> commands;
  for (int i = 0; i < 1000; ++i) commands.push_back({"INCR", i % 10 == 3 ? "" : "n"});
  commands[500] = {"GET"};
  const auto replies = ask_all(std::move(commands)).value();
  ASSERT_EQ(replies.size(), 1000u);
  EXPECT_EQ(replies[0].integer, 1);
  EXPECT_EQ(replies[3].integer, 1);
  EXPECT_EQ(replies[500].word(), "ERR");
  EXPECT_EQ(replies[999].integer, 899);
  EXPECT_EQ(ask_all({})->size(), 0u);
}

TEST_F(RedisConnectionTest, TenThousandInFlight) {
  const RedisServer server;
  connect(server.address());
  std::vector<testing::BegunPtr<RedisReply>> asks;
  for (int i = 0; i < 10'000; ++i) asks.push_back(begin_ask({"ECHO", std::to_string(i)}));
  run_until([&] { return std::ranges::all_of(asks, [](const auto& one) { return one->over(); }); });
  for (int i = 0; i < 10'000; ++i)
    EXPECT_EQ(asks[static_cast<std::size_t>(i)]->ended.value()->text, std::to_string(i));
  EXPECT_EQ(redis_->generation(), 1u);
}

TEST_F(RedisConnectionTest, WhatIsAskedInOneTurnGoesOutInOneWrite) {
  const RedisServer server;
  connect(server.address());
  ASSERT_EQ(text({"PING"}), "PONG");
  const auto reads = [&] {
    const auto info = server.ask({"INFO", "stats"}).text;
    const std::string name = "total_reads_processed:";
    return std::stoi(info.substr(info.find(name) + name.size()));
  };
  const auto before = reads();
  std::vector<testing::BegunPtr<RedisReply>> asks;
  for (int i = 0; i < 100; ++i) asks.push_back(begin_ask({"INCR", "n"}));
  run_until([&] { return asks.back()->over(); });
  EXPECT_EQ(asks.back()->ended.value()->integer, 100);
  EXPECT_LE(reads() - before, 4);  // the questions themselves are read, too
}

TEST_F(RedisConnectionTest, RepliesOf16Megabytes) {
  for (const bool tls : {false, true}) {
    const RedisServer server({.tls = tls});
    connect(server.address());
    std::string large(16 << 20, 'x');
    for (std::size_t i = 0; i < large.size(); i += 4093) large[i] = static_cast<char>(i);
    EXPECT_EQ(text({"SET", "k", large}), "OK");
    const auto first = begin_ask({"GET", "k"});
    const auto second = begin_ask({"ECHO", "small"});
    run_until([&] { return second->over(); });
    EXPECT_TRUE(first->ended.value()->text == large);
    EXPECT_EQ(second->ended.value()->text, "small");
  }
}

TEST_F(RedisConnectionTest, AReplyOverTheLimitIsSaidToBe) {
  const RedisServer server;
  connect(server.address(), {.reply_limit = 1000});
  EXPECT_EQ(text({"SET", "k", std::string(2000, 'x')}), "OK");
  EXPECT_EQ(ask({"GET", "k"}).error().code(), Errc::too_large);
  EXPECT_EQ(text({"ECHO", "well"}), "well");
  EXPECT_EQ(redis_->generation(), 2u);
}

TEST_F(RedisConnectionTest, WhatIsTooMuchIsNotSent) {
  const RedisServer server;
  connect(server.address());
  std::vector<RedisWords> many(limits::kRedisPipeline, RedisWords{"INCR", "n"});
  many.push_back({"INCR", "n"});
  EXPECT_EQ(ask_all(many).error().code(), Errc::too_large);
  many.pop_back();
  EXPECT_EQ(ask_all(many)->back().integer, static_cast<std::int64_t>(limits::kRedisPipeline));
  EXPECT_EQ(ask({}).error().code(), Errc::invalid_argument);
}

TEST_F(RedisConnectionTest, PasswordAndUser) {
  const RedisServer server({.tcp = true, .password = "sesame 1"});
  server.ask({"ACL", "SETUSER", "ada", "on", ">adas", "~*", "+@all", "-client"});
  auto address = server.address();
  connect(address);
  EXPECT_EQ(text({"PING"}), "PONG");
  address.user = "ada";
  address.password = Secret("adas");
  connect(address);
  EXPECT_EQ(text({"ACL", "WHOAMI"}), "ada");
}

TEST_F(RedisConnectionTest, AWrongPasswordIsDeniedAtOnceAndNotShown) {
  const RedisServer server({.tcp = true, .password = "sesame"});
  auto address = server.address();
  for (const auto* wrong : {"open-sesame", ""}) {
    address.password = Secret(wrong);
    connect(address, {.away_limit = 60s});
    const auto reply = ask({"PING"});
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), Errc::denied) << reply.error().message();
    EXPECT_FALSE(reply.error().message().contains("sesame"));
  }
  const RedisServer open;
  address = open.address();
  address.password = Secret("needless");
  connect(address, {.away_limit = 60s});
  EXPECT_EQ(ask({"PING"}).error().code(), Errc::denied);
}

TEST_F(RedisConnectionTest, Database) {
  const RedisServer server;
  auto address = server.address();
  address.database = 3;
  connect(address);
  EXPECT_EQ(text({"SET", "k", "v"}), "OK");
  EXPECT_TRUE(server.ask({"GET", "k"}).is(Kind::nil));
  address.database = 99;
  connect(address, {.away_limit = 60s});
  EXPECT_EQ(ask({"PING"}).error().code(), Errc::invalid_argument);
}

TEST_F(RedisConnectionTest, Tls) {
  const RedisServer server({.tls = true, .password = "sesame"});
  const auto read = read_redis_url(server.url()).value();
  connect(read);
  EXPECT_EQ(text({"PING"}), "PONG");
  auto address = server.address();
  address.ca_file.clear();
  address.verify = false;
  connect(address);
  EXPECT_EQ(text({"PING"}), "PONG");
}

TEST_F(RedisConnectionTest, TlsWithAWrongAuthorityIsDenied) {
  const RedisServer server({.tls = true});
  const RedisServer stranger({.tls = true});
  auto address = server.address();
  for (const auto& ca : {stranger.certificate(), std::string()}) {
    address.ca_file = ca;
    connect(address, {.away_limit = 60s});
    EXPECT_EQ(ask({"PING"}).error().code(), Errc::denied);
  }
  address.ca_file = "/no/such/file";
  connect(address, {.away_limit = 60s});
  EXPECT_EQ(ask({"PING"}).error().code(), Errc::invalid_argument);
}

TEST_F(RedisConnectionTest, TlsWithAClientCertificate) {
  const RedisServer server({.tls = true, .ask_client_certificate = true});
  auto address = server.address();
  connect(address);
  EXPECT_EQ(text({"PING"}), "PONG");
  address.certificate_file.clear();
  address.key_file.clear();
  connect(address, {.away_limit = 1s});
  const auto reply = ask({"PING"});
  ASSERT_FALSE(reply);
  // Its alert may be lost when it closes.
  EXPECT_TRUE(reply.error().is(Errc::denied) || reply.error().is(Errc::unavailable));
  connect(server.address());
  EXPECT_EQ(text({"PING"}), "PONG");
}

TEST_F(RedisConnectionTest, TheOwnerGreetsEachNewConnectionFirst) {
  const RedisServer server;
  std::vector<std::uint64_t> seen;
  RedisOptions options;
  options.greet = [&](RedisAsk ask, std::uint64_t generation) -> Async<Status> {
    seen.push_back(generation);
    RedisWords words{"SET", "greeted", std::to_string(generation)};
    const auto reply = co_await ask(std::move(words));
    co_return reply ? Status() : fail(reply.error());
  };
  connect(server.address(), options);
  EXPECT_EQ(text({"GET", "greeted"}), "1");
  EXPECT_EQ(redis_->generation(), 1u);
  server.ask({"CLIENT", "KILL", "TYPE", "normal"});
  run_until([&] { return redis_->generation() == 2; });
  EXPECT_EQ(text({"GET", "greeted"}), "2");
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(RedisConnectionTest, AGreetingMayRefuseAndEverybodyIsTold) {
  const RedisServer server;
  bool refuse = true;
  RedisOptions options{.away_limit = 60s};
  options.greet = [&](RedisAsk, std::uint64_t) -> Async<Status> {
    if (refuse) co_return fail(Errc::conflict, "set appendonly to yes");
    co_return Status();
  };
  connect(server.address(), options);
  const auto one = begin_ask({"INCR", "n"});
  const auto two = begin_ask({"INCR", "n"});
  run_until([&] { return one->over() && two->over(); });
  EXPECT_EQ(one->ended->error(), Error(Errc::conflict, "set appendonly to yes"));
  EXPECT_EQ(two->ended->error().code(), Errc::conflict);
  EXPECT_EQ(redis_->generation(), 0u);
  EXPECT_TRUE(server.ask({"GET", "n"}).is(Kind::nil));
  refuse = false;
  EXPECT_EQ(ask({"INCR", "n"})->integer, 1);
}

TEST_F(RedisConnectionTest, WhatTheServerCannotDoNowIsAnError) {
  const RedisServer server;
  connect(server.address(), {.away_limit = 1s});
  server.ask({"CONFIG", "SET", "maxmemory", "1"});
  EXPECT_EQ(ask({"SET", "k", "v"}).error().code(), Errc::storage_full);
  EXPECT_EQ(ask_all({{"SET", "k", "v"}, {"PING"}})->front().word(), "OOM");
  server.ask({"CONFIG", "SET", "maxmemory", "0"});
  server.ask({"CONFIG", "SET", "min-replicas-to-write", "1"});
  EXPECT_EQ(ask({"SET", "k", "v"}).error().code(), Errc::unavailable);
  server.ask({"CONFIG", "SET", "min-replicas-to-write", "0"});
  server.ask({"REPLICAOF", "127.0.0.1", "1"});
  EXPECT_EQ(ask({"SET", "k", "v"}).error().code(), Errc::read_only);
  server.ask({"CONFIG", "SET", "replica-serve-stale-data", "no"});
  EXPECT_EQ(ask({"GET", "k"}).error().code(), Errc::unavailable);
}

TEST_F(RedisConnectionTest, AScriptThatKeepsItBusyIsWaitedOut) {
  const RedisServer server({.lines = {"busy-reply-threshold 20"}});
  connect(server.address());
  ASSERT_EQ(text({"PING"}), "PONG");
  const std::string script =
      "local function now() local t = redis.call('TIME') return t[1] * 1000000 + t[2] end "
      "redis.call('SET', 'began', '1') local e = now() + 700000 while now() < e do end return 1";
  std::thread other([&] { server.ask({"EVAL", script, "0"}); });
  for (;;) {  // until its refusals begin
    const auto reply = ask({"GET", "began"});
    if (reply && reply->text == "1") break;
  }
  EXPECT_EQ(ask({"INCR", "n"})->integer, 1);
  other.join();
}

TEST_F(RedisConnectionTest, ABusyServerIsUnavailableAfterTheLimit) {
  const RedisServer server({.lines = {"busy-reply-threshold 20"}});
  connect(server.address(), {.away_limit = 200ms});
  ASSERT_EQ(text({"PING"}), "PONG");
  std::thread other([&] { server.ask({"EVAL", "while true do end", "0"}); });
  Result<RedisReply> reply;
  do reply = ask({"INCR", "n"});
  while (reply);
  EXPECT_EQ(reply.error().code(), Errc::unavailable);
  EXPECT_TRUE(reply.error().message().contains("BUSY")) << reply.error().message();
  server.ask({"SCRIPT", "KILL"});
  other.join();
}

TEST_F(RedisConnectionTest, LoadingIsWaitedOut) {
  RedisServer server({.lines = {"enable-debug-command yes"}});
  server.ask({"DEBUG", "POPULATE", "5000"});
  server.ask({"SAVE"});
  server.kill();
  server.set_lines({"key-load-delay 300", "loading-process-events-interval-bytes 1024"});
  server.start(false);
  connect(server.address());
  const auto asked = begin_ask({"DBSIZE"});
  run_until([&] { return asked->over(); });
  ASSERT_TRUE(asked->ended.value()) << asked->ended->error().message();
  EXPECT_EQ(asked->ended.value()->integer, 5000);
  EXPECT_TRUE(server.log().contains("DB loaded from disk")) << server.log();
}

TEST_F(RedisConnectionTest, LoadingIsUnavailableAfterTheLimit) {
  RedisServer server({.lines = {"enable-debug-command yes"}});
  server.ask({"DEBUG", "POPULATE", "20000"});
  server.ask({"SAVE"});
  server.kill();
  server.set_lines({"key-load-delay 1000", "loading-process-events-interval-bytes 1024"});
  server.start(false);
  connect(server.address(), {.away_limit = 1500ms});
  const auto reply = ask({"DBSIZE"});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code(), Errc::unavailable);
  EXPECT_TRUE(reply.error().message().contains("LOADING")) << reply.error().message();
}

TEST_F(RedisConnectionTest, ACancelledAskLeavesTheOthersTheirReplies) {
  const RedisServer server;
  connect(server.address());
  ASSERT_EQ(text({"PING"}), "PONG");
  const auto cancelled = begin([](RedisConnection& redis, Env& env) -> Async<Result<bool>> {
    const auto got = co_await aio::within(env, 50ms, redis.ask({"BLPOP", "none", "0.3"}));
    co_return got.has_value();
  }(*redis_, env_));
  const auto behind = begin_ask({"ECHO", "mine"});
  run_until([&] { return cancelled->over(); });
  EXPECT_FALSE(cancelled->ended->value());
  EXPECT_FALSE(behind->over());
  EXPECT_EQ(text({"ECHO", "later"}), "later");
  EXPECT_EQ(behind->ended.value()->text, "mine");
}

TEST_F(RedisConnectionTest, AnAskThatIsCancelledBeforeItWentOutDoesNotGoOut) {
  RedisServer server;
  server.stop();
  connect(server.address());
  const auto cancelled =
      aio::run(loop_, aio::within(env_, 50ms, redis_->ask({"SET", "k", "late"})));
  EXPECT_FALSE(cancelled);
  server.start();
  EXPECT_TRUE(ask({"GET", "k"})->is(Kind::nil));
}

TEST_F(RedisConnectionTest, WhoWaitsForAServerIsAnsweredWhenItComes) {
  RedisServer server;
  server.stop();
  connect(server.address());
  const auto asked = begin_ask({"INCR", "n"});
  run_for(100ms);
  EXPECT_FALSE(asked->over());
  EXPECT_FALSE(redis_->connected());
  server.start();
  run_until([&] { return asked->over(); });
  EXPECT_EQ(asked->ended.value()->integer, 1);
  EXPECT_TRUE(redis_->connected());
}

TEST_F(RedisConnectionTest, AServerThatStaysAwayIsUnavailableAfterTheLimit) {
  RedisServer server;
  server.stop();
  connect(server.address(), {.away_limit = 200ms});
  const auto began = std::chrono::steady_clock::now();
  const auto reply = ask({"PING"});
  EXPECT_GE(std::chrono::steady_clock::now() - began, 200ms);
  EXPECT_EQ(reply.error().code(), Errc::unavailable);
  EXPECT_TRUE(reply.error().message().contains("nobody listens")) << reply.error().message();
}

TEST_F(RedisConnectionTest, AServerThatHangsIsGivenUp) {
  RedisServer server;
  // More than a busy machine takes for the answers that do come.
  connect(server.address(), {.reply_timeout = 2s});
  ASSERT_EQ(text({"PING"}), "PONG");
  server.hold();
  const auto reply = ask({"INCR", "n"});
  EXPECT_EQ(reply.error().code(), Errc::unknown_outcome);
  EXPECT_TRUE(reply.error().message().contains("2s")) << reply.error().message();
  server.let_go();
  EXPECT_EQ(text({"ECHO", "again"}), "again");
}

TEST_F(RedisConnectionTest, AServerThatHangsFromTheStartIsAway) {
  RedisServer server;
  server.hold();
  connect(server.address(), {.connect_timeout = 100ms, .away_limit = 400ms});
  EXPECT_EQ(ask({"PING"}).error().code(), Errc::unavailable);
  server.let_go();
  run_until([&] { return text({"PING"}) == "PONG"; });
}

TEST_F(RedisConnectionTest, CloseAnswersEverybody) {
  RedisServer server;
  connect(server.address());
  ASSERT_EQ(text({"PING"}), "PONG");
  server.hold();
  const auto sent = begin_ask({"INCR", "n"});
  settle();
  const auto not_sent = begin_ask({"INCR", "n"});
  // It has not had its turn when the connection is closed.
  aio::run(loop_, redis_->close());
  const auto late = begin_ask({"INCR", "n"});
  run_until([&] { return sent->over() && not_sent->over() && late->over(); });
  EXPECT_EQ(sent->ended->error().code(), Errc::unknown_outcome);
  EXPECT_TRUE(not_sent->ended->error().is(Errc::unknown_outcome) ||
              not_sent->ended->error().is(Errc::unavailable));
  EXPECT_EQ(late->ended->error().code(), Errc::unavailable);
}

TEST_F(RedisConnectionTest, CloseAnswersThoseWhoWaitForAServer) {
  RedisServer server;
  server.stop();
  connect(server.address());
  const auto waits = begin_ask({"INCR", "n"});
  run_for(50ms);
  aio::run(loop_, redis_->close());
  run_until([&] { return waits->over(); });
  EXPECT_EQ(waits->ended->error().code(), Errc::unavailable);
}

TEST_F(RedisConnectionTest, FinishWaitsForWhatIsUnderWay) {
  const RedisServer server;
  connect(server.address());
  const auto slow = begin_ask({"BLPOP", "none", "0.2"});
  run_for(50ms);
  aio::run(loop_, redis_->finish());
  EXPECT_TRUE(slow->over());
  EXPECT_TRUE(slow->ended.value()->is(Kind::nil));
  EXPECT_EQ(ask({"PING"}).error().code(), Errc::unavailable);
}

TEST_F(RedisConnectionTest, MessagesOfASubscriptionAreToldBetweenAnswers) {
  const RedisServer server;
  std::vector<std::string> heard;
  RedisOptions options;
  options.told = [&](const RedisReply& message) { heard.push_back(message.elements.back().text); };
  options.greet = [](RedisAsk to_ask, std::uint64_t) -> Async<Status> {
    RedisWords words{"PSUBSCRIBE", "news:*"};
    const auto asked = co_await to_ask(std::move(words));
    if (!asked) co_return fail(asked.error());
    co_return Status();
  };
  connect(server.address(), std::move(options));
  ASSERT_TRUE(ask({"PING"}));
  const auto more = ask_all({{"SUBSCRIBE", "one"}, {"SUBSCRIBE", "two"}});
  ASSERT_TRUE(more);
  EXPECT_EQ(more->at(1).elements.at(1).text, "two");
  server.ask({"PUBLISH", "one", "a"});
  server.ask({"PUBLISH", "news:x", "b"});
  run_until([&] { return heard.size() == 2; });
  EXPECT_EQ(heard, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(ask({"PING"})->elements.at(0).text, "pong");
}

TEST_F(RedisConnectionTest, TooManyClientsAreSaidToBe) {
  RedisServer server({.lines = {"maxclients 1"}});
  // A server that has just come up may still count its last client.
  std::optional<testing::RawClient> only;
  run_until([&] {
    only.emplace(server.socket());
    return only->send("PING\r\n") && only->read_until("\r\n") == "+PONG\r\n";
  });
  connect(server.address(), {.away_limit = 500ms});
  const auto reply = ask({"PING"});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code(), Errc::unavailable);
  EXPECT_TRUE(reply.error().message().contains("max number of clients")) << reply.error().message();
}

TEST_F(RedisConnectionTest, WhatIsNoRedisIsSaidToBe) {
  auto listener = listen_on(TcpAddress{}).value();
  std::thread web([&] {
    pollfd waiting{.fd = listener.fd.get(), .events = POLLIN, .revents = 0};
    ::poll(&waiting, 1, 10'000);
    const Fd peer(::accept(listener.fd.get(), nullptr, nullptr));
    const std::string_view answer = "HTTP/1.1 400 Bad Request\r\n\r\n";
    (void)::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    char byte = 0;
    while (::recv(peer.get(), &byte, 1, 0) > 0) {
    }
  });
  RedisAddress address;
  address.tcp.port = std::get<TcpAddress>(listener.address).port;
  connect(address, {.away_limit = 60s});
  const auto reply = ask({"PING"});
  web.join();
  EXPECT_EQ(reply.error().code(), Errc::corrupt) << reply.error().message();
}

}  // namespace
}  // namespace reeve::net
