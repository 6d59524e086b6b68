#pragma once

#include <toml++/toml.h>

#include "base/error.h"
#include "model/retention.h"

namespace reeve::client {

/// The `[retention]` of a town's settings: docs/retention.md. Without it everything is kept.
/// invalid_argument: a wrong type or text; the text names the key. Unknown keys are passed over.
Result<RetentionPolicy> read_retention(const toml::table& settings);

}  // namespace reeve::client
