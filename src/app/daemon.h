#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/error.h"
#include "client/town_folder.h"
#include "net/redis_url.h"

namespace reeve::app {

struct DaemonOptions {
  client::TownFolder folder;
  client::TownSettings settings;
  std::string version;
  /// Told once when it answers requests.
  std::function<void()> ready;
  /// Where the town is mirrored in tinytown's keys; run_daemon() takes it from the settings.
  std::optional<net::RedisAddress> mirror = {};
};

/// Runs a town until it is told to stop (a request, SIGTERM, SIGINT): the only place that makes its
/// parts and joins them, in order, and takes them apart in reverse. SIGTERM leaves the rounds
/// running (G12).
///
/// conflict: another daemon has this town; the text names it. Else what the store and the socket
/// say.
Status run_daemon(DaemonOptions options);

}  // namespace reeve::app
