#include "llm/retry.h"

#include <algorithm>

namespace reeve::llm {
namespace {

/// From 0 to `most`, both included.
Duration share_of(Duration most, std::uint64_t random) {
  const auto choices = static_cast<std::uint64_t>(std::max<std::int64_t>(most.count(), 0)) + 1;
  return Duration(static_cast<std::int64_t>(random % choices));
}

}  // namespace

std::optional<Duration> pause_before_retry(const RetryPolicy& policy, const ProviderError& error,
                                           int tried, bool told, std::uint64_t random) {
  if (tried >= policy.tries || !may_pass(error.trouble)) return std::nullopt;
  if (told && !policy.after_text) return std::nullopt;
  if (error.retry_after) {
    if (*error.retry_after > policy.patience) return std::nullopt;
    return *error.retry_after + share_of(*error.retry_after / 10, random);
  }
  auto whole = policy.first;
  for (int i = 1; i < tried && whole < policy.last; ++i) whole *= 2;
  whole = std::min(whole, policy.last);
  const auto half = whole / 2;
  return half + share_of(whole - half, random);
}

}  // namespace reeve::llm
