// Any bytes as the URL of a Redis: refused, or its display reads back as the same but for the
// password, which it does not show.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/limits.h"
#include "net/redis_url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);  // NOLINT
  const auto address = reeve::net::read_redis_url(text);
  const auto shown = reeve::net::redacted_redis_url(text);
  if (!address) {
    REEVE_CHECK(address.error().is(reeve::Errc::invalid_argument));
    REEVE_CHECK(shown.ends_with("***"));
    return 0;
  }
  const auto again = reeve::net::read_redis_url(shown);
  if (shown.size() <= reeve::limits::kUrl) {
    REEVE_CHECK(again && again->display() == shown);
    REEVE_CHECK(again->user == address->user && again->tcp.host == address->tcp.host);
    REEVE_CHECK(again->unix_socket == address->unix_socket && again->ca_file == address->ca_file);
    REEVE_CHECK(address->password.empty() || again->password.reveal() == "***");
  }
  return 0;
}
