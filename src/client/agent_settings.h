#pragma once

#include <toml++/toml.h>

#include "base/error.h"
#include "model/agent.h"

namespace reeve::client {

/// The `[agents]` of a town's settings: what agents have whose spawning did not say.
/// invalid_argument: a wrong type or text; the text names the key. Unknown keys are passed over.
Status read_agents(const toml::table& settings, AgentLimits& limits, bool& claims);

}  // namespace reeve::client
