#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace reeve::store {

/// Ascending positions as variable-length integers (7 bits a byte, low ones first): the first
/// absolute, then differences.
void encode_postings(std::span<const std::uint64_t> ascending, std::vector<std::uint8_t>& out);
/// Nothing: not such bytes.
std::optional<std::vector<std::uint64_t>> decode_postings(std::span<const std::uint8_t> bytes);

}  // namespace reeve::store
