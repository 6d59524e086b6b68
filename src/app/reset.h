#pragma once

#include <memory>

#include "cli/command.h"

namespace reeve::app {

/// `reeve reset`: the town begins anew.
std::unique_ptr<cli::Command> make_reset();

}  // namespace reeve::app
