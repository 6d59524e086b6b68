#pragma once

#include <optional>
#include <string>
#include <vector>

#include "event/event.h"

namespace reeve::doors::tinytown {

/// What the mirror knows of a fact by its event's kind and scopes, before it is read. Of a flood
/// most events are never read: what they changed is written as it is by now, and what they told is
/// overtaken by what came later.
struct Aspects {
  /// told_of() may say something: an entry of the streams of agents that are among its scopes,
  bool told = false;
  /// a line of the activity of one of them,
  bool line = false;
  /// or something else that later events do not make up for: it is to be read in any case.
  bool whole = false;
  /// The lists of the agents among its scopes may be others now.
  bool mail = false;
  /// The backlog may be another now.
  bool backlog = false;
};
/// None: the event is no fact.
std::optional<Aspects> aspects_of(const Event& event);

/// The kinds of facts that told_of() says something of.
const std::vector<std::string>& told_kinds();

}  // namespace reeve::doors::tinytown
