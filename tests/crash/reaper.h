#pragma once

#include <functional>

namespace reeve::crash {

/// Runs the test as a child and inherits whatever it leaves: whoever lost its parent is reaped
/// here, and nothing outlives this process. Answers what the test answered; 1 if it did not.
int run_under_reaper(const std::function<int()>& test);

}  // namespace reeve::crash
