#pragma once

#include <memory>

#include "cli/command.h"

/// `reeve serve`: the daemon with its keeper, a small parent that restarts it when it dies.
namespace reeve::app {

std::unique_ptr<cli::Command> make_serve();

}  // namespace reeve::app
