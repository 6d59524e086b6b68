#pragma once

#include <algorithm>
#include <chrono>
#include <utility>

namespace reeve {

/// How long to wait between tries of something that will work again, as a store in trouble does:
/// each time twice as long as the time before, up to a limit.
class Backoff {
 public:
  using Pause = std::chrono::nanoseconds;
  /// Soon enough for a hiccup, seldom enough for a disk that stays full.
  static constexpr Pause kFirst = std::chrono::milliseconds(200);
  static constexpr Pause kLast = std::chrono::seconds(10);

  /// The pause before the next try.
  [[nodiscard]] Pause next() { return std::exchange(pause_, std::min(pause_ * 2, kLast)); }
  /// It has worked.
  void reset() { pause_ = kFirst; }

 private:
  Pause pause_ = kFirst;
};

}  // namespace reeve
