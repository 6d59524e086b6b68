#include "base/ids.h"

#include <boost/uuid/string_generator.hpp>
#include <boost/uuid/uuid.hpp>
#include <stdexcept>

namespace reeve {

std::string Uuid::str() const {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text(36, '-');
  char* at = text.data();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) ++at;
    *at++ = kHex[bytes[i] >> 4];
    *at++ = kHex[bytes[i] & 15];
  }
  return text;
}

Result<Uuid> Uuid::parse(std::string_view text) {
  // Boost's parser stops after the last digit; a longer text is refused here.
  const bool sized =
      text.size() == 36 || text.size() == 32 || (text.size() == 38 && text.front() == '{');
  try {
    if (sized) {
      const auto parsed = boost::uuids::string_generator()(text.begin(), text.end());
      Uuid uuid;
      std::copy(parsed.begin(), parsed.end(), uuid.bytes.begin());
      return uuid;
    }
  } catch (const std::runtime_error&) {
  }
  return fail(Errc::invalid_argument, "not a UUID: \"" + std::string(text.substr(0, 64)) + "\"");
}

}  // namespace reeve
