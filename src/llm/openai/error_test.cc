#include "llm/openai/error.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace reeve::llm::openai {
namespace {

const Time kNow = parse_rfc3339("2026-11-21T10:00:00Z").value();

ProviderError error_of(int status, std::string body, net::Headers headers = {},
                       const Secret& key = Secret()) {
  return read_error({status, std::move(headers), std::move(body)}, kNow, key);
}
Trouble trouble_of(int status, std::string body = "") {
  return error_of(status, std::move(body)).trouble;
}

TEST(LlmOpenAiError, AStatusSaysWhatTheTroubleIs) {
  EXPECT_EQ(trouble_of(400), Trouble::bad_request);
  EXPECT_EQ(trouble_of(401), Trouble::authentication);
  EXPECT_EQ(trouble_of(402), Trouble::quota_exhausted);
  EXPECT_EQ(trouble_of(403), Trouble::authentication);
  EXPECT_EQ(trouble_of(404), Trouble::misconfigured);
  EXPECT_EQ(trouble_of(302), Trouble::misconfigured);
  EXPECT_EQ(trouble_of(408), Trouble::timed_out);
  EXPECT_EQ(trouble_of(409), Trouble::overloaded);
  EXPECT_EQ(trouble_of(413), Trouble::context_too_long);
  EXPECT_EQ(trouble_of(422), Trouble::bad_request);
  EXPECT_EQ(trouble_of(429), Trouble::rate_limited);
  for (const int status : {500, 502, 503, 504, 529})
    EXPECT_EQ(trouble_of(status), Trouble::overloaded) << status;
}

TEST(LlmOpenAiError, ACodeSaysItBetter) {
  const auto coded = [](int status, const std::string& code) {
    return trouble_of(status, R"({"error":{"message":"m","type":"t","code":")" + code + "\"}}");
  };
  EXPECT_EQ(coded(400, "context_length_exceeded"), Trouble::context_too_long);
  EXPECT_EQ(coded(429, "insufficient_quota"), Trouble::quota_exhausted);
  EXPECT_EQ(coded(404, "model_not_found"), Trouble::no_such_model);
  EXPECT_EQ(coded(400, "content_filter"), Trouble::content_filter);
  EXPECT_EQ(coded(400, "invalid_api_key"), Trouble::authentication);
  EXPECT_EQ(trouble_of(400, R"({"error":{"message":"m","type":"exceed_context_size_error"}})"),
            Trouble::context_too_long);
}

TEST(LlmOpenAiError, SomeServersOnlyHaveASentence) {
  EXPECT_EQ(trouble_of(400, R"({"object":"error","message":"This model's maximum context length )"
                            R"(is 4096 tokens.","code":400})"),
            Trouble::context_too_long);
  EXPECT_EQ(trouble_of(404, R"({"error":{"message":"model \"x\" not found, try pulling it"}})"),
            Trouble::no_such_model);
  EXPECT_EQ(trouble_of(429, R"({"error":{"message":"too many tokens per minute"}})"),
            Trouble::rate_limited)
      << "a limit of the rate, whatever its sentence counts";
}

TEST(LlmOpenAiError, SaysWhatTheProviderSaidWithinALimit) {
  EXPECT_EQ(
      error_of(400, R"({"error":{"message":"bad temperature","code":"invalid_value"}})").message(),
      "bad temperature (HTTP 400, invalid_value)");
  EXPECT_EQ(error_of(422, R"({"detail":"no such field"})").message(), "no such field (HTTP 422)");
  EXPECT_EQ(error_of(500, "").message(), "the provider failed (HTTP 500)");
  EXPECT_EQ(error_of(502, "<html>Bad gateway</html>").message(),
            "<html>Bad gateway</html> (HTTP 502)");
  EXPECT_LE(error_of(500, std::string(1 << 20, 'x')).message().size(),
            limits::kModelComplaint + 100);
  EXPECT_EQ(error_of(404, "").message(),
            "there is no such API at that address: is base_url right? (HTTP 404)");
  EXPECT_EQ(error_of(500, "").http_status, 500);
}

TEST(LlmOpenAiError, NeverRepeatsTheKey) {
  const Secret key("sk-secret-1234567890");
  // They show the key's ends; the rest is nobody's business either.
  const auto refused = error_of(
      401,
      R"({"error":{"message":"Incorrect API key provided: sk-se*******7890","code":"invalid_api_key"}})",
      {}, key);
  EXPECT_EQ(refused.message(), "the provider does not accept the key (HTTP 401, invalid_api_key)");
  const auto repeated =
      error_of(400, R"({"error":{"message":"header: Bearer sk-secret-1234567890"}})", {}, key);
  EXPECT_EQ(repeated.message(), "header: Bearer *** (HTTP 400)");
}

TEST(LlmOpenAiError, ReadsHowLongToWait) {
  const auto wait = [](std::string_view name, std::string_view value) {
    return retry_after({{std::string(name), std::string(value)}}, kNow);
  };
  EXPECT_EQ(wait("retry-after", "20"), Duration(20'000));
  EXPECT_EQ(wait("retry-after", "1.5"), Duration(1'500));
  EXPECT_EQ(wait("retry-after-ms", "730"), Duration(730));
  EXPECT_EQ(wait("retry-after", "Sat, 21 Nov 2026 10:00:30 GMT"), Duration(30'000));
  EXPECT_EQ(wait("retry-after", "Sat, 21 Nov 2026 09:00:00 GMT"), Duration(0)) << "it has passed";
  EXPECT_EQ(wait("retry-after", "1e300"), Duration(std::chrono::hours(24)));
  for (const auto* bad : {"", "soon", "-5", "nan", "inf", "5 s", "Sat, 21 Nov 2026"})
    EXPECT_EQ(wait("retry-after", bad), std::nullopt) << bad;

  EXPECT_EQ(error_of(429, "", {{"retry-after", "7"}}).retry_after, Duration(7'000));
  EXPECT_EQ(error_of(503, "", {{"retry-after", "7"}}).retry_after, Duration(7'000));
  EXPECT_EQ(error_of(401, "", {{"retry-after", "7"}}).retry_after, std::nullopt);
}

}  // namespace
}  // namespace reeve::llm::openai
