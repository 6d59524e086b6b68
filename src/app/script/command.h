#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace reeve::app::script {

struct CommandEnd {
  std::string output;  ///< stdout and stderr as they came, cut at limits::kScriptOutput
  int status = 0;      ///< as a shell tells it: 128 + n of a signal n
};

/// Runs a program (looked up in PATH) here, with this environment and an empty stdin, and waits for
/// it. What it leaves running is not waited for. not_found, denied: it could not be started.
Result<CommandEnd> run_command(const std::vector<std::string>& argv);

}  // namespace reeve::app::script
