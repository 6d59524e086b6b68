#include "net/blocking_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <functional>
#include <optional>

#include "net/testing.h"

namespace reeve::net {
namespace {

using namespace std::chrono_literals;
using testing::TempFolder;

/// One accepted connection of the scripted server below.
class Accepted {
 public:
  explicit Accepted(int fd) : fd_(fd) {}
  /// Reads until `end` has come, or the client has closed.
  std::string read_until(std::string_view end) {
    std::string got;
    char c = 0;
    while (!got.ends_with(end) && ::recv(fd_.get(), &c, 1, 0) == 1) got.push_back(c);
    return got;
  }
  void send(std::string_view bytes) {
    (void)::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

 private:
  Fd fd_;
};

/// A server that does exactly what each test says, once per connection.
class BlockingClientTest : public ::testing::Test {
 protected:
  ~BlockingClientTest() override {
    if (thread_.joinable()) thread_.join();
  }
  void serve(std::vector<std::function<void(Accepted&)>> scripts) {
    listener_ = listen_on(UnixAddress{folder_ / "s"}).value();
    thread_ = std::thread([this, scripts = std::move(scripts)] {
      for (const auto& script : scripts) {
        pollfd waiting{.fd = listener_.fd.get(), .events = POLLIN, .revents = 0};
        if (::poll(&waiting, 1, 20'000) <= 0) return;
        Accepted accepted(::accept(listener_.fd.get(), nullptr, nullptr));
        script(accepted);
      }
    });
  }
  [[nodiscard]] BlockingClient client(ClientOptions options = {}) const {
    return BlockingClient(UnixAddress{folder_ / "s"}, std::move(options));
  }
  static void cut(Accepted& peer) { peer.read_until("\r\n\r\n"); }

  TempFolder folder_;
  Listener listener_;
  std::thread thread_;
};

const ClientRequest kRead{.target = "/a"};
const ClientRequest kWrite{.method = "POST", .target = "/a", .body = ""};

TEST_F(BlockingClientTest, NoDaemonIsUnavailable) {
  EXPECT_EQ(client().request(kRead).error().code(), Errc::unavailable);
  EXPECT_EQ(client().request(kWrite).error().code(), Errc::unavailable);
}

TEST_F(BlockingClientTest, SaysWhatItWasTold) {
  std::string seen;
  serve({[&](Accepted& peer) {
    seen = peer.read_until("body");
    peer.send("HTTP/1.1 204 No Content\r\n\r\n");
  }});
  const auto response =
      client({.version = "9"})
          .request(
              {.method = "PUT", .target = "/a?b", .headers = {{"X-Key", "k"}}, .body = "body"});
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->status, 204);
  EXPECT_EQ(seen,
            "PUT /a?b HTTP/1.1\r\nHost: localhost\r\nReeve-Version: 9\r\nX-Key: k\r\n"
            "Content-Length: 4\r\n\r\nbody");
}

TEST_F(BlockingClientTest, WhatCannotBeSentIsRefused) {
  serve({cut, cut});
  EXPECT_EQ(client().request({.target = "/a b"}).error().code(), Errc::invalid_argument);
  EXPECT_EQ(client().request({.headers = {{"A", "b\r\nC: d"}}}).error().code(),
            Errc::invalid_argument);
}

TEST_F(BlockingClientTest, ACutReadMayBeTriedAgainACutWriteIsUnknown) {
  const auto half = [](Accepted& peer) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  };
  serve({cut, cut, half, half});
  EXPECT_EQ(client().request(kRead).error().code(), Errc::unavailable);
  EXPECT_EQ(client().request(kWrite).error().code(), Errc::unknown_outcome);
  EXPECT_EQ(client().request(kRead).error().code(), Errc::unavailable);
  EXPECT_EQ(client().request(kWrite).error().code(), Errc::unknown_outcome);
}

TEST_F(BlockingClientTest, AWriteThatNeverWentOutWholeHasNoOutcome) {
  serve({[](Accepted& peer) { peer.read_until("\r\n\r\n"); }});
  const ClientRequest huge{.method = "POST", .body = std::string(16 << 20, 'x')};
  EXPECT_EQ(client().request(huge).error().code(), Errc::unavailable);
}

TEST_F(BlockingClientTest, AnEarlyRefusalIsRead) {
  serve({[](Accepted& peer) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n");
  }});
  const ClientRequest huge{.method = "POST", .body = std::string(16 << 20, 'x')};
  const auto response = client().request(huge);
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->status, 413);
}

TEST_F(BlockingClientTest, SilenceIsATimeout) {
  const auto silent = [](Accepted& peer) { peer.read_until("never"); };
  const auto dripping = [](Accepted& peer) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    peer.read_until("never");
  };
  serve({silent, dripping});
  EXPECT_EQ(client({.timeout = 30ms}).request(kRead).error().code(), Errc::timeout);
  EXPECT_EQ(client({.timeout = 30ms}).request(kWrite).error().code(), Errc::timeout);
}

TEST_F(BlockingClientTest, AKeptConnectionThatDiedIsReplacedForAReader) {
  // The server closes only when the second request is there: it cannot be seen beforehand.
  const auto once = [](Accepted& peer) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
    peer.read_until("\r\n\r\n");
  };
  serve({once, once, once});
  {
    auto client = this->client();
    EXPECT_EQ(client.request(kRead)->body, "a");
    EXPECT_EQ(client.request(kRead)->body, "a");  // on the second connection
  }
  auto client = this->client();
  EXPECT_EQ(client.request(kRead)->body, "a");
  EXPECT_EQ(client.request(kWrite).error().code(), Errc::unknown_outcome);
}

TEST_F(BlockingClientTest, StrangeAnswersAreErrors) {
  serve({[](Accepted& peer) {
           peer.read_until("\r\n\r\n");
           peer.send("220 mail ESMTP\r\n");
           peer.read_until("never");
         },
         [](Accepted& peer) {
           peer.read_until("\r\n\r\n");
           peer.send("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n");
           peer.read_until("never");
         }});
  EXPECT_EQ(client().request(kRead).error().code(), Errc::corrupt);
  EXPECT_EQ(client({.body_limit = 10}).request(kRead).error().code(), Errc::too_large);
}

constexpr std::string_view kStreamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

TEST_F(BlockingClientTest, AStreamEndsWhenItsReaderSaysSo) {
  serve({[](Accepted& peer) {
    peer.read_until("\r\n\r\n");
    peer.send(kStreamHead);
    peer.send("c\r\ndata: 1\n\ndat\r\n8\r\na: 2\n\n:x\r\n");
    peer.read_until("never");
  }});
  std::vector<std::string> got;
  auto client = this->client();
  const auto head = client.stream(kRead, [&](const wire::SseMessage& message) {
    got.push_back(message.data);
    return got.size() < 2;
  });
  ASSERT_TRUE(head) << head.error().message();
  EXPECT_EQ(got, (std::vector<std::string>{"1", "2"}));
}

TEST_F(BlockingClientTest, AStreamThatIsCutOrSilentFails) {
  serve({[](Accepted& peer) {
           peer.read_until("\r\n\r\n");
           peer.send(kStreamHead);
           peer.send("9\r\ndata: 1\n\n\r\n");
         },
         [](Accepted& peer) {
           peer.read_until("\r\n\r\n");
           peer.send(kStreamHead);
           peer.read_until("never");
         }});
  int got = 0;
  const auto count = [&](const wire::SseMessage&) { return ++got > 0; };
  EXPECT_EQ(client().stream(kRead, count).error().code(), Errc::unavailable);
  EXPECT_EQ(got, 1);
  EXPECT_EQ(client({.stream_idle = 30ms}).stream(kRead, count).error().code(), Errc::timeout);
}

TEST_F(BlockingClientTest, AnAnswerThatIsNoStreamIsAResponse) {
  serve({[](Accepted& peer) {
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 410 Gone\r\nContent-Length: 2\r\n\r\n{}");
  }});
  const auto response =
      client().stream(kRead, [](const wire::SseMessage&) { return ADD_FAILURE(), true; });
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->status, 410);
  EXPECT_EQ(response->body, "{}");
}

}  // namespace
}  // namespace reeve::net
