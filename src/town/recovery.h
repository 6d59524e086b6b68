#pragma once

#include "model/recovery_api.h"
#include "town/ground.h"
#include "town/sweep.h"

/// What a person asks after something went wrong.
namespace reeve::town {

/// Sweeps at once (sweep.h), without a grace period, and tells how the town stands: the rounds that
/// the daemon's start took up, and the agents that need somebody, with what to do.
Async<Result<api::RecoveryReport>> recover(Ground ground, api::RecoverRequest request);

/// What a person should do about the agent; nothing: it is well. `waiting`: messages and open tasks
/// that wait for it. Pure.
std::optional<api::Trouble> trouble_of(const Agent& agent, std::size_t waiting, std::size_t dead,
                                       Time now);

}  // namespace reeve::town
