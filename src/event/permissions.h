#pragma once

#include <boost/describe.hpp>

namespace reeve {

/// What an agent may do without asking: the user's choice, shown in `reeve status`.
enum class Permissions {
  ask,    ///< nothing that changes something; until approvals exist, what would be asked is denied,
          ///< with an event
  edits,  ///< edits of files in its folder; the default
  bypass,  ///< everything
};
BOOST_DESCRIBE_ENUM(Permissions, ask, edits, bypass)

}  // namespace reeve
