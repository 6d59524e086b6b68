// Any bytes as a URL: refused, or a request's line and Host header can be made of it, and its own
// spelling is read back as itself.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "net/http.h"
#include "net/url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);  // NOLINT
  const auto url = reeve::net::read_url(text);
  if (!url) {
    REEVE_CHECK(url.error().is(reeve::Errc::invalid_argument));
    return 0;
  }
  const reeve::net::Headers headers{{"Host", url->authority()}};
  REEVE_CHECK(reeve::net::encode_head("GET", url->target, headers));
  const auto again = reeve::net::read_url(url->origin() + url->target);
  REEVE_CHECK(again && *again == *url);
  return 0;
}
