#include "model/run.h"

namespace reeve {

bool is_ended(RunState state) { return state != RunState::running; }

std::string ThreadMessageId::str() const {
  auto digits = std::to_string(number);
  digits.insert(0, digits.size() < 10 ? 10 - digits.size() : 0, '0');
  return thread.str() + ":" + digits;
}

REEVE_JSON_COMPILE(Run);
REEVE_JSON_COMPILE(Thread);
REEVE_JSON_COMPILE(ThreadMessage);

}  // namespace reeve
