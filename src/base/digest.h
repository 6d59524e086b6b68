#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace reeve {

/// SHA-256 (FIPS 180-4) as 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view bytes);

/// HMAC-SHA-256 (RFC 2104) of `bytes`: 32 bytes.
std::string hmac_sha256(std::string_view key, std::string_view bytes);

/// RFC 4648, section 4, with its padding.
std::string base64_encode(std::string_view bytes);
/// invalid_argument: not base64 with its padding, or something else is in it.
Result<std::string> base64_decode(std::string_view text);

}  // namespace reeve
