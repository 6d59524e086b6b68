#include "net/http_client.h"

#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "aio/run.h"
#include "aio/task_group.h"
#include "net/testing.h"

namespace reeve::net {
namespace {

using namespace std::chrono_literals;
using testing::TempFolder;

Async<Status> taken() { co_return Status(); }
Async<Status> pause(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
  co_return Status();
}

struct FreeTls {
  void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
  void operator()(SSL* session) const { ::SSL_free(session); }
};
using TlsServer = std::unique_ptr<SSL_CTX, FreeTls>;

/// A connection that the scripted server has accepted: in clear, or over TLS.
class Accepted {
 public:
  Accepted(int fd, SSL_CTX* tls) : fd_(fd) {
    if (tls == nullptr) return;
    session_.reset(::SSL_new(tls));
    ::SSL_set_fd(session_.get(), fd);
    open_ = ::SSL_accept(session_.get()) == 1;
  }
  /// Reads until `end` has come, or the client has closed.
  std::string read_until(std::string_view end) {
    std::string got;
    char c = 0;
    while (!got.ends_with(end) && read_one(c)) got.push_back(c);
    return got;
  }
  /// Returns when the client has closed.
  void wait_for_close() {
    char c = 0;
    while (read_one(c)) {
    }
  }
  void send(std::string_view bytes) {
    if (session_) {
      (void)::SSL_write(session_.get(), bytes.data(), static_cast<int>(bytes.size()));
    } else {
      (void)::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
  }
  /// The closing word of TLS; without it an end is a cut.
  void say_goodbye() { ::SSL_shutdown(session_.get()); }
  [[nodiscard]] bool open() const { return open_; }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  bool read_one(char& c) {
    if (session_) return ::SSL_read(session_.get(), &c, 1) == 1;
    return ::recv(fd_.get(), &c, 1, 0) == 1;
  }

  Fd fd_;
  std::unique_ptr<SSL, FreeTls> session_;
  bool open_ = true;
};

using Script = std::function<void(Accepted&)>;

/// A server on loopback that does exactly what each test says, once per connection.
class HttpClientTest : public ::testing::Test {
 protected:
  ~HttpClientTest() override {
    if (thread_.joinable()) thread_.join();
  }
  void serve(std::vector<Script> scripts) {
    listener_ = listen_on(TcpAddress{}).value();
    const auto work = [this, scripts = std::move(scripts)] {
      for (const auto& script : scripts) {
        pollfd waiting{.fd = listener_.fd.get(), .events = POLLIN, .revents = 0};
        if (::poll(&waiting, 1, 20'000) <= 0) return;
        Accepted accepted(::accept(listener_.fd.get(), nullptr, nullptr), tls_.get());
        ++accepted_;
        script(accepted);
      }
    };
    thread_ = std::thread(work);
  }
  /// Makes a certificate for `names`, e.g. "DNS:localhost", and serves TLS with it.
  void serve_tls(const std::string& names, std::vector<Script> scripts) {
    const auto make =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
        "-days 2 -subj /CN=test -addext subjectAltName=" +
        names + " -keyout " + key() + " -out " + certificate() + " 2>" +
        (folder_ / "openssl.log").string();
    ASSERT_EQ(std::system(make.c_str()), 0);  // NOLINT: the names are the test's own
    tls_.reset(::SSL_CTX_new(::TLS_server_method()));
    ASSERT_EQ(::SSL_CTX_use_certificate_chain_file(tls_.get(), certificate().c_str()), 1);
    ASSERT_EQ(::SSL_CTX_use_PrivateKey_file(tls_.get(), key().c_str(), SSL_FILETYPE_PEM), 1);
    serve(std::move(scripts));
  }
  [[nodiscard]] std::string certificate() const { return (folder_ / "cert.pem").string(); }
  [[nodiscard]] std::string key() const { return (folder_ / "key.pem").string(); }

  [[nodiscard]] std::string url(std::string_view path, std::string_view scheme = "http",
                                std::string_view host = "127.0.0.1") const {
    const auto port = std::get<TcpAddress>(listener_.address).port;
    return std::string(scheme) + "://" + std::string(host) + ":" + std::to_string(port) +
           std::string(path);
  }
  void use(HttpClientOptions options) { client_ = HttpClient(loop_.get_executor(), options); }

  Result<Response> ask(OutgoingRequest request) {
    return aio::run(loop_, client_.request(std::move(request)));
  }
  Result<Response> get(std::string target) { return ask({.url = std::move(target)}); }
  Result<Response> post(std::string target, std::string body = "x") {
    return ask({.method = "POST", .url = std::move(target), .body = std::move(body)});
  }
  Result<Response> stream(OutgoingRequest request, OnChunk on_chunk) {
    return aio::run(loop_, client_.stream(std::move(request), std::move(on_chunk)));
  }
  /// Puts the pieces into `pieces_`.
  OnChunk collect() {
    return [this](std::string_view piece) {
      pieces_.emplace_back(piece);
      return taken();
    };
  }
  [[nodiscard]] std::string body() const {
    std::string all;
    for (const auto& piece : pieces_) all += piece;
    return all;
  }
  static Script answer(std::string bytes) {
    return [bytes = std::move(bytes)](Accepted& peer) {
      peer.read_until("\r\n\r\n");
      peer.send(bytes);
    };
  }

  TempFolder folder_;
  Listener listener_;
  TlsServer tls_;
  std::thread thread_;
  std::atomic<int> accepted_{0};
  std::vector<std::string> pieces_;
  asio::io_context loop_;
  HttpClient client_{loop_.get_executor()};
};

constexpr auto kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST_F(HttpClientTest, SaysWhatItWasTold) {
  std::string seen;
  serve({[&](Accepted& peer) {
    seen = peer.read_until("body");
    peer.send("HTTP/1.1 201 Created\r\nX-Two: 2\r\nContent-Length: 3\r\n\r\nyes");
  }});
  const auto response = ask(
      {.method = "PUT", .url = url("/a%20b?c=d#e"), .headers = {{"X-Key", "k"}}, .body = "body"});
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->body, "yes");
  EXPECT_EQ(header(response->headers, "x-two"), "2");
  EXPECT_EQ(seen, "PUT /a%20b?c=d HTTP/1.1\r\nHost: " + url("").substr(7) +
                      "\r\nX-Key: k\r\nUser-Agent: reeve/" REEVE_VERSION
                      "\r\nContent-Length: 4\r\n\r\nbody");
}

TEST_F(HttpClientTest, WhatWouldBreakOutOfItsLineIsNotSent) {
  listener_ = listen_on(TcpAddress{}).value();
  const std::vector<OutgoingRequest> bad{
      {.url = url("/"), .headers = {{"X", "a\r\nY: b"}}},
      {.url = url("/"), .headers = {{"X: a\r\nY", "b"}}},
      {.url = url("/"), .headers = {{"X", std::string("a\0b", 3)}}},
      {.url = url("/"), .headers = {{"Content-Length", "7"}}},
      {.url = url("/"), .headers = {{"HOST", "other"}}},
      {.url = url("/"), .headers = {{"transfer-encoding", "chunked"}}},
      {.method = "GET / HTTP/1.1\r\nX:", .url = url("/")},
      {.url = url("/a b")},
      {.url = url("/\r\nX: y")},
      {.url = "ftp://127.0.0.1/"},
      {.url = "http://user:sesame@127.0.0.1/"},
  };
  for (const auto& request : bad) {
    const auto response = ask(request);
    ASSERT_FALSE(response) << request.url;
    EXPECT_EQ(response.error().code(), Errc::invalid_argument) << request.url;
    EXPECT_EQ(response.error().message().find("sesame"), std::string::npos);
  }
  pollfd waiting{.fd = listener_.fd.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&waiting, 1, 0), 0);  // nobody came
}

TEST_F(HttpClientTest, NobodyListeningIsUnavailable) {
  {
    const auto gone = listen_on(TcpAddress{}).value();
    listener_.address = gone.address;
  }
  EXPECT_EQ(get(url("/")).error().code(), Errc::unavailable);
  EXPECT_EQ(post(url("/", "http", "localhost")).error().code(), Errc::unavailable);
}

TEST_F(HttpClientTest, AHostThatDoesNotExistIsUnavailable) {
  // The name is reserved for this (RFC 6761). Without a network the resolver may take its time.
  use({.connect_timeout = 15s});
  const auto response = get("http://reeve.invalid/");
  EXPECT_TRUE(response.error().is(Errc::unavailable) || response.error().is(Errc::timeout));
}

TEST_F(HttpClientTest, AnErrorStatusIsAnAnswer) {
  serve({answer("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nlate")});
  const auto response = post(url("/"));
  EXPECT_EQ(response->status, 503);
  EXPECT_EQ(response->body, "late");
  EXPECT_EQ(header(response->headers, "retry-after"), "7");
}

TEST_F(HttpClientTest, RedirectsAreNotFollowed) {
  serve({answer("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")});
  EXPECT_EQ(get(url("/"))->status, 302);
  EXPECT_EQ(accepted_, 1);
}

TEST_F(HttpClientTest, BodiesOfEveryFraming) {
  serve({answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
                "chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
         answer("HTTP/1.1 200 OK\r\n\r\nuntil the end"),
         answer("HTTP/1.1 204 No Content\r\n\r\n")});
  EXPECT_EQ(get(url("/"))->body, "abcde");
  EXPECT_EQ(get(url("/"))->body, "until the end");
  EXPECT_EQ(get(url("/"))->status, 204);
}

TEST_F(HttpClientTest, ACutAnswerOfAReadIsUnavailable) {
  serve({answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), answer("HTTP/1.1 2"),
         answer(""), answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc")});
  for (int i = 0; i < 4; ++i) {
    const auto response = get(url("/secret"));
    EXPECT_EQ(response.error().code(), Errc::unavailable);
    EXPECT_EQ(response.error().message().find("secret"), std::string::npos);
  }
}

TEST_F(HttpClientTest, ACutAnswerOfAWriteIsAnUnknownOutcome) {
  const auto cut = [](Accepted& peer) { peer.read_until("\r\n\r\nx"); };
  const auto half = [](Accepted& peer) {
    peer.read_until("\r\n\r\nx");
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  };
  serve({cut, half});
  EXPECT_EQ(post(url("/")).error().code(), Errc::unknown_outcome);
  EXPECT_EQ(post(url("/")).error().code(), Errc::unknown_outcome);
}

TEST_F(HttpClientTest, AnAnswerThatComesBeforeTheWholeRequestIsHeard) {
  serve({[](Accepted& peer) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmuch");
  }});
  // More than sockets hold, so the server's closing finds us writing.
  const auto response = post(url("/"), std::string(32 << 20, 'x'));
  // The kernel may throw the answer away with the connection: then nothing was done, surely.
  if (response) {
    EXPECT_EQ(response->status, 413);
  } else {
    EXPECT_EQ(response.error().code(), Errc::unavailable);
  }
}

TEST_F(HttpClientTest, WhatIsNoHttpIsCorrupt) {
  serve({answer("SSH-2.0-x\r\n\r\n"),
         answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
         answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get(url("/")).error().code(), Errc::corrupt);
}

TEST_F(HttpClientTest, ABodyHasALimit) {
  use({.body_limit = 4});
  serve({answer("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfour"),
         answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfive5"),
         answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfive5\r\n0\r\n\r\n"),
         answer("HTTP/1.1 200 OK\r\n\r\nfive5"),
         answer("HTTP/1.1 500 Bad\r\nContent-Length: 5\r\n\r\nfive5")});
  EXPECT_EQ(get(url("/"))->body, "four");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get(url("/")).error().code(), Errc::too_large);
  // An error's body is limited in a stream, too.
  const auto response = stream({.url = url("/")}, collect());
  EXPECT_EQ(response.error().code(), Errc::too_large);
  EXPECT_TRUE(pieces_.empty());
}

TEST_F(HttpClientTest, AnEndlessHeadIsTooLarge) {
  serve({answer("HTTP/1.1 200 OK\r\nX: " + std::string(limits::kHttpHead, 'x'))});
  EXPECT_EQ(get(url("/")).error().code(), Errc::too_large);
}

TEST_F(HttpClientTest, ASilentServerIsATimeout) {
  serve({[](Accepted& peer) { peer.wait_for_close(); },
         [](Accepted& peer) {
           peer.read_until("\r\n\r\n");
           peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
           peer.wait_for_close();
         }});
  for (int i = 0; i < 2; ++i) {
    const auto response = ask({.url = url("/"), .timeout = 30ms});
    EXPECT_EQ(response.error().code(), Errc::timeout);
  }
}

TEST_F(HttpClientTest, AnIdleServerIsATimeout) {
  serve({[](Accepted& peer) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    peer.wait_for_close();
  }});
  const auto response = ask({.url = url("/"), .idle_timeout = 30ms});
  EXPECT_EQ(response.error().code(), Errc::timeout);
}

TEST_F(HttpClientTest, AServerThatDripsIsATimeout) {
  std::atomic<bool> closed = false;
  serve({[&](Accepted& peer) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    pollfd waiting{.fd = peer.fd(), .events = POLLIN, .revents = 0};
    while (::poll(&waiting, 1, 1) == 0) peer.send("x");
    closed = true;
  }});
  const auto response = ask({.url = url("/"), .timeout = 60ms, .idle_timeout = 20s});
  EXPECT_EQ(response.error().code(), Errc::timeout);
  thread_.join();
  EXPECT_TRUE(closed);
}

TEST_F(HttpClientTest, AConnectionIsUsedAgain) {
  serve({[](Accepted& peer) {
    for (int i = 0; i < 3; ++i) {
      peer.read_until("\r\n\r\n");
      peer.send(kOk);
    }
  }});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get(url("/"))->body, "ok");
  EXPECT_EQ(accepted_, 1);
}

TEST_F(HttpClientTest, AKeptConnectionThatTheServerClosedIsNotUsed) {
  serve({answer(kOk), answer(kOk)});
  EXPECT_TRUE(get(url("/")));
  EXPECT_TRUE(get(url("/")));
  EXPECT_EQ(accepted_, 2);
}

TEST_F(HttpClientTest, AReadIsRepeatedWhenAKeptConnectionIsClosedUnderIt) {
  serve({[](Accepted& peer) {
           peer.read_until("\r\n\r\n");
           peer.send(kOk);
           peer.read_until("\r\n\r\n");  // and closes instead of an answer
         },
         answer(kOk)});
  EXPECT_TRUE(get(url("/")));
  EXPECT_TRUE(get(url("/")));
  EXPECT_EQ(accepted_, 2);
}

TEST_F(HttpClientTest, AWriteIsNotRepeated) {
  serve({[](Accepted& peer) {
    peer.read_until("\r\n\r\nx");
    peer.send(kOk);
    peer.read_until("\r\n\r\nx");
  }});
  EXPECT_TRUE(post(url("/")));
  EXPECT_EQ(post(url("/")).error().code(), Errc::unknown_outcome);
}

TEST_F(HttpClientTest, AConnectionIsNotKeptWhenOneSideSaysSo) {
  serve({answer("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"),
         answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more"),
         answer("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"), answer(kOk), answer(kOk)});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get(url("/"))->body, "ok");
  use({.keep_alive = 0ms});
  for (int i = 0; i < 2; ++i) EXPECT_EQ(get(url("/"))->body, "ok");
  EXPECT_EQ(accepted_, 5);
}

TEST_F(HttpClientTest, AnUnusedConnectionIsClosedInTime) {
  use({.keep_alive = 20ms});
  serve({[](Accepted& peer) {
    peer.read_until("\r\n\r\n");
    peer.send(kOk);
    peer.wait_for_close();
  }});
  EXPECT_TRUE(get(url("/")));
  loop_.restart();
  loop_.run();  // returns when the last timer is gone
  thread_.join();
}

TEST_F(HttpClientTest, AStreamIsToldPieceByPiece) {
  const auto told = std::make_shared<std::atomic<int>>(0);
  serve({[told](Accepted& peer) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n");
    for (int i = 0; i < 3; ++i) {
      while (*told < i) std::this_thread::yield();  // the next only when this one was heard
      peer.send("5\r\npiece\r\n");
    }
    peer.send("0\r\n\r\n");
  }});
  const auto head = stream({.url = url("/")}, [&](std::string_view piece) {
    pieces_.emplace_back(piece);
    ++*told;
    return taken();
  });
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(header(head->headers, "x-a"), "b");
  EXPECT_TRUE(head->body.empty());
  EXPECT_EQ(pieces_, (std::vector<std::string>{"piece", "piece", "piece"}));
}

TEST_F(HttpClientTest, AStreamHasNoLimitAndNoWholeTime) {
  use({.body_limit = 4});
  serve({[&](Accepted& peer) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
    std::this_thread::sleep_for(2200ms);  // longer than the time for the head
    peer.send("nine char");
  }});
  ASSERT_TRUE(stream({.url = url("/"), .timeout = 2s}, collect()));
  EXPECT_EQ(body(), "nine char");
}

TEST_F(HttpClientTest, AStreamThatFallsSilentIsATimeout) {
  serve({[](Accepted& peer) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\npiece\r\n");
    peer.wait_for_close();
  }});
  const auto response = stream({.url = url("/"), .idle_timeout = 30ms}, collect());
  EXPECT_EQ(response.error().code(), Errc::timeout);
  EXPECT_EQ(body(), "piece");
}

TEST_F(HttpClientTest, AReaderThatWaitsHoldsTheServerBackAndCostsNoTimeOut) {
  constexpr std::size_t kBody = 32 << 20;  // more than any socket's buffers hold
  std::atomic<std::size_t> sent = 0;
  serve({[&](Accepted& peer) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kBody) + "\r\n\r\n");
    const std::string part(1 << 20, 'x');
    for (; sent < kBody; sent += part.size()) peer.send(part);
  }});
  std::size_t got = 0;
  std::size_t ahead = 0;
  const auto slow = [&](std::string_view piece) {
    const bool first = got == 0;
    if (got > 0 && ahead == 0) ahead = sent;
    got += piece.size();
    return first ? pause(2200ms) : taken();  // longer than the time-out
  };
  const auto head = stream({.url = url("/"), .idle_timeout = 2s}, slow);
  ASSERT_TRUE(head) << head.error().message();
  EXPECT_EQ(got, kBody);
  EXPECT_LT(ahead, kBody);
}

TEST_F(HttpClientTest, AStreamThatIsCutIsNotWhole) {
  const auto script = answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\npiece\r\n");
  serve({script, script});
  EXPECT_EQ(stream({.url = url("/")}, collect()).error().code(), Errc::unavailable);
  const OutgoingRequest write{.method = "POST", .url = url("/")};
  EXPECT_EQ(stream(write, collect()).error().code(), Errc::unknown_outcome);
  EXPECT_EQ(body(), "piecepiece");
}

TEST_F(HttpClientTest, TheReaderOfAStreamCanEndIt) {
  serve({[](Accepted& peer) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\npiece\r\n");
    peer.wait_for_close();
  }});
  const auto response = stream({.url = url("/")}, [](std::string_view) -> Async<Status> {
    co_return fail(Errc::denied, "enough");
  });
  EXPECT_EQ(response.error(), Error(Errc::denied, "enough"));
}

TEST_F(HttpClientTest, AnErrorAnswerToAStreamIsReturnedWhole) {
  serve({answer("HTTP/1.1 429 Slow\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwait\r\n0\r\n\r\n")});
  const auto response = stream({.method = "POST", .url = url("/")}, collect());
  EXPECT_EQ(response->status, 429);
  EXPECT_EQ(response->body, "wait");
  EXPECT_TRUE(pieces_.empty());
}

/// Runs a request until `begun` says so, cancels it, and joins it.
template <class Begun>
bool cancelled(asio::io_context& loop, Async<Result<Response>> work, Begun begun) {
  bool thrown = false;
  aio::TaskGroup group(loop.get_executor());
  const auto child = [](Async<Result<Response>> inner, bool& aborted) -> Async<> {
    try {
      const auto answer = co_await std::move(inner);
      ADD_FAILURE() << "it has ended: " << (answer ? "answered" : answer.error().message());
    } catch (const boost::system::system_error& error) {
      aborted = error.code() == asio::error::operation_aborted;
      throw;
    }
  };
  group.spawn("request", child(std::move(work), thrown));
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  loop.restart();
  while (!begun() && std::chrono::steady_clock::now() < deadline) loop.run_one_for(10ms);
  group.cancel();
  aio::run(loop, group.join());
  return thrown;
}

TEST_F(HttpClientTest, CancellingClosesTheConnection) {
  std::atomic<int> asked = 0;
  const auto silent = [&](Accepted& peer) {
    peer.read_until("\r\n\r\n");
    ++asked;
    peer.wait_for_close();
  };
  serve({silent, [](Accepted& peer) {
           peer.read_until("\r\n\r\n");
           peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\npiece\r\n");
           peer.wait_for_close();
         }});
  EXPECT_TRUE(cancelled(loop_, client_.request({.url = url("/")}), [&] { return asked == 1; }));
  EXPECT_TRUE(cancelled(loop_, client_.stream({.url = url("/")}, collect()),
                        [&] { return !pieces_.empty(); }));
  thread_.join();  // each peer saw the close
}

TEST_F(HttpClientTest, CancellingWhileItConnectsOrLooksUp) {
  listener_ = listen_on(TcpAddress{}).value();  // the kernel accepts, nobody shakes hands
  bool begun = false;
  const auto soon = [&] { return std::exchange(begun, true); };
  EXPECT_TRUE(cancelled(loop_, client_.request({.url = url("/", "https")}), soon));
  begun = false;
  EXPECT_TRUE(cancelled(loop_, client_.request({.url = "http://reeve.invalid/"}), soon));
}

TEST_F(HttpClientTest, ManyAtATime) {
  serve({[](Accepted& peer) {
           peer.read_until("\r\n\r\n");
           peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1");
         },
         [](Accepted& peer) {
           peer.read_until("\r\n\r\n");
           peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n2");
         }});
  std::vector<std::string> bodies;
  aio::TaskGroup group(loop_.get_executor());
  const auto one = [](HttpClient& client, OutgoingRequest request,
                      std::vector<std::string>& into) -> Async<> {
    const auto answer = co_await client.request(std::move(request));
    into.push_back(answer ? answer->body : answer.error().message());
  };
  for (int i = 0; i < 2; ++i) group.spawn("one", one(client_, {.url = url("/")}, bodies));
  aio::run(loop_, group.join());
  std::ranges::sort(bodies);
  EXPECT_EQ(bodies, (std::vector<std::string>{"1", "2"}));
}

TEST_F(HttpClientTest, TlsWithACertificateThatIsTrusted) {
  std::string seen;
  const auto script = [&](Accepted& peer) {
    for (int i = 0; i < 2; ++i) {
      seen = peer.read_until("\r\n\r\n");
      peer.send(kOk);
    }
  };
  serve_tls("DNS:localhost,IP:127.0.0.1", {script, script});
  use({.ca_file = certificate()});
  for (const auto* host : {"localhost", "127.0.0.1"}) {
    for (int i = 0; i < 2; ++i) EXPECT_EQ(get(url("/", "https", host))->body, "ok");
  }
  EXPECT_EQ(accepted_, 2);
}

TEST_F(HttpClientTest, TlsWithACertificateThatIsNotTrustedIsDenied) {
  const auto never = [](Accepted& peer) {
    EXPECT_FALSE(peer.open() && peer.read_until("\n") != "");
  };
  serve_tls("DNS:localhost", {never, never});
  EXPECT_EQ(get(url("/", "https", "localhost")).error().code(), Errc::denied);
  use({.ca_file = certificate()});
  const auto other_name = get(url("/", "https", "127.0.0.1"));
  EXPECT_EQ(other_name.error().code(), Errc::denied);
  EXPECT_NE(other_name.error().message().find("mismatch"), std::string::npos)
      << other_name.error().message();
}

TEST_F(HttpClientTest, TlsToAServerThatSpeaksNoneIsUnavailable) {
  serve({[](Accepted& peer) { peer.send("HTTP/1.1 400 Bad\r\n\r\n"); }});
  EXPECT_EQ(post(url("/", "https")).error().code(), Errc::unavailable);
}

TEST_F(HttpClientTest, TlsEndsOnlyWithItsClosingWord) {
  const auto open_end = "HTTP/1.1 200 OK\r\n\r\nuntil the end";
  const auto cut = [&](Accepted& peer) {
    peer.read_until("\r\n\r\n");
    peer.send(open_end);
  };
  const auto whole = [&](Accepted& peer) {
    peer.read_until("\r\n\r\n");
    peer.send(open_end);
    peer.say_goodbye();
  };
  serve_tls("IP:127.0.0.1", {whole, cut});
  use({.ca_file = certificate()});
  EXPECT_EQ(get(url("/", "https"))->body, "until the end");
  EXPECT_EQ(get(url("/", "https")).error().code(), Errc::unavailable);
}

TEST_F(HttpClientTest, TlsIsCancelledAndTimedToo) {
  std::atomic<int> asked = 0;
  const auto silent = [&](Accepted& peer) {
    peer.read_until("\r\n\r\n");
    ++asked;
    peer.wait_for_close();
  };
  serve_tls("IP:127.0.0.1", {silent, silent});
  use({.ca_file = certificate()});
  const auto late = ask({.url = url("/", "https"), .idle_timeout = 200ms});
  EXPECT_EQ(late.error().code(), Errc::timeout);
  EXPECT_TRUE(
      cancelled(loop_, client_.request({.url = url("/", "https")}), [&] { return asked == 2; }));
  thread_.join();
}

TEST_F(HttpClientTest, AnUnreadableFileOfAuthoritiesIsSaid) {
  const auto file = (folder_ / "no.pem").string();
  use({.ca_file = file});
  EXPECT_EQ(get("https://127.0.0.1:1/").error().code(), Errc::invalid_argument);
  std::ofstream(file) << "no PEM";
  EXPECT_EQ(get("https://127.0.0.1:1/").error().code(), Errc::invalid_argument);
}

/// Against our own server.
class HttpClientAndServer : public testing::ServerFixture {};

TEST_F(HttpClientAndServer, UnderstandEachOther) {
  also_listen(TcpAddress{});
  const Handler handler = [](Request request) -> asio::awaitable<Answer> {
    if (request.path == "/echo") co_return json_response(200, request.body);
    const StreamBody count = [](Writer& writer) -> asio::awaitable<void> {
      for (int i = 0; i < 100; ++i) {
        const auto text = std::to_string(i) + "\n";
        const auto written = co_await writer.write(text);
        if (!written) co_return;
      }
    };
    co_return event_stream(count);
  };
  start(handler);
  const auto base = "http://" + to_string(bound_.at(0));
  asio::io_context loop;
  HttpClient client(loop.get_executor());
  const std::string big(3 << 20, 'x');
  for (int i = 0; i < 2; ++i) {
    const auto echoed =
        aio::run(loop, client.request({.method = "POST", .url = base + "/echo", .body = big}));
    EXPECT_EQ(echoed->body, big);
  }
  std::string counted;
  const auto head = aio::run(loop, client.stream({.url = base}, [&](std::string_view piece) {
    counted += piece;
    return taken();
  }));
  EXPECT_EQ(header(head->headers, "content-type"), "text/event-stream");
  EXPECT_TRUE(counted.starts_with("0\n1\n"));
  EXPECT_TRUE(counted.ends_with("98\n99\n"));
  EXPECT_EQ(connections(), 1u);
}

}  // namespace
}  // namespace reeve::net
