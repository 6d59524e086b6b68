#pragma once

#include <boost/describe.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/time.h"

/// What a town keeps of its log. docs/retention.md.
namespace reeve {

/// Of which events only the payload goes.
struct PruneRule {
  std::vector<std::string> kinds;   ///< no facts: state is folded from those
  std::vector<std::string> scopes;  ///< "agent:ada", ...; any of them. Empty: whatever the scope
  Duration after{};                 ///< once the event is that old
};
BOOST_DESCRIBE_STRUCT(PruneRule, (), (kinds, scopes, after))

/// By default everything is kept.
struct RetentionPolicy {
  std::optional<Duration> max_age;  ///< of an event
  std::optional<std::uint64_t> max_events;
  std::optional<std::uint64_t> max_bytes;  ///< of the events that are left (LogInfo::bytes)
  std::uint64_t keep_events = 1'000;       ///< the newest ones, whatever the limits say
  std::vector<PruneRule> prune;

  /// Whether events go at all.
  [[nodiscard]] bool removes() const { return max_age || max_events || max_bytes; }
};
BOOST_DESCRIBE_STRUCT(RetentionPolicy, (), (max_age, max_events, max_bytes, keep_events, prune))

/// invalid_argument: a rule without a kind, for a fact, or for what is no scope; the text names it.
Status check(const RetentionPolicy& policy);

REEVE_JSON_DECLARE(RetentionPolicy);

}  // namespace reeve
