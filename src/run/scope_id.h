#pragma once

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "event/event.h"

namespace reeve::run {

/// The id in the first scope of that family ("run", "thread"). Empty: there is none.
template <class Id>
std::optional<Id> id_in(const std::vector<Scope>& scopes, std::string_view family) {
  const auto found = std::ranges::find(scopes, family, &Scope::family);
  if (found == scopes.end()) return std::nullopt;
  auto parsed = Id::parse(found->id());
  return parsed ? std::optional(*parsed) : std::nullopt;
}

}  // namespace reeve::run
