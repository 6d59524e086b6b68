#include "store/postings.h"

namespace reeve::store {

void encode_postings(std::span<const std::uint64_t> ascending, std::vector<std::uint8_t>& out) {
  out.clear();
  std::uint64_t before = 0;
  for (const auto position : ascending) {
    auto left = position - before;
    before = position;
    for (; left > 0x7f; left >>= 7) out.push_back(static_cast<std::uint8_t>(left | 0x80));
    out.push_back(static_cast<std::uint8_t>(left));
  }
}

std::optional<std::vector<std::uint64_t>> decode_postings(std::span<const std::uint8_t> bytes) {
  std::vector<std::uint64_t> positions;
  std::uint64_t at = 0, number = 0;
  unsigned shift = 0;
  for (const auto byte : bytes) {
    if (shift > 63) return std::nullopt;
    number |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    shift += 7;
    if ((byte & 0x80) != 0) continue;
    if (number == 0 || number > UINT64_MAX - at) return std::nullopt;
    at += number;
    positions.push_back(at);
    number = 0;
    shift = 0;
  }
  if (shift != 0) return std::nullopt;
  return positions;
}

}  // namespace reeve::store
