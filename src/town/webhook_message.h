#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/env.h"
#include "event/event.h"
#include "log/relay.h"
#include "net/http_client.h"
#include "net/url.h"

/// What is said to a webhook and how its answer is read, by the conventions of Standard Webhooks
/// (https://www.standardwebhooks.com). Plain functions over values.
namespace reeve::town {

/// A new signing secret: "whsec_" and 32 random bytes in base64.
std::string new_webhook_secret(Env& env);
/// invalid_argument: not "whsec_" and 24 to 64 bytes in base64. The text never repeats it.
Status check_webhook_secret(std::string_view secret);
/// "v1,BASE64": HMAC-SHA-256 of "ID.SECONDS.BODY". `secret` is a good one.
std::string sign_webhook(std::string_view secret, std::string_view id, Time at,
                         std::string_view body);

/// The URL that a webhook is told at. invalid_argument: no http or https URL; or http to another
/// machine, where that is not allowed.
Result<net::Url> check_webhook_url(std::string_view url, bool allow_http);

/// Whether it may be told at all: what is meant for few eyes stays in the town.
bool is_for_webhooks(const Event& event);
/// The event as the API shows it. One larger than limits::kWebhookBody has
/// {"omitted_bytes": N} for its payload.
std::string webhook_body(const Event& event);

struct WebhookTarget {
  std::string url;
  std::string secret;
  std::string town;  ///< its name, which the receiver is told
};
/// `id`: the same for each attempt to tell of the same.
net::OutgoingRequest webhook_request(const WebhookTarget& target, std::string_view id,
                                     std::string body, Time now);

struct WebhookVerdict {
  log::Delivery delivery;
  bool gone = false;  ///< the receiver wants no more, ever (410)
};
/// What an answer, or its absence, means for the delivery.
WebhookVerdict read_webhook_answer(const Result<net::Response>& answer, Time now);

/// How long a Retry-After header asks to wait: seconds, or an HTTP date (RFC 9110, IMF-fixdate).
/// Empty: it is neither. At most kLongestRetryAfter.
std::optional<Duration> read_retry_after(std::string_view value, Time now);
inline constexpr Duration kLongestRetryAfter = std::chrono::hours(1);

}  // namespace reeve::town
