#pragma once

#include <memory>
#include <vector>

#include "world.h"

namespace reeve::sim {

/// What must hold of the store when everything is over, whoever did what.
Async<> judge(World& world, const std::vector<std::unique_ptr<Player>>& players);

}  // namespace reeve::sim
