#pragma once

#include <optional>

#include "model/api.h"

/// What becomes of a stop when another one is asked for meanwhile. Pure.
namespace reeve::app {

/// A drain takes as long as its rounds do: whoever asks again wants it sooner. A stop that is on
/// its way already stays what it is.
[[nodiscard]] inline api::StopMode harder(api::StopMode now, api::StopMode asked) {
  return now == api::StopMode::drain ? asked : now;
}

/// SIGTERM and SIGINT. The first leaves rounds running: it may be an upgrade, or a service manager
/// that starts the daemon again. While it drains, they are what ends the waiting.
[[nodiscard]] inline api::StopMode by_signal(std::optional<api::StopMode> now) {
  return now == api::StopMode::drain ? api::StopMode::stages : api::StopMode::daemon;
}

}  // namespace reeve::app
