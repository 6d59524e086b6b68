#pragma once

#include <memory>

#include "cli/command.h"

namespace reeve::app {

/// `reeve import tinytown`: takes over a town of tinytown's.
std::unique_ptr<cli::Command> make_import_tinytown();

}  // namespace reeve::app
