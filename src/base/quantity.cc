#include "base/quantity.h"

#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

namespace reeve {
namespace {

struct Quantity {
  std::uint64_t number = 0;
  std::string_view unit;
};

/// Nothing: no number in front, or more than fits.
std::optional<Quantity> split(std::string_view text) {
  Quantity quantity;
  const auto* begin = text.data();
  const auto* end = begin + text.size();
  const auto [rest, error] = std::from_chars(begin, end, quantity.number);
  if (error != std::errc()) return std::nullopt;
  quantity.unit = text.substr(static_cast<std::size_t>(rest - begin));
  while (quantity.unit.starts_with(' ')) quantity.unit.remove_prefix(1);
  return quantity;
}

std::unexpected<Error> refuse(const char* wanted, std::string_view text) {
  constexpr std::size_t kShown = 40;
  return fail(Errc::invalid_argument, std::string("expected ") + wanted + ", not \"" +
                                          std::string(text.substr(0, kShown)) + "\"");
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  using namespace std::chrono_literals;
  constexpr std::array<std::pair<std::string_view, Duration>, 6> kUnits{
      {{"s", 1s}, {"m", 1min}, {"min", 1min}, {"h", 1h}, {"d", 24h}, {"w", 168h}}};
  constexpr std::uint64_t kLongest = 1000 * 365 * 24h / 1ms;
  if (const auto quantity = split(text)) {
    for (const auto& [unit, length] : kUnits) {
      if (quantity->unit != unit) continue;
      if (quantity->number > kLongest / static_cast<std::uint64_t>(length.count())) break;
      return length * static_cast<std::int64_t>(quantity->number);
    }
  }
  return refuse("a time such as \"30d\", \"12h\", \"90m\" or \"45s\"", text);
}

Result<std::uint64_t> parse_size(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 12> kUnits{
      {{"", 1},
       {"B", 1},
       {"kB", 1'000},
       {"KB", 1'000},
       {"MB", 1'000'000},
       {"GB", 1'000'000'000},
       {"TB", 1'000'000'000'000},
       {"KiB", 1ULL << 10},
       {"MiB", 1ULL << 20},
       {"GiB", 1ULL << 30},
       {"TiB", 1ULL << 40},
       {"kiB", 1ULL << 10}}};
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (const auto quantity = split(text)) {
    for (const auto& [unit, bytes] : kUnits) {
      if (quantity->unit != unit) continue;
      if (quantity->number > kMost / bytes) break;
      return quantity->number * bytes;
    }
  }
  return refuse("a size such as \"2GB\", \"500MB\" or \"64KiB\"", text);
}

std::string duration_text(Duration duration) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 4> kUnits{
      {{"d", 86'400'000}, {"h", 3'600'000}, {"min", 60'000}, {"s", 1'000}}};
  const auto ms = duration.count();
  if (ms == 0) return "0s";
  for (const auto& [unit, length] : kUnits) {
    if (ms % length == 0) return std::to_string(ms / length).append(unit);
  }
  return std::to_string(ms) + "ms";
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 4> kUnits{
      {{" TB", 1'000'000'000'000}, {" GB", 1'000'000'000}, {" MB", 1'000'000}, {" kB", 1'000}}};
  for (const auto& [unit, size] : kUnits) {
    if (bytes < size) continue;
    const auto tenths = bytes / (size / 10) + (bytes % (size / 10) >= size / 20 ? 1 : 0);
    auto text = std::to_string(tenths / 10);
    if (tenths < 1'000) text.append(".").append(std::to_string(tenths % 10));
    return text.append(unit);
  }
  return std::to_string(bytes) + " B";
}

}  // namespace reeve
