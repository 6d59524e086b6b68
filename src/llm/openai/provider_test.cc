#include "llm/openai/provider.h"

#include <gtest/gtest.h>

#include <boost/system/system_error.hpp>

#include <deque>

#include "aio/real_env.h"
#include "aio/task_group.h"
#include "aio/within.h"
#include "llm/openai/testing.h"

namespace reeve::llm::openai {
namespace {

using namespace std::chrono_literals;
using aio::testing::VirtualEnv;
using llm::testing::Heard;
using testing::transcript;

/// What a server does with one request: bytes after pauses, then an end.
struct Exchange {
  std::vector<std::string> pieces;
  std::chrono::nanoseconds pause{};  ///< before each of them
  Result<net::Response> end = net::Response{200, {}, ""};
  bool stays_open = false;  ///< after the pieces nothing comes any more
};

Exchange whole(std::string bytes) { return {.pieces = {std::move(bytes)}}; }
Exchange cut(std::string bytes) {
  return {.pieces = {std::move(bytes)},
          .end = fail(Errc::unknown_outcome, "http://server closed the connection")};
}
Exchange refused(int status, std::string body = "", net::Headers headers = {}) {
  return {.end = net::Response{status, std::move(headers), std::move(body)}};
}

/// A server of recorded bytes.
class FakeTransport final : public Transport {
 public:
  explicit FakeTransport(Env& env) : env_(env) {}

  Async<Result<net::Response>> request(net::OutgoingRequest request) override {
    return answer(std::move(request), nullptr);
  }
  Async<Result<net::Response>> stream(net::OutgoingRequest request,
                                      net::OnChunk on_chunk) override {
    return answer(std::move(request), std::move(on_chunk));
  }

  std::deque<Exchange> next;
  std::vector<net::OutgoingRequest> requests;
  std::vector<std::chrono::nanoseconds> times;
  int open = 0;  ///< exchanges under way

 private:
  struct Open {
    explicit Open(int& n) : count(n) { ++count; }
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;
    ~Open() { --count; }
    int& count;
  };

  Async<Result<net::Response>> answer(net::OutgoingRequest request, net::OnChunk on_chunk) {
    const Open counted(open);
    requests.push_back(std::move(request));
    times.push_back(env_.uptime());
    REEVE_CHECK(!next.empty());
    auto exchange = std::move(next.front());
    next.pop_front();
    for (const auto& piece : exchange.pieces) {
      co_await aio::sleep(env_, exchange.pause);
      if (!on_chunk) {
        exchange.end->body += piece;
      } else if (auto told = co_await on_chunk(piece); !told) {
        co_return fail(told.error());
      }
    }
    if (exchange.stays_open) co_await aio::sleep(env_, 10h);
    co_return std::move(exchange.end);
  }

  Env& env_;
};

class LlmOpenAiProviderTest : public ::testing::Test {
 protected:
  LlmOpenAiProviderTest() {
    settings_.name = "test";
    settings_.base_url = "https://models.example.org/v1/";
    settings_.model = "m";
    settings_.key = Secret("sk-secret");
  }
  ChatResult ask() {
    request_.messages = messages_;
    OpenAiProvider provider(settings_, env_, server_);
    return env_.run(provider.chat(request_, heard_.on_event()));
  }

  VirtualEnv env_;
  std::shared_ptr<FakeTransport> server_ = std::make_shared<FakeTransport>(env_);
  Settings settings_;
  std::vector<ChatMessage> messages_{ChatMessage::user("hi")};
  ChatRequest request_;
  Heard heard_;
};

TEST_F(LlmOpenAiProviderTest, AsksAndAnswers) {
  settings_.headers = {{"OpenAI-Organization", "org"}};
  server_->next = {whole(transcript("text"))};
  const auto answer = ask();
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(text_of(answer->message), "Grüß dich, 世界 🐸!");
  ASSERT_EQ(server_->requests.size(), 1u);
  const auto& asked = server_->requests.front();
  EXPECT_EQ(asked.method, "POST");
  EXPECT_EQ(asked.url, "https://models.example.org/v1/chat/completions");
  const net::Headers headers{{"OpenAI-Organization", "org"},
                             {"Content-Type", "application/json"},
                             {"Accept", "text/event-stream"},
                             {"Authorization", "Bearer sk-secret"}};
  EXPECT_EQ(asked.headers, headers);
  EXPECT_EQ(asked.body, R"({"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true,)"
                        R"("stream_options":{"include_usage":true}})");
}

TEST_F(LlmOpenAiProviderTest, AnAnswerInOnePiece) {
  settings_.form.stream = false;
  settings_.key = Secret();
  server_->next = {whole(
      R"({"choices":[{"message":{"role":"assistant","content":"Hi."},"finish_reason":"stop"}]})")};
  const auto answer = ask();
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(text_of(answer->message), "Hi.");
  EXPECT_EQ(answer->model, "m") << "the one that was asked, where the server does not say";
  EXPECT_EQ(heard_.text(), "Hi.");
  for (const auto& [name, value] : server_->requests.front().headers)
    EXPECT_NE(name, "Authorization") << "a server without keys gets none";
}

TEST_F(LlmOpenAiProviderTest, ARequestWithoutAModelIsNotSent) {
  settings_.model = "";
  EXPECT_EQ(ask().error().trouble, Trouble::bad_request);
  request_.model = "other";
  server_->next = {whole(transcript("text"))};
  EXPECT_TRUE(ask());
  EXPECT_NE(server_->requests.front().body.find(R"("model":"other")"), std::string::npos);
}

TEST_F(LlmOpenAiProviderTest, WithoutItsKeyNothingIsSent) {
  settings_.key = fail(Errc::not_found, "the variable X is not set where the daemon runs");
  const auto error = ask().error();
  EXPECT_EQ(error.trouble, Trouble::authentication);
  EXPECT_EQ(error.code(), Errc::unauthenticated);
  EXPECT_EQ(error.message(), "provider test: the variable X is not set where the daemon runs");
  EXPECT_TRUE(server_->requests.empty());
}

// --- retries before the first byte
// -----------------------------------------------------------------

TEST_F(LlmOpenAiProviderTest, WaitsAsLongAsItIsAskedToAndTriesAgain) {
  server_->next = {refused(429, R"({"error":{"message":"slowly"}})", {{"retry-after", "7"}}),
                   refused(503),
                   {.end = fail(Errc::unavailable, "nobody listens")},
                   whole(transcript("text"))};
  ASSERT_TRUE(ask());
  ASSERT_EQ(server_->times.size(), 4u);
  EXPECT_GE(server_->times[1] - server_->times[0], 7s);
  EXPECT_LE(server_->times[1] - server_->times[0], 7700ms);
  EXPECT_GE(server_->times[2] - server_->times[1], 500ms);
  EXPECT_LE(server_->times[2] - server_->times[1], 1s);
  const auto errors = heard_.all<ErrorRaised>();
  ASSERT_EQ(errors.size(), 3u);
  EXPECT_EQ(errors[0].code, "rate_limited");
  EXPECT_EQ(errors[0].message, "provider test: slowly (HTTP 429)");
  EXPECT_TRUE(errors[0].retrying);
  EXPECT_EQ(errors[1].code, "overloaded");
  EXPECT_EQ(errors[2].code, "unreachable");
  EXPECT_TRUE(heard_.all<StreamReset>().empty()) << "nothing had been told";
}

TEST_F(LlmOpenAiProviderTest, GivesUpAfterItsTriesAndSaysWhy) {
  server_->next = {refused(500), refused(500), refused(500), refused(529, "busy")};
  const auto error = ask().error();
  EXPECT_EQ(error.trouble, Trouble::overloaded);
  EXPECT_EQ(error.message(), "provider test: busy (HTTP 529)");
  EXPECT_EQ(error.http_status, 529);
  EXPECT_EQ(server_->requests.size(), 4u);
}

TEST_F(LlmOpenAiProviderTest, DoesNotRepeatWhatCannotPass) {
  for (const int status : {400, 401, 404, 413}) {
    server_->requests.clear();
    server_->next = {refused(status)};
    EXPECT_FALSE(ask());
    EXPECT_EQ(server_->requests.size(), 1u) << status;
  }
  server_->next = {{.end = fail(Errc::denied, "the certificate could not be verified")}};
  EXPECT_EQ(ask().error().trouble, Trouble::misconfigured);
}

TEST_F(LlmOpenAiProviderTest, DoesNotWaitLongerThanItsPatience) {
  server_->next = {refused(429, "", {{"retry-after", "3600"}})};
  const auto began = env_.uptime();
  const auto error = ask().error();
  EXPECT_EQ(env_.uptime(), began);
  EXPECT_EQ(error.retry_after, 1h) << "for who asked to decide";
}

// --- and behind it
// ----------------------------------------------------------------------------------

// 10.2, row 7: wherever it is cut, what counts in the end is told once.
TEST_F(LlmOpenAiProviderTest, AStreamCutAnywhereIsTakenBackAndNoTextIsDoubled) {
  const auto bytes = transcript("parallel-tools");
  const auto end = bytes.find_last_not_of("\r\n") + 1;
  for (std::size_t at = 0; at <= end; ++at) {
    heard_.events.clear();
    server_->next = {cut(bytes.substr(0, at)), whole(bytes)};
    const auto answer = ask();
    ASSERT_TRUE(answer) << at << ": " << answer.error().message();
    ASSERT_EQ(heard_.text(), text_of(answer->message)) << at;
    ASSERT_EQ(heard_.all<ToolCallReady>().size(), 2u) << at;
    const bool had_told = bytes.substr(0, at).find("look\"") != std::string::npos &&
                          heard_.all<TextDelta>().size() > 2;
    ASSERT_EQ(heard_.all<StreamReset>().size(), had_told ? 1u : 0u) << at;
  }
}

TEST_F(LlmOpenAiProviderTest, OrItFailsIfThatIsWanted) {
  settings_.retry.after_text = false;
  const auto bytes = transcript("text");
  server_->next = {cut(bytes.substr(0, bytes.size() / 2))};
  const auto error = ask().error();
  EXPECT_EQ(error.trouble, Trouble::truncated_stream);
  EXPECT_FALSE(heard_.all<TextDelta>().empty());
  EXPECT_TRUE(heard_.all<StreamReset>().empty());
  EXPECT_EQ(server_->requests.size(), 1u);
}

TEST_F(LlmOpenAiProviderTest, AServerThatGoesSilentAfterTheEndIsNotWaitedFor) {
  auto exchange = whole(transcript("text"));
  exchange.stays_open = true;
  server_->next = {exchange};
  const auto began = env_.uptime();
  ASSERT_TRUE(ask());
  EXPECT_LE(env_.uptime() - began, 1s);
  EXPECT_EQ(server_->open, 0);
}

TEST_F(LlmOpenAiProviderTest, AnErrorInTheStreamEndsTheExchange) {
  auto exchange = whole("data: {\"error\":{\"message\":\"no\",\"code\":\"content_filter\"}}\n\n");
  exchange.stays_open = true;
  server_->next = {exchange};
  const auto began = env_.uptime();
  EXPECT_EQ(ask().error().trouble, Trouble::content_filter);
  EXPECT_EQ(env_.uptime(), began);
}

// --- whoever has no room
// -------------------------------------------------------------------------------

struct Narrow {
  std::size_t held = 0;
  std::size_t most = 0;
  std::size_t waits = 0;

  static Async<> room(Env& env, Narrow& place) {
    co_await aio::sleep(env, 1h);
    place.held = 0;
    ++place.waits;
  }
};

TEST_F(LlmOpenAiProviderTest, IsWaitedForBetweenTheEventsOfOnePiece) {
  Narrow place;
  OnEvent slow(
      [&](AgentEvent event) {
        heard_.events.push_back(std::move(event));
        place.most = std::max(place.most, ++place.held);
      },
      [&] { return place.held > 0; }, [&] { return Narrow::room(env_, place); });
  server_->next = {whole(transcript("text"))};
  request_.messages = messages_;
  OpenAiProvider provider(settings_, env_, server_);
  const auto answer = env_.run(provider.chat(request_, slow));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(heard_.text(), text_of(answer->message));
  EXPECT_GT(place.waits, 3u);
  EXPECT_EQ(place.waits, heard_.events.size());
  EXPECT_EQ(place.most, 1u);
}

// --- cancelling
// --------------------------------------------------------------------------------------

Async<> ask_and_cancel(Env& env, OpenAiProvider& provider, ChatRequest request, OnEvent on_event,
                       std::chrono::nanoseconds after) {
  aio::TaskGroup group(co_await aio::asio::this_coro::executor);
  const auto asking = [](OpenAiProvider& whom, ChatRequest what, OnEvent tell) -> Async<> {
    co_await whom.chat(what, std::move(tell));
    ADD_FAILURE() << "it was cancelled";
  };
  group.spawn("ask", asking(provider, std::move(request), std::move(on_event)));
  co_await aio::sleep(env, after);
  group.cancel();
  co_await group.join();
}

TEST_F(LlmOpenAiProviderTest, CancellingEndsItWhereverItIs) {
  const auto bytes = transcript("text");
  Exchange slow{.pause = 1s};
  for (std::size_t at = 0; at < bytes.size(); at += 100)
    slow.pieces.push_back(bytes.substr(at, 100));
  request_.messages = messages_;
  // Before the first byte, in the middle, in the grace behind the end, and in the pause of a retry.
  const std::vector<std::pair<Exchange, std::chrono::nanoseconds>> moments{
      {slow, 500ms},
      {slow, 5500ms},
      {Exchange{.pieces = {bytes}, .stays_open = true}, 100ms},
      {refused(429, "", {{"retry-after", "50"}}), 10s}};
  for (const auto& [exchange, after] : moments) {
    server_->next = {exchange, whole(bytes)};
    OpenAiProvider provider(settings_, env_, server_);
    const auto began = env_.uptime();
    env_.run(ask_and_cancel(env_, provider, request_, heard_.on_event(), after));
    EXPECT_EQ(env_.uptime() - began, after) << "at once";
    EXPECT_EQ(server_->open, 0) << "with its connection";
  }
}

// --- secrets
// -----------------------------------------------------------------------------------------

TEST_F(LlmOpenAiProviderTest, TheKeyIsInNoErrorAndInNoEvent) {
  const std::string leak = R"({"error":{"message":"you sent sk-secret","code":"sk-secret"}})";
  for (const int status : {400, 401, 403, 429, 500}) {
    server_->next = {refused(status, leak), refused(status, leak), refused(status, leak),
                     refused(status, leak)};
    heard_.events.clear();
    const auto error = ask().error();
    EXPECT_EQ(error.message().find("sk-secret"), std::string::npos) << error.message();
    for (const auto& event : heard_.told()) EXPECT_EQ(event.find("sk-secret"), std::string::npos);
  }
  server_->next = {whole("data: " + leak + "\n\n"), whole("data: " + leak + "\n\n"),
                   whole("data: " + leak + "\n\n"), whole("data: " + leak + "\n\n")};
  EXPECT_EQ(ask().error().message().find("sk-secret"), std::string::npos);
  for (const auto* garbled : {"data: {sk-secret\n\n", "{sk-secret"}) {
    settings_.retry.tries = 1;
    server_->next = {whole(garbled)};
    const auto error = ask().error();
    EXPECT_EQ(error.message().find("sk-secret"), std::string::npos) << error.message();
    EXPECT_NE(error.message().find("***"), std::string::npos) << error.message();
  }
}

}  // namespace
}  // namespace reeve::llm::openai
