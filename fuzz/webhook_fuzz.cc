// Any bytes as what a webhook's receiver answers, or as the secret that somebody gives: a bounded
// pause or none, and a secret that is taken can sign.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/digest.h"
#include "town/webhook_message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace reeve;
  const std::string_view text(reinterpret_cast<const char*>(data), size);  // NOLINT
  const auto now = from_ms(1'700'000'000'000);
  if (const auto pause = town::read_retry_after(text, now)) {
    REEVE_CHECK(*pause >= Duration::zero() && *pause <= town::kLongestRetryAfter);
  }
  if (town::check_webhook_secret(text)) {
    REEVE_CHECK(town::sign_webhook(text, "id", now, "body").starts_with("v1,"));
  }
  if (const auto bytes = base64_decode(text)) REEVE_CHECK(base64_encode(*bytes) == text);
  return 0;
}
