#include "model/retention.h"

#include "base/limits.h"
#include "event/event.h"
#include "model/fact.h"

namespace reeve {

Status check(const RetentionPolicy& policy) {
  for (const auto& rule : policy.prune) {
    if (rule.kinds.empty())
      return fail(Errc::invalid_argument,
                  "prune: name the kinds of events that lose their payload");
    if (rule.kinds.size() > limits::kFilterTerms || rule.scopes.size() > limits::kFilterTerms)
      return fail(Errc::invalid_argument, "prune: too many kinds or scopes in one rule");
    for (const auto& kind : rule.kinds) {
      if (is_fact_kind(kind)) {
        return fail(Errc::invalid_argument,
                    "prune: " + kind +
                        " is a fact: the town's state is folded from it, so it keeps its payload "
                        "(max_age, max_size and max_events remove whole events)");
      }
    }
    for (const auto& scope : rule.scopes) {
      if (auto parsed = Scope::parse(scope); !parsed) return fail(parsed.error().during("prune"));
    }
  }
  return {};
}

REEVE_JSON_COMPILE(RetentionPolicy);

}  // namespace reeve
