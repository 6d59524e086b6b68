// The reader of Redis' answers: split anywhere it gives the same replies and the same refusal, and
// stays within its limit.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "wire/resp.h"

namespace {

using reeve::wire::RedisReply;
using reeve::wire::RespReader;

constexpr std::size_t kLimit = 4096;

struct Outcome {
  std::vector<RedisReply> replies;
  bool refused = false;
};

Outcome read(std::string_view bytes, std::size_t step) {
  Outcome out;
  RespReader reader(kLimit);
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    reader.feed(bytes.substr(at, step));
    for (;;) {
      auto reply = reader.next();
      if (!reply) {
        out.refused = true;
        return out;
      }
      if (!*reply) break;
      out.replies.push_back(std::move(**reply));
    }
  }
  return out;
}

std::size_t size_of(const RedisReply& reply) {
  auto size = reply.text.size();
  for (const auto& element : reply.elements) size += size_of(element);
  return size;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > kLimit) return 0;  // one piece within the limit, so both readers agree
  // The first byte says where the bytes are split.
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);  // NOLINT
  const auto whole = read(bytes, bytes.size() + 1);
  const auto pieces = read(bytes, 1 + data[0] % 32);
  REEVE_CHECK(whole.refused == pieces.refused && whole.replies == pieces.replies);
  for (const auto& reply : whole.replies) REEVE_CHECK(size_of(reply) <= kLimit);
  return 0;
}
