#include "model/task.h"

namespace reeve {

bool is_ended(TaskState state) {
  return state == TaskState::completed || state == TaskState::failed ||
         state == TaskState::cancelled;
}

}  // namespace reeve
