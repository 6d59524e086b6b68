#pragma once

#include "model/recovery_api.h"
#include "town/ground.h"

namespace reeve::town {

/// What waits for agents that have ended goes to others: to an agent, to the backlog, or (tasks
/// only) nowhere. Without a destination it is listed, and nothing changes.
///
/// In commits of bounded size; each thing is moved in one of them, so a call that was cut off is
/// called again, and nothing is moved twice. invalid_argument: a request that contradicts itself.
/// conflict: `from` has not ended, or `to` takes no work, or one of them changed its state
/// meanwhile.
Async<Result<api::ReclaimReport>> reclaim(Ground ground, Caller caller,
                                          api::ReclaimRequest request);

/// Whether a request makes sense. Pure.
Status check_reclaim(const api::ReclaimRequest& request);

}  // namespace reeve::town
