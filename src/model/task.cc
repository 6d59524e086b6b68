#include "model/task.h"

namespace reeve {

bool is_ended(TaskState state) {
  return state == TaskState::completed || state == TaskState::failed ||
         state == TaskState::cancelled;
}

REEVE_JSON_COMPILE(Task);

}  // namespace reeve
