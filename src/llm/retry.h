#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"
#include "llm/provider.h"

namespace reeve::llm {

/// How often a provider is asked again, and when.
struct RetryPolicy {
  int tries = 4;  ///< in all
  Duration first{500};
  Duration last{30'000};
  /// A provider that asks for a longer wait is not waited for: whoever asked decides.
  Duration patience{60'000};
  /// Also when part of the answer has been told already: a StreamReset takes it back, and the
  /// provider is paid twice. Otherwise that is an error.
  bool after_text = true;
};

/// How long to wait before trying again, `tried` times having failed with `error`; empty: not at
/// all. Where the provider names no time: from half of first * 2^(tried - 1) up to the whole, so
/// that many who failed together do not come back together. Where it does: never sooner than
/// that. `random` is any number.
std::optional<Duration> pause_before_retry(const RetryPolicy& policy, const ProviderError& error,
                                           int tried, bool told, std::uint64_t random);

}  // namespace reeve::llm
