#include "doors/tinytown/moment.h"

#include <algorithm>

namespace reeve::doors::tinytown {
namespace {

std::string text_of(Moment moment, std::string_view zone) {
  const auto second = std::chrono::floor<std::chrono::seconds>(moment);
  // "2026-04-22T10:11:12.000Z": up to the second it is ours.
  auto text = to_rfc3339(Time(second.time_since_epoch()));
  text.resize(text.find('.'));
  auto nanos = (moment - second).count();
  if (nanos != 0) {
    std::string digits(9, '0');
    for (auto at = digits.rbegin(); at != digits.rend(); ++at, nanos /= 10)
      *at = static_cast<char>('0' + nanos % 10);
    while (digits.ends_with("000")) digits.resize(digits.size() - 3);
    text += '.' + digits;
  }
  text += zone;
  return text;
}

}  // namespace

std::string hash_text(Moment moment) { return text_of(moment, "+00:00"); }
std::string json_text(Moment moment) { return text_of(moment, "Z"); }

std::optional<Moment> read_moment(std::string_view text) {
  constexpr std::size_t kLongest = 128;
  if (text.size() > kLongest) return std::nullopt;
  const auto time = parse_rfc3339(text);
  if (!time) return std::nullopt;
  const auto second = std::chrono::floor<std::chrono::seconds>(*time);
  constexpr int kFirstYear = 1678, kLastYear = 2261;  // what a count of nanoseconds holds
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(second));
  if (static_cast<int>(day.year()) < kFirstYear || static_cast<int>(day.year()) > kLastYear)
    return std::nullopt;
  std::int64_t nanos = 0;
  if (const auto dot = text.find('.'); dot != std::string_view::npos) {
    std::int64_t weight = 100'000'000;
    for (auto at = dot + 1; at < text.size() && text[at] >= '0' && text[at] <= '9';
         ++at, weight /= 10)
      nanos += (text[at] - '0') * weight;
  }
  return Moment(second.time_since_epoch()) + std::chrono::nanoseconds(nanos);
}

}  // namespace reeve::doors::tinytown
