#include "model/run.h"

namespace reeve {

bool is_ended(RunState state) { return state != RunState::running; }

REEVE_JSON_COMPILE(Run);
REEVE_JSON_COMPILE(Thread);

}  // namespace reeve
