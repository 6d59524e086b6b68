#include "store/store.h"

#include <algorithm>

namespace reeve::store {

bool EventFilter::matches(const NewEvent& event) const {
  const auto wanted = [&](const Scope& scope) {
    return scope.is_town() || std::ranges::find(event.scopes, scope) != event.scopes.end();
  };
  return (scopes.empty() || std::ranges::any_of(scopes, wanted)) &&
         (kinds.empty() || std::ranges::find(kinds, event.kind) != kinds.end());
}

}  // namespace reeve::store
