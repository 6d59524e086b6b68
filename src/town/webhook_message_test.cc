#include "town/webhook_message.h"

#include <gtest/gtest.h>

#include <set>

#include "aio/testing.h"
#include "base/digest.h"
#include "base/limits.h"

namespace reeve::town {
namespace {

using namespace std::chrono_literals;
using Verdict = log::Delivery::Verdict;

constexpr std::string_view kSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

net::Response response(int status, net::Headers headers = {}) {
  net::Response answer;
  answer.status = status;
  answer.headers = std::move(headers);
  return answer;
}

Event event(std::string payload = "{}") {
  Event event;
  event.position = {7};
  event.kind = "TaskCompleted";
  event.origin = "town";
  event.payload = std::move(payload);
  return event;
}

/// The example of the convention's own libraries.
TEST(WebhookMessage, IsSignedByTheConvention) {
  EXPECT_EQ(sign_webhook(kSecret, "msg_p5jXN8AQM9LWM0D4loKWxJek", from_ms(1'614'265'330'999),
                         R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(WebhookMessage, TheRequestHasWhatAReceiverChecks) {
  const WebhookTarget target{"https://example.org/hook", std::string(kSecret), "oak"};
  const auto now = from_ms(1'700'000'000'123);
  const auto request = webhook_request(target, "id1", "{}", now);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, target.url);
  EXPECT_EQ(request.body, "{}");
  EXPECT_EQ(net::header(request.headers, "webhook-id"), "id1");
  EXPECT_EQ(net::header(request.headers, "webhook-timestamp"), "1700000000");
  EXPECT_EQ(net::header(request.headers, "webhook-signature"),
            sign_webhook(kSecret, "id1", now, "{}"));
  EXPECT_EQ(net::header(request.headers, "Reeve-Town"), "oak");
}

TEST(WebhookMessage, SecretsAreMadeAndChecked) {
  aio::testing::VirtualEnv env;
  std::set<std::string> made;
  for (int i = 0; i < 10; ++i) {
    const auto secret = new_webhook_secret(env);
    EXPECT_TRUE(check_webhook_secret(secret)) << secret;
    EXPECT_TRUE(made.insert(secret).second);
  }
  const auto of = [](std::size_t bytes) {
    return "whsec_" + base64_encode(std::string(bytes, 'x'));
  };
  EXPECT_TRUE(check_webhook_secret(of(24)));
  EXPECT_TRUE(check_webhook_secret(of(64)));
  for (const auto& bad : {std::string(), std::string("whsec_"), of(23), of(65), of(32).substr(6),
                          of(32) + "\n", "WHSEC_" + of(32).substr(6)}) {
    const auto checked = check_webhook_secret(bad);
    ASSERT_FALSE(checked) << bad;
    EXPECT_EQ(checked.error().code(), Errc::invalid_argument);
    if (bad.size() > 10) EXPECT_FALSE(checked.error().message().contains(bad));
  }
}

TEST(WebhookMessage, InClearOnlyWhereItStaysOnThisMachine) {
  EXPECT_TRUE(check_webhook_url("https://example.org/x", false));
  EXPECT_TRUE(check_webhook_url("http://localhost:8080/x", false));
  EXPECT_TRUE(check_webhook_url("http://[::1]:8080/x", false));
  EXPECT_TRUE(check_webhook_url("http://example.org/x", true));
  EXPECT_EQ(check_webhook_url("http://example.org/x", false).error().code(),
            Errc::invalid_argument);
  EXPECT_EQ(check_webhook_url("http://127.0.0.1.example.org/x", false).error().code(),
            Errc::invalid_argument);
  EXPECT_EQ(check_webhook_url("ftp://example.org/x", true).error().code(), Errc::invalid_argument);
}

TEST(WebhookMessage, WhatIsForFewEyesStaysInTheTown) {
  auto told = event();
  EXPECT_TRUE(is_for_webhooks(told));
  for (const auto visibility : {Visibility::internal, Visibility::audit, Visibility::sensitive}) {
    told.visibility = visibility;
    EXPECT_FALSE(is_for_webhooks(told));
  }
}

TEST(WebhookMessage, TheBodyIsTheEventUpToALimit) {
  auto told = event(R"({"result":"ok"})");
  EXPECT_EQ(webhook_body(told), event_json(told));
  const auto around = event_json(event(R"({"a":""})")).size();
  told.payload = R"({"a":")" + std::string(limits::kWebhookBody - around, 'x') + R"("})";
  EXPECT_EQ(webhook_body(told).size(), limits::kWebhookBody);
  told.payload.insert(6, "x");
  const auto thin = parse_json(webhook_body(told)).value();
  EXPECT_EQ(thin.at("payload"), (json::value{{"omitted_bytes", told.payload.size()}}));
  EXPECT_EQ(thin.at("position"), 7);
  EXPECT_EQ(thin.at("kind"), "TaskCompleted");
}

TEST(WebhookMessage, AnAnswerIsDeliveredRetriedOrTheEnd) {
  const auto now = from_ms(1'700'000'000'000);
  const auto of = [&](const Result<net::Response>& answer) {
    return read_webhook_answer(answer, now);
  };
  for (const int status : {200, 201, 202, 204, 299}) {
    EXPECT_EQ(of(response(status)).delivery.verdict, Verdict::delivered) << status;
  }
  for (const int status : {301, 302, 400, 401, 404, 408, 429, 500, 502, 503}) {
    const auto verdict = of(response(status));
    EXPECT_EQ(verdict.delivery.verdict, Verdict::retry) << status;
    EXPECT_FALSE(verdict.gone);
    EXPECT_TRUE(verdict.delivery.error.contains(std::to_string(status)));
    EXPECT_EQ(verdict.delivery.pause_lane, 0ms);
  }
  EXPECT_EQ(of(response(410)).delivery.verdict, Verdict::give_up);
  EXPECT_TRUE(of(response(410)).gone);
  for (const auto code : {Errc::unavailable, Errc::timeout, Errc::unknown_outcome, Errc::denied}) {
    const auto verdict = of(fail(code, "no"));
    EXPECT_EQ(verdict.delivery.verdict, Verdict::retry);
    EXPECT_EQ(verdict.delivery.error, "no");
  }
}

TEST(WebhookMessage, ABusyReceiverIsLeftAloneForAsLongAsItAsks) {
  const auto now = from_ms(1'700'000'000'000);  // Tue, 14 Nov 2023 22:13:20 GMT
  for (const int status : {429, 503}) {
    const auto verdict =
        read_webhook_answer(response(status, {{"retry-after", "120"}}), now).delivery;
    EXPECT_EQ(verdict.verdict, Verdict::retry);
    EXPECT_EQ(verdict.not_within, 120s);
    EXPECT_EQ(verdict.pause_lane, 120s);
  }
  EXPECT_EQ(read_webhook_answer(response(500, {{"retry-after", "120"}}), now).delivery.not_within,
            0ms);
  EXPECT_EQ(read_retry_after("0", now), 0ms);
  EXPECT_EQ(read_retry_after("4000000000", now), kLongestRetryAfter);
  EXPECT_EQ(read_retry_after("Tue, 14 Nov 2023 22:14:20 GMT", now), 60s);
  EXPECT_EQ(read_retry_after("Tue, 14 Nov 2023 22:12:20 GMT", now), 0s);
  EXPECT_EQ(read_retry_after("Fri, 14 Nov 2025 22:12:20 GMT", now), kLongestRetryAfter);
  for (const auto* bad : {"", "soon", "-1", "1.5", "12 ", "99999999999", "Tue, 14 Nov 2023"}) {
    EXPECT_FALSE(read_retry_after(bad, now)) << bad;
  }
}

}  // namespace
}  // namespace reeve::town
