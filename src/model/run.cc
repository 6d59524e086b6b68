#include "model/run.h"

namespace reeve {

bool is_ended(RunState state) { return state != RunState::running; }

}  // namespace reeve
