#include "proc/dialect/reset_time.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <ctime>
#include <string>

#include "base/utf8.h"

namespace reeve::proc {
namespace {

constexpr std::size_t kLooked = 4096;

/// Reads pieces of a text, one after the other.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool word(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  std::optional<int> number() {
    int value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc() || value < 0) return std::nullopt;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }
  std::optional<double> real() {
    double value = 0;
    const auto [end, error] =
        std::from_chars(rest_.data(), rest_.data() + rest_.size(), value, std::chars_format::fixed);
    if (error != std::errc() || !(value >= 0)) return std::nullopt;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }
  std::optional<int> month() {
    constexpr std::array<std::string_view, 12> kMonths{"jan", "feb", "mar", "apr", "may", "jun",
                                                       "jul", "aug", "sep", "oct", "nov", "dec"};
    for (int i = 0; i < 12; ++i)
      if (word(kMonths.at(static_cast<std::size_t>(i)))) return i;
    return std::nullopt;
  }
  void letters() {
    while (!rest_.empty() && rest_.front() >= 'a' && rest_.front() <= 'z') rest_.remove_prefix(1);
  }
  void spaces() {
    while (rest_.starts_with(' ')) rest_.remove_prefix(1);
  }

 private:
  std::string_view rest_;
};

/// "11.054s", "250ms", "2m 30s", "1h2m", "30 seconds".
std::optional<Duration> duration(Reader reader) {
  double seconds = 0;
  for (bool any = false;; any = true) {
    const auto value = reader.real();
    if (!value) {
      constexpr double kMost = 366.0 * 24 * 3600;
      if (!any || seconds > kMost) return std::nullopt;
      return Duration(static_cast<std::int64_t>(std::ceil(seconds * 1000)));
    }
    reader.spaces();
    if (reader.word("ms")) {
      seconds += *value / 1000;
    } else if (reader.word("s")) {
      seconds += *value;
    } else if (reader.word("m")) {
      seconds += *value * 60;
    } else if (reader.word("h")) {
      seconds += *value * 3600;
    } else if (reader.word("d")) {
      seconds += *value * 24 * 3600;
    } else {
      return std::nullopt;
    }
    reader.letters();
    reader.spaces();
  }
}

/// "11:40 pm", "nov 23rd, 2026 9:05 am".
std::optional<Time> moment(Reader reader, Time now) {
  using namespace std::chrono_literals;
  const auto seconds = static_cast<std::time_t>(to_ms(now) / 1000);
  std::tm local{};
  if (::localtime_r(&seconds, &local) == nullptr) return std::nullopt;
  const auto month = reader.month();
  if (month) {
    reader.spaces();
    const auto day = reader.number();
    reader.letters();
    const bool comma = reader.word(",");
    reader.spaces();
    const auto year = reader.number();
    reader.spaces();
    if (!day || !comma || !year || *year < 1970 || *year > 9999) return std::nullopt;
    local.tm_year = *year - 1900;
    local.tm_mon = *month;
    local.tm_mday = *day;
  }
  const auto hour = reader.number();
  if (!hour || *hour < 1 || *hour > 12 || !reader.word(":")) return std::nullopt;
  const auto minute = reader.number();
  reader.spaces();
  const bool am = reader.word("am");
  if (!minute || *minute > 59 || (!am && !reader.word("pm"))) return std::nullopt;
  local.tm_hour = *hour % 12 + (am ? 0 : 12);
  local.tm_min = *minute + 1;  // its seconds are not told
  local.tm_sec = 0;
  local.tm_isdst = -1;
  const auto when = ::mktime(&local);
  if (when == static_cast<std::time_t>(-1)) return std::nullopt;
  auto at = from_ms(static_cast<std::int64_t>(when) * 1000);
  // Told just before midnight, and read just after it.
  constexpr auto kLate = 10min;
  if (!month && at - now > 24h - kLate) at -= 24h;
  return at;
}

}  // namespace

std::optional<Time> reset_time_in(std::string_view text, Time now) {
  std::string low(head_of(text, kLooked));
  std::ranges::transform(low, low.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto behind = [&](std::string_view words) -> std::optional<Reader> {
    const auto at = low.find(words);
    if (at == std::string::npos) return std::nullopt;
    return Reader(std::string_view(low).substr(at + words.size()));
  };
  for (const std::string_view words :
       {"try again in ", "\"retrydelay\":\"", "\"retrydelay\": \""}) {
    const auto reader = behind(words);
    if (!reader) continue;
    if (const auto pause = duration(*reader)) return now + *pause;
  }
  if (const auto reader = behind("try again at ")) return moment(*reader, now);
  return std::nullopt;
}

}  // namespace reeve::proc
