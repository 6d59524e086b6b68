#pragma once

#include <memory>

#include "cli/command.h"

namespace reeve::app {

/// `reeve init`: makes a town of a folder.
std::unique_ptr<cli::Command> make_init();

}  // namespace reeve::app
