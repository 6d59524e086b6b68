// The event stream decoder: split anywhere it gives the same messages, stays within its limit, and
// what it gives can be encoded and comes back.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "wire/sse.h"

namespace {

using reeve::wire::SseDecoder;
using reeve::wire::SseMessage;

constexpr std::size_t kLimit = 4096;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // The first byte says where the bytes are split.
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);  // NOLINT
  const std::size_t step = 1 + data[0] % 32;

  SseDecoder whole(kLimit);
  const auto expected = whole.feed(bytes);

  SseDecoder pieces(kLimit);
  std::vector<SseMessage> got;
  bool refused = false;
  for (std::size_t at = 0; at < bytes.size() && !refused; at += step) {
    auto messages = pieces.feed(bytes.substr(at, step));
    refused = !messages;
    if (messages) got.insert(got.end(), messages->begin(), messages->end());
  }
  REEVE_CHECK(refused == !expected);
  if (!expected) return 0;
  REEVE_CHECK(got == *expected && pieces.last_id() == whole.last_id());

  for (const auto& message : got) {
    REEVE_CHECK(message.data.size() <= kLimit);
    SseDecoder again;
    const auto back = again.feed(encode_sse(message));
    REEVE_CHECK(back && back->size() == 1 && back->front() == message);
  }
  return 0;
}
