#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"

namespace reeve::app {

/// What a program said on its outputs, of that the first bytes (4 KiB). It gets no input, a process
/// group of its own, and SIGKILL for all of that when the time is over.
///
/// timeout; not_found, denied: it cannot be started; unavailable: it failed; its words are the
/// text.
Result<std::string> run_briefly(std::vector<std::string> argv,
                                const std::map<std::string, std::string>& environment,
                                std::chrono::milliseconds timeout);

}  // namespace reeve::app
