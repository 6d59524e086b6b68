// Any bytes as what somebody wrote into tinytown's keys: refused, or what is written of it again
// reads as the same.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/limits.h"
#include "doors/tinytown/forms.h"
#include "doors/tinytown/keys.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace reeve;
  using namespace reeve::doors::tinytown;
  const std::string_view text(reinterpret_cast<const char*>(data), size);  // NOLINT
  if (const auto message = decode_message(text)) {
    const auto written = encode(*message);
    const auto again = decode_message(written);
    REEVE_CHECK(again && encode(*again) == written);
  }
  if (const auto event = decode_event(text)) {
    const auto written = encode(*event);
    const auto again = decode_event(written);
    REEVE_CHECK(again && encode(*again) == written);
  }
  if (const auto moment = read_moment(text)) {
    REEVE_CHECK(read_moment(hash_text(*moment)) == moment);
    REEVE_CHECK(read_moment(json_text(*moment)) == moment);
  }
  // A hash: names and values between zero bytes.
  Fields fields;
  for (auto rest = text; !rest.empty();) {
    const auto name = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    const auto value = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(std::min(rest.size(), value.size() + 1));
    fields.emplace_back(name, value);
  }
  if (const auto agent = decode_agent(fields, Moment()))
    REEVE_CHECK(decode_agent(encode(*agent).set, Moment()) == *agent);
  if (const auto task = decode_task(fields, Moment()))
    REEVE_CHECK(decode_task(encode(*task).set, Moment()) == *task);
  if (const auto key = Keys("town").parse(text)) static_cast<void>(key->uuid());
  static_cast<void>(check_tt_town(text));
  return 0;
}
