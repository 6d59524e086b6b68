#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <functional>
#include <thread>
#include <vector>

#include "aio/real_env.h"
#include "aio/run.h"
#include "base/fd.h"
#include "llm/openai/provider.h"
#include "llm/openai/testing.h"
#include "net/socket.h"

// The provider against a server over a real socket: the bytes as they are on the wire.
namespace reeve::llm::openai {
namespace {

using namespace std::chrono_literals;
using testing::transcript;

/// A connection, and what was asked on it.
struct Accepted {
  Fd fd;
  std::string head;
  std::string body;

  void send(std::string_view bytes) const {
    (void)::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  void send_chunk(std::string_view bytes) const {
    char size[32];  // NOLINT
    (void)std::snprintf(size, sizeof(size), "%zx\r\n", bytes.size());
    send(size + std::string(bytes) + "\r\n");
  }
  /// Returns when the other side has closed.
  void wait_for_close() const {
    char c = 0;
    while (::recv(fd.get(), &c, 1, 0) > 0) {
    }
  }
};
using Serve = std::function<void(const Accepted&)>;

constexpr std::string_view kStream =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

class LlmOpenAiServerTest : public ::testing::Test {
 protected:
  ~LlmOpenAiServerTest() override {
    if (thread_.joinable()) thread_.join();
  }
  /// One connection each.
  void serve(std::vector<Serve> answers) {
    listener_ = net::listen_on(net::TcpAddress{}).value();
    thread_ = std::thread([this, answers = std::move(answers)] {
      for (const auto& answer : answers) {
        pollfd waiting{.fd = listener_.fd.get(), .events = POLLIN, .revents = 0};
        if (::poll(&waiting, 1, 20'000) <= 0) return;
        answer(accept_one());
      }
    });
  }
  ChatResult ask() {
    Settings settings;
    settings.name = "local";
    settings.base_url =
        "http://127.0.0.1:" + std::to_string(std::get<net::TcpAddress>(listener_.address).port) +
        "/v1";
    settings.model = "m";
    settings.key = Secret("sk-1");
    settings.retry.first = Duration(1);
    settings.timeout = 20s;
    OpenAiProvider provider(settings, env_, make_http_transport(loop_.get_executor(), {}));
    const std::vector<ChatMessage> messages{ChatMessage::user("hi")};
    ChatRequest request;
    request.messages = messages;
    return aio::run(loop_, provider.chat(request, heard_.on_event()));
  }

  aio::asio::io_context loop_;
  aio::RealEnv env_{loop_};
  llm::testing::Heard heard_;
  std::vector<std::string> asked_;

 private:
  Accepted accept_one() {
    Accepted got;
    got.fd = Fd(::accept(listener_.fd.get(), nullptr, nullptr));
    char c = 0;
    while (!got.head.ends_with("\r\n\r\n") && ::recv(got.fd.get(), &c, 1, 0) == 1) got.head += c;
    const auto at = got.head.find("Content-Length: ");
    auto left = at == std::string::npos ? 0 : std::stoul(got.head.substr(at + 16));
    while (left-- > 0 && ::recv(got.fd.get(), &c, 1, 0) == 1) got.body += c;
    asked_.push_back(got.head);
    return got;
  }

  net::Listener listener_;
  std::thread thread_;
};

TEST_F(LlmOpenAiServerTest, AStreamInChunksOfAnySize) {
  const auto bytes = transcript("parallel-tools");
  serve({[&](const Accepted& to) {
    to.send(kStream);
    for (std::size_t at = 0; at < bytes.size(); at += 17) to.send_chunk(bytes.substr(at, 17));
    to.send("0\r\n\r\n");
    to.wait_for_close();
  }});
  const auto answer = ask();
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(text_of(answer->message), "I will look at both.");
  EXPECT_EQ(answer->message.tool_calls.size(), 2u);
  ASSERT_EQ(asked_.size(), 1u);
  EXPECT_TRUE(asked_[0].starts_with("POST /v1/chat/completions HTTP/1.1\r\n")) << asked_[0];
  EXPECT_NE(asked_[0].find("Authorization: Bearer sk-1\r\n"), std::string::npos);
}

TEST_F(LlmOpenAiServerTest, AConnectionThatIsCutIsTriedAgain) {
  const auto bytes = transcript("text");
  serve({[&](const Accepted& to) {
           to.send(kStream);
           to.send_chunk(bytes.substr(0, 700));
         },
         [&](const Accepted& to) {
           // Without a length the end of the connection is the end of the body; the stream's own
           // end is missing all the same.
           to.send(
               "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n");
           to.send(bytes.substr(0, 700));
         },
         [&](const Accepted& to) {
           to.send(
               "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: 0\r\nConnection: "
               "close\r\n\r\n");
         },
         [&](const Accepted& to) {
           to.send(kStream);
           to.send_chunk(bytes);
           to.send("0\r\n\r\n");
           to.wait_for_close();
         }});
  const auto answer = ask();
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(heard_.text(), text_of(answer->message));
  EXPECT_EQ(heard_.all<StreamReset>().size(), 2u);
  std::vector<std::string> codes;
  for (const auto& error : heard_.all<ErrorRaised>()) codes.push_back(error.code);
  EXPECT_EQ(codes,
            (std::vector<std::string>{"truncated_stream", "truncated_stream", "overloaded"}));
}

TEST_F(LlmOpenAiServerTest, TheEndIsNotHeldUpByAServerThatKeepsTheConnection) {
  const auto bytes = transcript("text");
  serve({[&](const Accepted& to) {
    to.send(kStream);
    to.send_chunk(bytes);
    to.wait_for_close();  // never the last chunk
  }});
  const auto answer = ask();
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(text_of(answer->message), heard_.text());
}

}  // namespace
}  // namespace reeve::llm::openai
