#pragma once

#include "event/agent_event.h"
#include "model/fact.h"

namespace reeve::run {

/// The one terminal fact that an ending makes (G7). Whatever is neither done nor cancelled failed.
inline Fact terminal_fact(Ending ending, const fact::RunEnd& end) {
  if (ending == Ending::completed) return fact::RunCompleted{end};
  if (ending == Ending::cancelled) return fact::RunCancelled{end};
  return fact::RunFailed{end};
}

}  // namespace reeve::run
