#pragma once

#include "cli/options.h"

namespace reeve::app {

/// What a command takes to get into a Redis and to believe its settings. `into` has password_env,
/// password_file and settings_asserted, and outlives the options.
template <class T>
void declare_redis_access(cli::Options& options, T& into) {
  options.value("--password-env", into.password_env,
                "The variable that holds Redis' password, now and for each daemon");
  options.value("--password-file", into.password_file,
                "The file (0600) that holds it, from .reeve on");
  options.flag("--settings-asserted", into.settings_asserted,
               "Redis' settings cannot be looked at, and give the durability all the same");
}

}  // namespace reeve::app
