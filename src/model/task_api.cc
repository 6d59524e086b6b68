#include "model/task_api.h"

#include "base/json.h"

namespace reeve {

REEVE_JSON_COMPILE(api::AssignRequest);
REEVE_JSON_COMPILE(api::ReportRequest);
REEVE_JSON_COMPILE(api::TaskCounts);
REEVE_JSON_COMPILE(api::TaskView);
REEVE_JSON_COMPILE(api::TaskPage);

}  // namespace reeve
