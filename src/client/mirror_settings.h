#pragma once

#include <toml++/toml.h>

#include "base/error.h"
#include "client/town_folder.h"

namespace reeve::client {

/// The `[mirror]` of a town's settings. invalid_argument: a wrong type, or no URL of a Redis; the
/// text names the key and shows no password. Unknown keys are passed over.
Status read_mirror(const toml::table& settings, MirrorSettings& mirror);
/// The same as it is written; empty: nothing was said.
toml::table mirror_table(const MirrorSettings& mirror);

}  // namespace reeve::client
