#include "town/webhook_message.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "base/digest.h"
#include "base/limits.h"
#include "net/url.h"

namespace reeve::town {
namespace {

constexpr std::string_view kSecretPrefix = "whsec_";
constexpr std::size_t kShortestSecret = 24;
constexpr std::size_t kLongestSecret = 64;
/// A receiver that takes longer should answer first and work then. Shorter than a lease.
constexpr std::chrono::milliseconds kTimeout{15'000};

Result<std::string> key_of(std::string_view secret) {
  const auto bad =
      fail(Errc::invalid_argument, "a webhook's secret is \"whsec_\" and 24 to 64 bytes in base64");
  if (!secret.starts_with(kSecretPrefix)) return bad;
  auto key = base64_decode(secret.substr(kSecretPrefix.size()));
  if (!key || key->size() < kShortestSecret || key->size() > kLongestSecret) return bad;
  return key;
}

std::int64_t seconds(Time at) { return to_ms(at) / 1000; }

}  // namespace

std::string new_webhook_secret(Env& env) {
  std::array<std::uint8_t, 32> bytes{};
  env.random(bytes);
  return std::string(kSecretPrefix) + base64_encode(std::string(bytes.begin(), bytes.end()));
}

Status check_webhook_secret(std::string_view secret) {
  if (auto key = key_of(secret); !key) return fail(key.error());
  return {};
}

std::string sign_webhook(std::string_view secret, std::string_view id, Time at,
                         std::string_view body) {
  const auto key = key_of(secret);
  REEVE_CHECK(key);
  std::string signed_text(id);
  signed_text.append(".").append(std::to_string(seconds(at))).append(".").append(body);
  return "v1," + base64_encode(hmac_sha256(*key, signed_text));
}

Result<net::Url> check_webhook_url(std::string_view url, bool allow_http) {
  auto read = net::read_url(url);
  if (!read) return read;
  if (!read->tls && !read->loopback() && !allow_http) {
    return fail(Errc::invalid_argument,
                "plain http to another machine can be read and changed on the way: use https, or "
                "say --allow-http");
  }
  return read;
}

bool is_for_webhooks(const Event& event) { return event.visibility == Visibility::public_; }

std::string webhook_body(const Event& event) {
  auto body = event_json(event);
  if (body.size() <= limits::kWebhookBody) return body;
  auto thin = event;
  thin.payload = write_json(json::object{{"omitted_bytes", event.payload.size()}});
  return event_json(thin);
}

net::OutgoingRequest webhook_request(const WebhookTarget& target, std::string_view id,
                                     std::string body, Time now) {
  net::OutgoingRequest request;
  request.method = "POST";
  request.url = target.url;
  request.headers = {{"Content-Type", "application/json"},
                     {"webhook-id", std::string(id)},
                     {"webhook-timestamp", std::to_string(seconds(now))},
                     {"webhook-signature", sign_webhook(target.secret, id, now, body)},
                     {"Reeve-Town", target.town}};
  request.body = std::move(body);
  request.timeout = kTimeout;
  request.idle_timeout = kTimeout;
  return request;
}

WebhookVerdict read_webhook_answer(const Result<net::Response>& answer, Time now) {
  WebhookVerdict verdict;
  if (!answer) {
    verdict.delivery = log::Delivery::retry(answer.error().message());
    return verdict;
  }
  const auto status = answer->status;
  if (status / 100 == 2) return verdict;
  const auto reason = net::reason_phrase(status);
  const auto text = "it answered " + std::to_string(status) +
                    (reason.empty() ? "" : " (" + std::string(reason) + ")");
  if (status == 410) {
    verdict.gone = true;
    verdict.delivery = log::Delivery::give_up(text);
    return verdict;
  }
  verdict.delivery = log::Delivery::retry(text);
  if (status == 429 || status == 503) {
    const auto asked = read_retry_after(net::header(answer->headers, "retry-after"), now);
    verdict.delivery.not_within = asked.value_or(Duration::zero());
    verdict.delivery.pause_lane = verdict.delivery.not_within;
  }
  return verdict;
}

std::optional<Duration> read_retry_after(std::string_view value, Time now) {
  const auto bounded = [](Duration wait) {
    return std::clamp(wait, Duration::zero(), kLongestRetryAfter);
  };
  std::uint32_t number = 0;
  const auto read = std::from_chars(value.data(), value.data() + value.size(), number);
  if (read.ec == std::errc() && read.ptr == value.data() + value.size()) {
    return bounded(std::chrono::seconds(number));
  }
  std::tm date{};
  const std::string text(value);
  const char* const end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (end == nullptr || end != text.c_str() + text.size()) return std::nullopt;
  return bounded(from_ms(std::int64_t{::timegm(&date)} * 1000) - now);
}

}  // namespace reeve::town
