#pragma once

#include "model/import_api.h"
#include "town/ground.h"

namespace reeve::town {

/// Takes over a part of another program's town: agents, tasks, messages and what happened there, in
/// one commit whose events have the request's origin. What is here already, by its id, stays as it
/// is. A name that is no name here, or is taken, becomes the agent's id, and a note says so; so
/// with a nickname, which goes.
///
/// invalid_argument: no origin; a run in it, which no other town can hand over. too_large: more
/// than one commit takes.
Async<Result<api::ImportReport>> import_part(Ground ground, Caller caller,
                                             api::ImportRequest request);

}  // namespace reeve::town
