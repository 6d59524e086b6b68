#pragma once

#include "app/doctor/finding.h"
#include "client/town_folder.h"

namespace reeve::app {

/// A town's store: whether it can be reached, and whether its settings give what the town's
/// promise. Nobody who has it open is disturbed.
void check_store(const client::TownFolder& folder, const client::TownSettings& settings,
                 Findings& findings);

}  // namespace reeve::app
