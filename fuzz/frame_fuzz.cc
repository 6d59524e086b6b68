// Any text as a frame of a daemon's stream: what is read is written again as a frame of the same
// name, and reads as the same.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "model/frame.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace reeve;
  if (size < 1) return 0;
  constexpr std::array<std::string_view, 5> kNames{"event", "delta", "gap", "progress", "later"};
  const auto name = kNames.at(data[0] % kNames.size());
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);  // NOLINT: bytes
  const auto frame = read_frame(name, text);
  if (!frame || !*frame) return 0;
  if (frame_name(**frame) != name) __builtin_trap();
  const auto written = frame_json(**frame);
  const auto again = read_frame(name, written);
  if (!again || !*again || frame_json(**again) != written) __builtin_trap();
  return 0;
}
