#pragma once

#include <memory>

#include "cli/command.h"

namespace reeve::app {

/// `reeve doctor`: what of this machine and this town is as it should be.
std::unique_ptr<cli::Command> make_doctor();

}  // namespace reeve::app
