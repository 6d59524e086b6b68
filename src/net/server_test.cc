#include "net/server.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <random>

#include "net/testing.h"
#include "wire/problem.h"

namespace reeve::net {
namespace {

using namespace std::chrono_literals;
using testing::RawClient;
using testing::ServerFixture;

/// Says what it was asked.
asio::awaitable<Answer> echo(Request request) {
  Response response{.headers = {{"X-Method", request.method}}, .body = request.path};
  response.body += "|" + request.body;
  co_return response;
}

asio::awaitable<void> forever() {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_at(std::chrono::steady_clock::time_point::max());
  co_await timer.async_wait(asio::use_awaitable);
}

/// Tells when a coroutine was entered and when it was left, and how.
struct Trace {
  std::promise<void> entered;
  std::promise<void> left;

  void wait_entered() { wait(entered); }
  void wait_left() { wait(left); }
  static void wait(std::promise<void>& what) {
    ASSERT_EQ(what.get_future().wait_for(20s), std::future_status::ready);
  }
};
struct Leaving {
  explicit Leaving(Trace& trace) : trace(trace) { trace.entered.set_value(); }
  Leaving(const Leaving&) = delete;
  Leaving& operator=(const Leaving&) = delete;
  ~Leaving() { trace.left.set_value(); }
  Trace& trace;
};

/// A handler that never answers; a target /stream is a stream that never ends.
Handler stuck(Trace& trace) {
  return [&trace](Request request) -> asio::awaitable<Answer> {
    if (request.path == "/stream") {
      co_return event_stream([&trace](Writer& writer) -> asio::awaitable<void> {
        const Leaving leaving(trace);
        const auto written = co_await writer.write("data: first\n\n");
        EXPECT_TRUE(written);
        co_await forever();
      });
    }
    const Leaving leaving(trace);
    co_await forever();
    co_return Answer();
  };
}

class ServerTest : public ServerFixture {
 protected:
  std::string ask(std::string_view bytes) {
    auto raw = this->raw();
    raw.send(bytes);
    return raw.read_all();
  }
  int status(std::string_view bytes) {
    const auto answer = ask(bytes);
    return answer.size() < 12 ? 0 : std::stoi(answer.substr(9, 3));
  }
};

TEST_F(ServerTest, AnswersWithItsVersion) {
  start(echo);
  auto client = this->client();
  const auto response = client.request({.method = "POST", .target = "/a%20b?c=d", .body = "body"});
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "/a b|body");
  EXPECT_EQ(header(response->headers, "reeve-version"), "1.2.3");
  EXPECT_EQ(header(response->headers, "x-method"), "POST");
}

TEST_F(ServerTest, KeepsAConnectionForManyRequests) {
  start(echo);
  auto client = this->client();
  for (int i = 0; i < 50; ++i) {
    const auto response = client.request({.target = "/" + std::to_string(i)});
    ASSERT_TRUE(response) << response.error().message();
    ASSERT_EQ(response->body, "/" + std::to_string(i) + "|");
    ASSERT_EQ(connections(), 1u);
  }
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  start(echo);
  const auto answer =
      ask("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n"
          "GET /3 HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_LT(answer.find("/1|"), answer.find("/2|"));
  EXPECT_LT(answer.find("/2|"), answer.find("/3|"));
  EXPECT_NE(answer.find("/3|"), std::string::npos);
}

TEST_F(ServerTest, KnowsItsPeer) {
  also_listen(TcpAddress{});
  start([](Request request) -> asio::awaitable<Answer> {
    Response response;
    response.body = request.peer.local ? fmt::format("{} {}", request.peer.uid, request.peer.pid)
                                       : request.peer.address;
    co_return response;
  });
  EXPECT_EQ(client().request({})->body, fmt::format("{} {}", ::getuid(), ::getpid()));
  BlockingClient tcp(bound_.at(0), {});
  EXPECT_TRUE(tcp.request({})->body.starts_with("127.0.0.1:"));
}

TEST_F(ServerTest, ManyConnectionsAtOnce) {
  start(echo);
  std::vector<RawClient> open;
  for (int i = 0; i < 200; ++i) open.push_back(raw());
  for (std::size_t i = open.size(); i-- > 0;) {
    ASSERT_TRUE(open[i].send("GET /" + std::to_string(i) + " HTTP/1.1\r\n\r\n"));
  }
  for (std::size_t i = 0; i < open.size(); ++i) {
    const auto end = "/" + std::to_string(i) + "|";
    ASSERT_TRUE(open[i].read_until(end).ends_with(end)) << i;
  }
  EXPECT_EQ(connections(), open.size());
}

TEST_F(ServerTest, OneConnectionTooManyIsRefused) {
  start(echo, {.connections = 2});
  auto first = raw();
  first.send("GET /1 HTTP/1.1\r\n\r\n");
  first.read_until("/1|");
  auto second = raw();
  second.send("GET /2 HTTP/1.1\r\n\r\n");
  second.read_until("/2|");
  const auto refused = client().request({});
  ASSERT_TRUE(refused) << refused.error().message();
  EXPECT_EQ(refused->status, 503);
  EXPECT_EQ(wire::read_problem(503, refused->body).code(), Errc::unavailable);
  second.close();
  const auto closed = [&] { return connections() == 1; };
  while (!closed()) std::this_thread::yield();
  EXPECT_EQ(client().request({})->status, 200);
}

TEST_F(ServerTest, AHugeBodyIsRefusedAndTheConnectionClosed) {
  start(echo, {.body_limit = 1000});
  EXPECT_EQ(client().request({.method = "POST", .body = std::string(1000, 'x')})->status, 200);
  // Larger than what the kernel buffers: the refusal comes while the client still sends.
  for (const std::size_t size : {1001U, 8U << 20}) {
    auto client = this->client();
    const auto response = client.request({.method = "POST", .body = std::string(size, 'x')});
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->status, 413);
    EXPECT_EQ(wire::read_problem(413, response->body).code(), Errc::too_large);
    EXPECT_EQ(header(response->headers, "connection"), "close");
  }
  EXPECT_EQ(status("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n"), 413);
}

TEST_F(ServerTest, ABodyMayWaitForContinue) {
  start(echo);
  auto raw = this->raw();
  raw.send("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(raw.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  raw.send("ab");
  EXPECT_TRUE(raw.read_until("/|ab").ends_with("/|ab"));
}

TEST_F(ServerTest, MalformedRequestsAreToldSo) {
  start(echo, {.head_limit = 512});
  EXPECT_EQ(status("nonsense\r\n\r\n"), 400);
  EXPECT_EQ(status("GET /%zz HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nA: " + std::string(600, 'x')), 431);
  EXPECT_EQ(status("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n"), 501);
  const auto answer = ask(std::string("\0\xff\x01\r\n\r\n", 7));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << answer;
  EXPECT_NE(answer.find("application/problem+json"), std::string::npos);
  EXPECT_NE(answer.find("Reeve-Version: 1.2.3"), std::string::npos);
}

TEST_F(ServerTest, RandomBytesNeverEndIt) {
  start(echo);
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 300; ++i) {
    std::string bytes(1 + random() % 2000, ' ');
    for (auto& c : bytes) c = static_cast<char>(random());
    auto raw = this->raw();
    raw.send(bytes);
    ::shutdown(raw.fd(), SHUT_WR);
    (void)raw.read_all();
  }
  EXPECT_EQ(client().request({})->status, 200);
}

TEST_F(ServerTest, HeadHasTheHeadersAndNoBody) {
  start(echo);
  auto client = this->client();
  const auto response = client.request({.method = "HEAD", .target = "/abc"});
  ASSERT_TRUE(response);
  EXPECT_EQ(header(response->headers, "content-length"), "5");
  EXPECT_EQ(response->body, "");
  EXPECT_EQ(client.request({.target = "/abc"})->body, "/abc|");  // on the same connection
  EXPECT_EQ(connections(), 1u);
}

TEST_F(ServerTest, AnOldClientGetsItsAnswerAndTheEnd) {
  start(echo);
  const auto answer = ask("GET /a HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("/a|")) << answer;
}

TEST_F(ServerTest, AnExceptionIsAProblemAndNotTheEnd) {
  start([](Request request) -> asio::awaitable<Answer> {
    if (request.path == "/throw") throw BrokenInvariant("a secret of ours");
    if (request.path == "/odd") throw boost::system::system_error(asio::error::operation_aborted);
    if (request.path == "/forge") co_return Response{.headers = {{"A", "b\r\nC: d"}}};
    if (request.path == "/stream") {
      co_return event_stream([](Writer& writer) -> asio::awaitable<void> {
        const auto written = co_await writer.write("data: x\n\n");
        EXPECT_TRUE(written);
        throw BrokenInvariant("in the middle");
      });
    }
    co_return Response();
  });
  for (const auto* target : {"/throw", "/odd", "/forge"}) {
    const auto response = client().request({.target = target});
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->status, 500) << target;
    EXPECT_EQ(wire::read_problem(500, response->body).code(), Errc::internal);
    EXPECT_EQ(response->body.find("secret"), std::string::npos);
    EXPECT_EQ(header(response->headers, "c"), "");
  }
  int messages = 0;
  auto client = this->client();
  const auto cut = client.stream({.target = "/stream"}, [&](const wire::SseMessage&) {
    ++messages;
    return true;
  });
  EXPECT_EQ(messages, 1);
  EXPECT_EQ(cut.error().code(), Errc::unavailable);  // no clean end: the answer was not whole
  EXPECT_EQ(this->client().request({})->status, 200);
}

TEST_F(ServerTest, AStreamArrivesMessageByMessage) {
  std::promise<void> first_seen;
  start([&](Request) -> asio::awaitable<Answer> {
    co_return event_stream([&](Writer& writer) -> asio::awaitable<void> {
      for (int i = 0; i < 3; ++i) {
        const auto frame = wire::encode_sse({.data = std::to_string(i), .id = std::to_string(i)});
        const auto written = co_await writer.write(frame);
        EXPECT_TRUE(written);
        // The reader has the first frame before there is a second: nothing is held back.
        if (i == 0) first_seen.get_future().wait();
      }
    });
  });
  std::vector<std::string> got;
  auto client = this->client();
  const auto end = client.stream({}, [&](const wire::SseMessage& message) {
    got.push_back(message.data);
    if (got.size() == 1) first_seen.set_value();
    return true;
  });
  ASSERT_TRUE(end) << end.error().message();
  EXPECT_EQ(got, (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_EQ(header(end->headers, "content-type"), "text/event-stream");
}

TEST_F(ServerTest, AnOldClientGetsAStreamWithoutChunks) {
  start([](Request) -> asio::awaitable<Answer> {
    co_return event_stream([](Writer& writer) -> asio::awaitable<void> {
      const auto written = co_await writer.write("data: x\n\n");
      EXPECT_TRUE(written);
    });
  });
  const auto answer = ask("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("\r\n\r\ndata: x\n\n")) << answer;
}

TEST_F(ServerTest, ASlowReaderSlowsOnlyItsOwnStream) {
  std::atomic<int> written = 0;
  constexpr int kChunks = 200;
  const std::string chunk(64 << 10, 'x');
  start([&](Request request) -> asio::awaitable<Answer> {
    if (request.path != "/stream") co_return Response();
    co_return event_stream([&](Writer& writer) -> asio::awaitable<void> {
      for (int i = 0; i < kChunks; ++i) {
        const auto done = co_await writer.write(chunk);
        if (!done) co_return;
        ++written;
      }
    });
  });
  std::vector<RawClient> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(raw());
    slow.back().send("GET /stream HTTP/1.1\r\nConnection: close\r\n\r\n");
  }
  for (auto& reader : slow) reader.read_until("\r\n\r\n");
  // Others are served meanwhile, and the producers stand still at what the kernel buffers.
  for (int i = 0; i < 50; ++i) ASSERT_EQ(client().request({})->status, 200);
  EXPECT_LT(written, 20 * kChunks / 2);
  for (auto& reader : slow) {
    const auto body = reader.read_all();
    EXPECT_GT(body.size(), kChunks * chunk.size());
    EXPECT_TRUE(body.ends_with("0\r\n\r\n"));
  }
  EXPECT_EQ(written, 20 * kChunks);
}

TEST_F(ServerTest, AReaderThatTakesNothingIsGivenUp) {
  std::promise<Error> why;
  start(
      [&](Request) -> asio::awaitable<Answer> {
        co_return event_stream([&](Writer& writer) -> asio::awaitable<void> {
          const std::string chunk(64 << 10, 'x');
          for (;;) {
            const auto done = co_await writer.write(chunk);
            if (done) continue;
            why.set_value(done.error());
            co_return;
          }
        });
      },
      {.write_timeout = 60ms});
  auto raw = this->raw();
  raw.send("GET / HTTP/1.1\r\n\r\n");
  auto ended = why.get_future();
  ASSERT_EQ(ended.wait_for(20s), std::future_status::ready);
  EXPECT_EQ(ended.get().code(), Errc::unavailable);
}

TEST_F(ServerTest, AClientThatLeavesCancelsItsHandler) {
  Trace trace;
  start(stuck(trace));
  {
    auto raw = this->raw();
    raw.send("GET / HTTP/1.1\r\n\r\n");
    trace.wait_entered();
  }
  trace.wait_left();
}

TEST_F(ServerTest, AClientThatLeavesIsNoticedOverTcpToo) {
  Trace trace;
  also_listen(TcpAddress{});
  start(stuck(trace));
  {
    RawClient raw(bound_.at(0));
    raw.send("GET / HTTP/1.1\r\n\r\n");
    trace.wait_entered();
  }
  trace.wait_left();
}

TEST_F(ServerTest, AClientThatOnlyStopsSendingGetsItsAnswer) {
  asio::steady_timer go_on(context_);
  go_on.expires_at(std::chrono::steady_clock::time_point::max());
  std::promise<void> entered;
  start([&](Request) -> asio::awaitable<Answer> {
    entered.set_value();
    boost::system::error_code error;
    co_await go_on.async_wait(asio::redirect_error(asio::use_awaitable, error));
    co_return Response{.body = "answer"};
  });
  auto raw = this->raw();
  raw.send("GET / HTTP/1.1\r\n\r\n");
  entered.get_future().wait();
  ::shutdown(raw.fd(), SHUT_WR);
  EXPECT_EQ(connections(), 1u);  // the loop has seen it
  asio::post(context_, [&] { go_on.cancel(); });
  EXPECT_TRUE(raw.read_all().ends_with("answer"));
}

TEST_F(ServerTest, ALoopThatIsDroppedFreesEverything) {
  Trace handler;
  Trace stream;
  {
    // A coroutine lambda must outlive its coroutine: these do.
    const auto never = stuck(handler);
    const auto endless = stuck(stream);
    asio::io_context context;
    const Address address = UnixAddress{folder_ / "dropped"};
    const auto either = [&](Request request) {
      return (request.path == "/stream" ? endless : never)(std::move(request));
    };
    Server server(context.get_executor(), either, {});
    ASSERT_TRUE(server.listen(address));
    auto ended = asio::co_spawn(context, server.run(), asio::use_future);
    RawClient first(address);
    RawClient second(address);
    first.send("GET / HTTP/1.1\r\n\r\n");
    second.send("GET /stream HTTP/1.1\r\n\r\n");
    std::thread loop([&] { context.run(); });
    handler.wait_entered();
    stream.wait_entered();
    context.stop();
    loop.join();
  }
  handler.wait_left();
  stream.wait_left();
}

TEST_F(ServerTest, ACancelledRunStopsWithoutGrace) {
  Trace trace;
  asio::io_context context;
  const Address address = UnixAddress{folder_ / "cancelled"};
  Server server(context.get_executor(), stuck(trace), {.stop_grace = 1h});
  ASSERT_TRUE(server.listen(address));
  asio::cancellation_signal signal;
  auto ended = asio::co_spawn(context, server.run(),
                              asio::bind_cancellation_slot(signal.slot(), asio::use_future));
  RawClient raw(address);
  raw.send("GET / HTTP/1.1\r\n\r\n");
  std::thread loop([&] { context.run(); });
  trace.wait_entered();
  asio::post(context, [&] { signal.emit(asio::cancellation_type::terminal); });
  loop.join();  // returns when nothing is left to do
  EXPECT_EQ(ended.wait_for(0s), std::future_status::ready);
  trace.wait_left();
  EXPECT_TRUE(raw.read_all().starts_with("HTTP/1.1 503 "));
}

TEST_F(ServerTest, AHandlerMayStopTheServer) {
  start([&](Request) -> asio::awaitable<Answer> {
    begin_stop();
    co_return Response{.body = "stopping"};
  });
  EXPECT_EQ(client().request({.method = "POST"})->body, "stopping");
  EXPECT_TRUE(has_stopped_within(20s));
}

TEST_F(ServerTest, AClientThatLeavesCancelsItsStream) {
  Trace trace;
  start(stuck(trace));
  {
    auto raw = this->raw();
    raw.send("GET /stream HTTP/1.1\r\n\r\n");
    raw.read_until("first");
  }
  trace.wait_left();
  while (connections() != 0) std::this_thread::yield();
}

TEST_F(ServerTest, ADrippingRequestIsGivenUp) {
  start(echo, {.request_timeout = 60ms});
  auto raw = this->raw();
  raw.send("GET / HTTP/1.1\r\n");
  const auto answer = raw.read_all();  // nothing more is sent; the server speaks first
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 408 ")) << answer;
}

TEST_F(ServerTest, AnIdleConnectionIsClosed) {
  start(echo, {.idle_timeout = 60ms});
  auto silent = raw();
  EXPECT_EQ(silent.read_all(), "");
  auto client = this->client();
  ASSERT_EQ(client.request({})->status, 200);
  while (connections() != 0) std::this_thread::yield();
  // The client notices and connects anew, also for a request that it would not dare to repeat.
  EXPECT_EQ(client.request({.method = "POST"})->status, 200);
}

TEST_F(ServerTest, StopEndsIdleConnectionsAndStreamsBeforeRequests) {
  Trace trace;
  start(stuck(trace), {.stop_grace = 1h, .stream_grace = 20ms});
  auto idle = raw();
  auto stream = raw();
  stream.send("GET /stream HTTP/1.1\r\n\r\n");
  stream.read_until("first");
  begin_stop();
  ASSERT_TRUE(has_stopped_within(20s));
  trace.wait_left();
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_FALSE(stream.read_all().ends_with("0\r\n\r\n"));  // cut, and seen to be
  EXPECT_FALSE(std::filesystem::exists(folder_ / "s"));
  EXPECT_EQ(client().request({}).error().code(), Errc::unavailable);
}

TEST_F(ServerTest, StopLetsAStreamSayWhyItEnds) {
  asio::steady_timer go_on(context_);
  go_on.expires_at(std::chrono::steady_clock::time_point::max());
  start(
      [&](Request) -> asio::awaitable<Answer> {
        co_return event_stream([&](Writer& writer) -> asio::awaitable<void> {
          const auto first = co_await writer.write("data: first\n\n");
          EXPECT_TRUE(first);
          boost::system::error_code error;
          co_await go_on.async_wait(asio::redirect_error(asio::use_awaitable, error));
          const auto last = co_await writer.write("data: last\n\n");
          EXPECT_TRUE(last);
        });
      },
      {.stop_grace = 1h, .stream_grace = 1h});
  auto stream = raw();
  stream.send("GET / HTTP/1.1\r\n\r\n");
  stream.read_until("first");
  begin_stop();
  // Also when it does not wait yet: its time has come.
  asio::post(context_, [&] { go_on.expires_at(std::chrono::steady_clock::time_point::min()); });
  const auto rest = stream.read_all();
  EXPECT_TRUE(rest.contains("data: last")) << rest;
  EXPECT_TRUE(rest.ends_with("0\r\n\r\n")) << rest;
  EXPECT_TRUE(has_stopped_within(20s)) << "the connection waits for another request";
}

TEST_F(ServerTest, StopLetsARequestFinish) {
  std::promise<void> entered;
  asio::steady_timer go_on(context_);
  go_on.expires_at(std::chrono::steady_clock::time_point::max());
  start(
      [&](Request) -> asio::awaitable<Answer> {
        entered.set_value();
        boost::system::error_code error;
        co_await go_on.async_wait(asio::redirect_error(asio::use_awaitable, error));
        co_return Response{.body = "finished"};
      },
      {.stop_grace = 1h});
  auto raw = this->raw();
  raw.send("GET / HTTP/1.1\r\n\r\n");
  entered.get_future().wait();
  begin_stop();
  EXPECT_FALSE(has_stopped_within(20ms));
  asio::post(context_, [&] { go_on.cancel(); });
  EXPECT_TRUE(raw.read_all().ends_with("finished"));
  EXPECT_TRUE(has_stopped_within(20s));
}

TEST_F(ServerTest, StopCancelsARequestAfterItsGrace) {
  Trace trace;
  start(stuck(trace), {.stop_grace = 20ms});
  auto raw = this->raw();
  raw.send("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
  trace.wait_entered();
  begin_stop();
  const auto answer = raw.read_all();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  EXPECT_NE(answer.find("unknown_outcome"), std::string::npos);
  EXPECT_TRUE(has_stopped_within(20s));
  trace.wait_left();
}

TEST_F(ServerTest, ADeepFolderIsNoObstacle) {
  auto path = folder_.path();
  while (path.native().size() < 200) path /= "deep";
  std::filesystem::create_directories(path);
  address_ = UnixAddress{path / "s"};
  start(echo);
  EXPECT_EQ(client().request({})->status, 200);
  stop();
  EXPECT_FALSE(std::filesystem::exists(path / "s"));
}

TEST_F(ServerTest, LatencyOfARequest) {
  start(echo);
  constexpr int kRounds = 500;
  const auto measure = [&](bool keep) {
    auto kept = client();
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kRounds; ++i) {
      auto fresh = client();
      EXPECT_TRUE((keep ? kept : fresh).request({}));
    }
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin)
               .count() /
           kRounds;
  };
  fmt::print("a request: {:.0f} us on a kept connection, {:.0f} us with connecting\n",
             measure(true), measure(false));
}

TEST(Server, ListensOncePerAddress) {
  const testing::TempFolder folder;
  asio::io_context context;
  const Address address = UnixAddress{folder / "s"};
  Server first(context.get_executor(), echo, {});
  ASSERT_TRUE(first.listen(address));
  Server second(context.get_executor(), echo, {});
  EXPECT_EQ(second.listen(address).error().code(), Errc::conflict);
}

}  // namespace
}  // namespace reeve::net
