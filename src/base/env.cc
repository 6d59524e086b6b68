#include "base/env.h"

#include <cstring>

namespace reeve {
namespace {

void stamp(Uuid& uuid, std::uint8_t version) {
  uuid.bytes[6] = static_cast<std::uint8_t>((uuid.bytes[6] & 0x0f) | version << 4);
  uuid.bytes[8] = static_cast<std::uint8_t>((uuid.bytes[8] & 0x3f) | 0x80);
}

}  // namespace

Uuid Env::uuid4() {
  // Never from the pool: these become tokens, and a pool could be read twice after a fork.
  Uuid uuid;
  random(uuid.bytes);
  stamp(uuid, 4);
  return uuid;
}

Uuid Env::uuid7() {
  // RFC 9562 section 6.2, method 1: 48 bits of milliseconds, then an 18-bit counter (12 bits of
  // rand_a, 6 of rand_b).
  constexpr std::uint32_t kSequenceBits = 18;
  const auto now_ms = static_cast<std::uint64_t>(to_ms(now()));
  if (now_ms > last_ms_) {
    last_ms_ = now_ms;
    sequence_ = 0;
  } else if (++sequence_ >> kSequenceBits != 0) {
    ++last_ms_;
    sequence_ = 0;
  }
  if (pool_used_ + 8 > pool_.size()) {
    random(pool_);
    pool_used_ = 0;
  }
  Uuid uuid;
  for (std::size_t i = 0; i < 6; ++i)
    uuid.bytes[i] = static_cast<std::uint8_t>(last_ms_ >> (40 - 8 * i));
  const std::uint32_t high = sequence_ >> 6;
  uuid.bytes[6] = static_cast<std::uint8_t>(high >> 8);
  uuid.bytes[7] = static_cast<std::uint8_t>(high);
  std::memcpy(&uuid.bytes[8], &pool_[pool_used_], 8);
  pool_used_ += 8;
  uuid.bytes[8] = static_cast<std::uint8_t>(sequence_ & 0x3f);
  stamp(uuid, 7);
  return uuid;
}

}  // namespace reeve
