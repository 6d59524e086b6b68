#pragma once

#include <memory>

#include "cli/command.h"

namespace reeve::app {

/// `reeve migrate`: the town moves to another store.
std::unique_ptr<cli::Command> make_migrate();

}  // namespace reeve::app
