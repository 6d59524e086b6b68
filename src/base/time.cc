#include "base/time.h"

#include <fmt/format.h>

#include <charconv>

namespace reeve {
namespace {

/// Reads exactly `digits` digits at the front of `text` and drops them.
bool take_number(std::string_view& text, std::size_t digits, int& out) {
  if (text.size() < digits) return false;
  const auto* const begin = text.data();
  const auto* const end = begin + digits;
  const auto got = std::from_chars(begin, end, out);
  if (got.ec != std::errc() || got.ptr != end || text.front() == '-') return false;
  text.remove_prefix(digits);
  return true;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || !any_of.contains(text.front())) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string to_rfc3339(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<Duration> clock(time - day);
  const int year = static_cast<int>(date.year());
  if (year >= 0 &&
      year <= 9999) {  // every event has two or three: by hand, which is ten times faster
    std::string text = "0000-00-00T00:00:00.000Z";
    const auto put = [&text](std::size_t end, auto value) {
      for (auto left = static_cast<unsigned>(value); left > 0; left /= 10)
        text[--end] = static_cast<char>('0' + left % 10);
    };
    put(4, year);
    put(7, static_cast<unsigned>(date.month()));
    put(10, static_cast<unsigned>(date.day()));
    put(13, clock.hours().count());
    put(16, clock.minutes().count());
    put(19, clock.seconds().count());
    put(23, clock.subseconds().count());
    return text;
  }
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

Result<Time> parse_rfc3339(std::string_view text) {
  const auto bad = [whole = std::string(text)] {
    return fail(Errc::invalid_argument, "not an RFC 3339 time: \"" + whole + "\"");
  };
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (!take_number(text, 4, year) || !take(text, "-") || !take_number(text, 2, month) ||
      !take(text, "-") || !take_number(text, 2, day) || !take(text, "Tt ") ||
      !take_number(text, 2, hour) || !take(text, ":") || !take_number(text, 2, minute) ||
      !take(text, ":") || !take_number(text, 2, second)) {
    return bad();
  }
  int ms = 0;
  if (take(text, ".")) {
    int weight = 100;
    std::size_t digits = 0;
    for (int digit = 0; take_number(text, 1, digit); weight /= 10, ++digits) ms += digit * weight;
    if (digits == 0) return bad();
  }
  int offset_minutes = 0;
  if (!take(text, "Zz")) {
    if (text.empty()) return bad();
    const int sign = text.front() == '-' ? -1 : 1;
    int offset_hour = 0, offset_minute = 0;
    if (!take(text, "+-") || !take_number(text, 2, offset_hour) || !take(text, ":") ||
        !take_number(text, 2, offset_minute)) {
      return bad();
    }
    offset_minutes = sign * (offset_hour * 60 + offset_minute);
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  // 60 is a leap second; it reads as the first of the next minute.
  if (!text.empty() || !date.ok() || hour > 23 || minute > 59 || second > 60) return bad();
  return std::chrono::sys_days(date) + std::chrono::hours(hour) +
         std::chrono::minutes(minute - offset_minutes) + std::chrono::seconds(second) +
         Duration(ms);
}

}  // namespace reeve
