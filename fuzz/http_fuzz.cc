// The HTTP parsers: any bytes, split anywhere, are messages or an error; a request's limits hold.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "net/http_parser.h"

namespace {

using reeve::net::Parsed;

constexpr reeve::net::ParserLimits kLimits{.head = 512, .body = 256};

void requests(std::string_view bytes, std::size_t step) {
  reeve::net::RequestParser parser(kLimits);
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    auto parsed = parser.feed(bytes.substr(at, step));
    while (parsed && *parsed == Parsed::done) {
      const auto request = parser.take();
      if (request) REEVE_CHECK(request->body.size() <= kLimits.body);
      parsed = parser.feed({});
    }
    if (!parsed) {
      REEVE_CHECK(parsed.error().status >= 400);
      return;
    }
  }
}

void response(std::string_view bytes, std::size_t step) {
  reeve::net::ResponseParser parser(kLimits, false);
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const auto parsed = parser.feed(bytes.substr(at, step));
    if (!parsed) return;
    if (*parsed == Parsed::done) return;
    if (*parsed == Parsed::in_body) parser.unlimited_body();
    (void)parser.take_body();
  }
  (void)parser.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);  // NOLINT
  const std::size_t step = 1 + data[0] % 64;
  requests(bytes, step);
  response(bytes, step);
  return 0;
}
